"""Event ids: the producer's where it gives one, the same in every process; else new."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingress.identity import ids_of, key_of, stable_id
from pipeline.ingress.refusal import Refusal
from tests.support.ingress import connector

WITH_PATH = connector(door={"id": ["call.id"]})


def test_a_header_names_the_event() -> None:
    (id,) = ids_of(WITH_PATH, "k1", [{"call": {"id": 5}}])
    assert id == stable_id(1, 7, "k1")
    assert UUID(id).version == 8


def test_several_events_under_one_key_are_told_apart_by_their_index() -> None:
    assert ids_of(WITH_PATH, "k1", [{}, {}]) == [stable_id(1, 7, "k1/0"), stable_id(1, 7, "k1/1")]


def test_the_id_path_names_the_event_and_a_number_is_its_digits() -> None:
    ids = ids_of(WITH_PATH, None, [{"call": {"id": 5}}, {"call": {"id": "5"}}])
    assert ids == [stable_id(1, 7, "5")] * 2


@pytest.mark.parametrize("event", [{}, {"call": {"id": ""}}, {"call": {"id": None}}, {"call": 3}, []])
def test_without_a_key_the_id_is_new_and_ordered_by_time(event: object) -> None:
    first, second = ids_of(WITH_PATH, None, [event, event])
    assert first != second
    assert UUID(first).version == UUID(second).version == 7


def test_accounts_and_connectors_do_not_share_ids() -> None:
    assert len({stable_id(1, 7, "k"), stable_id(1, 8, "k"), stable_id(2, 7, "k"), stable_id(1, 7, "K")}) == 4


@given(st.lists(st.tuples(st.integers(1), st.integers(1), st.text(st.characters(exclude_categories=["Cs"])))))
def test_ids_are_the_same_exactly_when_their_origins_are(origins: list[tuple[int, int, str]]) -> None:
    assert len({stable_id(*origin) for origin in origins}) == len(set(origins))


def test_the_first_header_counts() -> None:
    assert key_of({"webhook-id": "w", "Idempotency-Key": " i "}) == "i"
    assert key_of({"svix-id": "s", "webhook-id": "w"}) == "w"
    assert key_of({"svix-id": "s"}) == "s"
    assert key_of({}) is None


@pytest.mark.parametrize("key", ["", "   ", "x" * 256])
def test_a_key_that_is_empty_or_too_long_is_refused(key: str) -> None:
    with pytest.raises(Refusal) as caught:
        key_of({"Idempotency-Key": key})
    assert (caught.value.status, caught.value.where) == (400, {"field": "Idempotency-Key"})


def test_bytes_in_a_header_that_are_no_text_still_tell_keys_apart() -> None:
    assert stable_id(1, 7, "\udcff") != stable_id(1, 7, "\udcfe")
