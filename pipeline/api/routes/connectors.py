"""`/connectors`: set up, look at, switch, remove."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, computed_field

from pipeline.api.answer import ProblemShown, problem
from pipeline.api.call import Call
from pipeline.api.connector import (
    EXAMPLE,
    MOST_NOTED,
    ConnectorShown,
    Difference,
    Given,
    Note,
    Saved,
    author,
    row_of,
    saved,
)
from pipeline.api.draft import Draft, Judged, settings_of, wish_of
from pipeline.api.listing import FORMER, After, Limit, Moment, Page, Shown, SyncShown, next_page
from pipeline.api.route import JSON, MERGE_PATCH, ONE, SOON, Table
from pipeline.operations import connectors, noted, patching, plan
from pipeline.operations.as_code import canonical
from pipeline.operations.checking import standing_problems
from pipeline.operations.errors import Invalid, Problem
from pipeline.operations.in_force import row_origins, settings_in_force
from pipeline.operations.plan import Planned
from pipeline.operations.visible import is_new, may_save, named, visible
from pipeline.operations.warnings import warnings_of
from pipeline.store import connectors as store
from pipeline.store.database import Database
from schemas.access import Scope
from schemas.settings import CONNECTOR_NAME, ConnectorSettings
from schemas.strict import Strict

api = Table()
TAG = "Connectors"


class ConnectorPage(Page[ConnectorShown]):
    """Connectors, by name."""


class TroubleShown(Shown):
    """A kind of note that is a problem, and what to do."""

    kind: str
    events: int
    of: int
    remedy: str


class WholeConnectorShown(ConnectorShown):
    """A connector with its settings, and with what they and the preset make together."""

    settings: dict[str, Any] = Field(description="as ConnectorSettings; what the preset says anyway is left out")
    trouble: str | None = Field(description="why the connector cannot be used; null: it can")
    map: list[dict[str, Any]] = Field(description="the mapping in force: the preset's rows and the connector's own")
    keys: list[str] = Field(description="the search keys in force, in order")
    lead_behaviour: str | None = Field(json_schema_extra=FORMER, description="see `sync.lead`")
    activity_behaviour: str | None = Field(json_schema_extra=FORMER, description="see `sync.activity`")
    refused_today: list[ProblemShown] = Field(
        description="mapping rows that an earlier version allowed and this version refuses to save; each still fills "
        "its field, but its values are not used as keys"
    )
    problems: list[TroubleShown] = Field(
        description="notes that more than a few in a hundred of its events have had since the connector was last saved"
    )
    warnings: list[ProblemShown] = Field(description="settings that do less than they say, or nothing")
    in_force: list[SettingShown] = Field(description="every setting with its value in force, and where it comes from")
    row_origins: list[Literal["connector", "preset"]] = Field(
        description="where each row of `map` comes from, in the same order"
    )

    @computed_field  # type: ignore[prop-decorator]
    @property
    def sync(self) -> SyncShown:
        """The settings `sync.lead` and `sync.activity` in force."""
        return SyncShown(lead=self.lead_behaviour, activity=self.activity_behaviour)


class NoteShown(Shown):
    """One note, and on how many events it is."""

    kind: str = Field(description="such as `phone_invalid`, `time_unreadable`, `date_day_first`")
    about: str = Field(description="the field, or the path in the source's document")
    text: str
    events: int
    latest: datetime


class NotesShown(Shown):
    """The notes on a connector's events: values that were read by a rule, or could not be read."""

    connector: str
    since: datetime
    events: int = Field(description="how many have ended since then, with notes or without")
    notes: list[NoteShown]
    problems: list[TroubleShown] = Field(
        description="notes that more than a few in a hundred of its events have had since the connector was last saved"
    )


class NotesQuery(Strict):
    """Since when."""

    since: Annotated[Moment | None, Field(description="left out: of the last seven days")] = None


class ConnectorQuery(Strict):
    """A page of connectors."""

    limit: Limit = 50
    after: Annotated[str | None, After("connectors")] = None


class SettingShown(Shown):
    """A setting in force."""

    setting: str
    value: Any
    origin: Literal["connector", "preset", "default"] = Field(
        description="where the value comes from: the connector, the preset, or, if neither sets it, the default"
    )
    preset: Any = Field(default=None, description="what the preset says, where the connector says it")
    differs: bool = Field(description="whether the connector says something else than its preset")


class Patched(ConnectorShown):
    """A connector that was changed, and how."""

    differences: list[Difference]
    new_fields: list[str] = Field(description="lead fields that the account lacked and that were made")
    warnings: list[ProblemShown] = Field(description="saved settings that do less than they say, or nothing")


