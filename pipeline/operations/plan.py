"""What applying files would do, and doing it. In: files or folders. Out: a plan, file by file; or it all, in force.

A plan is made before anything is written, and everything in it takes effect in one transaction or nothing does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from pipeline.operations import secrets
from pipeline.operations.as_code import canonical
from pipeline.operations.checking import checked, problems_of
from pipeline.operations.connectors import BadConnector, counted, document_in, parsed
from pipeline.operations.connectors import remove as remove_connector
from pipeline.operations.differences import Difference, differences
from pipeline.operations.errors import Invalid, Problem, Stale
from pipeline.operations.people import people_named, people_problems
from pipeline.operations.warnings import warnings_of
from pipeline.store import connectors, fields, saves
from pipeline.store.connectors import NOBODY, Applied, Author
from pipeline.store.database import Database
from pipeline.store.saves import Expected, Moved
from schemas.fields import Field, Fields, RecordFields
from schemas.joined import with_fields
from schemas.names import DIGITS_ALONE
from schemas.problem import BadSettings
from schemas.settings import MOST_FIELDS, ConnectorSettings

State = Literal["create", "change", "unchanged", "refused", "remove"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What one file, or one body of the API, asks for: a document, or settings made of one; or what is wrong."""

    origin: str
    settings: ConnectorSettings | None = None
    problems: tuple[Problem, ...] = ()
    document: Mapping[str, Any] | None = None

    def said(self) -> list[Field]:
        """The fields that it brings along, as far as they can be read."""
        if self.settings is not None:
            return self.settings.fields
        rows = (self.document or {}).get("fields")
        return [
            field
            for row in (rows[:MOST_FIELDS] if isinstance(rows, list) else [])
            if (field := _field(row)) is not None
        ]


@dataclass(frozen=True, slots=True)
class Planned:
    """What would become of one connector."""

    state: State
    name: str | None
    origin: str | None = None
    differences: Sequence[Difference] = ()
    problems: Sequence[Problem] = ()
    warnings: Sequence[Problem] = ()  # what can be saved, and does less than it says
    known: Sequence[Problem] = ()  # those of the warnings that it has had before
    new_fields: Sequence[str] = ()  # lead fields that the account lacks and that would be made
    settings: ConnectorSettings | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """All of it, in the order of the files."""

    entries: Sequence[Planned]
    tags: Mapping[str, str] = field(default_factory=dict, repr=False)  # of the connectors as the plan was made

    @property
    def expected(self) -> dict[str, list[str]]:
        """What the plan was made of, for `carry_out`: by name the tag; no tag where there was no such connector."""
        named = [str(entry.name) for entry in self.entries]
        return {name: [self.tags[name]] if name in self.tags else [] for name in named}

    @property
    def refused(self) -> list[Planned]:
        """Those that keep the whole from taking effect."""
        return [entry for entry in self.entries if entry.state == "refused"]

    @property
    def changes(self) -> bool:
        """Whether anything would be written."""
        return any(entry.state in ("create", "change", "remove") for entry in self.entries)


def wishes(paths: Sequence[Path]) -> list[Wish]:
    """What files, and all `*.toml` of folders, ask for."""
    files = [file for path in paths for file in (sorted(path.glob("*.toml")) if path.is_dir() else [path])]
    return [_wish(file) for file in files]


async def plan(database: Database, account: int, wanted: Sequence[Wish], *, prune: bool = False) -> Plan:
    """What applying would do. `prune`: connectors that nothing is said of are removed."""
    tags = await saves.tags(database, account)
    stored = await connectors.stored(database, account)
    there = await fields.of_account(database, account)
    together = with_fields(there, [field for wish in wanted for field in wish.said()])
    judged = [_judged(wish, together) for wish in wanted]
    names = Counter(settings.name for settings, _ in judged if settings is not None)
    entries = []
    for wish, (settings, problems) in zip(wanted, judged, strict=True):
        if settings is not None and names[settings.name] > 1:
            problems = [*problems, Problem("name", "another file has the same name", settings.name)]
        name = _name(wish.document or {}) if settings is None else settings.name
        if name is not None and name.isdecimal() and name not in stored:  # what is there may be saved, and is told
            problems = [*problems, Problem("name", DIGITS_ALONE, name)]
        if settings is not None:
            problems = [*problems, *await secrets.missing(database, account, settings)]
            problems += await people_problems(database, account, settings, there)
        else:
            problems = [*problems, *await people_named(database, account, wish.document or {})]
        entries.append(_planned(wish, settings, problems, stored, there))
    if prune and not any(entry.state == "refused" for entry in entries):  # whose names may not be known
        said = {entry.name for entry in entries}
        entries += [Planned("remove", name) for name in stored if name not in said]
    return Plan(entries, tags)


