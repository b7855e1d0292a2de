"""Forms. In: `name=value&…` in bytes, and its charset. Out: the form's fields, or the document that one of them holds.

`application/x-www-form-urlencoded` (WHATWG URL standard §5), and what every other way of sending a form ends as. The
fields are read in one charset: the one that the content type names, else the one that a browser puts into a field
called `_charset_` (HTML standard §4.10.21.5), else UTF-8 or Windows-1252 for all of them.
"""

from __future__ import annotations

import re
from binascii import a2b_qp
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

from pipeline.ingress.charset import read
from pipeline.ingress.labels import Charset, named
from pipeline.ingress.looks import BLANK, looks_like
from pipeline.ingress.refusal import Refusal, malformed
from pipeline.ingress.strict_json import json_of

FORM_FIELDS = 1_000

Pairs = list[tuple[bytes, bytes]]

# A value that begins like a phone number keeps a plus that was not escaped: a blank before a number says nothing. What
# may stand before the plus are the signs that people set around numbers, escaped or not, and other pluses.
_NUMBER: Final = re.compile(
    rb"((?:^|&)[^&=]*=)"
    rb"((?:(?:tel|sms|p|whatsapp|callto)(?::|%3A))?(?:\+|\(|%20|%28){0,8}\+(?:\(|%28)?[0-9][^&]{0,200})(?=&|$)",
    re.IGNORECASE,
)
_PLUS: Final = re.compile(rb"(?:^|(?<=[+(,;/:])|(?<=%2[08CF])|(?<=%3[AB]))\+(?=(?:\(|%28)?[0-9])", re.IGNORECASE)
_DIGIT: Final = re.compile(rb"\+(?:\(|%28)?[0-9]")  # without which there is nothing to look for
_NO_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class Fields(NamedTuple):
    """The fields of a form in its order, and notes."""

    pairs: list[tuple[str, str]]
    notes: tuple[str, ...] = ()


def urlencoded(body: bytes, *, literal: bool = False) -> Pairs:
    """Names and values of a body, unescaped; raises Refusal. `literal`: every `+` is a blank, whatever it begins."""
    if b"=" not in body:
        raise malformed("Malformed form", f"expected a form, name=value&…, and got {looks_like(body)}")
    body = body.strip(BLANK)
    if body.count(b"&") >= FORM_FIELDS:
        raise malformed("Malformed form", f"the form has more than {FORM_FIELDS} fields")
    if b"+" in body:
        numbers = not literal and _DIGIT.search(body)
        body = (_NUMBER.sub(_with_plus, body) if numbers else body).replace(b"+", b" ")
    return [_parted(field) for field in body.split(b"&") if field]


def fields_of(pairs: Pairs, charset: Charset) -> Fields:
    """The fields as text; raises Refusal."""
    pieces = list(chain.from_iterable(pairs))
    texts, _, notes = read(pieces, said_inside(pairs, charset), lambda index: _place(pieces, index))
    return Fields(list(zip(texts[::2], texts[1::2], strict=True)), notes)


def said_inside(pairs: Pairs, charset: Charset) -> Charset:
    """The charset of a form: the one that was named, else the one that its field `_charset_` names. Raises Refusal."""
    if charset.label:
        return charset
    label = next((value for name, value in pairs if name == b"_charset_"), b"")
    return named(label.decode("latin-1")) if label else charset


def event_of(fields: Fields, form_field: str | None) -> Any:
    """The fields as one object, those of one name as a list; or the document in the named field, if it is there."""
    form: dict[str, Any] = {}
    for name, value in fields.pairs:
        if name not in form:
            form[name] = value
        elif isinstance(form[name], list):
            form[name].append(value)
        else:
            form[name] = [form[name], value]
    return _json_in(form, form_field) if form_field in form else form


def unescaped(text: bytes) -> bytes:
    """The text with its percent escapes undone, and a `%` that begins none left as it is.

    What `urllib.parse.unquote_to_bytes` does, by the C code for quoted-printable, which differs in its sign alone: ten
    megabytes of escapes would else hold everybody else up for seconds, in three quarters of a gigabyte.
    """
    return a2b_qp(_NO_ESCAPE.sub(b"%25", text).replace(b"=", b"%3D").replace(b"%", b"="))


def _parted(field: bytes) -> tuple[bytes, bytes]:
    name, _, value = field.partition(b"=")
    return unescaped(name) if b"%" in name else name, unescaped(value) if b"%" in value else value


def _with_plus(field: re.Match[bytes]) -> bytes:
    """The field, with those pluses of its value escaped that were meant as pluses."""
    name, number = field.groups()
    return bytes(name + _PLUS.sub(b"%2B", number))


def _place(pieces: Sequence[bytes], index: int) -> str:
    name = pieces[index - index % 2].decode("utf-8", "replace")
    return f"the value of field {name[:100]!r}" if index % 2 else f"the name of field {name[:100]!r}"


def _json_in(form: dict[str, Any], name: str | None) -> Any:
    text = form[str(name)]
    if not isinstance(text, str):
        raise malformed("Malformed form", f"field {name!r} is there more than once", field=str(name))
    try:
        return json_of(text.encode())
    except Refusal as refusal:
        raise malformed(refusal.title, f"field {name!r}: {refusal.detail}", field=str(name)) from None
