"""A real event without anybody's data in it. In: an event's document, and its connector. Out: one of the same shape.

What the connector knows tells what a value is: the field that a path is mapped to, and the type of the source's field.
What steers the mapping stays as it was sent: numbers, times, switches, blank words, words that conditions and look-up
tables speak of, and what the vocabulary of a business is made of. Everything else is replaced, also what is mapped to
nothing; addresses and numbers are looked for in every text. Days without a time, such as birthdays, become other days.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Literal
from urllib.parse import quote, unquote

from pipeline.operations.fakes import Fakes
from schemas.connector import Connector
from schemas.cutting import PAIR_VALUE, REDACTED, is_pairs, pair_name
from schemas.fields import CHOICES, FieldType
from schemas.normal.email import normal_email
from schemas.normal.phone import read_phone
from schemas.normal.time import read_moment
from schemas.normal.wrapping import unwrapped
from schemas.transform import LookUp

Kind = Literal["keep", "moment", "phone", "email", "name", "day", "text"]

NAMES = frozenset(
    {"lead.name", "lead.first_name", "lead.last_name", "lead.owner_name", "call.agent_name", "lead.company"}
)
# Words of a business rather than of a person: without them a test would no longer test what happened.
VOCABULARY = frozenset(
    {
        *("lead.country", "lead.state", "lead.lead_source", "lead.source_medium", "lead.source_campaign"),
        *("lead.lead_stage", "call.direction", "call.status", "call.disposition"),
        *("activity.type", "activity.category", "activity.product"),
    }
)
KEPT = frozenset({FieldType.NUMBER, FieldType.BOOLEAN, FieldType.DURATION, *CHOICES})
# of several claims on one path the last one in this row counts
STRENGTH: tuple[Kind, ...] = ("text", "keep", "moment", "name", "day", "email", "phone")

ADDRESS = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
NUMBER = re.compile(r"(?<![\w-])\+?\d[\d ().\-]{5,}\d(?![\w-])")
DAY_PART = re.compile(r"\d+")
LONG_INTEGER = 10**6


def scrubbed(document: Any, connector: Connector, random: Random) -> Any:
    """The document with stand-ins; equal values get equal ones. `random` decides which."""
    scrubber = _Scrubber(connector, Fakes(random, connector.locale.country), random)
    scrubber.learn(document)
    return scrubber.clean(document)


def identifying(document: Any, connector: Connector) -> set[str]:
    """The e-mail addresses and phone numbers in a document, in normal form: none of them may be left over."""
    return _Scrubber(connector, Fakes(Random(), connector.locale.country), Random()).people(document)


class _Scrubber:
    def __init__(self, connector: Connector, fakes: Fakes, random: Random) -> None:
        self._source = connector.preset.source
        self._zone = connector.zone
        self._says_nothing = connector.locale.blanks.test()
        self._fakes = fakes
        self._random = random
        self._kinds = _kinds(connector)
        self._days: dict[str, str] = {}

    def learn(self, document: Any) -> None:
        """Know all words first: a name comes up in texts before and after the place that says that it is one."""
        self._walk(document, "", self._learn)

    def clean(self, document: Any) -> Any:
        """The document with stand-ins."""
        return self._walk(document, "", self._leaf)

    def people(self, document: Any) -> set[str]:
        """Who can be reached by what is in the document."""
        found: set[str] = set()
        self._walk(document, "", lambda value, kind: self._reach(value, kind, found))
        return found

    def _reach(self, value: Any, kind: Kind, found: set[str]) -> Any:
        if kind == "moment" or isinstance(value, bool) or not isinstance(value, str | int):
            return value
        if isinstance(value, int) and kind == "keep":
            return value
        text = self._decoded(str(value))
        found.update(address.group().casefold() for address in ADDRESS.finditer(text))
        for number in NUMBER.finditer(text):
            known = read_phone(number.group(), self._fakes.country)
            if known.e164 is not None and len(set(known.e164[-7:])) > 1:
                found.add(known.e164)
        return value

    def _learn(self, value: Any, kind: Kind) -> Any:
        if isinstance(value, str | int):
            self._fakes.learn(self._decoded(str(value)), name=kind == "name")
        return value

    def _walk(self, value: Any, path: str, leaf: Callable[[Any, Kind], Any]) -> Any:
        if isinstance(value, dict):
            name = pair_name(value)
            if name is not None:
                return {**value, PAIR_VALUE: self._walk(value[PAIR_VALUE], name, leaf)}
            inner = next((n for n in self._source.unwrap if isinstance(value.get(n), dict)), None) if not path else None
            return {
                self._member(member): self._walk(
                    each, "" if member == inner else f"{path}.{member}" if path else member, leaf
                )
                for member, each in value.items()
            }
        if isinstance(value, list):
            if is_pairs(value):
                return [self._walk(each, "", leaf) for each in value]
            return [
                self._walk(each, f"{path}.{place}" if path else str(place), leaf) for place, each in enumerate(value)
            ]
        return leaf(value, self._kind(path))

    def _member(self, name: str) -> str:
        """A member's name, which is an address or a number where a source puts things down by these."""
        if ADDRESS.fullmatch(name):
            return self._fakes.email(name)
        return self._fakes.phone(name) if NUMBER.fullmatch(name) and read_phone(name, None).valid else name

    def _kind(self, path: str) -> Kind:
        """What lies at a path: what is known of it, or of what it is a part of."""
        parts = path.split(".")
        for taken in range(len(parts), 0, -1):
            if kind := self._kinds.get(".".join(parts[:taken])):
                return kind
        return "text"

    def _leaf(self, value: Any, kind: Kind) -> Any:
        if isinstance(value, str):
            return self._text(value, kind)
        if isinstance(value, bool) or value is None or kind in ("keep", "moment"):
            return value
        if isinstance(value, int) and abs(value) >= LONG_INTEGER:
            digits = self._fakes.phone(str(value)) if kind == "phone" else self._fakes.text(str(value))
            return int(digits) if digits[-1:].isdigit() and not digits.startswith("0") else value // 10**6 * 10**6
        if isinstance(value, float) and len(str(value).partition(".")[2]) > 3:  # a place on the map
            return round(value) + self._random.randrange(1, 1000) / 1000
        return value

    def _text(self, value: str, kind: Kind) -> str:
        plain = self._decoded(value)
        if plain == REDACTED or self._says_nothing(unwrapped(plain)):
            return value
        fake = self._fake(plain, kind)
        return quote(fake, safe="") if plain != value else fake

    def _fake(self, text: str, kind: Kind) -> str:
        match kind:
            case "phone" if not read_phone(text, self._fakes.country).others:
                return self._fakes.phone(text)
            case "email" if "@" not in text or normal_email(text):
                return self._fakes.email(text)
            case "phone" | "email":  # several, or with something around it
                return self._without_people(text, self._fakes.text)
            case "day":
                return self._day(text)
            case "name":
                return self._fakes.text(text)
            case "moment" if read_moment(text, self._zone) is not None:
                return text
            case "keep" | "moment":
                return self._without_people(text, lambda rest: rest)
            case "text":
                return self._without_people(text, self._fakes.text)

    def _without_people(self, text: str, rest: Callable[[str], str]) -> str:
        """Addresses and numbers in a text replaced as such, and what lies between them by `rest`."""
        if text.startswith(("http://", "https://")):
            scheme, _, place = text.partition("://")
            return f"{scheme}://example.com/{self._fakes.text(place.partition('/')[2])}"
        done, at = [], 0
        for start, end, fake in sorted([*self._addresses(text), *self._numbers(text)]):
            if start >= at:
                done += [rest(text[at:start]), fake]
                at = end
        return "".join([*done, rest(text[at:])])

    def _addresses(self, text: str) -> Iterator[tuple[int, int, str]]:
        for found in ADDRESS.finditer(text):
            if normal_email(found.group()):
                yield found.start(), found.end(), self._fakes.email(found.group())

    def _numbers(self, text: str) -> Iterator[tuple[int, int, str]]:
        for found in NUMBER.finditer(text):
            if read_phone(found.group(), None).valid or read_phone(found.group(), self._fakes.country).valid:
                yield found.start(), found.end(), self._fakes.phone(found.group())

    def _day(self, text: str) -> str:
        """Another day in the same format: what may be a month stays one, and no month has fewer days than 28."""
        if text not in self._days:
            self._days[text] = DAY_PART.sub(self._day_part, text)
        return self._days[text]

    def _day_part(self, found: re.Match[str]) -> str:
        digits = found.group()
        number = int(digits)
        if len(digits) > 2:
            return str(number + self._random.randint(-9, 9)) if len(digits) == 4 else self._fakes.text(digits)
        drawn = self._random.randint(1, 12) if number <= 12 else self._random.randint(13, 28)
        return f"{drawn:02}" if len(digits) == 2 else str(min(drawn, 9))

    def _decoded(self, text: str) -> str:
        return unquote(text) if self._source.percent_decode and "%" in text else text


def _kinds(connector: Connector) -> dict[str, Kind]:
    """What is known of the paths of the source."""
    claims: dict[str, set[Kind]] = {}
    for row in connector.rows:
        field = connector.fields[row.record][row.field]
        kind = _kind_of(field.type, row.to)
        if any(isinstance(transform, LookUp) for transform in row.transforms):
            kind = "keep"
        for path in row.paths:
            claims.setdefault(path, set()).add(kind)
        for path in row.when:
            claims.setdefault(path, set()).add("keep")
    for path, known in connector.source_fields.items():
        if known.type is not FieldType.TEXT:
            claims.setdefault(path, set()).add(_kind_of(known.type, path))
    for path in connector.occurred_at_paths:
        claims.setdefault(path, set()).add("moment")
    return {path: max(kinds, key=STRENGTH.index) for path, kinds in claims.items()}


def _kind_of(type: FieldType, target: str) -> Kind:
    if type is FieldType.PHONE:
        return "phone"
    if type is FieldType.EMAIL or type is FieldType.USER:
        return "email"
    if type is FieldType.DATE:
        return "day"
    if type is FieldType.DATETIME:
        return "moment"
    if type in KEPT or target in VOCABULARY:
        return "keep"
    return "name" if target in NAMES else "text"
