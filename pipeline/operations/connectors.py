"""Set connectors up. In: files, or documents of the API. Out: connectors in force, and the URLs to post to."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.operations.checking import checked, problems_of
from pipeline.operations.errors import InUse, Invalid, NotFound, Problem
from pipeline.settings import Settings, public_url
from pipeline.store import connectors, fields, people, renaming
from pipeline.store.connectors import NOBODY, Author
from pipeline.store.database import Database
from schemas.connector import Connector
from schemas.joined import with_declared
from schemas.names import DIGITS_ALONE
from schemas.presets import preset
from schemas.problem import of_model
from schemas.settings import CONNECTOR_NAME, ConnectorSettings
from schemas.standard import STANDARD

LARGEST = 2**63 - 1  # of the whole numbers that JSON and the store carry unharmed


class BadConnector(Invalid):
    """A connector's file is wrong; the message names the file, and for each problem the place and the rule."""


def parsed(document: Mapping[str, Any]) -> ConnectorSettings:
    """The settings that a document says, each by itself; raises Invalid with everything that is wrong."""
    try:
        return ConnectorSettings(**document)
    except ValidationError as error:
        problems = [Problem(each.place, each.message) for each in of_model(error, document)]
    raise Invalid(f"the settings have {counted(problems)}", problems)


def counted(problems: Sequence[Problem]) -> str:
    """`1 problem`, `2 problems`."""
    return f"{len(problems)} problem{'' if len(problems) == 1 else 's'}"


def document_in(file: Path) -> dict[str, Any]:
    """What a file says, whatever it is; raises BadConnector if it is no TOML, or holds what JSON cannot."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadConnector(f"{file} cannot be read", [Problem(None, str(error))]) from error
    if problems := list(_bad_numbers(document, "")):
        raise BadConnector(f"{file} has {counted(problems)}", problems)
    return document


def parsed_file(file: Path) -> ConnectorSettings:
    """The settings in a file, each by itself; raises BadConnector."""
    document = document_in(file)
    try:
        return parsed(document)
    except Invalid as error:
        raise BadConnector(f"{file} has {counted(error.problems)}", error.problems) from error


def read(file: Path) -> ConnectorSettings:
    """The settings in a file, checked whole for an account that has the standard fields. Raises BadConnector."""
    settings, problems = checked(document_in(file), STANDARD)
    if settings is None:
        raise BadConnector(f"{file} has {counted(problems)}", problems)
    return settings


def read_folder(folder: Path) -> list[ConnectorSettings]:
    """The settings in every `*.toml` of a folder. Raises BadConnector."""
    return [read(file) for file in sorted(folder.glob("*.toml"))]


async def find(database: Database, account: int, name: str) -> Connector:
    """A connector of the account; raises NotFound, and Invalid if it does not fit its preset any more."""
    try:
        found = await connectors.get(database, account, name)
    except (ValueError, LookupError) as error:
        raise Invalid(f"connector {name!r} cannot be used: {error}; correct its settings and apply them") from error
    if found is None:
        raise NotFound(f"no connector {name!r}; `leadpipe connector list` lists the connectors")
    return found


async def settings_of(database: Database, account: int, name: str) -> ConnectorSettings:
    """The settings of one connector. Raises NotFound; Invalid if this version refuses them."""
    stored = await connectors.stored(database, account)
    if name not in stored:
        raise NotFound(f"no connector {name!r}; `leadpipe connector list` lists the connectors")
    return _of_this_version(name, stored[name])


async def all_settings(database: Database, account: int) -> list[ConnectorSettings]:
    """The settings of all connectors of the account, by name. Raises Invalid if this version refuses any of them."""
    return [_of_this_version(name, said) for name, said in (await connectors.stored(database, account)).items()]


def _of_this_version(name: str, stored: Mapping[str, Any]) -> ConnectorSettings:
    try:
        return parsed(stored)
    except Invalid as error:
        detail = (
            f"connector {name!r} was saved by another version and has {counted(error.problems)}; correct and apply it"
        )
        raise Invalid(detail, error.problems) from error


async def drafted(database: Database, account: int, settings: ConnectorSettings) -> Connector:
    """What a draft would be in force: the connector of its name with these settings, or a new one of id 0.

    Its revision is the one that saving it would make. Raises Invalid with everything that is wrong.
    """
    account_fields = await fields.of_account(database, account)
    if problems := problems_of(settings, account_fields):
        raise Invalid(f"the draft of {settings.name!r} has {counted(problems)}", problems)
    live = await connectors.identity_of(database, account, settings.name)
    id, revision = live or (0, 0)
    users = await people.of_account(database, account, with_declared(account_fields, settings))
    return Connector(id, account, revision + 1, settings, preset(settings.preset), account_fields, users)


async def switch(database: Database, account: int, name: str, enabled: bool, author: Author = NOBODY) -> None:
    """Let a connector accept events again, or have it refuse them; those under way are finished. Raises NotFound."""
    note = author.note or ("enabled" if enabled else "disabled")
    if not await connectors.enable(database, account, name, enabled, replace(author, note=note)):
        raise NotFound(f"no connector {name!r}; `leadpipe connector list` lists the connectors")


async def rename(database: Database, account: int, name: str, new: str, author: Author = NOBODY) -> None:
    """Give a connector another name; its id, its URLs, its journal and its revisions stay.

    Raises NotFound, Invalid (no name of a connector), InUse (another connector has it).
    """
    if not re.fullmatch(CONNECTOR_NAME, new) or new.isdecimal():
        rule = DIGITS_ALONE if new.isdecimal() else "takes lower-case letters, digits and hyphens, at most 63"
        raise Invalid("the connector keeps its name", [Problem("name", rule, new)])
    by = replace(author, note=author.note or f"renamed from {name}")
    match await renaming.rename(database, account, name, new, by):
        case "gone":
            raise NotFound(f"no connector {name!r}; `leadpipe connector list` lists the connectors")
        case "taken":
            raise InUse(f"the name {new!r} is taken")


async def remove(database: Database, account: int, name: str, expected: Collection[str] | None = None) -> None:
    """Remove a connector; its URL stops working at once, its journal stays. Raises NotFound, and connectors.Moved if
    it has none of the `expected` tags."""
    if not await connectors.remove(database, account, name, expected):
        raise NotFound(f"no connector {name!r}; `leadpipe connector list` lists the connectors")


def webhook_url(settings: Settings, token: str) -> str:
    """Where the source posts to."""
    return f"{public_url(settings)}/in/{token}"


def _bad_numbers(value: Any, where: str) -> Iterator[Problem]:
    """TOML knows numbers that JSON does not."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _bad_numbers(each, f"{where}.{name}" if where else name)
    elif isinstance(value, list):
        for at, each in enumerate(value):
            yield from _bad_numbers(each, f"{where} row {at + 1}")
    elif isinstance(value, float) and value - value != 0:
        yield Problem(where, "a number must be finite", str(value))
    elif isinstance(value, int) and abs(value) > LARGEST:
        yield Problem(where, "a whole number must fit 64 bits", str(value)[:40])
