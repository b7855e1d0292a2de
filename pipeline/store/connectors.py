"""Connectors: the configured inlets of an account. In: settings, checked. Out: rows, and their history."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from operator import eq
from typing import Any, Literal

import structlog

from pipeline.store import field_keys, field_table, people, tokens
from pipeline.store.database import Connection, Database
from pipeline.store.saves import Expected, check_tag
from schemas.checking import check
from schemas.connector import Connector, ConnectorSettings
from schemas.fields import RecordFields
from schemas.joined import with_declared, with_fields
from schemas.key_source import made_up
from schemas.normal.people import ANYBODY, People
from schemas.presets import preset
from schemas.problem import BadSettings, Problem
from schemas.standard import STANDARD

log = structlog.get_logger(__name__)

COLUMNS = "id, account_id, name, revision, settings, enabled"

LIST = """
SELECT id, name, preset, enabled, revision, created_at, updated_at FROM connector
WHERE account_id = $1 AND removed_at IS NULL AND ($2::text IS NULL OR name = $2) ORDER BY name
"""

# What is set up under the name of a removed connector is another one: the journal, the dead letters and the settings of
# the removed one are not its own.
UPSERT = """
INSERT INTO connector (account_id, name, preset, settings, enabled) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (account_id, name) WHERE removed_at IS NULL DO UPDATE SET
    preset = excluded.preset, settings = excluded.settings, enabled = excluded.enabled,
    revision = connector.revision + 1, updated_at = now()
RETURNING id, revision
"""

REVISION = """
INSERT INTO connector_revision (connector_id, revision, settings, saved_by, note) VALUES ($1, $2, $3, $4, $5)
"""

# of the connector that has this name; if none has it any more, of the one that had it last
REVISIONS = """
SELECT revision, settings, created_at, saved_by, note FROM connector_revision
WHERE connector_id = (
    SELECT id FROM connector WHERE account_id = $1 AND name = $2
    ORDER BY removed_at IS NOT NULL, removed_at DESC, id DESC LIMIT 1
)
ORDER BY revision DESC
"""

State = Literal["created", "changed", "unchanged"]
Alike = Callable[[ConnectorSettings, ConnectorSettings], bool]


@dataclass(frozen=True, slots=True)
class Author:
    """Who saves a revision, and why, in their own words."""

    who: str | None = None
    note: str | None = None


NOBODY = Author()


@dataclass(frozen=True, slots=True)
class Applied:
    """What `apply` did. `token` is the last part of the connector's webhook URL."""

    id: int
    revision: int
    state: State
    token: str


async def version(database: Database) -> int:
    """A number that grows whenever a connector or a token changes."""
    return int(await database.fetchval("SELECT version FROM connector_version"))


async def load_all(database: Database) -> list[Connector]:
    """Every connector that is not removed, also disabled ones.

    One that no longer fits its preset is logged and left out, so that it harms no other.
    """
    rows = await database.fetch(f"SELECT {COLUMNS} FROM connector WHERE removed_at IS NULL ORDER BY id")
    fields = await field_table.of_all(database)
    users = await people.of_all(database)
    loaded = []
    for row in rows:
        try:
            account = row["account_id"]
            loaded.append(_connector(row, fields.get(account, STANDARD), users.get(account, ANYBODY)))
        except (ValueError, LookupError) as error:
            log.error("connector left out", connector=row["name"], id=row["id"], reason=str(error))
    return loaded


async def list_all(database: Database, account: int) -> list[dict[str, Any]]:
    """The connectors of an account: id, name, preset, enabled, revision, created_at, updated_at."""
    return [dict(row) for row in await database.fetch(LIST, account, None)]


async def listed(database: Database, account: int, name: str) -> dict[str, Any] | None:
    """The row of one connector in that list; None: there is none of this name."""
    row = await database.fetchrow(LIST, account, name)
    return None if row is None else dict(row)


async def opened_to(database: Database, account: int) -> list[dict[str, Any]]:
    """Whom each connector of an account is opened to: id, name, access, removed_at.

    Of a removed one, whom it was opened to when it was removed. Those that are not removed come first.
    """
    rows = await database.fetch(
        "SELECT id, name, settings -> 'access' AS access, removed_at FROM connector WHERE account_id = $1"
        " ORDER BY removed_at IS NOT NULL, name, id",
        account,
    )
    return [dict(row) for row in rows]


