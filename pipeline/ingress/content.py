"""A content type. In: the header. Out: media type, charset and boundary, as far as they were said, or a Refusal."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Literal, NamedTuple

from multipart import parse_options_header

from pipeline.ingress.labels import UTF_8, Charset, named
from pipeline.ingress.refusal import malformed, unsupported

JSON: Final = frozenset({"application/json", "text/json"})
LINES: Final = frozenset(
    {
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonlines",
        "application/x-jsonlines",
        "application/jsonl",
    }
)
FORM: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"
UNSAID: Final = frozenset({"", "text/plain", "application/octet-stream"})


Kind = Literal["json", "lines", "form", "multipart", "unsaid"]


class Content(NamedTuple):
    """What a content type says of a body."""

    kind: Kind
    charset: Charset
    boundary: bytes
    is_usual: bool  # one JSON document in UTF-8, unless it turns out otherwise


@lru_cache(maxsize=100)
def content_of(header: str) -> Content:
    """What the header says, also an empty one. Raises Refusal (415) of a type or a charset that is not taken."""
    media, options = parse_options_header(header)
    kind, charset = _kind(media), named(options.get("charset", ""))
    boundary = options.get("boundary", "").encode("utf-8", "surrogateescape")
    return Content(kind, charset, boundary, kind == "json" and charset.codecs[0] == UTF_8)


def encoded(text: str, content_type: str) -> bytes:
    """A text in bytes as who names this content type sends it: in its charset, else in UTF-8. Raises Refusal."""
    charset = content_of(content_type).charset
    for codec in charset.codecs:
        try:
            return text.encode(codec)
        except UnicodeEncodeError:
            continue  # a larger one may have it
    raise malformed("Not in its charset", f"the text has characters that charset {charset.label} lacks")


def _kind(media: str) -> Kind:
    if media in JSON or media.endswith("+json"):
        return "json"
    if media in LINES:
        return "lines"
    if media == FORM:
        return "form"
    if media == MULTIPART:
        return "multipart"
    if media in UNSAID:
        return "unsaid"
    wanted = f"application/json, application/x-ndjson, {FORM} or {MULTIPART}"
    raise unsupported(f"content type {media[:100]!r} is not taken; send {wanted}")
