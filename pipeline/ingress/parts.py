"""`multipart/form-data` (RFC 7578). In: a body and its boundary. Out: the form's fields, or a Refusal.

Only text is taken: a part that is a file is refused by its name. A field for a file that was left empty, which browsers
send with an empty file name and no content, is left out. A part may name a charset of its own.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser

from pipeline.ingress.charset import read
from pipeline.ingress.form import FORM_FIELDS, Fields, said_inside
from pipeline.ingress.labels import UNNAMED, UTF_8, Charset, named
from pipeline.ingress.refusal import Refusal, malformed, too_large, unsupported

HEADER = 4_224  # bytes of one header of a part
HEADERS = 8  # of a part; RFC 7578 knows three

_TEXTS: Final = frozenset({"application/json", "application/octet-stream"})  # beside text/…, where no file is named
_PLAIN: Final = frozenset({"", "7bit", "8bit", "binary"})  # ways of writing that change nothing


class Part(NamedTuple):
    """One part: bytes as they came, and the charset that it names."""

    name: bytes
    value: bytes
    charset: Charset


def multipart_fields(body: bytes, boundary: bytes, charset: Charset) -> Fields:
    """The fields of the text parts; raises Refusal. `charset` is what the whole body's content type names."""
    if not boundary:
        raise malformed("Malformed form", "the content type multipart/form-data must name its boundary")
    parts = _parts(body, boundary)
    if not parts:
        raise malformed("Malformed form", "the form has no field")
    charset = said_inside([(part.name, part.value) for part in parts], charset)
    shared: list[bytes] = []
    owners: list[bytes] = []
    for part in parts:
        shared += (part.name,) if part.charset.label else (part.name, part.value)
        owners += [part.name] * (len(shared) - len(owners))
    texts, _, notes = read(shared, charset, lambda index: f"part {_shown(owners[index])}")
    ahead = iter(texts)
    return Fields([(next(ahead), _own(part) if part.charset.label else next(ahead)) for part in parts], notes)


def _own(part: Part) -> str:
    """The value of a part that names a charset."""
    return read([part.value], part.charset, lambda _: f"part {_shown(part.name)}").texts[0]


def _parts(body: bytes, boundary: bytes) -> list[Part]:
    # names may be in any charset: as Latin-1 they are bytes still
    parser = PushMultipartParser(
        boundary,
        max_header_size=HEADER,
        max_header_count=HEADERS,
        max_segment_count=FORM_FIELDS,
        header_charset="latin-1",
        strict=True,
    )
    try:
        with parser:
            return _collected(parser, body)
    except ParserLimitReached as error:
        raise too_large(f"the form has more than {FORM_FIELDS} parts, or headers that are too large: {error}") from None
    except MultipartError as error:
        raise malformed("Malformed form", f"the body is not multipart/form-data: {error}") from None


def _collected(parser: PushMultipartParser, body: bytes) -> list[Part]:
    parts: list[Part] = []
    segment: MultipartSegment | None = None
    content: list[bytes] = []
    for found in parser.parse(body):
        if isinstance(found, MultipartSegment):
            segment, content = found, []
        elif found is not None:
            content.append(found)
        elif segment is not None and (part := _part(segment, b"".join(content))) is not None:
            parts.append(part)
    return parts


def _part(segment: MultipartSegment, content: bytes) -> Part | None:
    """The part; None: a field for a file that was left empty. Raises Refusal of what is no text."""
    name = str(segment.name).encode("latin-1")
    filename, media = segment.filename, segment.content_type or ""
    if filename == "" and not content:
        return None
    if filename is not None or "filename*" in segment.header("Content-Disposition", "").lower():
        raise unsupported(f"part {_shown(name)} is a file, and files are not taken; send the other fields without it")
    if media and not media.startswith("text/") and media not in _TEXTS and not media.endswith("+json"):
        raise unsupported(f"part {_shown(name)} is {media[:100]!r}; only text is taken: send it without this part")
    encoding = segment.header("Content-Transfer-Encoding", "").strip().lower()
    if encoding not in _PLAIN:
        raise unsupported(f"part {_shown(name)} is in {encoding[:40]!r}; send it as it is, without such an encoding")
    return Part(name, content, _charset(name, segment.charset))


def _charset(name: bytes, label: str | None) -> Charset:
    if not label:
        return UNNAMED
    try:
        return named(label)
    except Refusal as refusal:
        raise unsupported(f"part {_shown(name)}: {refusal.detail}") from None


def _shown(name: bytes) -> str:
    return repr(name.decode(UTF_8, "replace")[:100])
