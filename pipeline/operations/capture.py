"""A real event as a test case. In: an event of the journal. Out: a case without anybody's data, and where it belongs.

The case says what the redacted event becomes with the settings in force now. Where the stand-ins change what happens,
which a rule on the very value can do, the case says so in its `about`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import SystemRandom
from typing import Any

import orjson

from pipeline.operations.cases import Case, Expect, outcome_of
from pipeline.operations.connectors import find
from pipeline.operations.errors import InUse, Invalid, NotFound
from pipeline.operations.scrub import identifying, scrubbed
from pipeline.operations.toml import written
from pipeline.store import requests
from pipeline.store.connectors import identity_of
from pipeline.store.database import Database

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")  # it becomes a file's
TRIES = 5  # draws of stand-ins, before it is given up that nothing of the original is left in them


@dataclass(frozen=True, slots=True)
class Captured:
    """A case and its connector. `faithful`: whether it ends as the real event did, apart from the values."""

    connector: str
    case: Case
    faithful: bool

    @property
    def toml(self) -> str:
        """The case's file."""
        return case_toml(self.case)

    @property
    def path(self) -> str:
        """Where the file belongs, from the folder of the connector's file."""
        return f"{self.connector}.tests/{self.case.name}.toml"


async def capture(database: Database, account: int, event: str, name: str | None = None) -> Captured:
    """Make a case of an event. Raises NotFound; InUse (its connector is removed); Invalid (personal data is left)."""
    if name is not None and not NAME.fullmatch(name):
        raise Invalid("the name becomes a file's: letters, digits, hyphens and underscores, at most 100")
    found = await requests.one(database, account, event)
    if found is None:
        raise NotFound(f"the journal has no event {event!r} whose request is kept")
    real, connector_name = found
    live = await identity_of(database, account, connector_name)
    if live is None or live[0] != real.connector:  # another one may have its name
        raise InUse(f"the connector of event {event} is removed; no settings are in force to make a test case with")
    connector = await find(database, account, connector_name)
    document = orjson.loads(real.raw)
    people = identifying(document, connector)
    for _ in range(TRIES):
        fake = scrubbed(document, connector, SystemRandom())
        if not people & identifying(fake, connector):
            break
    else:
        raise Invalid("an address or a number of the event could not be replaced; nothing was written")
    received_at = real.received_at.replace(microsecond=0)
    expect = outcome_of(connector, orjson.dumps(fake).decode(), received_at)
    faithful = _shape(expect) == _shape(outcome_of(connector, real.raw, received_at))
    about = "" if faithful else "The real event ended differently: a rule looks at a value that was replaced."
    case = Case(
        name=name or f"event-{real.id[-12:]}",
        about=about,
        received_at=received_at,
        event=f"{orjson.dumps(fake, option=orjson.OPT_INDENT_2).decode()}\n",
        expect=[expect],
    )
    return Captured(connector_name, case, faithful)


def case_toml(case: Case) -> str:
    """The text of a case's file; what is so without being said is left out."""
    document: dict[str, Any] = {"name": case.name}
    if case.about:
        document["about"] = case.about
    document["received_at"] = case.received_at.isoformat().replace("+00:00", "Z")
    if case.body is not None:
        document |= {"content_type": case.content_type, "body": case.body}
    else:
        document["event"] = case.event
    if case.connector:
        document["connector"] = case.connector
    document["expect"] = [each.model_dump(mode="json", exclude_defaults=True) for each in case.expect]
    return written(document)


def _shape(expect: Expect) -> tuple[Any, ...]:
    """What an outcome is, but for the values."""
    rule = None if expect.rejected is None else expect.rejected.partition(":")[0]
    records = [None if each is None else sorted(each) for each in (expect.lead, expect.call, expect.activity)]
    return rule, records, sorted(expect.cleared), sorted(expect.defaults), [space for space, _ in expect.keys]
