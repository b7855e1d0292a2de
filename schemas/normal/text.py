"""Texts. In: any decoded JSON text. Out: one that PostgreSQL can hold, trimmed, decoded, free of tags if asked."""

from __future__ import annotations

import html
import re
from urllib.parse import unquote_to_bytes

_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_BREAK = re.compile(r"<(?:br|/p|/div|/li|/tr|/h[1-6])\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[A-Za-z/!][^<>]*>")
_SPACES = re.compile(r"[ \t\u00a0]+")
_LINE_ENDS = re.compile(r" ?\n ?")
_EMPTY_LINES = re.compile(r"\n{3,}")


def storable(text: str) -> str:
    """The text without NUL and lone surrogates, which jsonb refuses."""
    if "\0" in text:
        text = text.replace("\0", "")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def percent_decoded(text: str) -> str:
    """The text with its percent escapes decoded as UTF-8; as it is if they are not UTF-8, or are none (`100%`)."""
    if "%" not in text or not _ESCAPE.search(text):
        return text
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeError:
        return text


def without_tags(text: str) -> str:
    """HTML as plain text: breaks and ends of blocks become line ends, tags go, entities are read."""
    text = _BREAK.sub("\n", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = html.unescape(_TAG.sub("", text))
    text = _LINE_ENDS.sub("\n", _SPACES.sub(" ", text))
    return storable(_EMPTY_LINES.sub("\n\n", text).strip())
