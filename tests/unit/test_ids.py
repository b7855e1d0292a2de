"""Ids of events: all versions of a thing lie in one range, and what a version says tells it from the others."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingress.identity import canonical, event_id
from pipeline.store.ids import derived_id, new_id, thing_of, version_of, versions_of

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)
DOCUMENTS = st.dictionaries(TEXTS, VALUES, max_size=6)


def turned(value: Any) -> Any:
    """The same with the members of every object the other way round."""
    if isinstance(value, dict):
        return {name: turned(member) for name, member in reversed(value.items())}
    return [turned(member) for member in value] if isinstance(value, list) else value


@given(DOCUMENTS)
def test_the_order_of_members_makes_no_other_version(document: dict[str, Any]) -> None:
    assert event_id(1, 7, "k", turned(document)) == event_id(1, 7, "k", document)


@given(DOCUMENTS, DOCUMENTS)
def test_any_other_content_is_another_version_of_the_same_thing(one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = event_id(1, 7, "k", one), event_id(1, 7, "k", other)
    assert (first == second) == (canonical(one) == canonical(other))
    assert thing_of(first) == thing_of(second)


@given(DOCUMENTS, DOCUMENTS, st.tuples(st.integers(1), st.integers(1), TEXTS), st.tuples(st.integers(1), TEXTS))
def test_things_of_different_origins_have_no_version_in_common(
    one: dict[str, Any], other: dict[str, Any], origin: tuple[int, int, str], elsewhere: tuple[int, str]
) -> None:
    account, connector, key = origin
    first, second = event_id(account, connector, key, one), event_id(account, *elsewhere, other)
    assert (thing_of(first) == thing_of(second)) == ((connector, key) == elsewhere)


@given(DOCUMENTS)
def test_every_version_lies_in_the_range_of_its_thing_and_is_a_uuid(document: dict[str, Any]) -> None:
    id = event_id(1, 7, "k", document)
    thing = thing_of(id)
    assert thing is not None
    lowest, highest = versions_of(thing)
    assert lowest <= id <= highest and UUID(lowest) <= UUID(id) <= UUID(highest)
    assert str(UUID(id)) == id and UUID(id).version == 8
    assert thing_of(thing) == thing == lowest


def test_what_the_version_of_the_program_before_derived_from_the_key_alone_is_a_version_too() -> None:
    before = derived_id(1, 7, "k")
    assert thing_of(before) == thing_of(event_id(1, 7, "k", {"a": 1}))


def test_an_event_without_an_id_of_its_source_is_a_version_of_nothing() -> None:
    assert thing_of(new_id()) is None


def test_what_differs_only_in_kind_or_order_of_a_list_is_another_content() -> None:
    told = [{"n": 1}, {"n": "1"}, {"n": 1.0}, {"n": True}, {"n": None}, {}, {"n": [1, 2]}, {"n": [2, 1]}, {"n": {}}]
    assert len({version_of(new_id(), canonical(each)) for each in told}) == len(told)
    thing = new_id()
    assert len({version_of(thing, canonical(each)) for each in told}) == len(told)