async def revisions_of(database: Database, ids: Collection[int]) -> dict[int, int]:
    """The revisions in force of the connectors with these ids, also of removed ones."""
    if not ids:
        return {}
    rows = await database.fetch("SELECT id, revision FROM connector WHERE id = ANY ($1::bigint[])", list(ids))
    return {row["id"]: row["revision"] for row in rows}


async def preset_of(database: Database, account: int, id: int) -> str | None:
    """The preset of the connector with this id, unless it is removed."""
    found: str | None = await database.fetchval(
        "SELECT preset FROM connector WHERE account_id = $1 AND id = $2 AND removed_at IS NULL", account, id
    )
    return found


async def get(database: Database, account: int, name: str) -> Connector | None:
    """The connector of this name; None: there is none. ValueError, LookupError: it does not fit its preset."""
    row = await database.fetchrow(
        f"SELECT {COLUMNS} FROM connector WHERE account_id = $1 AND name = $2 AND removed_at IS NULL", account, name
    )
    if row is None:
        return None
    fields = await field_table.of_account(database, account)
    return _connector(row, fields, await people.of_account(database, account, fields))


async def identity_of(database: Database, account: int, name: str) -> tuple[int, int] | None:
    """The id and the revision of the connector of this name; None: there is none."""
    row = await database.fetchrow(
        "SELECT id, revision FROM connector WHERE account_id = $1 AND name = $2 AND removed_at IS NULL", account, name
    )
    return None if row is None else (row["id"], row["revision"])


async def stored(database: Database, account: int) -> dict[str, dict[str, Any]]:
    """The settings of an account's connectors as they are stored, by name, also of those that do not fit any more."""
    rows = await database.fetch(
        "SELECT name, settings FROM connector WHERE account_id = $1 AND removed_at IS NULL ORDER BY name",
        account,
    )
    return {row["name"]: row["settings"] for row in rows}


async def revisions(database: Database, account: int, name: str) -> list[dict[str, Any]]:
    """The settings that a connector had, the newest first: revision, settings, created_at, saved_by, note.

    Where no connector has this name any more: those of the one that had it last.
    """
    return [dict(row) for row in await database.fetch(REVISIONS, account, name)]


async def apply(database: Database, account: int, settings: ConnectorSettings, author: Author = NOBODY) -> Applied:
    """Put a connector in force: create it, change it, or leave it if nothing differs.

    The fields that it brings along are made if the account lacks them. Raises BadSettings, which lists every problem,
    or LookupError for an unknown preset, and then changes nothing.
    """
    return (await apply_all(database, account, [settings], author))[0]


async def apply_all(
    database: Database,
    account: int,
    wanted: Sequence[ConnectorSettings],
    author: Author = NOBODY,
    *,
    removed: Sequence[str] = (),
    alike: Alike = eq,
    expected: Expected | None = None,
) -> list[Applied]:
    """Put several connectors in force and remove those named, all of it or nothing; the results in the order given.

    Stored settings that are `alike` are left as they are. Raises BadSettings or LookupError, as `apply` does, and Moved
    if one of them is not as `expected`; no tag at all stands for a connector that must not be there.
    """

    async def work(connection: Connection) -> list[Applied]:
        await field_table.lock(connection, account)
        fields = await field_table.of_account(connection, account)
        together = with_fields(fields, [field for settings in wanted for field in settings.fields])
        for settings in wanted:
            check(settings, preset(settings.preset), together)
        for settings in wanted:
            fields = await _bring(connection, account, settings, fields)
        for name in sorted({*removed, *(settings.name for settings in wanted)}):
            row = await locked(connection, account, name)  # in one order everywhere, so that nobody waits in a circle
            if expected is not None and name in expected:
                await check_tag(connection, name, row, expected[name])
        for name in removed:
            await _remove(account, name, connection)
        return [await _apply(account, settings, author, connection, alike) for settings in wanted]

    return await database.transaction(work)


