"""What a body looks like, where it is not what it should be. In: bytes. Out: words for its sender.

They quote a few signs of its beginning and no digit: what they are put into is shown and kept.
"""

from __future__ import annotations

import re
from typing import Final

BLANK: Final = b" \t\r\n"
BEGUN: Final = 12  # characters that are quoted
FORM_BEGINS: Final = re.compile(rb"(?!\w{1,20}://)[^\s=&<>\"]{1,200}=")  # a name and its sign, and no URL

_FIELD: Final = re.compile(FORM_BEGINS.pattern + rb"[^\s=]")
_CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffd]")


def begins_json(body: bytes) -> bool:
    """Whether it begins as an object or a list of JSON does."""
    return body.lstrip(BLANK)[:1] in (b"{", b"[")


def is_markup(body: bytes) -> bool:
    """Whether it begins as XML and HTML do."""
    return body.lstrip(BLANK)[:1] == b"<"


def looks_like(body: bytes) -> str:
    """What it looks like, to be put after "got"."""
    begun = body.lstrip(BLANK)[:200]
    if not begun:
        return "nothing"
    if is_markup(begun):
        return "XML or HTML"
    text = begun.decode("utf-8", "replace")[:BEGUN]
    if _CONTROLS.search(text):
        return f"binary data that begins with the bytes {begun[:4].hex(' ').upper()}"
    if _FIELD.match(begun):
        return "a form, name=value"
    said = re.split(r"[0-9\r\n]", text)[0].rstrip()
    return f"text that begins with {said!r}" if said else "text that begins with a digit"