class Renaming(Strict):
    """Another name."""

    name: str = Field(pattern=CONNECTOR_NAME, description="lower-case letters, digits and hyphens; not digits alone")
    note: Note = None


class Verdict(Shown):
    """Whether settings can be saved, what is wrong with them, and which do less than they say."""

    valid: bool
    problems: list[ProblemShown]
    warnings: list[ProblemShown] = Field(
        description="settings that can be saved, and do less than they say, or nothing"
    )


def _changes(document: Any) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise ValueError("must be an object")
    note = document.get("note")
    if note is not None and (not isinstance(note, str) or len(note) > MOST_NOTED):
        raise ValueError(f"note: must be a text of at most {MOST_NOTED} characters")
    return document


Changes = Annotated[
    dict[str, Any],
    PlainValidator(_changes, json_schema_input_type=dict[str, Any]),
    Field(
        description="a JSON Merge Patch (RFC 7396) of ConnectorSettings: what is left out stays, null takes a setting "
        "back to what the preset says, a list is replaced whole; and `note`, why, which the revision keeps"
    ),
]


@api.route("GET", "/connectors", scope=Scope.CONNECTORS_READ, tag=TAG)
async def list_connectors(call: Call, query: ConnectorQuery) -> ConnectorPage:
    """List the connectors that are open to the caller."""
    seen = await visible(call.database, call.actor)
    rows = [row for row in await store.list_all(call.database, call.account) if row["id"] in seen.names]
    rows = [row for row in rows if query.after is None or row["name"] > query.after]
    shown = rows[: query.limit]
    more = len(rows) > query.limit
    return ConnectorPage(
        items=[ConnectorShown(**row) for row in shown],
        next=next_page("connectors", shown, query.limit, "name") if more else None,
    )


@api.route(
    "POST",
    "/connectors",
    scope=Scope.CONNECTORS_WRITE,
    tag=TAG,
    status=201,
    errors=[409],
    example=EXAMPLE,
    largest=ONE,
    aside=SOON,
)
async def create_connector(call: Call, body: Draft) -> Saved:
    """Set a connector up.

    Its settings are checked whole: everything that is wrong is told at once, with its row. A caller who is not an
    administrator must keep the connector open to themselves by `access`.
    """
    settings = await settings_of(call, body)
    await is_new(call.database, call.account, settings.name)
    return await _save(call, body)


@api.route(
    "POST",
    "/connector-settings/validate",
    scope=Scope.CONNECTORS_READ,
    tag=TAG,
    example=EXAMPLE,
    largest=ONE,
    aside=SOON,
)
async def validate_connector(call: Call, body: Judged) -> Verdict:
    """Check settings without saving them."""
    made = await plan.plan(call.database, call.account, [wish_of(body, "the settings")])
    problems = made.entries[0].problems
    warnings = [problem(each) for each in made.entries[0].warnings]
    return Verdict(valid=not problems, problems=[problem(each) for each in problems], warnings=warnings)


@api.route("GET", "/connectors/{connector}", scope=Scope.CONNECTORS_READ, tag=TAG)
async def show_connector(call: Call, connector: Given) -> WholeConnectorShown:
    """Show a connector: its settings, the mapping, the search keys and the behaviours in force."""
    name = await named(call.database, call.actor, connector)
    row = await row_of(call.database, call.account, name)
    try:
        found = await connectors.find(call.database, call.account, name)
    except Invalid as error:
        said = (await store.stored(call.database, call.account))[name]
        nothing: dict[str, Any] = {"map": [], "keys": [], "lead_behaviour": None, "activity_behaviour": None}
        nothing |= {"warnings": [], "in_force": [], "row_origins": []}
        return WholeConnectorShown(
            **row, settings=plan.canonical_of(said), trouble=error.detail, refused_today=[], problems=[], **nothing
        )
    return WholeConnectorShown(
        **row,
        settings=canonical(found.settings),
        trouble=None,
        map=[each.model_dump(mode="json", by_alias=True, exclude_defaults=True) for each in found.rows],
        keys=list(found.keys),
        lead_behaviour=found.lead_behaviour,
        activity_behaviour=found.activity_behaviour,
        refused_today=[problem(each) for each in standing_problems(found)],
        warnings=[problem(each) for each in warnings_of(found.settings, found.fields)],
        in_force=[SettingShown.model_validate(each) for each in settings_in_force(found)],
        row_origins=row_origins(found),
        problems=[TroubleShown(**asdict(each)) for each in await noted.troubles(call.database, call.account, found.id)],
    )


