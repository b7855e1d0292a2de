r"""A text with its escapes undone. In: a text. Out: it, undone once, twice, and so on, and where each sign is from.

What travels in a form or in JSON may be escaped, and more than once: `%22apikey%22`, `\u0061pikey`, JSON within JSON,
`&quot;` in XML. Whoever looks for something in a text that cannot be read as what it is must look through all of them.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

LEVELS: Final = 4  # how often escapes are undone

# Each way begins with its own sign, so that the places to look at are found fast; neighbours of one kind are one run.
_ESCAPES: Final = re.compile(
    r"%[0-9A-Fa-f]{2}(?:%[0-9A-Fa-f]{2})*+|\\u[0-9A-Fa-f]{4}(?:\\u[0-9A-Fa-f]{4})*+|\\x[0-9A-Fa-f]{2}|\\[ux]"
    r"|\\[^ux](?:\\[^ux])*+|&(?:quot|apos|amp|lt|gt|#[0-9]{1,6}|#x[0-9A-Fa-f]{1,5});",
    re.DOTALL,
)
_MEANT: Final = str.maketrans("nrtbf", "\n\r\t\b\f")


@dataclass(frozen=True, slots=True)
class View:
    """A text, and its runs: where each begins here, where in the text below, and how many signs there make one here.

    The first one, without anything `below`, is the text as it came.
    """

    text: str
    below: View | None = None
    here: tuple[int, ...] = ()
    there: tuple[int, ...] = ()
    widths: tuple[int, ...] = ()

    def origin(self, at: int) -> int:
        """Where the sign at this place, or the end, lies in the text as it came."""
        if self.below is None:
            return at
        if at >= len(self.text):
            return self.below.origin(len(self.below.text))
        run = bisect_right(self.here, at) - 1
        return self.below.origin(self.there[run] + (at - self.here[run]) * self.widths[run])


def views(text: str) -> list[View]:
    """The text as it is, and as it reads with its escapes undone once and more often, as long as there are any."""
    found = [View(text)]
    while len(found) <= LEVELS and (further := _undone(found[-1])) is not None:
        found.append(further)
    return found


def _undone(view: View) -> View | None:
    """The view with its escapes undone once; None: it has none."""
    text = view.text.replace("+", " ")  # as forms have it; no sign moves by that
    pieces: list[str] = []
    runs: list[tuple[int, int, int]] = []
    at = length = 0
    for found in _ESCAPES.finditer(text):
        begins, escapes = found.start(), found.group()
        if begins > at:
            pieces.append(text[at:begins])
            runs.append((length, at, 1))
            length += begins - at
        signs, width = _signs(escapes)
        pieces.append(signs)
        runs.append((length, begins, width))
        length += len(signs)
        at = found.end()
    if at == 0:
        return None if text == view.text else View(text, view, (0,), (0,), (1,))
    if at < len(text):
        pieces.append(text[at:])
        runs.append((length, at, 1))
    return View("".join(pieces), view, *zip(*runs, strict=True))


def _signs(escapes: str) -> tuple[str, int]:
    """What escapes of one kind stand for, and how long each is."""
    if escapes[0] == "%":
        return bytes.fromhex(escapes.replace("%", "")).decode("latin-1"), 3
    if escapes[0] == "&":
        return html.unescape(escapes)[:1] or " ", len(escapes)
    if escapes[1] == "u" and len(escapes) > 2:
        return bytes.fromhex(escapes.replace("\\u", "")).decode("utf-16-be", "replace"), 6
    if escapes[1] == "x" and len(escapes) > 2:
        return bytes.fromhex(escapes.replace("\\x", "")).decode("latin-1"), 4
    return escapes[1::2].translate(_MEANT), 2
