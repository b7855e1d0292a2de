"""A value as a key. In: a value in the normal form of its field, and whether case counts there. Out: what is compared.

Text is compared without regard to case, to how a letter is encoded, and to blanks around it: Unicode's caseless
matching of identifiers (The Unicode Standard, D146: NFKC, full case folding, NFKC). Blanks inside stay.
"""

from __future__ import annotations

from typing import Any
from unicodedata import normalize

from schemas.normal.values import shown


def key_text(value: Any, folds: bool) -> str:
    """The value as a key; `folds`: without regard to case."""
    text = value if isinstance(value, str) else shown(value)
    return folded(text) if folds else text.strip()


def folded(text: str) -> str:
    """The text as it is compared: `ABCDE8322F` and `abcde8322f` are one, and so are `Straße` and `STRASSE`."""
    if text.isascii():
        return text.lower().strip()
    return normalize("NFKC", normalize("NFKC", text).casefold()).strip()
