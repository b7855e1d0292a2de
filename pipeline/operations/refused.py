"""Refused requests of one account. In: who asks, and which. Out: rows to look at, and their events sent in after all.

What is sent in is cut by its connector as it is now, and goes to the first stage as if it had been accepted when it
came: its events have the time of their arrival then, so that they outdo nothing that was said since. Events that have
no id of their own get one from the request and their place in it, so that to send a request twice does nothing twice.
Who posted it is not asked again: whoever sends it in has the right to.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.engine.frame import pack_new
from pipeline.engine.topology import Work
from pipeline.ingress.limits import Limits
from pipeline.ingress.redaction import text_of
from pipeline.operations import masked
from pipeline.operations.access import Actor
from pipeline.operations.chain import Chain
from pipeline.operations.connectors import find
from pipeline.operations.errors import InUse, NotFound, Refused
from pipeline.operations.resubmission import Admitted, admitted, check_whole, still_refused
from pipeline.operations.visible import Visible, visible
from pipeline.operations.who import who
from pipeline.store import receipts, refused, request_keys
from pipeline.store.database import Database
from pipeline.store.ids import derived_id
from pipeline.store.refused import Filter
from schemas.connector import Connector

MOST = 1_000  # requests that one call sends in; the command line has no bound
TOLD = 100  # of those that are still refused, that are told one by one

Rows = Sequence[Mapping[str, Any]]


@dataclass(slots=True)
class Sent:
    """What became of refused requests: those that were sent in, their events, and why the others were not.

    `refused` tells the first hundred of `left`, by id and reason. `unproven`: how many were left out because their
    senders proved nothing.
    """

    requests: int = 0
    events: list[str] = field(default_factory=list)
    left: int = 0
    refused: list[tuple[int, Refused]] = field(default_factory=list)
    unproven: int = 0


async def wanted(database: Database, actor: Actor, given: Filter, connector: str | None) -> Filter:
    """The filter, narrowed to the caller's account, to the connectors that they see, and to this one. NotFound."""
    return _narrowed(await visible(database, actor), actor, given, connector)


async def page(
    database: Database,
    actor: Actor,
    given: Filter,
    connector: str | None = None,
    after: int | None = None,
    limit: int = 50,
) -> list[dict[str, Any]]:
    """Refused requests without their bodies, the newest first, each with its connector's name. Raises NotFound."""
    seen = await visible(database, actor)
    filtered = _narrowed(seen, actor, given, connector)
    rows = await refused.page(database, filtered, after=after, limit=limit)
    return [_shown(actor, seen.named(row)) for row in rows]


async def show(database: Database, actor: Actor, id: int) -> dict[str, Any]:
    """One refused request with its body: as text, or, where it is none, in base64, as `encoding` says. NotFound."""
    seen = await visible(database, actor)
    row = await refused.show(database, id, actor.account)
    if row is None or not seen.holds(row):
        raise _unknown(id)
    body = row["body"]
    text = None if body is None else text_of(body, row["content_type"] or "")
    told = base64.b64encode(body).decode() if text is None and body is not None else text
    encoding = None if body is None else "base64" if text is None else "text"
    return _shown(actor, {**seen.named(row), "body": told, "encoding": encoding})


async def send_one(database: Database, chain: Chain, actor: Actor, id: int, limits: Limits) -> Sent:
    """Send this one in, whether or not it was before.

    Raises NotFound; InUse: its body is not kept whole, or its connector is gone; Invalid: the door would refuse it
    again, and why.
    """
    sent = await send(database, chain, actor, [id], limits)
    for _, error in sent.refused:
        raise error
    return sent


async def send(database: Database, chain: Chain, actor: Actor, ids: Sequence[int], limits: Limits) -> Sent:
    """Send these in, whether or not they were before; raises NotFound if one is not there, having sent none."""
    seen = await visible(database, actor)
    these = Filter(account=actor.account, connectors=seen.ids, ids=sorted(set(ids)))
    there = {row["id"] for row in await refused.page(database, these, limit=len(ids))}
    if missing := [id for id in ids if id not in there]:
        raise _unknown(missing[0])
    return await _send(refused.matching(database, these), database, chain, actor, seen, limits, lambda _: None)


