"""Dead letters sent through again: what arrives at which stage, all or none of it, and after a server was away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from pipeline.daemon.core import topology_of
from pipeline.engine.frame import Bounds, unpack
from pipeline.engine.topology import Work
from pipeline.engine.transport import BrokerUnavailable, Message
from pipeline.operations import journal
from pipeline.operations import replay as operation
from pipeline.operations.access import Actor
from pipeline.operations.chain import Chain
from pipeline.operations.errors import InUse, Invalid
from pipeline.operations.reentry import StageGone, TooEarly
from pipeline.operations.replay import CutShort, replay, replay_edited, replay_one, start
from pipeline.settings import Settings
from pipeline.store import connectors, dead_letters
from pipeline.store.database import Database
from pipeline.store.dead_letters import Filter
from pipeline.transport.memory import MemoryTransport
from schemas.connector import ConnectorSettings
from schemas.event import Event, Failure, FailureKind
from stages.log import log
from tests.support.events import ACCOUNT, NOON, at, mapped, run

ME = Actor.local(ACCOUNT)
TOPOLOGY = topology_of(Settings())


class Broker(MemoryTransport):
    """Keeps what is published, by stage; away for the next publishes where `troubles` says so."""

    def __init__(self) -> None:
        super().__init__()
        self.troubles: list[bool] = []
        self.got: list[tuple[str, Event]] = []

    async def publish(self, messages: Sequence[Message]) -> None:
        if self.troubles and self.troubles.pop(0):
            raise BrokerUnavailable("the broker is away")
        for message in messages:
            assert isinstance(message.to, Work)
            self.got += [(message.to.stage, delivery.event) for delivery in unpack(message.body, 0.0)]


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def chain(broker: Broker) -> Chain:
    return Chain(TOPOLOGY, broker, Bounds())


def died(stage: str = "dedupe", kind: FailureKind = "rejected", **changes: Any) -> Event:
    failure = Failure(stage, kind, "no", 1, NOON, error="KeyError: 'x'" if kind == "poison" else None)
    return mapped({"phone": "+919611795983"}, failure=failure, revision=1, **changes)


async def keep(database: Database, *events: Event) -> list[int]:
    """Their dead letters' ids."""
    for event in events:
        assert event.failure is not None
        await dead_letters.keep(database, event.failure.stage, [event], [])
        await run(log, database, event)
    return sorted(row["id"] for row in await dead_letters.page(database, limit=500))


async def statuses(database: Database) -> list[str]:
    return [row["status"] for row in reversed(await dead_letters.page(database, Filter(status=None), limit=500))]


async def test_what_the_rules_rejected_begins_anew_with_the_revision_in_force(
    database: Database, chain: Chain, broker: Broker
) -> None:
    await connectors.apply(database, ACCOUNT, ConnectorSettings(name="one", preset="generic-json"))
    await connectors.apply(database, ACCOUNT, ConnectorSettings(name="one", preset="generic-json", time_zone="UTC"))
    notes = ("body: not UTF-8", "phone: odd", "edited by sam")
    event = died(notes=notes, data={"decision": {"lead": "x"}})
    await keep(database, event)
    assert await replay(database, chain, Filter()) == 1
    [(stage, sent)] = broker.got
    assert (stage, sent.revision, sent.replay, sent.data, sent.trail) == ("normalize", 2, 1, {}, ())
    assert sent.notes == ("body: not UTF-8", "edited by sam"), "what is true of the document, whatever is made of it"
    assert (sent.id, sent.raw, sent.received_at, sent.occurred_at) == (event.id, event.raw, event.received_at, None)
    assert (sent.failure, await statuses(database)) == (None, ["replayed"])


async def test_what_a_bug_stopped_goes_on_where_it_stopped_with_what_came_to_it(
    database: Database, chain: Chain, broker: Broker
) -> None:
    event = died(kind="poison", notes=("phone: odd",), occurred_at=at(3))
    await keep(database, event)
    await replay(database, chain, Filter())
    [(stage, sent)] = broker.got
    assert stage == "dedupe"
    assert sent == event.evolve(failure=None, replay=1, trail=())


