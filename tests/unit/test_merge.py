"""The newest value per field: the same end for every order, grouping and repetition of what events say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from functools import reduce
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.store.merge import Fields, changed, explain, merge

START = datetime(2026, 1, 1, tzinfo=UTC)
NAMES_OF_FIELDS = ("phone", "city", "score")
NAMES = st.sampled_from(NAMES_OF_FIELDS)
SENT = st.sampled_from(["1", "2"])
VALUES = st.one_of(st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from(["", "a", "b"]))


@st.composite
def sayings(draw: st.DrawFn) -> Fields:
    """What one event says; few times, events, names and values, so that ties are common."""
    minutes, later, event = draw(st.integers(0, 3)), draw(st.integers(0, 1)), draw(st.sampled_from(["e1", "e2"]))
    changes = draw(st.dictionaries(NAMES, VALUES))
    defaults = draw(st.dictionaries(NAMES, VALUES))
    changes |= {f"{name}_as_sent": draw(SENT) for name in draw(st.sets(NAMES)) if name in changes}
    defaults |= {f"{name}_as_sent": draw(SENT) for name in draw(st.sets(NAMES)) if defaults.get(name) is not None}
    unsound = draw(st.sets(NAMES))
    at = START + timedelta(minutes=minutes)
    return Fields.said(at, event, changes, defaults, received_at=at + timedelta(hours=later), unsound=unsound)


def said(minute: int, changes: dict[str, Any], defaults: dict[str, Any] | None = None, event: str = "e") -> Fields:
    return Fields.said(START + timedelta(minutes=minute), event, changes, defaults)


@given(sayings(), sayings())
def test_the_order_of_two_is_no_matter(one: Fields, two: Fields) -> None:
    assert merge(one, two) == merge(two, one)


@given(sayings(), sayings(), sayings())
def test_the_grouping_of_three_is_no_matter(one: Fields, two: Fields, three: Fields) -> None:
    assert merge(merge(one, two), three) == merge(one, merge(two, three))


@given(sayings(), sayings())
def test_saying_it_again_changes_nothing(one: Fields, two: Fields) -> None:
    both = merge(one, two)
    assert merge(both, two) is both
    assert merge(both, one) is both
    assert changed(both, merge(both, two)) == []


@given(st.lists(sayings(), max_size=8), st.randoms(use_true_random=False), st.data())
def test_any_shuffle_with_repeats_ends_the_same(events: list[Fields], random: Any, data: st.DataObject) -> None:
    repeats = data.draw(st.lists(st.sampled_from(events), max_size=4)) if events else []
    shuffled = [*events, *repeats]
    random.shuffle(shuffled)
    assert reduce(merge, shuffled, Fields()) == reduce(merge, events, Fields())


@given(st.lists(sayings(), max_size=4))
def test_what_is_stored_is_what_was_in_hand(events: list[Fields]) -> None:
    state = reduce(merge, events, Fields())
    assert Fields.stored(state.present(), state.grouped()) == state


@given(st.lists(sayings(), min_size=1, max_size=6))
def test_the_latest_change_of_a_field_is_its_value(events: list[Fields]) -> None:
    state = reduce(merge, events, Fields())
    for name in state.stamps:
        changes = [(e.stamps[name], e) for e in events if name in e.stamps and e.stamps[name][0] not in "-!"]
        if changes and not name.endswith("_as_sent"):
            latest = max(stamp for stamp, _ in changes)
            assert state.stamps[name] == latest
            assert state.values[name] in [event.values[name] for stamp, event in changes if stamp == latest]


@given(st.lists(sayings(), min_size=1, max_size=6))
def test_a_value_that_is_not_valid_never_takes_the_place_of_a_valid_one(events: list[Fields]) -> None:
    state = reduce(merge, events, Fields())
    for name in NAMES_OF_FIELDS:
        stamps = [event.stamps[name] for event in events if name in event.stamps]
        if any(not stamp.startswith("!") for stamp in stamps):
            assert not state.stamps[name].startswith("!")


@given(st.lists(sayings(), min_size=1, max_size=6))
def test_how_a_value_was_sent_is_told_of_the_value_that_counts(events: list[Fields]) -> None:
    state = reduce(merge, events, Fields())
    for name in NAMES_OF_FIELDS:
        sent = f"{name}_as_sent"
        assert state.stamps.get(sent) in (None, state.stamps.get(name))
        stamp = state.stamps.get(name)
        pairs = {(each.values[name], each.values.get(sent)) for each in events if each.stamps.get(name, "") == stamp}
        assert stamp is None or (state.values[name], state.values.get(sent)) in pairs


def test_of_equal_times_the_later_arrival_wins() -> None:
    """Whatever the ids, which a hash decides."""
    for first, second in (("a", "z"), ("z", "a")):
        old = Fields.said(START, first, {"stage": "new"}, received_at=START + timedelta(seconds=1))
        new = Fields.said(START, second, {"stage": "won"}, received_at=START + timedelta(seconds=1, microseconds=1))
        assert merge(old, new).present() == merge(new, old).present() == {"stage": "won"}


def test_a_stamp_of_the_version_before_gives_way_to_a_later_one_and_to_an_equal_one() -> None:
    """It tells no arrival, and was there before."""
    stored = Fields.stored({"stage": "new"}, {"2026-01-01T00:00:00.000000Z ffff": ["stage"]})
    assert merge(stored, said(0, {"stage": "won"}, event="0000")).present() == {"stage": "won"}
    assert merge(stored, said(-1, {"stage": "won"}, event="0000")).present() == {"stage": "new"}
    [row] = explain(stored.values, stored.grouped())
    assert (row["event"], row["occurred_at"], row["received_at"]) == ("ffff", "2026-01-01T00:00:00.000000Z", None)


def test_a_default_goes_before_a_value_that_is_not_valid() -> None:
    bad = Fields.said(START, "e", {"phone": "junk"}, unsound=["phone"])
    default = said(-5, {}, {"phone": "+919811122233"})
    assert merge(bad, default).present() == merge(default, bad).present() == {"phone": "+919811122233"}


def test_an_older_value_never_overwrites_a_newer_one() -> None:
    state = merge(said(2, {"city": "new"}), said(1, {"city": "old", "name": "Asha"}))
    assert state.present() == {"city": "new", "name": "Asha"}


def test_a_clear_is_a_value_with_a_time() -> None:
    state = merge(said(1, {"city": "Pune"}), said(3, {"city": None}))
    assert merge(state, said(2, {"city": "Goa"})).present() == {}
    assert merge(state, said(4, {"city": "Goa"})).present() == {"city": "Goa"}


def test_a_default_yields_to_any_value_and_to_an_earlier_default() -> None:
    default = said(5, {}, {"source": "Web"})
    assert merge(default, said(1, {"source": "Call"})).present() == {"source": "Call"}
    assert merge(default, said(6, {}, {"source": "Fair"})).present() == {"source": "Web"}
    assert merge(said(1, {"source": None}), default).present() == {}


def test_one_moment_in_two_zones_is_one_moment() -> None:
    ist = timezone(timedelta(hours=5, minutes=30))
    assert Fields.said(START.astimezone(ist), "e", {"a": 1}) == Fields.said(START, "e", {"a": 1})


def test_times_are_compared_to_the_microsecond() -> None:
    early = Fields.said(START, "z", {"a": 1})
    late = Fields.said(START + timedelta(microseconds=1), "a", {"a": 2})
    assert merge(late, early).present() == merge(early, late).present() == {"a": 2}


def test_changed_names_what_shows_another_value() -> None:
    before = said(1, {"a": 1, "b": 2, "c": 3})
    after = merge(before, said(2, {"a": 1, "b": 5, "c": None, "d": None, "e": 1}))
    assert changed(before, after) == ["b", "c", "e"]


def test_the_same_number_written_in_another_way_is_no_change() -> None:
    before = said(0, {"phone": "+919811122233", "phone_as_sent": "098111 22233"})
    after = merge(before, said(1, {"phone": "+919811122233", "phone_as_sent": "+91-98111-22233"}))
    assert after.values["phone_as_sent"] == "+91-98111-22233"
    assert changed(before, after) == []
    assert changed(Fields(), before) == ["phone"]


SECOND = {
    "event": "e2",
    "occurred_at": "2026-01-01T00:02:00.000000Z",
    "received_at": "2026-01-01T00:02:00.000000Z",
}


def test_explain_names_the_event_behind_each_value() -> None:
    state = merge(said(1, {"city": "Pune"}, event="e1"), said(2, {"city": None}, {"source": "Web"}, event="e2"))
    assert explain(state.present(), state.grouped()) == [
        {"field": "city", "value": None, **SECOND, "default": False, "sound": True},
        {"field": "source", "value": "Web", **SECOND, "default": True, "sound": True},
    ]
