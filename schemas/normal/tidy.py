"""Texts of times in plain characters. In: a text of any script. Out: ASCII where that says the same, single spaces.

Digits of every script become ASCII. What is wrapped around a time is taken off, and what cannot be seen in it, such as
the marks of direction that CLDR puts into Arabic dates and the narrow no-break space that it puts before PM.
"""

from __future__ import annotations

import re
import unicodedata

from schemas.normal.wrapping import unwrapped

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 :/,.+()-]*[A-Za-z0-9)]", re.ASCII)
_MARKS = str.maketrans({**dict.fromkeys("‐‑‒–—―−", "-"), **dict.fromkeys("‘’", "'"), "،": ",", "⁄": "/"})
_CHINESE = re.compile(r"(\d{2,4}) ?[年년] ?(\d{1,2}) ?[月월] ?(\d{1,2}) ?[日일]")


def tidied(text: str) -> str:
    """The text in plain characters and single spaces, without what is wrapped around it."""
    if not _PLAIN.fullmatch(text):
        text = unwrapped(text)
        if not text.isascii():
            text = "".join(map(_ascii, unicodedata.normalize("NFKC", text))).translate(_MARKS)
            text = _CHINESE.sub(r"\1-\2-\3 ", text)
    return " ".join(text.split())


def _ascii(character: str) -> str:
    """A digit of any script in ASCII, which NFKC leaves as it is."""
    digit = unicodedata.decimal(character, None)
    return character if digit is None else str(digit)