async def test_many_of_several_kinds_go_each_their_own_way_with_one_look_at_revisions_a_page(
    database: Database, chain: Chain, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    revisions_of = connectors.revisions_of

    async def counted(opened: Database, ids: Any) -> dict[int, int]:
        looks.append(len(ids))
        return await revisions_of(opened, ids)

    monkeypatch.setattr(connectors, "revisions_of", counted)
    events = [died(kind="poison" if number % 3 else "rejected", connector=1 + number % 2) for number in range(250)]
    await dead_letters.keep(database, "dedupe", events, [])
    assert await replay(database, chain, Filter()) == 250
    assert {event.id: stage for stage, event in broker.got} == {
        event.id: "dedupe" if number % 3 else "normalize" for number, event in enumerate(events)
    }
    assert looks == [2, 2], "of two pages, and of two connectors each"


async def test_a_wish_sends_them_elsewhere(database: Database, chain: Chain, broker: Broker) -> None:
    await keep(database, died(), died(kind="poison"))
    for wish, anew in (("dedupe", False), ("upsert", False), ("normalize", True)):
        broker.got.clear()
        assert await replay(database, chain, Filter(status=None), from_stage=wish) == 2
        assert [stage for stage, _ in broker.got] == [wish, wish]
        assert [event.data == {} for _, event in broker.got] == [anew, anew]


@pytest.mark.parametrize(("wish", "error"), [("map", TooEarly), ("dedup", Invalid)])
async def test_where_one_cannot_go_none_is_sent(
    database: Database, chain: Chain, broker: Broker, wish: str, error: type[Exception]
) -> None:
    ids = await keep(database, died("map"), died("dedupe"))
    with pytest.raises(error, match="dedupe"):
        await replay(database, chain, Filter(), from_stage=wish)
    letter = await dead_letters.letter(database, ids[1])
    assert letter is not None
    with pytest.raises(error):
        await replay_one(database, chain, letter, wish)
    assert (broker.got, await statuses(database)) == ([], ["dead", "dead"])


async def test_of_a_stage_that_is_gone_only_what_begins_anew_is_sent(
    database: Database, chain: Chain, broker: Broker
) -> None:
    await keep(database, died("taste", "rejected"))
    assert await replay(database, chain, Filter()) == 1
    await keep(database, died("taste", "poison"), died("map", "poison"))
    with pytest.raises(StageGone, match="'taste'"):
        await replay(database, chain, Filter())
    assert len(broker.got) == 1
    assert await replay(database, chain, Filter(), from_stage="normalize") == 2


async def test_a_server_that_is_away_is_waited_for_and_nothing_is_sent_twice(
    database: Database, chain: Chain, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operation, "PAUSE", 0.001)
    await dead_letters.keep(database, "map", [died("map") for _ in range(450)], [])
    broker.troubles = [False, True, True, False, True]
    waits: list[int] = []
    progress: list[int] = []
    sent = await replay(
        database, chain, Filter(), progress.append, patience=5, on_wait=lambda done, _: waits.append(done)
    )
    assert (sent, waits, progress) == (450, [200, 400], [200, 200, 50])
    assert len({event.id for _, event in broker.got}) == len(broker.got) == 450


async def test_one_that_stays_away_ends_it_and_says_how_many_were_sent(
    database: Database, chain: Chain, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operation, "PAUSE", 0.001)
    await dead_letters.keep(database, "map", [died("map") for _ in range(250)], [])
    broker.troubles = [False] + [True] * 100
    with pytest.raises(CutShort, match="the broker is away; 200 were sent until then: run it again for the rest"):
        await replay(database, chain, Filter(), patience=0.005)
    broker.troubles.clear()
    assert await replay(database, chain, Filter()) == 50


async def test_those_that_die_again_meanwhile_are_left_out(database: Database, chain: Chain, broker: Broker) -> None:
    await dead_letters.keep(database, "map", [died("map") for _ in range(201)], [])
    publish = broker.publish

    async def and_die(messages: Sequence[Message]) -> None:
        await publish(messages)
        dead = [event.evolve(failure=died("map").failure) for _, event in broker.got]
        await dead_letters.keep(database, "map", dead, [])

    broker.publish = and_die  # type: ignore[method-assign]
    assert await replay(database, chain, Filter()) == 201
    assert {event.replay for _, event in broker.got} == {1}


async def test_another_document_is_sent_with_who_edited_it_and_without_notes_of_the_old_one(
    database: Database, chain: Chain, broker: Broker
) -> None:
    [id] = await keep(database, died(notes=("body: not UTF-8", "phone: odd", "edited by kim")))
    letter = await dead_letters.letter(database, id)
    assert letter is not None
    await replay_edited(database, chain, letter, '{"b":2}', "edited by sam")
    [(stage, sent)] = broker.got
    assert (stage, sent.raw, sent.notes) == ("normalize", '{"b":2}', ("edited by kim", "edited by sam"))


async def test_retry_in_the_journal_follows_the_same_rule(database: Database, chain: Chain, broker: Broker) -> None:
    rejected, poison, conflict = died(), died(kind="poison"), died(kind="conflict")
    ids = await keep(database, rejected, poison, conflict)
    assert [await journal.retry(database, chain, ME, event.id) for event in (rejected, poison, conflict)] == ids
    assert [stage for stage, _ in broker.got] == ["normalize", "dedupe", "normalize"]


async def test_retry_of_what_a_later_version_settled_says_so(database: Database, chain: Chain) -> None:
    event = died()
    [id] = await keep(database, event)
    await dead_letters.mark(database, [id], "superseded")
    with pytest.raises(InUse, match=f"later version.*leadpipe dead replay {id}"):
        await journal.retry(database, chain, ME, event.id)


async def test_retry_of_what_was_sent_again_says_so(database: Database, chain: Chain) -> None:
    event = died()
    [id] = await keep(database, event)
    await dead_letters.mark(database, [id], "replayed")
    with pytest.raises(InUse, match="was sent already"):
        await journal.retry(database, chain, ME, event.id)


async def test_an_event_whose_connector_is_gone_begins_anew_all_the_same(
    database: Database, chain: Chain, broker: Broker
) -> None:
    """normalize says what is wrong, and applying the connector again mends it."""
    await start(database, chain, died(connector=99))
    assert [(stage, event.revision) for stage, event in broker.got] == [("normalize", 0)]
