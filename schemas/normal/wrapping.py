"""What people and programs wrap around a value. In: any text. Out: the same text without it.

| wrapped | how |
|---|---|
| percent escapes, once or twice; entities of HTML | `1%2C50%2C000`, `&quot;50000&quot;` |
| characters that cannot be seen; spaces of every kind | a byte order mark, direction marks, a no-break space |
| quotes of every kind, also escaped ones | `"50000"`, `“50000”`, `''50000''`, `\\"50000\\"` |
| what spreadsheets put before a text | `'50000`, `="50000"` |
| brackets around the whole | `[50000]`, `(50000)`, `<50000>` |
| marks at the end that end a clause | `50000,` `50000;` `50000.` |

A value that its type reads as it is never comes here, so nothing is taken off that means something.
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache

from schemas.normal.text import percent_decoded

ROUND = "()"
ESCAPED = 2  # a value that passed two systems is escaped twice
LAYERS = 12  # a wrapping in a wrapping; beyond that it is no longer one value

_BRACKETS = {"(": ")", "[": "]", "{": "}", "<": ">"}
_QUOTES = frozenset("\"'`´“”„‟‘’‚‛«»‹›「」『』＂＇")
_TRAILING = ",;."
_FORMULA = re.compile(r"=(?=[\"'“+\-\d])")
_UNSEEN = frozenset({"Cf", "Cc"})
_MISREAD_MARK = "ï»¿"  # a byte order mark in UTF-8 that somebody read as Latin-1


def visible(text: str) -> str:
    """The text without characters that cannot be seen, every space a plain one, and none around it."""
    if text.isascii() and text.isprintable():
        return text.strip()
    return "".join(map(_seen, text.removeprefix(_MISREAD_MARK))).strip()


def decoded(text: str) -> str:
    """The text with percent escapes and entities of HTML read, also where they were escaped once more."""
    for _ in range(ESCAPED):
        before = text
        text = percent_decoded(text)
        if "&" in text and ";" in text:
            text = html.unescape(text)
        if text == before:
            break
    return text


def unwrapped(text: str, *, keep: str = "") -> str:
    """The text without what is wrapped around it; blank if nothing else was there.

    `keep`: brackets that mean something, as round ones do around a sum of money.
    """
    text = visible(decoded(text))
    for _ in range(LAYERS):
        before = text
        text = _without_quotes(text.rstrip(_TRAILING + " "))
        text = _FORMULA.sub("", text, count=1) if text.startswith("=") else text
        if text[:1] not in keep and _BRACKETS.get(text[:1]) == text[-1:] != "":
            text = text[1:-1].strip()
        if text == before:
            break
    return text


def _without_quotes(text: str) -> str:
    """Without a quote at both ends, or one at the beginning alone, which is how spreadsheets mark a text."""
    text = text.removeprefix("\\") if text[1:2] in _QUOTES else text
    if text[:1] in _QUOTES:
        text = text[1:]
        if text[-1:] in _QUOTES:
            text = text[:-1].removesuffix("\\")
    return text.strip()


@lru_cache(maxsize=10_000)
def _seen(character: str) -> str:
    if character.isspace():
        return " " if character not in "\n\t" else character
    return "" if unicodedata.category(character) in _UNSEEN and character != "\0" else character
