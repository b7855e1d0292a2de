"""What stands around e-mail addresses. In: any text. Out: for each word with an @, what may be the addresses in it.

Nothing here knows what a valid address is: the first reading of a word that holds one counts. An address is never
put together from parts (`ravi at example dot com`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from schemas.normal.wrapping import decoded, visible

MOST_WORDS = 50  # with an @, of one text

# A mark that no real address begins with, and what is escaped: such a text is looked at again before it is believed.
_UNCLEAN = re.compile(r"[^A-Za-z0-9_+]|.*%[0-9A-Fa-f]{2}", re.DOTALL)
_BETWEEN = re.compile(r"[\s,;|<>()\[\]\"“”„«»\\]+")
_FULL_WIDTH = str.maketrans({0xFEE0 + code: code for code in range(0x21, 0x7F)} | {"。": "."})
_QUERY = re.compile(r"(mailto:[^?\s<>]*)\?[^<>()\[\]\"']*", re.IGNORECASE)  # RFC 6068
_OTHER_SCHEME = re.compile(r"(?:sips?|xmpp|skype|https?|ftp|tel):", re.IGNORECASE)
_AROUND = ".:!?'’‘`*_~#=/&-}"
_BEFORE = "/'’‘`*#=?&~!{"  # a point at the beginning belongs to what somebody meant to be an address, and it is none
_INSIDE = re.compile(r"[/&|:]+")


def is_clean(text: str) -> bool:
    """Whether a text that is an address as it is written can be taken for it at once."""
    if not text.isascii():
        return text[:1].isalnum() and text == text.translate(_FULL_WIDTH)
    return (text[:1].isalnum() and "%" not in text) or not _UNCLEAN.match(text)


def candidates(text: str) -> Iterator[list[list[str]]]:
    """For each word with an @ its readings, the likeliest first; each is a list of what may be addresses."""
    text = _plain(text)
    words = [word for word in _BETWEEN.split(text) if "@" in word and not _OTHER_SCHEME.match(word)]
    for word in words[:MOST_WORDS]:
        bare = _without_ends(word)
        yield [[bare], [part.rstrip(_AROUND).lstrip(_BEFORE) for part in _INSIDE.split(bare)], [word]]


def _plain(text: str) -> str:
    """The text without escapes and what cannot be seen; full-width letters, dots and @ as ASCII has them."""
    return _QUERY.sub(r"\1", visible(decoded(text)).translate(_FULL_WIDTH))


def _without_ends(word: str) -> str:
    """A word without a label before the address (`mailto:`) and what follows it in a link (`?subject=…`)."""
    head, at, tail = word.partition("@")
    head = head.rpartition(":")[2].lstrip(_BEFORE)
    return head + at + re.split(r"[?#:]", tail, maxsplit=1)[0].rstrip(_AROUND)
