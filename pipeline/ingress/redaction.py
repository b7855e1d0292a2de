"""What may be kept of a body that was refused. In: its bytes as they came. Out: them without secrets, or why not.

Where the body is JSON, one document a line, or a form, the values of members with a secret's name are replaced, as the
door does with events; see `schemas.cutting`. In what cannot be read so they are found by how they are written; see
`pipeline.ingress.secret_text`. A body without the name of any secret stays as it came, to the byte. Nobody can look
into compressed data, so it is not kept; and of other binary data only what has no such name in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import quote_plus, unquote_plus

from multipart import parse_options_header

from pipeline.ingress.charset import in_utf8, shown_by
from pipeline.ingress.content import FORM, UNSAID
from pipeline.ingress.labels import UNNAMED, Charset, named
from pipeline.ingress.refusal import Refusal
from pipeline.ingress.secret_text import names_in, without_values
from schemas.cutting import REDACTED, plain, redacted, secret_names
from schemas.preset import Door

Reason = Literal["compressed", "secret"]

_PACKED: Final = (
    *(b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"),  # gzip, zlib
    *(b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ", b"BZh", b"7z\xbc\xaf", b"Rar!", b"\x04\x22\x4d\x18"),
    b"%PDF-",  # whose text is compressed
)
_CONTROLS: Final = re.compile("[\x00-\x08\x0e-\x1f]")
_WIDE: Final = ("utf-16", "utf-32")
_MARK: Final = "\ufeff"


class Clean(NamedTuple):
    """What may be kept: the body, whether secrets were taken out of it, and, where there is no body, why."""

    body: bytes | None
    changed: bool = False
    why: Reason | None = None


class _Doubtful(Exception):
    """There may be secrets in it that cannot be told from the rest."""


def cleaned(body: bytes, content_type: str, door: Door) -> Clean:
    """The body without its secrets, as far as it can be looked into."""
    media, charset = _said(content_type)
    shown = shown_by(body, charset).codecs[0]
    plainly = "utf-8" if _decoded(body, "utf-8") is not None else "latin-1"
    is_wide = shown.startswith(_WIDE) and _decoded(body, shown) is not None
    if not is_wide and _is_binary(body, plainly):
        return _binary(body, door)
    clean = body
    try:
        said = charset.codecs if charset.label else ()  # what nobody named is read as plainly as it can be
        for codec in dict.fromkeys((shown,) if is_wide else (*said, plainly)):
            text = _decoded(clean, codec)
            if text is not None and (without := _without_secrets(text, media, door)) != text:
                clean = without.encode(codec, "surrogatepass" if codec.startswith("utf") else "strict")
    except (_Doubtful, UnicodeError):  # or the charset has no brackets to put in a secret's place
        return Clean(None, why="secret")
    return Clean(clean, clean != body)


def clean_text(text: str, door: Door) -> str:
    """A short text, such as why something was refused, without secrets; of a doubtful one nothing."""
    clean, doubtful = without_values(text, secret_names(tuple(door.redact)))
    return REDACTED if doubtful else clean


def text_of(body: bytes, content_type: str) -> str | None:
    """What a kept body says, to be looked at; None: it is no text."""
    _, charset = _said(content_type)
    for each in (charset, UNNAMED):  # it may not be what it was said to be
        try:
            text = in_utf8(body, each)[0].decode()
        except Refusal:
            continue
        return None if _CONTROLS.search(text) else text
    return None


def _said(content_type: str) -> tuple[str, Charset]:
    """Media type and charset; of a charset that is not known here nothing."""
    media, options = parse_options_header(content_type)
    try:
        return media.lower(), named(options.get("charset", ""))
    except Refusal:
        return media.lower(), UNNAMED


def _decoded(body: bytes, codec: str) -> str | None:
    """The body in this codec, if it is written in it: what is written back is the same."""
    try:
        text = body.decode(codec)
        return text if text.encode(codec) == body else None
    except UnicodeError:
        return None


def _is_binary(body: bytes, codec: str) -> bool:
    packed = codec == "latin-1" and body.startswith(_PACKED)
    return packed or _CONTROLS.search(body.decode(codec)) is not None


def _binary(body: bytes, door: Door) -> Clean:
    if body.startswith(_PACKED):
        return Clean(None, why="compressed")
    text = body.decode("latin-1").replace("\0", "")  # of wide characters their first halves
    return Clean(None, why="secret") if names_in(text, secret_names(tuple(door.redact))) else Clean(body)


def _without_secrets(text: str, media: str, door: Door) -> str:
    names = secret_names(tuple(door.redact))
    if not names_in(text, names):
        return text
    mark = _MARK if text.startswith(_MARK) else ""
    text = text.removeprefix(mark)
    try:
        return mark + _document(text, names, door)
    except (ValueError, RecursionError):
        pass  # it is not one JSON document, or is nested too deep for what looks through it
    if media == FORM or (media in UNSAID and "\n" not in text.strip()):  # a form as plain text has a line a field
        text = _form(text, names, door)
    return mark + _unread(_lines(text, names, door), names)


def _unread(text: str, names: Iterable[str]) -> str:
    """The text without secrets, whatever it is. Raises _Doubtful."""
    clean, doubtful = without_values(text, names)
    if doubtful:
        raise _Doubtful
    return clean


def _document(text: str, names: Iterable[str], door: Door) -> str:
    """JSON without secrets, written anew if it had any. ValueError, RecursionError: it cannot be read."""
    repeats = False

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeats
        found = dict(pairs)
        repeats = repeats or len(found) < len(pairs)  # what a later member of the same name hides may be a secret
        return found

    value = json.loads(text, object_pairs_hook=members)
    clean = _texts(redacted(value, door)[0], names, door)
    return text if clean == value and not repeats else json.dumps(clean, ensure_ascii=False, separators=(",", ":"))


def _texts(value: Any, names: Iterable[str], door: Door) -> Any:
    """The value, its texts and names without the secrets that are written in them."""
    if isinstance(value, str):
        return _inside(value, names, door)
    if isinstance(value, dict):
        return {_inside(name, names, door): _texts(member, names, door) for name, member in value.items()}
    if isinstance(value, list):
        return [_texts(member, names, door) for member in value]
    return value


def _inside(text: str, names: Iterable[str], door: Door) -> str:
    """A text, which may be a document itself."""
    if not names_in(text, names):
        return text
    if text.lstrip()[:1] not in ("{", "[", '"'):
        return without_values(text, names, prose=True)[0]
    try:
        return _document(text, names, door)
    except (ValueError, RecursionError):
        return _unread(text, names)


def _lines(text: str, names: Iterable[str], door: Door) -> str:
    """The text, those of its lines that are documents without secrets."""
    lines = text.split("\n")
    if len(lines) == 1:
        return text
    for at, line in enumerate(lines):
        if line.lstrip()[:1] in ("{", "["):
            try:
                lines[at] = _document(line, names, door)
            except (ValueError, RecursionError):
                continue  # what is broken is looked at as a whole
    return "\n".join(lines)


def _form(text: str, names: frozenset[str], door: Door) -> str:
    """The fields of a form, if this is one, without secrets."""
    if "=" not in text or text.lstrip()[:1] in ("{", "[", "<"):
        return text
    return "&".join(_field(piece, names, door) for piece in text.split("&"))


def _field(piece: str, names: frozenset[str], door: Door) -> str:
    name, sign, value = piece.partition("=")
    if not sign or not value:
        return piece
    if plain(unquote_plus(name)) in names:
        return f"{name}={REDACTED}"
    said = unquote_plus(value)
    if not names_in(said, names):
        return piece
    clean = _inside(said, names, door)
    return piece if clean == said else f"{name}={quote_plus(clean)}"
