"""Event ids: by what the body calls itself and says, else by the request's key; the same in every process; else new."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from multidict import CIMultiDict

from pipeline.ingress.identity import claimed_key, event_id, ids_of, key_of, names_request
from pipeline.ingress.refusal import Refusal
from pipeline.store.ids import thing_of
from tests.support.guarding import GITHUB, HEADER, HOOKS, TIMED, guarded
from tests.support.ingress import connector

WITH_PATH = connector(door={"id": ["call.id"]})


def ids(key: str | None, *events: Any) -> list[str]:
    return ids_of(WITH_PATH, key, events, events)


def test_the_body_names_the_thing_and_a_number_is_its_digits() -> None:
    one, other = {"call": {"id": 5}}, {"call": {"id": "5"}}
    assert ids(None, one, other) == [event_id(1, 7, "5", one), event_id(1, 7, "5", other)]
    assert len({thing_of(id) for id in ids(None, one, other)}) == 1


def test_the_same_again_is_the_same_event_and_more_to_say_a_later_version() -> None:
    first, again, more = ids(None, {"call": {"id": 5}, "a": 1}, {"a": 1, "call": {"id": 5}}, {"call": {"id": 5}})
    assert first == again != more
    assert thing_of(first) == thing_of(more)


def test_a_header_names_events_only_where_the_body_names_nothing() -> None:
    named, nameless = {"call": {"id": 5}}, {"a": 1}
    assert ids("k", named) == ids(None, named)
    assert ids("k", nameless) == [event_id(1, 7, "k", nameless)]
    assert ids("k", named, nameless) == [*ids(None, named), event_id(1, 7, "k/1", nameless)]


def test_several_events_under_one_key_are_told_apart_by_their_index() -> None:
    assert ids("k1", {}, {}) == [event_id(1, 7, "k1/0", {}), event_id(1, 7, "k1/1", {})]


def test_another_content_under_a_key_has_an_id_of_its_own() -> None:
    one, other = ids("k", {"a": 1}) + ids("k", {"a": 2})
    assert one != other and thing_of(one) == thing_of(other)


def test_the_id_is_told_by_what_is_kept_and_not_by_a_secret() -> None:
    sent = [{"call": {"id": 5}, "password": secret} for secret in ("one", "two")]
    kept = [{"call": {"id": 5}, "password": "[redacted]"}] * 2
    assert len(set(ids_of(WITH_PATH, None, sent, kept))) == 1


@pytest.mark.parametrize("event", [{}, {"call": {"id": ""}}, {"call": {"id": None}}, {"call": 3}, []])
def test_without_a_key_the_id_is_new_and_ordered_by_time(event: object) -> None:
    first, second = ids(None, event, event)
    assert first != second
    assert UUID(first).version == UUID(second).version == 7


def test_accounts_and_connectors_do_not_share_ids() -> None:
    origins = ((1, 7, "k"), (1, 8, "k"), (2, 7, "k"), (1, 7, "K"))
    assert len({event_id(*origin, {}) for origin in origins}) == 4


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
    assert event_id(1, 7, "\udcff", {}) != event_id(1, 7, "\udcfe", {})


@pytest.mark.parametrize(
    ("auth", "header", "names"),
    [
        (None, "Idempotency-Key", True),
        (None, "webhook-id", True),
        (None, "svix-id", True),
        (None, "X-GitHub-Delivery", False),
        (None, "X-Request-Id", False),
        (GITHUB, "X-GitHub-Delivery", True),
        (HOOKS, "webhook-id", True),
        (TIMED, "X-Time", False),
        (HEADER, "X-Api-Key", False),
    ],
)
def test_which_headers_name_a_request(auth: dict[str, Any] | None, header: str, names: bool) -> None:
    one = connector() if auth is None else guarded(auth)
    assert names_request(one, CIMultiDict({header.lower(): "x"})) is names


def test_of_a_signed_request_only_what_the_signature_vouches_for_is_its_key() -> None:
    headers = {"Idempotency-Key": "k"}
    assert claimed_key(headers, None) == "k"
    assert claimed_key(headers, "msg_1") == "msg_1"
    assert claimed_key(headers, "sha256:" + "0" * 64) is None  # it cannot come with another content
    assert claimed_key({"Idempotency-Key": " " * 300}, "msg_1") == "msg_1"
    assert claimed_key({}, None) is None
