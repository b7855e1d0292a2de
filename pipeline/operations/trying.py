"""What would become of a payload, with nothing written. In: a connector or a draft, and a body. Out: event by event.

The body is cut by the real door and goes through the real stages on a rehearsal of the database, which is taken back
whatever happens; see `pipeline.store.rehearsal`. Only stages that promise to be undone by that are run, those with
`effects="none"` or `effects="database"`; the others are passed by, and named. Events of one body go one after another,
each seeing what those before it would have done. Who may post is not asked: whoever tries is known already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.engine.outcome import DeadLetter, Drop, Forward, Retry
from pipeline.engine.stage import Effects
from pipeline.engine.topology import Topology
from pipeline.ingress.content import encoded
from pipeline.ingress.door import cut
from pipeline.ingress.limits import Limits
from pipeline.ingress.refusal import Refusal
from pipeline.operations.changes import FieldChange, Records
from pipeline.operations.errors import Invalid, Problem
from pipeline.operations.masked import HIDDEN, NOBODYS
from pipeline.operations.walk import PASSED_BY, Seen, Way, tools_of, walk
from pipeline.store.database import Database
from pipeline.store.ids import new_id
from pipeline.store.rehearsal import Rehearsal, rehearsal
from pipeline.tools import Tools
from schemas.connector import Connector
from schemas.event import Event

UNDOABLE: tuple[Effects, ...] = ("none", "database")
MOST = 100  # events of one payload: a rehearsal holds locks on the records that it would change
LONGEST = 30.0  # seconds, for the same reason


OF_PEOPLE = ("match", "result")  # members of what a stage hands on
STRANGER = "tried as if this person were new to the account; a key with leads:read sees whom it would match"


@dataclass(frozen=True, slots=True)
class Step:
    """What one stage made of the event. `data` is what it handed on, where it handed anything on."""

    stage: str
    outcome: str  # forward, retry, dead letter, drop, not run
    data: dict[str, Any] | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """What would become of one event.

    `outcome`: created, updated, unchanged, dropped, failed, retried; undecided: no stage that was run decided.
    """

    id: str
    outcome: str
    steps: list[Step]
    request: Any
    reason: str | None = None
    failure: dict[str, Any] | None = None  # stage, kind, field, value, rule; problems, where there are several
    match: dict[str, Any] | None = None  # lead (None: a new one), by: the key, value
    changes: list[FieldChange] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    before: bool = False  # an event of this id took effect before, so this one would do nothing


async def try_body(
    database: Database,
    topology: Topology,
    connector: Connector,
    headers: Mapping[str, str],
    body: bytes,
    *,
    limits: Limits | None = None,
    anew: bool = False,
    people: bool = True,
) -> list[Trial]:
    """What would become of every event of a body. Raises Invalid where the door would refuse it.

    `people`: whether the caller may see people. If not, the events are tried as those of somebody whom the account
    does not know: who would be found, what is stored of them and how it would end is hidden.

    `anew` gives each event an id of its own, so that one which took effect before is tried as if it had not.
    """
    connector = connector if people else replace(connector, account=NOBODYS)
    try:
        events = cut(connector, headers, body, limits or Limits()).events
    except Refusal as refusal:
        raise _would_refuse(refusal) from refusal
    if len(events) > MOST:
        raise Invalid(f"{len(events)} events are too many to try at once; send {MOST} at most")
    try:
        async with asyncio.timeout(LONGEST), rehearsal(database) as trial:
            tools, records = tools_of(trial, connector), Records(database, trial, connector)
            events = [_anew(each) if anew or not people else each for each in events]
            trials = [await _try(topology, tools, trial, records, each) for each in events]
    except TimeoutError:
        raise Invalid(f"it took longer than {LONGEST:g} s, and nothing was written; try fewer events at once") from None
    return trials if people else [_of_a_stranger(each) for each in trials]


def sent(text: str, content_type: str) -> bytes:
    """A body given as text, as a source that names this content type sends it. Raises Invalid, as the door refuses."""
    try:
        return encoded(text, content_type)
    except Refusal as refusal:
        raise _would_refuse(refusal) from refusal


def _would_refuse(refusal: Refusal) -> Invalid:
    problem = Problem("payload", f"{refusal.title}: {refusal.detail}")
    return Invalid(f"the ingress would refuse this with {refusal.status}", [problem])


def _of_a_stranger(trial: Trial) -> Trial:
    """What is true whoever the event is about; that it would fail is told, since that can be mended."""
    failed = trial.outcome == "failed"
    steps = [
        replace(step, data=None if step.data is None else {k: v for k, v in step.data.items() if k not in OF_PEOPLE})
        for step in trial.steps
    ]
    changes = [replace(each, old=HIDDEN, new=HIDDEN, effect="hidden") for each in trial.changes]
    return replace(
        trial,
        outcome=trial.outcome if failed else "hidden",
        reason=trial.reason if failed else None,
        steps=steps,
        match=None,
        changes=changes,
        notes=(*trial.notes, STRANGER),
    )


def _anew(event: Event) -> Event:
    return event.evolve(id=new_id())


async def _try(topology: Topology, tools: Tools, trial: Rehearsal, records: Records, event: Event) -> Trial:
    [way] = await walk(topology, tools, trial, [event], UNDOABLE)
    result = way.event.result or {}
    return Trial(
        id=event.id,
        outcome=_outcome(way, result),
        steps=[_step(seen) for seen in way.seen],
        request=event.raw,
        reason=way.end.reason if way.end is not None else result.get("reason"),
        failure=_failure(way),
        match=_match(way, result),
        changes=await records.changes(way, result),
        notes=tuple(way.event.notes),
        before=bool(result.get("duplicate")),
    )


def _outcome(way: Way, result: Mapping[str, Any]) -> str:
    match way.end:
        case DeadLetter():
            return "failed"
        case Drop():
            return "dropped"
        case Retry():
            return "retried"
    return str(result.get("outcome", "undecided"))


def _step(seen: Seen) -> Step:
    match seen.outcome:
        case Forward(event):
            return Step(seen.stage, "forward", event.data if event.result is None else {"result": event.result})
        case DeadLetter() as end:
            return Step(seen.stage, "dead letter", why=end.reason)
        case Drop(reason):
            return Step(seen.stage, "drop", why=reason)
        case Retry(reason):
            return Step(seen.stage, "retry", why=reason)
    return Step(seen.stage, "not run", why=PASSED_BY)


def _failure(way: Way) -> dict[str, Any] | None:
    end = way.end
    if not isinstance(end, DeadLetter):
        return None
    stage = way.seen[-1].stage
    problems = (end.result or {}).get("problems", [])
    return {
        "stage": stage,
        "kind": end.kind,
        "field": end.field,
        "value": end.value,
        "rule": end.rule,
        "problems": problems if len(problems) > 1 else [],
    }


def _match(way: Way, result: Mapping[str, Any]) -> dict[str, Any] | None:
    """Which lead it is about, as the stages found it: by its result, else by what looked it up."""
    found = way.event.data.get("match") or {}
    if not result and not found:
        return None
    by = result.get("by", found.get("by"))
    lead = found.get("lead") if by is None else result.get("lead", found.get("lead"))
    keys = way.event.data.get("keys", {}).get("search", ())
    return {
        "lead": lead if by else None,
        "by": by,
        "value": next((value for space, value in keys if space == by), None),
    }
