"""Bytes and text. In: a body, or the pieces of one, and its charset. Out: text, with a note where that was assumed.

What nobody named is UTF-8 if all of it can be read so, else Windows-1252, in which every byte is a character. A byte
order mark goes before whatever was named (WHATWG Encoding standard §6.1).
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence
from functools import lru_cache
from string import ascii_letters, digits
from typing import Final, NamedTuple

from pipeline.ingress.labels import UTF_8, Charset
from pipeline.ingress.refusal import Refusal, malformed

ASSUMED: Final = "body: not UTF-8, and no charset was named; read as Windows-1252"

_WINDOWS: Final = frozenset({"cp874", *(f"cp125{number}" for number in range(9))})
_SIGNS: Final = f"{ascii_letters}{digits}-_.[]=& "  # of the names in a form, and between its fields
_MARKS: Final = (
    (codecs.BOM_UTF8, UTF_8),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_FIRST_OF_MARKS: Final = frozenset(mark[:1] for mark, _ in _MARKS)
_UNMARKED: Final = ("utf-16", "utf-32")  # of which nobody said in which order the bytes are: a mark does, else LE
# Where NULs are among the first bytes of a text that begins with ASCII (RFC 4627 §3), by what is none.
_NULS: Final = (
    ((True, False, False, False), "utf-32-le"),
    ((False, False, False, True), "utf-32-be"),
    ((True, False), "utf-16-le"),
    ((False, True), "utf-16-be"),
)


class Read(NamedTuple):
    """What the pieces of one body say, all in one codec."""

    texts: list[str]
    codec: str
    notes: tuple[str, ...] = ()


def read(pieces: Sequence[bytes], charset: Charset, where: Callable[[int], str] = lambda _: "the body") -> Read:
    """What the pieces say in the first of the charset's codecs that all of them can be read in.

    `where` names a piece for an error. Raises Refusal (400), which names the charset and the byte.
    """
    *others, last = charset.codecs
    for codec in others:
        try:
            return Read([decoded(piece, codec) for piece in pieces], codec)
        except UnicodeDecodeError:
            continue  # what it is then, the next codec says
    texts: list[str] = []
    for piece in pieces:
        try:
            texts.append(decoded(piece, last))
        except UnicodeDecodeError as error:
            raise _not_in(charset, where(len(texts)), error) from None
    return Read(texts, last, () if charset.label else (ASSUMED,))


def in_utf8(body: bytes, charset: Charset) -> tuple[bytes, tuple[str, ...]]:
    """The body in UTF-8 without a mark, the very same object if it is that already; and notes. Raises Refusal."""
    mark, _ = _marked(body)
    unmarked = body[len(mark) :] if mark else body
    [text], codec, notes = read([unmarked], shown_by(body, charset))
    return (unmarked if codec == UTF_8 else text.encode()), notes


def shown_by(body: bytes, charset: Charset) -> Charset:
    """The charset that a body's first bytes show: by a mark, or by NULs where none was named; else `charset` itself."""
    codec = _marked(body)[1] or (None if charset.label else _by_nuls(body))
    return charset if codec is None else Charset(codec.upper(), (codec,))


@lru_cache(maxsize=200)
def extends_ascii(codec: str) -> bool:
    """Whether the signs of a form are in it what they are in ASCII, so that they can be seen before it is read."""
    try:
        return decoded(_SIGNS.encode(), codec) == _SIGNS
    except UnicodeDecodeError:
        return False


def decoded(data: bytes, codec: str) -> str:
    """What the bytes say; raises UnicodeDecodeError."""
    if codec == UTF_8:
        return data.decode()
    if codec in _WINDOWS:
        return codecs.charmap_decode(data, "strict", _table(codec))[0]
    if codec in _UNMARKED:
        mark, marked = _marked(data)
        return data[len(mark) :].decode(marked) if marked and marked.startswith(codec) else data.decode(f"{codec}-le")
    return data.decode(codec)


@lru_cache(maxsize=len(_WINDOWS))
def _table(codec: str) -> str:
    """What each byte is. One below 0xA0 that is no character is the control character of its number, as on the web."""
    known = [bytes([byte]).decode(codec, "replace") for byte in range(256)]
    undefined = "\ufffe"  # is an error where it is read
    return "".join(
        each if each != "\ufffd" else chr(byte) if byte < 0xA0 else undefined for byte, each in enumerate(known)
    )


def _marked(body: bytes) -> tuple[bytes, str | None]:
    """The byte order mark that a body begins with, and the codec that it stands for."""
    if body[:1] not in _FIRST_OF_MARKS:
        return b"", None
    return next(((mark, codec) for mark, codec in _MARKS if body.startswith(mark)), (b"", None))


def _by_nuls(body: bytes) -> str | None:
    """The codec of a body without a mark that NULs show to be UTF-16 or UTF-32."""
    first = body[:4]
    if b"\0" not in first:
        return None
    found = tuple(map(bool, first))
    for pattern, codec in _NULS:
        if found[: len(pattern)] == pattern:
            try:
                body.decode(codec)
            except UnicodeDecodeError:
                return None
            return codec
    return None


def _not_in(charset: Charset, where: str, error: UnicodeDecodeError) -> Refusal:
    rest = error.object[error.start : error.end]
    byte = f"byte {error.start} (0x{rest[0]:02X})" if rest else f"its end, byte {error.start},"
    return malformed(
        "Not in its charset",
        f"{where} cannot be read in the charset that is named, {charset.label}: {byte} is not a character of it; "
        "send that charset, or name the one that is sent",
    )
