"""Paths: what is found where, and that absent is not blank."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.normal.path import ABSENT, can_be_in, find, finder, is_absent, is_blank, place

DOCUMENT: dict[str, Any] = {
    "name": "Asha",
    "blank": "",
    "null": None,
    "agent": {"name": "Ravi", "phone.number": "98"},
    "agent.email": "ravi@example.com",
    "legs": [{"to": "1"}, {"to": "2"}],
    "0": "zero",
    "customer_no_with_prefix ": "+91",
    "a": {"b": {"x": 1}},
    "a.b": {"y": 2},
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", "Asha"),
        ("blank", ""),
        ("null", None),
        ("agent.name", "Ravi"),
        ("agent.phone.number", "98"),
        ("agent.email", "ravi@example.com"),
        ("legs.0.to", "1"),
        ("legs.1.to", "2"),
        ("0", "zero"),
        ("customer_no_with_prefix ", "+91"),
        ("a.b.y", 2),
        ("a.b.x", 1),
        ("$", DOCUMENT),
    ],
)
def test_finds(path: str, value: Any) -> None:
    assert find(DOCUMENT, path) == value


@pytest.mark.parametrize(
    "path",
    ["", "missing", "name.first", "legs.2.to", "legs.-1", "legs.99999999999999999999", "agent.", ".name", "$.name"],
)
def test_what_is_not_there_is_absent(path: str) -> None:
    assert is_absent(find(DOCUMENT, path))


@pytest.mark.parametrize("document", [None, 1, "text", [], True, [1, 2]])
def test_a_document_that_is_no_object_has_no_members(document: Any) -> None:
    assert find(document, "name") is ABSENT


@pytest.mark.parametrize("value", ["", " ", "\t\r\n", None, [], {}])
def test_blank(value: Any) -> None:
    assert is_blank(value)


@pytest.mark.parametrize("value", [0, False, "0", 0.0, [None], ABSENT, {"a": None}])
def test_not_blank(value: Any) -> None:
    assert not is_blank(value)


def test_place_puts_a_value_where_find_finds_it() -> None:
    document = {"a": {"b": 1}, "x.y": 2, "list": [1, 2], "gone": 3}
    place(document, "a.b", "one")
    place(document, "x.y", "two")
    place(document, "list.1", "three")
    place(document, "gone", ABSENT)
    place(document, "list.0", ABSENT)
    place(document, "nowhere.at.all", "lost")
    assert document == {"a": {"b": "one"}, "x.y": "two", "list": [None, "three"]}


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "a.b", "0", "1"]), inner),
    max_leaves=20,
)


@given(json, st.lists(st.sampled_from(["a", "b", "a.b", "0", "1", "", "$"]), min_size=1, max_size=4))
def test_any_path_into_any_document_gives_a_value_or_absent(document: Any, parts: list[str]) -> None:
    path = ".".join(parts)
    found = finder(path)(document)
    if not is_absent(found) and path != "$":
        place(document, path, "put here")
        assert find(document, path) == "put here"


parts = st.lists(st.sampled_from(["a", "b", "0", "", "$"]), min_size=1, max_size=4).map(".".join)


@given(st.dictionaries(parts, json), parts)
def test_what_is_found_could_be_there_by_the_names_of_the_members_alone(document: dict[str, Any], path: str) -> None:
    if not can_be_in(path, document.keys()):
        assert find(document, path) is ABSENT


def test_a_path_that_begins_with_no_member_cannot_be_there() -> None:
    assert not can_be_in("agent.name", {"name", "agent name", "agent.names"})
    assert can_be_in("agent.name", {"agent"}) and can_be_in("agent.name", {"agent.name"})
    assert can_be_in("$", set())
