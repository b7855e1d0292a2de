"""Secrets of an account: keep, list, remove, seal anew. In: values, never to be seen again. Out: names and dates.

A secret goes in and does not come out: only the ingress opens one, to check who posts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from pipeline.operations.access import Actor
from pipeline.operations.errors import Forbidden, InUse, Invalid, NotFound, Problem
from pipeline.operations.visible import visible
from pipeline.operations.who import by
from pipeline.secrets.references import LARGEST, Secrets
from pipeline.secrets.seal import SealError, Seals
from pipeline.settings import Settings
from pipeline.store import connectors, secrets
from pipeline.store.database import Database
from schemas.auth import STORED_NAME, joined
from schemas.names import DIGITS_ALONE
from schemas.presets import UnknownPreset, preset
from schemas.settings import ConnectorSettings

STORED = "stored:"


async def put(database: Database, settings: Settings, actor: Actor, name: str, value: bytes) -> bool:
    """Keep a secret, in place of one of the same name, which stops counting at once; True if there was none.

    Raises Invalid (its name, its size), Forbidden (a connector that is closed to the caller names it), InUse (there is
    no key to seal it with).
    """
    kept = {row["name"] for row in await secrets.list_all(database, actor.account)}
    if problems := _problems(name, value, there=name in kept):
        raise Invalid("the secret is not kept", problems)
    await _open(database, actor, name)
    try:
        sealed = Seals(settings.secret_key).seal(value, actor.account, name)
    except SealError as error:
        raise InUse(str(error)) from error
    return await secrets.put(database, actor.account, name, sealed, by(actor))


async def listed(database: Database, actor: Actor) -> list[dict[str, Any]]:
    """The secrets of an account: name, created_at, updated_at, used_by. Never a value.

    `used_by`: the connectors that name it and are open to the caller.
    """
    used, seen = await _used(database, actor.account), set((await visible(database, actor)).live.values())
    rows = await secrets.list_all(database, actor.account)
    return [{**row, "used_by": [each for each in used.get(row["name"], []) if each in seen]} for row in rows]


async def check_unused(database: Database, actor: Actor, name: str) -> None:
    """Raises NotFound; InUse while a connector names it; Forbidden where that one is closed: as removing it would."""
    if name not in {row["name"] for row in await secrets.list_all(database, actor.account)}:
        raise _unknown(name)
    if users := await _open(database, actor, name):
        raise InUse(f"secret {name!r} is named by {', '.join(users)}; take {STORED}{name} out of their [auth] first")


async def remove(database: Database, actor: Actor, name: str) -> None:
    """Forget a secret. Raises NotFound, InUse while a connector names it, Forbidden where that one is closed."""
    await check_unused(database, actor, name)
    if not await secrets.remove(database, actor.account, name, by(actor)):
        raise _unknown(name)


def _problems(name: str, value: bytes, *, there: bool) -> list[Problem]:
    found = []
    if not re.fullmatch(STORED_NAME, name):
        found.append(Problem("name", "lower-case letters, digits and hyphens, at most 63", name))
    elif name.isdecimal() and not there:
        found.append(Problem("name", DIGITS_ALONE, name))
    if not 1 <= len(value) <= LARGEST:
        found.append(Problem("value", f"must have 1 to {LARGEST} bytes, and has {len(value)}"))
    return found


async def _open(database: Database, actor: Actor, name: str) -> list[str]:
    """The connectors that name a secret. Raises Forbidden if one of them is closed to the caller, and names none."""
    users = (await _used(database, actor.account)).get(name, [])
    seen = set((await visible(database, actor)).live.values())
    if any(each not in seen for each in users):
        raise Forbidden(
            f"secret {name!r} is used by a connector that is closed to you; ask an administrator to change it"
        )
    return users


def _unknown(name: str) -> NotFound:
    return NotFound(f"no secret {name!r}; `leadpipe secret list` lists them")


async def reseal(database: Database, settings: Settings) -> tuple[int, list[str]]:
    """Seal every secret of every account with the newest key; how many were, and what is wrong with the others.

    Afterwards the older keys can be taken out of the setting.
    """
    seals, done, troubles = Seals(settings.secret_key), 0, []
    for (account, name), sealed in (await secrets.load_all(database)).items():
        if seals.is_current(sealed):
            continue
        try:
            new = seals.seal(seals.open(sealed, account, name), account, name)
        except SealError as error:
            troubles.append(f"account {account}: {error}")
            continue
        done += await secrets.reseal(database, account, name, sealed, new)
    return done, troubles


async def missing(database: Database, account: int, settings: ConnectorSettings) -> list[Problem]:
    """The secrets that settings name and the account does not keep: they cannot be saved like that."""
    wanted = [each.removeprefix(STORED) for each in _references(settings) if each.startswith(STORED)]
    if not wanted:
        return []
    kept = {row["name"] for row in await secrets.list_all(database, account)}
    return [
        Problem("auth", f"{STORED}{name}: the account has no such secret; set it first: leadpipe secret set {name}")
        for name in wanted
        if name not in kept
    ]


async def from_here(database: Database, settings: Settings, environment: Mapping[str, str] = os.environ) -> Secrets:
    """The secrets as a process with these settings and this environment finds them."""
    kept = await secrets.load_all(database)
    return Secrets(Seals(settings.secret_key), lambda account, name: kept.get((account, name)), environment)


async def problems(
    database: Database, settings: Settings, account: int, document: ConnectorSettings, environment: Mapping[str, str]
) -> list[str]:
    """What keeps a process with this environment and this key from using the secrets that a connector names.

    Another process may have them: what is wrong here is a word of warning elsewhere.
    """
    found = await from_here(database, settings, environment)
    return [problem for each in _references(document) if (problem := found.problem(each, account)) is not None]


async def _used(database: Database, account: int) -> dict[str, list[str]]:
    """Per stored secret the connectors that name it, also ones that do not work any more."""
    used: dict[str, list[str]] = {}
    for connector, document in (await connectors.stored(database, account)).items():
        for each in _named(document.get("auth")):
            if each.startswith(STORED):
                used.setdefault(each.removeprefix(STORED), []).append(connector)
    return used


def _named(auth: Any) -> list[str]:
    """The references in stored settings, whatever else may be wrong with them."""
    if not isinstance(auth, dict):
        return []
    named = [*(auth.get("secrets") or []), auth.get("verify_token")]
    return [each for each in named if isinstance(each, str)]


def _references(settings: ConnectorSettings) -> tuple[str, ...]:
    """All that settings and their preset name together; nothing where they do not fit, which is said elsewhere."""
    try:
        auth = joined(settings.auth, preset(settings.preset).auth)
    except (UnknownPreset, ValueError):
        return ()
    return () if auth is None else auth.references
