"""From a body to its events: where they lie, what their id is, and that no secret goes on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.cutting import REDACTED, TooDeep, events_in, producer_id, redacted
from schemas.preset import Door

PUSH = Door(events=["RESPONSE", "body.RESPONSE", "$"])
PAIRS = [{"Attribute": "FirstName", "Value": "Asha"}, {"Attribute": "Phone", "Value": ""}]


@pytest.mark.parametrize(
    ("body", "events"),
    [
        ({"CODE": 200, "RESPONSE": {"a": 1}}, [{"a": 1}]),
        ({"body": {"RESPONSE": {"a": 1}}}, [{"a": 1}]),
        ({"RESPONSE": [{"a": 1}, {"a": 2}]}, [{"a": 1}, {"a": 2}]),
        ({"RESPONSE": []}, []),
        ({"a": 1}, [{"a": 1}]),
        ([{"a": 1}, {"a": 2}], [{"a": 1}, {"a": 2}]),
        ({"RESPONSE": "none"}, [{"RESPONSE": "none"}]),
        ([], []),
    ],
)
def test_events_lie_at_the_first_path_that_holds_any(body: Any, events: list[Any]) -> None:
    assert events_in(body, PUSH) == events


def test_a_body_without_the_place_is_one_event_and_never_lost() -> None:
    assert events_in({"a": 1}, Door(events=["RESPONSE"])) == [{"a": 1}]


def test_a_list_of_whole_bodies_is_cut_body_by_body() -> None:
    bodies = [{"CODE": 200, "RESPONSE": {"a": 1}}, {"RESPONSE": [{"a": 2}, {"a": 3}]}, {"a": 4}]
    assert events_in(bodies, PUSH) == [{"a": 1}, {"a": 2}, {"a": 3}, {"a": 4}]


def test_a_list_of_pairs_is_one_event_where_the_door_says_so() -> None:
    assert events_in(PAIRS, Door(pairs=True)) == [PAIRS]
    assert events_in(PAIRS, Door()) == PAIRS
    assert events_in([PAIRS, PAIRS], Door(pairs=True)) == [PAIRS, PAIRS]


@pytest.mark.parametrize(
    ("event", "paths", "id"),
    [
        ({"id": " 42 "}, ["id"], "42"),
        ({"id": 42}, ["id"], "42"),
        ({"id": 42.0}, ["id"], "42"),
        ({"id": 0}, ["id"], "0"),
        ({"id": 1.5}, ["id"], None),
        ({"id": 1e29}, ["id"], None),
        ({"id": True}, ["id"], None),
        ({"id": {"a": 1}}, ["id"], None),
        ({"id": "\0"}, ["id"], None),
        ({"id": ""}, ["id"], None),
        ({"id": None}, ["id"], None),
        ({}, ["id"], None),
        ({"id": "42"}, [], None),
        ({"a": {"id": "4"}, "b": 2}, ["a.id", "b"], '["4","2"]'),
        ({"a": {"id": "4"}, "b": ""}, ["a.id", "b"], None),
        ("no object", ["id"], None),
    ],
)
def test_producer_id(event: Any, paths: list[str], id: str | None) -> None:
    assert producer_id(event, paths) == id


def test_ids_of_several_parts_do_not_run_together() -> None:
    assert producer_id({"a": "1", "b": "23"}, ["a", "b"]) != producer_id({"a": "12", "b": "3"}, ["a", "b"])


@pytest.mark.parametrize(
    "name",
    ["apikey", "Apikey", "API_KEY", "accessKey", "secretKey", "auth_token", "Password", "Authorization", "google_key"],
)
def test_secrets_are_redacted_at_any_depth(name: str) -> None:
    event = {"name": "Asha", name: "s3cret", "deep": [{"more": {name: {"a": "s3cret"}}}]}
    clean, changed = redacted(event, Door())
    assert changed
    assert clean == {"name": "Asha", name: REDACTED, "deep": [{"more": {name: REDACTED}}]}
    assert event[name] == "s3cret"
    assert redacted(clean, Door()) == (clean, False)


def test_a_door_has_its_own_secrets_and_pairs_are_seen_through() -> None:
    clean, changed = redacted(
        [{"Attribute": "PIN-Code", "Value": "1234"}, {"Key": "ApiKey", "Value": "x"}], Door(redact=["pin_code"])
    )
    assert changed
    assert clean == [{"Attribute": "PIN-Code", "Value": REDACTED}, {"Key": "ApiKey", "Value": REDACTED}]


@pytest.mark.parametrize(
    "event", [{}, {"password": ""}, {"password": None}, [], "text", {"secretary": "Asha", "keys": [1]}]
)
def test_without_a_secret_the_event_is_handed_back_untouched(event: Any) -> None:
    clean, changed = redacted(event, Door())
    assert clean is event
    assert not changed


def test_a_document_of_absurd_depth_is_refused() -> None:
    event: Any = {}
    for _ in range(500):
        event = {"a": [event]}
    with pytest.raises(TooDeep):
        redacted(event, Door())


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["RESPONSE", "body", "apikey", "id"]), inner)
    ),
    max_leaves=20,
)


@given(json)
def test_any_body_is_cut_and_keeps_no_secret(body: Any) -> None:
    for event in events_in(body, PUSH):
        clean, _ = redacted(event, PUSH)
        producer_id(clean, ["id", "RESPONSE.id"])
        assert redacted(clean, PUSH) == (clean, False)
        if isinstance(clean, dict):
            assert clean.get("apikey") in (None, "", REDACTED)
