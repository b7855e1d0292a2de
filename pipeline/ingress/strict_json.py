"""JSON that stays what it is. In: UTF-8. Out: the decoded document, or a Refusal.

RFC 8259. NaN and infinite numbers, lone surrogates, integers that do not fit 64 bits and nesting beyond 64 levels are
refused: each would change, or break, on its further way. So are documents of so many values that reading them would
hold everybody else up. Of members with one name, the last counts.
"""

from __future__ import annotations

import json
from itertools import chain
from typing import Any, Final

import orjson

from pipeline.ingress.looks import begins_json, looks_like
from pipeline.ingress.refusal import malformed, too_large

DEEPEST = 64
CONTAINERS, VALUES = 300_000, 600_000  # in one document, about: reading more of them would hold everybody else up

_HOLDERS: Final = frozenset((dict, list))
_DIGITS_TO_0 = bytes.maketrans(b"123456789", b"000000000")
_LONG_DIGITS = b"0" * 19  # the fewest digits of an integer that may not fit 64 bits
_SMALLEST, _GREATEST = -(2**63), 2**64 - 1


def json_of(text: bytes) -> Any:
    """The document that a text is; raises Refusal."""
    containers = text.count(b"{") + text.count(b"[")
    if len(text) > CONTAINERS and (containers > CONTAINERS or text.count(b",") > VALUES):
        raise too_large(f"more than {CONTAINERS} objects and lists, or {VALUES} values, in one JSON document")
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise malformed("Malformed JSON", _told(text, error)) from None
    if containers > DEEPEST and _is_too_deep(value):
        raise malformed("Too deep", f"the JSON is nested deeper than {DEEPEST} levels")
    if _may_hold_vast_integer(text) and _has_vast_float(value):
        _check_integers(text)
    return value


def is_json(text: bytes) -> bool:
    """Whether it is a JSON document, of any kind."""
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _told(text: bytes, error: orjson.JSONDecodeError) -> str:
    if not begins_json(text):
        return f"expected an object {{…}} or a list […] in JSON, and got {looks_like(text)}"
    hint = "; send one document a line as application/x-ndjson" if "after document" in error.msg else ""
    return f"{error}{hint}"


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        members = chain.from_iterable(map(_members, level))
        level = [member for member in members if type(member) in _HOLDERS]
        if not level:
            return False
    return True


def _may_hold_vast_integer(text: bytes) -> bool:
    """Whether a long run of digits stands where a number may. It must cost little: long ids in texts are common."""
    zeroed = text.translate(_DIGITS_TO_0)
    at = zeroed.find(_LONG_DIGITS)
    while at >= 0:
        before = text[max(0, at - 20) : at].rstrip(b"- \t\r\n")
        if not before or before[-1] in b":,[":
            return True
        at = zeroed.find(_LONG_DIGITS, at + len(_LONG_DIGITS))
    return False


def _has_vast_float(value: Any) -> bool:
    """Whether a number that was perhaps written as an integer has become a float on reading."""
    ahead = [value]
    while ahead:
        value = ahead.pop()
        if type(value) in _HOLDERS:
            ahead.extend(_members(value))
        elif isinstance(value, float) and abs(value) >= -_SMALLEST:
            return True
    return False


def _members(value: Any) -> Any:
    if type(value) is dict:
        return value.values()
    return value if type(value) is list else ()


def _check_integers(text: bytes) -> None:
    """Read once more with the standard library, which sees integers as they are written."""
    json.loads(text.decode(), parse_int=_fitting)


def _fitting(digits: str) -> int:
    if len(digits) > 20 or not _SMALLEST <= int(digits) <= _GREATEST:
        shown = digits if len(digits) <= 40 else f"{digits[:40]}…"
        raise malformed("Integer too large", f"{shown} does not fit 64 bits and would lose digits; send it as a text")
    return int(digits)