async def carry_out(
    database: Database, account: int, made: Plan, author: Author = NOBODY, *, expected: Expected | None = None
) -> list[Applied | None]:
    """Put a plan in force, all of it or nothing; per entry what became of it, None for one that is removed.

    Raises Invalid, naming every problem of every file, if any of it is refused, and Stale if a connector is not as
    `expected`, such as `Plan.expected`.
    """
    if made.refused:
        raise refusal(made)
    wanted = [entry.settings for entry in made.entries if entry.settings is not None]
    gone = [str(entry.name) for entry in made.entries if entry.state == "remove"]
    try:
        applied = await connectors.apply_all(
            database, account, wanted, author, removed=gone, alike=alike, expected=expected
        )
    except Moved as moved:
        raise stale(moved) from moved
    except BadSettings as bad:  # together they do not fit, such as two that bring one field along differently
        problems = [Problem(each.place, each.message, each.value, each.stored) for each in bad.problems]
        raise Invalid(f"together they have {counted(problems)}, so nothing was changed", problems) from bad
    by_name = {settings.name: each for settings, each in zip(wanted, applied, strict=True)}
    return [by_name.get(str(entry.name)) for entry in made.entries]


async def save(
    database: Database,
    account: int,
    settings: ConnectorSettings,
    author: Author = NOBODY,
    expected: Collection[str] | None = None,
) -> tuple[Planned, Applied]:
    """Check and put in force one connector; raises Invalid with everything that is wrong.

    `expected`: the tags of which it must have one now, else Stale is raised; None: whatever it is now.
    """
    made = await plan(database, account, [Wish("the settings", settings)])
    asked = None if expected is None else {settings.name: expected}
    [applied] = await carry_out(database, account, made, author, expected=asked)
    if applied is None:
        raise AssertionError("what was asked for is applied or refused")
    return made.entries[0], applied


async def remove(database: Database, account: int, name: str, expected: Collection[str] | None = None) -> None:
    """Remove a connector. Raises NotFound, and Stale if it has none of the `expected` tags."""
    try:
        await remove_connector(database, account, name, expected)
    except Moved as moved:
        raise stale(moved) from moved


def alike(one: ConnectorSettings, other: ConnectorSettings) -> bool:
    """Whether two settings say the same."""
    return canonical(one) == canonical(other)


def stale(moved: Moved) -> Stale:
    """Who has changed a connector meanwhile, and what to do."""
    if moved.revision is None:
        return Stale(f"connector {moved.name!r} was removed meanwhile; nothing is saved")
    when = "" if moved.at is None else f" at {moved.at:%Y-%m-%d %H:%M:%S}Z"
    return Stale(
        f"connector {moved.name!r} was saved meanwhile by {moved.saved_by or 'somebody'}{when} (revision "
        f"{moved.revision}), so nothing is saved; look at what they changed, and save again what you still want"
    )


def refusal(made: Plan) -> Invalid:
    """Everything that is wrong in a plan, in one error; each problem says in which file."""
    several = len(made.entries) > 1
    problems = [
        Problem(", ".join(filter(None, (entry.origin if several else None, each.field))) or None, each.rule, each.value)
        for entry in made.refused
        for each in entry.problems
    ]
    refused = made.refused[0].origin if len(made.refused) == 1 else f"{len(made.refused)} files"
    return Invalid(f"{refused}: {counted(problems)}, so nothing was changed", problems)


def _wish(file: Path) -> Wish:
    try:
        return Wish(str(file), document=document_in(file))
    except BadConnector as error:
        return Wish(str(file), problems=error.problems)


def _judged(wish: Wish, fields: RecordFields) -> tuple[ConnectorSettings | None, list[Problem]]:
    if wish.settings is not None:
        return wish.settings, [*wish.problems, *problems_of(wish.settings, fields)]
    settings, problems = (None, []) if wish.document is None else checked(wish.document, fields)
    told = {each.field for each in wish.problems}
    return settings, [*wish.problems, *(each for each in problems if each.field not in told)]


def _field(row: object) -> Field | None:
    try:
        return Field.model_validate(row)
    except ValidationError:
        return None  # a problem of its file's, which is told there


def _planned(
    wish: Wish,
    settings: ConnectorSettings | None,
    problems: list[Problem],
    stored: dict[str, dict[str, Any]],
    fields: RecordFields,
) -> Planned:
    name = _name(wish.document or {}) if settings is None else settings.name
    if settings is None or problems:
        return Planned("refused", name, wish.origin, problems=problems)
    after = canonical(settings)
    state: State = "create"
    found = [each for each in differences({}, after) if each.place != "name"]
    before: list[Problem] = []
    if settings.name in stored:
        found = differences(canonical_of(stored[settings.name]), after)
        state = "change" if found else "unchanged"
        before = _warnings_before(stored[settings.name], fields)
    told = warnings_of(settings, fields)
    known = [each for each in told if each in before]
    return Planned(state, name, wish.origin, found, (), told, known, _new(settings, fields["lead"]), settings)


def _warnings_before(stored: dict[str, Any], fields: RecordFields) -> list[Problem]:
    """The warnings of stored settings; of those that this version refuses, none."""
    try:
        return warnings_of(parsed(stored), fields)
    except (Invalid, ValueError, LookupError):
        return []


def _name(document: Mapping[str, Any]) -> str | None:
    name = document.get("name")
    return name if isinstance(name, str) else None


def canonical_of(document: dict[str, Any]) -> dict[str, Any]:
    """The canonical form of stored settings; of those that this version refuses, what is stored."""
    try:
        return canonical(parsed(document))
    except Invalid:
        return document


def _new(settings: ConnectorSettings, lead: Fields) -> list[str]:
    return [f"{each.name} ({each.type})" for each in settings.fields if each.name not in lead]