async def send_matching(
    database: Database,
    chain: Chain,
    actor: Actor,
    given: Filter,
    connector: str | None,
    limits: Limits,
    *,
    most: int | None = None,
    unproven: bool = False,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Sent:
    """Send all in that match and were not sent yet, the oldest first. Raises NotFound, InUse: more than `most` match.

    What senders posted who proved nothing, where the connector asks for proof, is left out unless it is asked for.
    """
    seen = await visible(database, actor)
    everybody = _narrowed(seen, actor, replace(given, sent=False), connector)
    these = everybody if unproven else replace(everybody, proven=True)
    if most is not None and (found := await refused.count(database, these)) > most:
        raise InUse(
            f"{found:,} match, and one call sends {most:,} at most; filter more, or use `leadpipe refused send`"
        )
    sent = await _send(refused.matching(database, these), database, chain, actor, seen, limits, on_progress)
    if not unproven:
        sent.unproven = await refused.count(database, replace(everybody, proven=False))
    return sent


async def _send(
    pages: AsyncIterator[Rows],
    database: Database,
    chain: Chain,
    actor: Actor,
    seen: Visible,
    limits: Limits,
    on_progress: Callable[[int], None],
) -> Sent:
    sent = Sent()
    known: dict[int, Connector] = {}
    async for rows in pages:
        ready: list[Admitted] = []
        for row in rows:
            try:
                ready.append(admitted(row, await _connector(database, actor, seen, row, known), limits))
            except Refused as error:
                _leave(sent, row["id"], error)
            await asyncio.sleep(0)  # bodies are large, and others are served beside this
        await _publish(database, chain, actor, await _unclaimed(database, ready, sent), sent)
        on_progress(len(rows))
    return sent


async def _connector(
    database: Database, actor: Actor, seen: Visible, row: Mapping[str, Any], known: dict[int, Connector]
) -> Connector:
    """The connector of a request as it is now. Raises InUse if it is gone, Invalid if it does not work any more."""
    check_whole(row)
    id = row["connector_id"]
    if id not in seen.names or id in seen.removed:
        raise InUse(f"refused request {row['id']} cannot be sent: its connector is removed")
    if id not in known:
        known[id] = await find(database, actor.account, seen.names[id])
    return known[id]


async def _unclaimed(database: Database, ready: Sequence[Admitted], sent: Sent) -> list[Admitted]:
    """Those whose producers' keys stand for nothing else."""
    claims = [each.claim for each in ready if each.claim is not None]
    stands_for = await request_keys.claim(database, claims) if claims else {}
    good = []
    for each in ready:
        if each.claim is not None and stands_for[each.claim.slot] != each.claim.content:
            _leave(sent, each.id, still_refused(each.id))
        else:
            good.append(each)
    return good


async def _publish(database: Database, chain: Chain, actor: Actor, ready: Sequence[Admitted], sent: Sent) -> None:
    """Published first, told after: a crash between the two sends some twice, and nothing takes effect twice."""
    events = [event for each in ready for event in each.events]
    ids = [event.id for event in events]
    if events:
        await chain.transport.publish(pack_new(Work(chain.topology.entry), events, time.time(), chain.bounds))
        told = [(event.id, event.connector, event.received_at) for event in events]
        await receipts.ship(database, f"refused-{derived_id(*ids)}", told)
    await refused.mark(database, {each.id: [event.id for event in each.events] for each in ready}, who(actor))
    sent.requests += len(ready)
    sent.events += ids


def _leave(sent: Sent, id: int, error: Refused) -> None:
    sent.left += 1
    if len(sent.refused) < TOLD:
        sent.refused.append((id, error))


def _shown(actor: Actor, row: dict[str, Any]) -> dict[str, Any]:
    """As they may see it; the producer's key goes by the name that every face has for it."""
    shown = masked.row(actor, {**row, "idempotency_key": row["key"]})
    return {**shown, "key": shown.pop("idempotency_key")}


def _narrowed(seen: Visible, actor: Actor, given: Filter, connector: str | None) -> Filter:
    narrowed = replace(given, account=actor.account, connectors=seen.ids)
    return narrowed if connector is None else replace(narrowed, connector=seen.id_of(connector))


def _unknown(id: int) -> NotFound:
    return NotFound(f"no refused request {id}; see the list of refused requests")
