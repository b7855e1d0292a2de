"""What a body says. In: bytes and their content type. Out: decoded documents, one or one a line, or a Refusal.

| content type | read as |
|---|---|
| `application/json`, `…+json` | one JSON document |
| `application/x-ndjson`, `application/jsonlines`, … | one JSON document a line |
| `application/x-www-form-urlencoded` | one object; one that starts with `{` or `[` as the last row says |
| `multipart/form-data` | the same, of text parts alone |
| none, `text/plain`, `application/octet-stream` | JSON, one a line if the first line is one by itself; else a form |

All of it is in the charset that is named, or else in UTF-8 if it can be read so; see `charset`. Nearly everything is
UTF-8, and is read as it came; only what cannot be read so is looked at again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from pipeline.ingress.charset import extends_ascii, in_utf8, shown_by
from pipeline.ingress.content import content_of
from pipeline.ingress.form import Fields, event_of, fields_of, urlencoded
from pipeline.ingress.labels import UTF8, UTF_8, Charset
from pipeline.ingress.lines import are_lines, json_lines
from pipeline.ingress.looks import BLANK, begins_json, is_markup, looks_like
from pipeline.ingress.parts import multipart_fields
from pipeline.ingress.plain_form import form_in
from pipeline.ingress.refusal import Refusal, malformed, unsupported
from pipeline.ingress.strict_json import is_json, json_of

Read = Callable[[bytes], "list[Document]"]

# What a signature of the sender that was checked is over: nothing, the bytes of the body, or the fields of a form.
Signed = Literal["nothing", "bytes", "fields"]


class Document(NamedTuple):
    """One decoded document, its line where each line is one (from 1), and notes on how its body was read."""

    value: Any
    line: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def where(self) -> dict[str, int]:
        return {} if self.line is None else {"line": self.line}


def documents(
    body: bytes, content_type: str, form_field: str | None, most: int, signed: Signed = "nothing"
) -> list[Document]:
    """The documents of a body that is not blank; raises Refusal. `form_field` names a form field that holds JSON.

    What is `signed` means what its sender meant, whatever was changed around it: a header that anybody could change
    makes nothing else of what is UTF-8, and of signed fields no sign is read otherwise than it was signed.
    """
    content = content_of(content_type)
    if content.is_usual:
        try:
            return [Document(json_of(body))]
        except Refusal as refusal:
            return _otherwise(body, content.charset, _one, refusal)
    charset = content.charset if signed == "nothing" else content.charset.after_utf8()
    match content.kind:
        case "json":
            return _in_charset(body, charset, _one)
        case "lines":
            return _in_charset(body, charset, lambda text: _lines(text, most))
        case "multipart":
            return [_event(multipart_fields(body, content.boundary, charset), form_field)]
    return _form_or_json(body, content.kind == "form", charset, form_field, most, literal=signed == "fields")


def is_blank(body: bytes) -> bool:
    """Whether there is nothing in it: a verification ping."""
    return not body or not body.strip(BLANK)


def _form_or_json(
    body: bytes, is_form: bool, charset: Charset, form_field: str | None, most: int, *, literal: bool
) -> list[Document]:
    """What may be either. `is_form`: it says that it is a form. `literal`: as of `urlencoded`."""
    looks_json = begins_json(body)
    if not looks_json:
        body, charset = _legible(body, charset)
        looks_json = begins_json(body)
    if looks_json:
        return _in_charset(body, charset, lambda text: _lines(text, most) if are_lines(text) else _one(text))
    if is_markup(body):
        raise unsupported("the body is XML or HTML, which is not taken; send JSON or a form")
    if not is_form and is_json(body):
        return _one(body)
    pairs = urlencoded(body, literal=literal) if is_form else form_in(body)
    if pairs is None:
        wanted = "a JSON object {…}, a list […] of them, one object a line, or a form, name=value&…"
        raise malformed("Neither JSON nor a form", f"expected {wanted}; got {looks_like(body)}")
    return [_event(fields_of(pairs, charset), form_field)]


def _in_charset(body: bytes, charset: Charset, read: Read) -> list[Document]:
    """What `read` makes of a body in UTF-8. It is not looked at for its charset if it can be read as it came."""
    if charset.codecs[0] == UTF_8:
        try:
            return read(body)
        except Refusal as refusal:
            return _otherwise(body, charset, read, refusal)
    utf8, notes = in_utf8(body, charset)
    return _noted(read(utf8), notes)


def _otherwise(body: bytes, charset: Charset, read: Read, refusal: Refusal) -> list[Document]:
    """What `read` makes of a body that it refused as it came; the same refusal, if that was not for its charset."""
    utf8, notes = in_utf8(body, charset)
    if utf8 is body or (notes and not begins_json(utf8)):
        raise refusal
    return _noted(read(utf8), notes)


def _noted(documents: list[Document], notes: tuple[str, ...]) -> list[Document]:
    return [document._replace(notes=notes) for document in documents]


def _legible(body: bytes, charset: Charset) -> tuple[bytes, Charset]:
    """The body and its charset, both UTF-8 if the signs of a form cannot be seen in it as it came."""
    if shown_by(body, charset) is not charset:
        return in_utf8(body, charset)[0], UTF8
    if not extends_ascii(charset.codecs[0]):
        # such as UTF-16; a form that is ASCII all the same was escaped from UTF-8 (WHATWG Encoding standard §4.3)
        as_named = b"\0" in body or b"=" not in body
        return (in_utf8(body, charset)[0] if as_named else body), UTF8
    if b"\x1b" in body and charset.label:  # ISO 2022: behind this sign, ASCII is none
        return in_utf8(body, charset)[0], UTF8
    return body, charset


def _event(fields: Fields, form_field: str | None) -> Document:
    return Document(event_of(fields, form_field), None, fields.notes)


def _one(text: bytes) -> list[Document]:
    return [Document(json_of(text))]


def _lines(text: bytes, most: int) -> list[Document]:
    return [Document(value, line) for value, line in json_lines(text, most)]
