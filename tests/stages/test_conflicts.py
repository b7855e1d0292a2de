"""Keys that name several leads: held, listed, decided once by one person, and sent on with the decision."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.daemon.core import topology_of
from pipeline.engine.frame import Bounds, unpack
from pipeline.engine.outcome import DeadLetter, Drop, Forward, Outcome
from pipeline.engine.topology import Dead, Delivery, Topology, Work
from pipeline.operations import conflicts
from pipeline.operations.access import Actor
from pipeline.operations.chain import Chain
from pipeline.operations.errors import InUse, Invalid, NotFound
from pipeline.operations.replay import replay
from pipeline.settings import Settings
from pipeline.store import accounts, dead_letters, journal, leads, merging
from pipeline.store.database import Database
from pipeline.transport.memory import MemoryTransport
from schemas.event import Event, Step
from stages.dedupe import dedupe
from stages.log import log
from stages.upsert import upsert
from tests.support.consuming import Hands
from tests.support.events import ACCOUNT, mapped, result_of, results, run, tools_of

PHONE, EMAIL = "+919611795983", "asha@example.com"
SAM, KIM = (replace(Actor.local(ACCOUNT), email=f"{name}@example.com") for name in ("sam", "kim"))


@dataclass
class Held:
    """A conflict, the leads that it is between, and what a decision sends."""

    database: Database
    topology: Topology
    transport: MemoryTransport
    hands: Hands
    event: Event
    phone_lead: str
    email_lead: str
    id: int = 0

    async def resolve(self, actor: Actor = SAM, **decision: Any) -> dict[str, Any]:
        return await conflicts.resolve(self.database, self.chain, actor, self.id, **decision)

    @property
    def chain(self) -> Chain:
        return Chain(self.topology, self.transport, Bounds())

    def sent(self) -> list[Event]:
        return [delivery.event for body in self.hands.bodies for delivery in unpack(body, 0.0)]

    async def go(self, event: Event) -> dict[str, Any]:
        """Its way from dedupe to the journal; returns the row."""
        outcome: Outcome
        [outcome] = await run(dedupe, self.database, event)
        ended = event
        for stage in (upsert, log):
            if isinstance(outcome, Forward):
                ended = outcome.event
                [outcome] = await stage.run([ended], tools_of(self.database))
        assert isinstance(outcome, Forward), outcome
        row = await journal.show(self.database, ACCOUNT, event.id)
        assert row is not None
        return row


@pytest.fixture
async def held(database: Database) -> AsyncIterator[Held]:
    one, other = mapped({"phone": PHONE, "city": "Pune"}), mapped({"email": EMAIL, "city": "Goa"})
    [first, second] = await results(upsert, database, one, other)
    topology, transport, hands = topology_of(Settings()), MemoryTransport(), Hands()
    await transport.declare(topology)
    subscription = await hands.subscribe(transport, Work("dedupe"))
    event = mapped({"phone": PHONE, "email": EMAIL, "name": "Asha"}, minute=5)
    made = Held(database, topology, transport, hands, event, first["lead"], second["lead"])
    await die(made, event)
    [row] = await conflicts.page(database, SAM)
    made.id = row["id"]
    yield made
    await subscription.cancel()
    await transport.close()


async def die(held: Held, event: Event) -> None:
    """What dedupe, the topology and the drain do with it."""
    [outcome] = await run(dedupe, held.database, event)
    assert isinstance(outcome, DeadLetter) and outcome.kind == "conflict"
    exits = held.topology.route("dedupe", Delivery(event), outcome, Step("dedupe", 1, 0, 0), datetime.now(UTC))
    for exit in exits:
        if isinstance(exit.to, Dead):
            await dead_letters.keep(held.database, "dedupe", [exit.event], [])
        else:
            await run(log, held.database, exit.event)


async def test_it_is_listed_with_its_keys_and_the_leads_that_they_name(held: Held) -> None:
    [row] = await conflicts.page(held.database, SAM)
    assert [(key.key, key.value, key.lead) for key in row["keys"]] == [
        ("phone", PHONE, held.phone_lead),
        ("email", EMAIL, held.email_lead),
    ]
    assert (row["leads"], row["event_id"]) == ([held.phone_lead, held.email_lead], held.event.id)
    shown = await conflicts.show(held.database, SAM, held.id)
    assert [lead["fields"]["city"] for lead in shown["leads"]] == ["Pune", "Goa"]
    journalled = await journal.show(held.database, ACCOUNT, held.event.id)
    assert journalled is not None
    assert (journalled["outcome"], journalled["failure"]["kind"]) == ("failed", "conflict")
    other = Actor.local(await accounts.create(held.database, "other"))
    assert await conflicts.page(held.database, other) == []
    with pytest.raises(NotFound):
        await conflicts.show(held.database, other, held.id)


async def test_the_event_goes_to_the_lead_that_was_chosen_and_keys_stay(held: Held) -> None:
    decision = await held.resolve(use=held.email_lead)
    assert (decision["how"], decision["lead"], decision["by"]) == ("use", held.email_lead, "sam@example.com")
    [sent] = held.sent()
    row = await held.go(sent)
    assert (row["outcome"], row["lead_id"], row["replay"]) == ("updated", held.email_lead, 1)
    assert (row["decision"], row["matched_by"], row["failure"]) == (decision, "email", None)
    chosen, other = await lead(held, held.email_lead), await lead(held, held.phone_lead)
    assert chosen["fields"] == {"phone": PHONE, "email": EMAIL, "name": "Asha", "city": "Goa"}
    assert (chosen["keys"], other["keys"]) == ([("email", EMAIL)], [("phone", PHONE)])
    assert other["fields"] == {"phone": PHONE, "city": "Pune"}
    assert await conflicts.page(held.database, SAM) == []
    [decided] = await conflicts.page(held.database, SAM, "decided")
    assert (decided["status"], decided["decision"]) == ("replayed", decision)


async def test_leads_that_are_one_person_are_merged_and_the_event_goes_there(held: Held) -> None:
    decision = await held.resolve(merge=True)
    assert (decision["how"], decision["lead"]) == ("merge", held.phone_lead)
    [sent] = held.sent()
    row = await held.go(sent)
    assert (row["outcome"], row["lead_id"], row["decision"]) == ("updated", held.phone_lead, decision)
    merged = await lead(held, held.email_lead)
    assert merged["id"] == held.phone_lead
    assert merged["keys"] == [("email", EMAIL), ("phone", PHONE)]
    assert merged["fields"]["name"] == "Asha"


async def test_of_two_who_decide_at_once_one_does(held: Held, database_url: str) -> None:
    pools = [await Database.open(database_url, size=2) for _ in range(2)]
    try:
        outcomes = await asyncio.gather(
            *(
                replace(held, database=pool).resolve(actor, use=chosen)
                for pool, actor, chosen in zip(pools, (SAM, KIM), (held.phone_lead, held.email_lead), strict=True)
            ),
            return_exceptions=True,
        )
    finally:
        for pool in pools:
            await pool.close()
    [decision] = [outcome for outcome in outcomes if isinstance(outcome, dict)]
    [refused] = [outcome for outcome in outcomes if isinstance(outcome, InUse)]
    assert f"was decided by {decision['by']}" in refused.detail
    [sent] = held.sent()
    assert (await held.go(sent))["lead_id"] == decision["lead"]


async def test_a_decision_that_was_not_sent_is_sent_with_the_next_call_or_a_replay(held: Held) -> None:
    held.transport.connected = False
    with pytest.raises(Exception, match="away"):
        await held.resolve(use=held.email_lead)
    held.transport.connected = True
    [row] = await conflicts.page(held.database, SAM, "decided")
    assert (row["status"], held.sent()) == ("dead", [])
    with pytest.raises(InUse, match="was decided by"):
        await held.resolve(KIM, use=held.phone_lead)
    assert (await held.resolve(KIM, use=held.email_lead))["by"] == "sam@example.com"
    wanted = dead_letters.Filter(kind="conflict", status=None)
    assert await replay(held.database, held.chain, wanted) == 1
    rows = [await held.go(sent) for sent in held.sent()]
    assert [row["lead_id"] for row in rows] == [held.email_lead] * 2
    assert await held.database.fetchval("SELECT count(*) FROM applied_event WHERE lead_id = $1", held.email_lead) == 2


async def test_what_cannot_be_decided_is_refused_and_nothing_is_sent(held: Held) -> None:
    [stranger] = await results(upsert, held.database, mapped({"phone": "+14155550100"}))
    for problem, decision in (
        (Invalid, {}),
        (Invalid, {"use": "nobody"}),
        (InUse, {"use": stranger["lead"]}),
        (InUse, {"use": stranger["lead"], "merge": True}),
    ):
        with pytest.raises(problem):
            await held.resolve(**decision)
    held.id += 1
    with pytest.raises(NotFound):
        await held.resolve(use=held.phone_lead)
    held.id -= 1
    await dead_letters.mark(held.database, [held.id], "discarded")
    with pytest.raises(InUse, match="discarded"):
        await held.resolve(use=held.phone_lead)
    assert held.sent() == []


async def test_a_chosen_lead_that_is_merged_meanwhile_is_found_where_it_went(held: Held) -> None:
    await held.resolve(use=held.email_lead)
    await merging.merge(held.database, ACCOUNT, held.phone_lead, held.email_lead, "kim")
    [sent] = held.sent()
    assert (await held.go(sent))["lead_id"] == held.phone_lead


async def test_a_decision_does_not_outdo_the_behaviour(held: Held) -> None:
    await held.resolve(use=held.email_lead)
    [sent] = held.sent()
    only_creates = sent.evolve(data={**sent.data, "sync": {"lead": "create", "activity": "off"}})
    [outcome] = await run(upsert, held.database, only_creates)
    assert isinstance(outcome, Drop) and "only creates" in outcome.reason
    [again] = await run(upsert, held.database, sent.evolve(replay=2))
    assert result_of(again)["outcome"] == "updated"


async def lead(held: Held, id: str) -> dict[str, Any]:
    shown = await leads.show(held.database, ACCOUNT, id)
    assert shown is not None
    return shown