@api.route("GET", "/connectors/{connector}/notes", scope=Scope.CONNECTORS_READ, tag=TAG)
async def list_notes(call: Call, connector: Given, query: NotesQuery) -> NotesShown:
    """Count the notes on a connector's events, the most frequent first."""
    name = await named(call.database, call.actor, connector)
    found = await noted.noted(call.database, call.actor, name, query.since)
    id = (await visible(call.database, call.actor)).id_of(name)
    problems = await noted.troubles(call.database, call.account, id)
    return NotesShown(**asdict(found), problems=[TroubleShown(**asdict(each)) for each in problems])


@api.route(
    "PUT",
    "/connectors/{connector}",
    scope=Scope.CONNECTORS_WRITE,
    tag=TAG,
    errors=[409, 412],
    example=EXAMPLE,
    largest=ONE,
    aside=SOON,
)
async def replace_connector(call: Call, connector: Given, body: Draft) -> Saved:
    """Save a connector's settings, in the place of all those it had. Workers take them without a restart.

    To avoid overwriting somebody else's save, send the ETag that you read in the header If-Match: if the connector was
    saved since, nothing is saved, and 412 tells who saved it and when.
    """
    name = await named(call.database, call.actor, connector)
    settings = await settings_of(call, body)
    if settings.name != name:
        raise Invalid(
            "nothing is saved", [Problem("name", f"must stay {name!r}: a connector keeps its name", settings.name)]
        )
    return await _save(call, body)


@api.route(
    "PATCH",
    "/connectors/{connector}",
    scope=Scope.CONNECTORS_WRITE,
    tag=TAG,
    errors=[409, 412],
    example={"enabled": False},
    largest=ONE,
    takes=(MERGE_PATCH, JSON),
    aside=SOON,
)
async def patch_connector(call: Call, connector: Given, body: Changes) -> Patched:
    """Change some of a connector's settings, by a JSON Merge Patch.

    `{"enabled": false}` makes it refuse events; those under way are finished. Other settings
    that somebody saves at the same time are kept; with the header If-Match nothing is saved in that case, and 412
    tells who saved the connector and when.
    """
    name = await named(call.database, call.actor, connector)
    changes = {key: value for key, value in body.items() if key != "note"}
    by, expected = author(call, body.get("note")), call.conditions.expected
    if set(changes) == {"enabled"} and isinstance(changes["enabled"], bool) and expected is None:
        await connectors.switch(call.database, call.account, name, changes["enabled"], by)  # also what cannot be used
        return Patched(**await row_of(call.database, call.account, name), differences=[], new_fields=[], warnings=[])

    async def allowed(settings: ConnectorSettings) -> None:
        await may_save(call.database, call.actor, [settings])

    entry, _ = await patching.patch(call.database, call.account, name, changes, by, expected=expected, allowed=allowed)
    return await patched(call.database, call.account, name, entry)


@api.route(
    "POST",
    "/connectors/{connector}/rename",
    scope=Scope.CONNECTORS_WRITE,
    tag=TAG,
    errors=[409],
    example={"name": "website-leads-india"},
)
async def rename_connector(call: Call, connector: Given, body: Renaming) -> ConnectorShown:
    """Give a connector another name: its id, its URLs, its journal and its revisions stay."""
    name = await named(call.database, call.actor, connector)
    await connectors.rename(call.database, call.account, name, body.name, author(call, body.note))
    return ConnectorShown(**await row_of(call.database, call.account, body.name))


@api.route("DELETE", "/connectors/{connector}", scope=Scope.CONNECTORS_WRITE, tag=TAG, errors=[412])
async def remove_connector(call: Call, connector: Given) -> None:
    """Remove a connector: its URLs stop working at once, its journal stays. If-Match works as with saving."""
    name = await named(call.database, call.actor, connector)
    await plan.remove(call.database, call.account, name, call.conditions.expected)


async def patched(database: Database, account: int, name: str, entry: Planned) -> Patched:
    """What changing some settings of a connector did."""
    return Patched(
        **await row_of(database, account, name),
        differences=[Difference.model_validate(each) for each in entry.differences],
        new_fields=list(entry.new_fields),
        warnings=[problem(each) for each in entry.warnings],
    )


async def _save(call: Call, body: Draft) -> Saved:
    settings = await settings_of(call, body)
    await may_save(call.database, call.actor, [settings])
    expected = call.conditions.expected
    entry, applied = await plan.save(call.database, call.account, settings, author(call, None), expected)
    return saved(call.settings, entry, applied)
