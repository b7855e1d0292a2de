"""Secrets in a text that nobody can read as what it is. In: a text, and names of secrets. Out: it without their values.

Broken JSON, a form in another guise, XML, a table: whatever it is, a name is looked for as it is written there, in any
case, with any separators, and under any escapes, and the value that follows it is taken out, also one that is cut off.
Too much is taken rather than too little. Where a name stands as a heading does, its values may be anywhere below: then
the text is doubtful, and must not be kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Final, Literal, NamedTuple

from pipeline.ingress.unescaped import views
from schemas.cutting import REDACTED, plain

_QUOTES: Final = "\"'`"
_STRING: Final = {
    quote: re.compile(rf"{quote}((?:[^{quote}\\]|\\.)*+)(?:{quote}|\\?\Z)", re.DOTALL) for quote in _QUOTES
}
_SIGN: Final = re.compile(r"\]?(?:\[[^\]\r\n]{0,64}\]){0,4}([\"'`]?)\s*(=>|[:=])\s*")  # of a form: name[], user[name]
_ASTRAY: Final = re.compile(r"[\s,:=]{1,20}(?=[\[{\"'`])")  # before a value, where something else is wrong
_NUMBER: Final = re.compile(r"-?[0-9][0-9.eE+-]*(?=\s{0,20}(?:[,}\])&;<\r\n]|\Z))")
_NOTHING: Final = re.compile(r"null\b|undefined\b", re.IGNORECASE)
# A value without quotes: how far it goes depends on what the whole looks like, and on the sign before it.
_WORD: Final = re.compile(r"[^\s&\"'<>]*+")
_LINE: Final = {  # with the lines behind it that are no field of their own
    "=": re.compile(r"[^&\r\n]*+(?:\r?\n(?![^=&\r\n]{1,200}=)[^&\r\n]*+)*+"),
    ":": re.compile(r"[^\r\n]*+(?:\r?\n(?![^=:\r\n]{1,200}[:=])[^\r\n]*+)*+"),
}
_BARE: Final = {
    "=": re.compile(r"(?:(?![\"'`]\s{0,20}(?:[,}\])]|\Z))[^&\r\n<])*+"),
    ":": re.compile(r"(?:(?!\s{0,20}[}\]]|,\s{0,20}[\"'`]?[\w. -]{1,64}[\"'`]?\s{0,20}[:=])[^\r\n])*+"),
}
_HOLDS: Final = re.compile(r"[\[{\]}]|\"(?:[^\"\\]|\\.)*+\"?|'(?:[^'\\]|\\.)*+'?", re.DOTALL)

# A part of a form (RFC 7578): further headers, a blank line, and the value until the next boundary.
_PART: Final = re.compile(
    r"[\"']?[^\r\n]{0,1000}+\r?\n(?:[^\r\n]{1,1000}+\r?\n){0,8}+\r?\n(.*?)(?=\r?\n--|\Z)", re.DOTALL
)

# <name>value</name>, <… name="name" value="value">, <… name="name">value<
_IN_TAG: Final = re.compile(r"<(?:[\w.-]{1,40}:)?\Z")
_TAG: Final = re.compile(r"[^<>]{0,200}>((?:\s{0,20}<!\[CDATA\[.*?(?:\]\]>|\Z))|[^<]*)", re.DOTALL)
_NEXT_VALUE: Final = re.compile(r"[\"'][^<>]{0,200}?\bvalue\s{0,20}=\s{0,20}", re.IGNORECASE)

# {"Attribute": "name", "Value": "value"}, in either order
_OF_PAIR: Final = re.compile(r"\b(?:attribute|schemaname|key)\W{1,20}\Z", re.IGNORECASE)
_PAIR_VALUE: Final = re.compile(r"[\"'`]?\bvalue[\"'`]?\s{0,20}[:=]\s{0,20}", re.IGNORECASE)
_BRACE: Final = re.compile(r"[{}]")
_FAR: Final = 500  # characters between the two

_BEFORE: Final = 60  # characters that say what a name is
_MOST: Final = 10_000  # names in one text; where there are more, nobody looks at the rest
_IS_VALUE: Final = re.compile(r"[:=]\s{0,20}[\"'`]\Z")
_EDGES: Final = frozenset(",;|\t\r\n<>\"'`")


Shape = Literal["prose", "lines", "nested"]


class Span(NamedTuple):
    """A value: from where, up to where, and what takes its place."""

    start: int
    end: int
    instead: str = REDACTED


def names_in(text: str, names: Iterable[str]) -> frozenset[str]:
    """Which of these names, which are as `plain` writes them, may be written in the text."""
    seen = [plain(view.text) for view in views(text)]
    return frozenset(name for name in names if name and any(name in each for each in seen))


def without_values(text: str, names: Iterable[str], *, prose: bool = False) -> tuple[str, bool]:
    """The text without the values of these names, and whether it is doubtful that those are all.

    `prose`: it is what somebody wrote: a word before a colon is no name there, unless it is in quotes.
    """
    present = names_in(text, names)
    if not present:
        return text, False
    finder = _finder(present)
    spans: list[Span] = []
    settled: set[int] = set()
    doubtful: set[int] = set()
    for view in views(text):
        found = list(islice(_found(view.text, finder, "prose" if prose else _shape(view.text)), _MOST))
        if len(found) == _MOST:
            return text, True
        settled |= {view.origin(start) for start, _, values in found if values is not None}
        doubtful |= {view.origin(s) for s, e, values in found if values is None and _is_heading(view.text, s, e)}
        for value in (value for _, _, values in found for value in values or () if value.end > value.start):
            instead = value.instead if view.below is None else REDACTED
            spans.append(Span(view.origin(value.start), view.origin(value.end), instead))
    return _replaced(text, spans), bool(doubtful - settled)


def _shape(text: str) -> Shape:
    """What holds the values: JSON and markup nest them, everything else has them on lines."""
    return "nested" if text.lstrip()[:1] in ("{", "[", "<") else "lines"


@lru_cache(maxsize=256)
def _finder(names: frozenset[str]) -> re.Pattern[str]:
    """Finds these names in small letters, however they are separated, unless they are a part of a longer word."""
    between = r"[_\-. ]*+"
    alone = r"(?<![^\W_].)"  # behind the first letter, by which the places to look at are found
    written = ([re.escape(letter) for letter in name] for name in sorted(names, key=len, reverse=True))
    one = "|".join(between.join((first + alone, *rest)) for first, *rest in written)
    return re.compile(rf"(?:{one})[_\-. ]*(?![^\W_])")


def _found(text: str, finder: re.Pattern[str], shape: Shape) -> Iterator[tuple[int, int, list[Span] | None]]:
    """Each name, from where to where, with its values; none where nothing is to hide; None: none is seen."""
    small = _small(text)
    at = 0
    while name := finder.search(small, at):
        start, end = name.span()
        found = _values_of(text, start, end, shape)
        yield start, end, found
        at = max([end, *(span.end for span in found or ())])


def _small(text: str) -> str:
    """The text in small letters, each sign at its place."""
    small = text.lower()
    if len(small) != len(text):
        small = "".join(each.lower() if len(each.lower()) == 1 else each for each in text)
    return small.replace("\u017f", "s")


def _values_of(text: str, start: int, end: int, shape: Shape) -> list[Span] | None:
    before = text[max(0, start - _BEFORE) : start]
    of_name = before.rstrip("\"'")[-5:].lower() == "name="
    if of_name and (part := _PART.match(text, end)):
        return [Span(*part.span(1))]
    if (sign := _SIGN.match(text, end)) and not (shape == "prose" and sign[2] == ":" and not sign[1]):
        quoted = bool(sign[1]) and shape == "lines"  # what is in quotes there is JSON or XML that is cut off in front
        return [_value_at(text, sign.end(), sign[2][0], "nested" if quoted else shape)]
    if _OF_PAIR.search(before):
        return _other_of_pair(text, start, end)
    if of_name and (attribute := _NEXT_VALUE.match(text, end)):
        return [_value_at(text, attribute.end(), "=", "nested")]
    if (of_name or _IN_TAG.search(before)) and (tag := _TAG.match(text, end)):
        return [Span(*tag.span(1))] if tag[1].strip() or text[tag.end() : tag.end() + 2] in ("</", "") else None
    if before.endswith("</") or _IS_VALUE.search(before):
        return []
    return None


def _value_at(text: str, at: int, sign: str, shape: Shape) -> Span:
    """The value that begins here; an empty one if it is none, or hidden already."""
    if shape == "nested" and (astray := _ASTRAY.match(text, at)):
        at = astray.end()
    if text.startswith(REDACTED, at):
        return Span(at + len(REDACTED), at + len(REDACTED))
    first = text[at : at + 1]
    if shape == "lines":
        return _bare(_LINE[":" if sign == ":" else "="], text, at)
    if first and first in _QUOTES:
        found = _STRING[first].match(text, at)
        inner = (at + 1, len(text)) if found is None else found.span(1)
        return Span(inner[1], inner[1]) if text[slice(*inner)] == REDACTED else Span(*inner)
    if first and first in "[{":
        return Span(at, _closed(text, at), f'"{REDACTED}"' if sign == ":" else REDACTED)
    if _NOTHING.match(text, at):
        return Span(at, at)
    if number := _NUMBER.match(text, at):
        return Span(*number.span(), f'"{REDACTED}"' if sign == ":" else REDACTED)
    return _bare(_WORD if shape == "prose" else _BARE[":" if sign == ":" else "="], text, at)


def _bare(value: re.Pattern[str], text: str, at: int) -> Span:
    found = value.match(text, at)
    return Span(at, at if found is None else found.end())


def _closed(text: str, at: int) -> int:
    """The end of the object or list that begins here; that of the text, if it does not end."""
    depth = 0
    for found in _HOLDS.finditer(text, at):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(found.group(), 0)
        if depth == 0:
            return found.end()
    return len(text)


def _other_of_pair(text: str, start: int, end: int) -> list[Span] | None:
    """The value of a pair whose attribute is a secret's name: behind it, or before it in the same object.

    What lies beyond a brace may be another object's: then both are taken.
    """
    behind = _PAIR_VALUE.search(text, end, end + _FAR)
    after = None if behind is None else _value_at(text, behind.end(), ":", "nested")
    if behind is not None and after is not None and not _BRACE.search(text, end, behind.start()):
        return [after]
    before = _last_value(text, max(0, start - _FAR), start)
    if before is not None and not _BRACE.search(text, before.end, start):
        return [before]
    return [each for each in (before, after) if each is not None] or None


def _last_value(text: str, begin: int, end: int) -> Span | None:
    """The last value of a pair in this part of the text."""
    last = None
    for found in _PAIR_VALUE.finditer(text, begin, end):
        last = found
    return None if last is None else _value_at(text, last.end(), ":", "nested")


def _is_heading(text: str, start: int, end: int) -> bool:
    """Whether the name stands alone between two edges, as in the first line of a table."""
    before, after = text[start - 1 : start] if start else "", text[end : end + 1]
    return (not before or before in _EDGES) and (not after or after in _EDGES)


def _replaced(text: str, spans: list[Span]) -> str:
    pieces: list[str] = []
    at = 0
    for span in sorted(spans):
        if span.start >= at:
            pieces += (text[at : span.start], span.instead)
        at = max(at, span.end)
    return "".join((*pieces, text[at:]))