async def broken_by(
    connection: Connection, account: int, before: RecordFields, after: RecordFields
) -> list[tuple[str, str]]:
    """Which connectors would stop working if the account's fields changed so, by name, and why."""
    rows = await connection.fetch(
        f"SELECT {COLUMNS} FROM connector WHERE account_id = $1 AND removed_at IS NULL ORDER BY name", account
    )
    broken: list[tuple[str, str]] = []
    for row in rows:
        try:
            works = _connector(row, before)
        except (ValueError, LookupError):
            continue  # it does not work now either
        gone = [f.name for f in works.settings.fields if f.name in before["lead"] and f.name not in after["lead"]]
        if gone:
            broken.append((row["name"], f"it brings {', '.join(gone)} along; take that out of it first"))
            continue
        try:
            then = _connector(row, after)
        except ValueError as error:
            broken.append((row["name"], f"{error}; change its mapping first"))
            continue
        already = set(map(str, made_up(works)))
        broken += [(row["name"], str(each)) for each in made_up(then) if str(each) not in already]
    return broken


async def enable(database: Database, account: int, name: str, enabled: bool, author: Author = NOBODY) -> bool:
    """Switch a connector on or off; False if there is none of this name."""

    async def work(connection: Connection) -> bool:
        row = await locked(connection, account, name)
        if row is None:
            return False
        settings = ConnectorSettings(**{**row["settings"], "enabled": enabled})
        await _apply(account, settings, author, connection)
        return True

    return await database.transaction(work)


async def remove(database: Database, account: int, name: str, expected: Collection[str] | None = None) -> bool:
    """Take a connector away: its URLs stop working for good. Its journal stays its own. False if there is none.

    Raises Moved if it has none of the `expected` tags.
    """
    return await database.transaction(partial(_remove, account, name, expected=expected))


async def _remove(account: int, name: str, connection: Connection, expected: Collection[str] | None = None) -> bool:
    row = await locked(connection, account, name)
    if row is None:
        return False
    if expected is not None:
        await check_tag(connection, name, row, expected)
    await connection.execute("UPDATE connector SET removed_at = now(), updated_at = now() WHERE id = $1", row["id"])
    await connection.execute("DELETE FROM connector_token WHERE connector_id = $1", row["id"])
    return True


async def _apply(
    account: int, settings: ConnectorSettings, author: Author, connection: Connection, alike: Alike = eq
) -> Applied:
    stored = settings.model_dump(mode="json", by_alias=True, exclude_unset=True)
    old = await locked(connection, account, settings.name)
    if old is not None and _same(old["settings"], settings, alike):
        return Applied(old["id"], old["revision"], "unchanged", await tokens.newest(connection, old["id"]))
    row = await connection.fetchrow(UPSERT, account, settings.name, settings.preset, stored, settings.enabled)
    if row is None:
        raise AssertionError("INSERT … RETURNING returns a row")
    await connection.execute(REVISION, row["id"], row["revision"], stored, author.who, author.note)
    state: State = "created" if old is None else "changed"
    return Applied(row["id"], row["revision"], state, await tokens.newest(connection, row["id"]))


def _same(stored: dict[str, Any], settings: ConnectorSettings, alike: Alike) -> bool:
    """Whether stored settings mean the same; ones that this version refuses differ from any."""
    try:
        return alike(ConnectorSettings(**stored), settings)
    except ValueError:
        return False


async def locked(connection: Connection, account: int, name: str) -> Any:
    """The row of this name, or None; nobody else applies this name until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 7))", f"connector {account} {name}")
    return await connection.fetchrow(
        "SELECT id, revision, settings FROM connector WHERE account_id = $1 AND name = $2 AND removed_at IS NULL",
        account,
        name,
    )


async def _bring(
    connection: Connection, account: int, settings: ConnectorSettings, fields: RecordFields
) -> RecordFields:
    """Make the fields that a connector brings along and the account lacks; returns all that there are then.

    Raises BadSettings where values are stored of a field of that name that was removed, and they do not fit.
    """
    after = with_declared(fields, settings)
    numbers = {field.name: number for number, field in enumerate(settings.fields, 1)}
    for name, field in after["lead"].items():
        if name not in fields["lead"]:
            breaking = await field_keys.new(connection, account, "lead", field)
            if breaking.count:
                place = f"fields row {numbers[name]} ({name})"
                told = f"{breaking.told()}; correct them first, or choose another name"
                raise BadSettings([Problem(place, told, stored=True)])
            await field_table.put(connection, account, "lead", field)
    return after


def _connector(row: Any, fields: RecordFields, people: People = ANYBODY) -> Connector:
    settings = ConnectorSettings(**row["settings"])
    return Connector(row["id"], row["account_id"], row["revision"], settings, preset(settings.preset), fields, people)
