"""The source's document, cleaned. In: one event as JSON text. Out: plain members, no wrapping, no hostile character.

Nothing here knows a field; the types of values come after (`schemas.reader`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from schemas.beside import joined
from schemas.cutting import DEEPEST, PAIR_VALUE, is_pairs, pair_name
from schemas.normal.path import ROOT, is_blank
from schemas.normal.text import percent_decoded, storable
from schemas.normal.values import ValueRejected
from schemas.preset import Source

Clean = Callable[[str], str]

NOTHING: dict[str, Any] = {}
ESCAPED_NUL = "\\u0000"  # the one way to write a NUL in JSON; without it there is none to look for


def document_of(raw: str, source: Source) -> dict[str, Any]:
    """The event's members as the preset's `Source` says to find them; raises ValueRejected if it has none.

    Texts are decoded, trimmed and freed of what PostgreSQL cannot store. Absent, blank and value stay what they are.
    """
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise ValueRejected("event", raw, "an event must be JSON") from None
    if ESCAPED_NUL in raw:
        document = _without_nul(document, DEEPEST)
    if ROOT in source.pairs and is_pairs(document):
        document = _members(document)
    if not isinstance(document, dict):
        raise ValueRejected("event", raw, "an event must be a JSON object")
    document, others = _unwrapped(document, source.unwrap) if source.unwrap else (document, NOTHING)
    clean = _decoded if source.percent_decode else str.strip
    _clean(document, clean, DEEPEST)
    if source.pairs:
        document = _with_pairs(document, source.pairs)
    for name in source.objects:
        if is_pairs(pairs := document.get(name)):
            document[name] = _members(pairs)
    return _with_others(document, others, source, clean) if others else document


def _decoded(text: str) -> str:
    return storable(percent_decoded(text)).strip() if "%" in text else text.strip()


def _clean(holder: Any, clean: Clean, levels: int) -> None:
    """Clean the texts in an object or a list, in place: it was parsed just now and is nobody else's."""
    _check(levels)
    for name, member in holder.items() if isinstance(holder, dict) else enumerate(holder):
        if type(member) is str:
            text = clean(member)
            if text is not member:
                holder[name] = text
        elif type(member) is dict or type(member) is list:
            _clean(member, clean, levels - 1)


def _without_nul(value: Any, levels: int) -> Any:
    """The value without NUL in any text or name. Lone surrogates cannot be here: the JSON parser refuses them."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        _check(levels)
        return {storable(name): _without_nul(member, levels - 1) for name, member in value.items()}
    if isinstance(value, list):
        _check(levels)
        return [_without_nul(member, levels - 1) for member in value]
    return value


def _check(levels: int) -> None:
    if levels <= 0:
        raise ValueRejected("event", "…", f"an event must not be nested deeper than {DEEPEST} levels")


def _unwrapped(document: dict[str, Any], names: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The event, and the members that stand beside it."""
    for name in names:
        if isinstance(inner := document.get(name), dict):
            return inner, {member: value for member, value in document.items() if member != name}
    return document, NOTHING


def _with_others(document: dict[str, Any], others: dict[str, Any], source: Source, clean: Clean) -> dict[str, Any]:
    """The event with what stands beside it. Pairs there become an object: they are no members of the event."""
    _clean(others, clean, DEEPEST)
    apart = {name: _members(value) for name, value in others.items() if _is_listed(name, source) and is_pairs(value)}
    whole: dict[str, Any] = joined(document, {**others, **apart})
    return whole


def _is_listed(name: str, source: Source) -> bool:
    return name in source.pairs or name in source.objects


def _with_pairs(document: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """The lists of pairs under these names become members; a pair that says something goes before a member."""
    lists = [name for name in names if is_pairs(document.get(name))]
    if not lists:
        return document
    members = {name: value for name, value in document.items() if name not in lists}
    for name in lists:
        for member, value in _members(document[name]).items():
            if is_blank(members.get(member)) or not is_blank(value):
                members[member] = value
    return members


def _members(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    """Pairs as members. Of several pairs of one name the last that says something counts (vendor-facts §2.2)."""
    members: dict[str, Any] = {}
    for pair in pairs:
        name = str(pair_name(pair))
        if name not in members or not is_blank(pair[PAIR_VALUE]):
            members[name] = pair[PAIR_VALUE]
    return members
