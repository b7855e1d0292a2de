"""What a body says. In: bytes and their content type. Out: decoded documents, one or one a line, or a Refusal.

| content type | read as |
|---|---|
| `application/json`, `…+json` | one JSON document |
| `application/x-ndjson`, `application/jsonlines`, … | one JSON document a line |
| `application/x-www-form-urlencoded` | one object; a body that starts with `{` or `[` is read as the next row says |
| none, `text/plain`, `application/octet-stream` | JSON; one document a line if the first line is one by itself |

JSON is RFC 8259 in UTF-8, a byte order mark before it is skipped. NaN and infinite numbers, lone surrogates, integers
that do not fit 64 bits and nesting beyond 64 levels are refused: each would change, or break, on its further way. So
are documents of so many values that reading them would hold everybody else up.
Of members with one name, the last counts.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

import orjson

from pipeline.ingress.refusal import Refusal, malformed, too_large, unsupported

DEEPEST = 64
CONTAINERS, VALUES = 300_000, 600_000  # in one document, about: reading more of them would hold everybody else up
FORM_FIELDS = 1_000
LINES = frozenset(
    {
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonlines",
        "application/x-jsonlines",
        "application/jsonl",
    }
)
FORM = "application/x-www-form-urlencoded"
PLAIN_JSON = frozenset({"application/json", "text/json"})
UNSAID = frozenset({"", "text/plain", "application/octet-stream"})
UTF8 = frozenset({"", "utf-8", "utf8", "us-ascii", "ascii"})

_HOLDERS: Final = frozenset((dict, list))
_BLANK = b" \t\r\n"
_LINE = re.compile(rb"[^ \t\r\n][^\n]*")
_DIGITS_TO_0 = bytes.maketrans(b"123456789", b"000000000")
_LONG_DIGITS = b"0" * 19  # the fewest digits of an integer that may not fit 64 bits
_SMALLEST, _GREATEST = -(2**63), 2**64 - 1


class Document(NamedTuple):
    """One decoded document, and its line where each line is one (from 1)."""

    value: Any
    line: int | None = None

    @property
    def where(self) -> dict[str, int]:
        return {} if self.line is None else {"line": self.line}


def documents(body: bytes, content_type: str, form_field: str | None, most: int) -> list[Document]:
    """The documents of a body that is not blank; raises Refusal. `form_field` names a form field that holds JSON."""
    media = _media_type(content_type)
    body = body.removeprefix(codecs.BOM_UTF8)
    if media in PLAIN_JSON or media.endswith("+json"):
        return [Document(_json(body))]
    if media in LINES:
        return _lines(body, most)
    if media == FORM and body.lstrip(_BLANK)[:1] not in (b"{", b"["):
        return [Document(_form(body, form_field))]
    if (media in UNSAID or media == FORM) and _is_lines(body):
        return _lines(body, most)
    if media in UNSAID or media == FORM:
        return [Document(_json(body))]
    raise unsupported(f"content type {media!r} is not taken; send application/json, application/x-ndjson or {FORM}")


def is_blank(body: bytes) -> bool:
    """Whether there is nothing in it: a verification ping."""
    return not body or not body.strip(_BLANK)


@lru_cache(maxsize=100)
def _media_type(content_type: str) -> str:
    media, *parameters = content_type.split(";")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip(" \t\"'").lower() not in UTF8:
            raise unsupported(f"charset {value.strip()!r} is not taken; send UTF-8")
    return media.strip().lower()


def _lines(body: bytes, most: int) -> list[Document]:
    found: list[Document] = []
    for number, line in _numbered(body):
        if len(found) == most:
            raise too_large(f"more than {most} events in one request", line=number)
        try:
            found.append(Document(_json(line), number))
        except Refusal as refusal:
            raise malformed(refusal.title, f"line {number}: {refusal.detail}", line=number) from None
    return found


def _numbered(body: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, found one by one: a body may be ten million line ends."""
    number, counted = 1, 0
    for line in _LINE.finditer(body):
        number += body.count(b"\n", counted, line.start())
        counted = line.start()
        yield number, line.group()


def _is_lines(body: bytes) -> bool:
    """Whether the first line is a document by itself and others follow; a document set over lines is not."""
    first, _, rest = body.strip(_BLANK).partition(b"\n")
    if is_blank(rest):
        return False
    try:
        return isinstance(orjson.loads(first), dict | list)
    except orjson.JSONDecodeError:
        return False


def _json(text: bytes) -> Any:
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


def _told(text: bytes, error: orjson.JSONDecodeError) -> str:
    if text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "the body is UTF-16; send UTF-8"
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


def _form(body: bytes, form_field: str | None) -> Any:
    try:
        text = body.decode()
        if "=" not in text:
            raise ValueError("it has no field")
        pairs = parse_qsl(text.strip(), keep_blank_values=True, errors="strict", max_num_fields=FORM_FIELDS)
    except ValueError as error:  # UnicodeDecodeError is one
        raise malformed("Malformed form", f"the body is not a form in UTF-8: {_form_problem(error)}") from None
    form: dict[str, Any] = {}
    for name, value in pairs:
        if name not in form:
            form[name] = value
        elif isinstance(form[name], list):
            form[name].append(value)
        else:
            form[name] = [form[name], value]
    return _json_in(form, form_field) if form_field in form else form


def _form_problem(error: ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start}: {error.reason}"
    return str(error)


def _json_in(form: dict[str, Any], name: str | None) -> Any:
    text = form[str(name)]
    if not isinstance(text, str):
        raise malformed("Malformed form", f"field {name!r} is there more than once", field=str(name))
    try:
        return _json(text.encode())
    except Refusal as refusal:
        raise malformed(refusal.title, f"field {name!r}: {refusal.detail}", field=str(name)) from None
