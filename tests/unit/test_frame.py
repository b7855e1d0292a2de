"""Frames: what goes in comes out; bounds hold; what is no frame is refused as such, whatever it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engine.frame import Bounds, UnreadableFrame, first_id, merged, pack, pack_new, unpack
from pipeline.engine.topology import Dead, Exit, Rung, Work
from schemas.event import Event, Failure, Step
from tests.support.scripted import event

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)  # a lone surrogate is no text in JSON
numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
documents = st.dictionaries(texts, values, max_size=5)
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.builds(datetime.fromtimestamp, st.integers(0, 4_102_444_800), st.just(UTC) | offsets)
amounts = st.floats(0, 1e9)
steps = st.builds(Step, texts, st.integers(1, 9), amounts, amounts)
maybe = st.none() | texts
failures = st.builds(
    Failure, texts, st.sampled_from(["rejected", "poison"]), texts, st.integers(1, 9), moments, maybe, maybe, maybe
)
events = st.builds(
    Event,
    id=st.uuids().map(str),
    account=st.integers(1, 2**53),
    connector=st.integers(1, 2**53),
    kind=texts,
    received_at=moments,
    raw=texts,
    occurred_at=st.none() | moments,
    data=documents,
    revision=st.integers(0, 99),
    replay=st.integers(0, 99),
    notes=st.lists(texts, max_size=3).map(tuple),
    trail=st.lists(steps, max_size=3).map(tuple),
    result=st.none() | documents,
    failure=st.none() | failures,
)
TO = Work("map")


@given(st.lists(st.tuples(events, st.integers(1, 9)), min_size=1, max_size=5))
def test_every_event_comes_out_as_it_went_in(sent: list[tuple[Event, int]]) -> None:
    [message] = pack([Exit(TO, event, attempt) for event, attempt in sent], 100.0, Bounds())
    got = unpack(message.body, 100.25)
    assert [(delivery.event, delivery.attempt) for delivery in got] == sent
    assert all(delivery.waited_ms == pytest.approx(250) for delivery in got)


@given(st.lists(events, max_size=5), st.integers(1, 6))
def test_new_events_pack_as_exits_on_their_first_try_do(sent: list[Event], most: int) -> None:
    bounds = Bounds(most)
    assert pack_new(TO, sent, 100.0, bounds) == pack([Exit(TO, event) for event in sent], 100.0, bounds)


def test_a_time_with_an_offset_is_the_same_instant() -> None:
    india = datetime(2026, 3, 1, 17, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    [message] = pack([Exit(TO, event(occurred_at=india))], 0.0, Bounds())
    [delivery] = unpack(message.body, 0.0)
    assert delivery.event.occurred_at == datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_clock_that_went_back_gives_no_negative_wait() -> None:
    [message] = pack([Exit(TO, event())], 1000.0, Bounds())
    assert unpack(message.body, 10.0)[0].waited_ms == 0.0


@given(
    st.lists(st.tuples(st.sampled_from([TO, Work("log"), Dead("map"), Rung(5, "map")]), st.integers(0, 400))),
    st.integers(1, 5),
    st.integers(500, 3000),
)
def test_frames_keep_their_bounds_and_the_order_of_each_address(
    plan: list[tuple[Any, int]], most: int, room: int
) -> None:
    exits = [Exit(to, event(raw="x" * size)) for to, size in plan]
    messages = pack(exits, 1.0, Bounds(events=most, bytes=room))

    for message in messages:
        deliveries = unpack(message.body, 1.0)
        assert 1 <= len(deliveries) <= most
        assert len(message.body) <= room or len(deliveries) == 1
    for to in {exit.to for exit in exits}:
        came = [delivery.event.id for m in messages if m.to == to for delivery in unpack(m.body, 1.0)]
        assert came == [exit.event.id for exit in exits if exit.to == to]
    assert sum(len(unpack(m.body, 1.0)) for m in messages) == len(exits)


def test_an_event_larger_than_a_frame_travels_alone() -> None:
    small, large, last = event(), event(raw="x" * 5000), event()
    messages = pack([Exit(TO, e) for e in (small, large, last)], 1.0, Bounds(bytes=2000))
    assert [[d.event.id for d in unpack(m.body, 1.0)] for m in messages] == [[small.id], [large.id], [last.id]]


def test_nothing_packs_to_nothing() -> None:
    assert pack([], 1.0, Bounds()) == []


def frame(**changes: Any) -> dict[str, Any]:
    [message] = pack([Exit(TO, event(trail=(Step("first", 1, 1.0, 1.0),)))], 1.0, Bounds())
    return {**orjson.loads(message.body), **changes}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"hello", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"null", "TypeError"),
        (b"[]", "TypeError"),
        (b"7", "TypeError"),
        (b"{}", "KeyError"),
        (orjson.dumps(frame(v=2)), "frame version '2', this program reads version 1"),
        (orjson.dumps(frame(v=None)), "frame version 'None'"),
        (orjson.dumps(frame(at="noon")), "TypeError"),
        (orjson.dumps(frame(entries=None)), "TypeError"),
        (orjson.dumps(frame(entries=["+919611795983"])), "TypeError"),
    ],
)
def test_what_is_no_frame_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(UnreadableFrame, match=reason):
        unpack(body, 1.0)


@pytest.mark.parametrize("attempt", [0, -1, "1", 1.5, True, None])
def test_an_attempt_that_is_no_count_is_refused(attempt: Any) -> None:
    document = frame()
    document["entries"][0]["attempt"] = attempt
    with pytest.raises(UnreadableFrame):
        unpack(orjson.dumps(document), 1.0)


def test_the_refusal_does_not_quote_a_person() -> None:
    document = frame()
    document["entries"][0]["event"]["received_at"] = "+919611795983"
    with pytest.raises(UnreadableFrame) as caught:
        unpack(orjson.dumps(document), 1.0)
    assert "9611795983" not in str(caught.value)


def unpacks_or_refuses(body: bytes) -> None:
    try:
        unpack(body, 1.0)
    except UnreadableFrame:
        return


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_read_or_refused(body: bytes) -> None:
    unpacks_or_refuses(body)


@given(values)
def test_json_of_any_kind_is_read_or_refused(document: Any) -> None:
    unpacks_or_refuses(orjson.dumps(document))


@given(st.data())
def test_a_damaged_frame_is_read_or_refused(data: st.DataObject) -> None:
    body = bytearray(orjson.dumps(frame()))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    unpacks_or_refuses(bytes(body[: data.draw(st.integers(0, len(body)))]) if data.draw(st.booleans()) else bytes(body))


@given(st.data())
def test_a_frame_with_any_value_in_any_place_is_read_or_refused(data: st.DataObject) -> None:
    document = frame()
    entry = document["entries"][0]
    place = data.draw(st.sampled_from([document, entry, entry["event"], entry["event"]["trail"][0]]))
    key = data.draw(st.sampled_from(sorted(place)) | texts)
    if data.draw(st.booleans()):
        place[key] = data.draw(values)
    else:
        place.pop(key, None)
    unpacks_or_refuses(orjson.dumps(document))


@given(st.lists(st.lists(events, min_size=1, max_size=3), min_size=1, max_size=4))
def test_merged_frames_are_one_frame_with_every_entry_in_order(groups: list[list[Event]]) -> None:
    bodies = [pack([Exit(TO, event) for event in group], 100.0 + n, Bounds())[0].body for n, group in enumerate(groups)]
    got = unpack(merged(bodies), 100.25)
    assert [delivery.event for delivery in got] == [event for group in groups for event in group]
    assert all(delivery.waited_ms == pytest.approx(250) for delivery in got)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"v":2,"at":1.0,"entries":[]}', b'{"v":1,"at":1.0,"entries":['])
def test_what_this_program_has_not_packed_is_not_merged(body: bytes) -> None:
    with pytest.raises(UnreadableFrame):
        merged([b'{"v":1,"at":1.0,"entries":[]}', body])


@given(st.lists(events, min_size=1, max_size=3), st.uuids())
def test_the_first_id_is_told_without_decoding(group: list[Event], id: UUID) -> None:
    group[0] = group[0].evolve(id=str(id))
    [message] = pack([Exit(TO, event, 7) for event in group], 100.0, Bounds())
    assert first_id(message.body) == unpack(message.body, 0)[0].event.id


@pytest.mark.parametrize("body", [b"", b"{}", b'{"v":2,"at":1.0,"entries":[]}', b'{"v":1,"at":1.0,"entries":[]}'])
def test_where_there_is_no_first_id_none_is_told(body: bytes) -> None:
    assert first_id(body) is None
