"""Webhook URLs: show, replace, withdraw. In: a connector's name. Out: its URLs, and the steps to use one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.operations.connectors import find, webhook_url
from pipeline.operations.errors import Invalid, NotFound, Problem
from pipeline.operations.reach import unreachable
from pipeline.settings import Settings
from pipeline.store import tokens
from pipeline.store.database import Database
from schemas.auth import Auth

KEPT = timedelta(days=1)  # how long old URLs go on working, where nobody says
LONGEST_KEEP = timedelta(days=90)
STEPS = (
    "Copy the URL: {url}",
    "Paste it where the source system asks for a webhook, callback or push URL; the method is POST.",
    "Let the source send a test, and look for it: leadpipe journal list",
)


@dataclass(frozen=True, slots=True)
class Url:
    """One webhook URL. Whoever knows it can post, as far as the connector demands nothing more."""

    url: str
    valid_until: datetime | None  # none: until it is replaced or withdrawn
    created_at: datetime


async def in_force(database: Database, settings: Settings, account: int, name: str) -> list[Url]:
    """The URLs of a connector that work, the newest first. Raises NotFound."""
    connector = await find(database, account, name)
    found = await tokens.in_force(database, connector.id)
    return [Url(webhook_url(settings, each.token), each.valid_until, each.created_at) for each in found]


async def newest_of(database: Database, settings: Settings, account: int, name: str) -> Url:
    """The URL to give to the source. Raises NotFound, also where none works any more."""
    found = await in_force(database, settings, account, name)
    if not found:
        raise NotFound(f"no URL of connector {name!r} works; make one: leadpipe connector url {name} --rotate")
    return found[0]


async def rotate(database: Database, settings: Settings, account: int, name: str, keep: timedelta) -> str:
    """A new URL; those before it go on working for `keep`, or until they end anyway. Raises NotFound, Invalid."""
    if not timedelta(0) <= keep <= LONGEST_KEEP:
        rule = f"must be from 0 to {LONGEST_KEEP.days} days"
        raise Invalid("the URL stays as it is", [Problem("keep", rule, str(keep))])
    connector = await find(database, account, name)
    return webhook_url(settings, await tokens.rotate(database, connector.id, keep))


async def withdraw(database: Database, account: int, name: str) -> int:
    """Have every URL but the newest work no more; returns how many. Raises NotFound."""
    return await tokens.withdraw(database, (await find(database, account, name)).id)


def warnings(found: Sequence[Url]) -> list[str]:
    """What keeps sources elsewhere from reaching the newest of these URLs, and what to do; nothing: no warning."""
    told = unreachable(found[0].url) if found else None
    return [] if told is None else [told]


async def steps(database: Database, settings: Settings, account: int, name: str) -> list[str]:
    """How the newest URL gets into the source, for a person, in order. Raises NotFound."""
    connector = await find(database, account, name)
    newest = await newest_of(database, settings, account, name)
    address = newest.url.partition("://")[2]
    told = [each.replace("{url}", newest.url).replace("{address}", address) for each in connector.preset.steps or STEPS]
    proof = None if connector.auth is None or connector.auth.mode == "off" else _proof(connector.auth)
    return [*told[:-1], *([proof] if proof else []), *told[-1:]]


def _proof(auth: Auth) -> str | None:
    """What the source must be set up with to be believed, beside the URL."""
    match auth.scheme.family:
        case "header":
            value = f"{auth.prefix}SECRET: the connector's secret."
            return f"Have the source send the header {auth.header}, with the value {value}"
        case "basic":
            return (
                f"Have the source send the user {auth.user}, and the connector's secret as the password (HTTP basic)."
            )
        case "signature":
            how = auth.scheme.about or f"header {auth.scheme.signature[0].header}."
            return f"Set the connector's secret in the source, which then signs what it sends: {how}"
        case _:
            return None
