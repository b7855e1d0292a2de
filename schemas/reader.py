"""How one connector's events are read. In: an event as its source sent it. Out: the document with normal values.

Compiled once per connector and revision into closures; see `schemas.compiled`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from schemas.abroad import Abroad, Place
from schemas.as_sent import TYPES, worth_keeping
from schemas.connector import Connector
from schemas.document import document_of
from schemas.fields import FieldType
from schemas.normal.path import ABSENT, ROOT, Find, can_be_in, finder, is_absent, place
from schemas.normal.text import without_tags
from schemas.normal.time import Moment, is_sentinel, order_of, read_format, read_moment, utc_text
from schemas.normal.values import BAD_PHONE, Coerce, ValueRejected, coercer, shown, text_of
from schemas.shapes import Shapes

AHEAD = "ahead of its arrival; counted as the moment of arrival"
NO_SUCH_TIME = "not a time that can be read; left out of account"
NO_TIME_READ = "not a time that can be read; the event counts from its arrival"
QUIET = frozenset({FieldType.PHONE, FieldType.EMAIL})  # what is wrong with these is noted where they meet a field


class Reading(NamedTuple):
    """An event, read. `occurred_at` is None if its source named no time that can be true.

    `sent` holds the values that were written in a way worth keeping, by their normal form.
    """

    document: dict[str, Any]
    occurred_at: datetime | None
    notes: tuple[str, ...]
    sent: dict[str, str]


Read = Callable[[str, datetime], Reading]


# Puts the value of one typed path into normal form; adds to notes, to the values as they were sent, and to the moments
# that the document's texts in normal form name, so that a time is not read again. The last is the event's country.
Normalise = Callable[[dict[str, Any], list[str], dict[str, str], dict[str, Moment], str | None], None]

Places = tuple[tuple[str, Find], ...]


class _Plan(NamedTuple):
    """Where to look in a document of one shape."""

    html: Places
    typed: tuple[Normalise, ...]
    when: Places
    countries: tuple[Place, ...]


def reader(connector: Connector) -> Read:
    """A function from an event's raw JSON and its arrival to a Reading; it raises ValueRejected."""
    source = connector.preset.source
    typed = [
        (field.path, _normaliser(field.path, field.type, connector))
        for field in connector.source_fields.values()
        if field.type is not FieldType.TEXT
    ]
    abroad = Abroad(connector)
    times = _Times(connector)

    def plan(names: Collection[str]) -> _Plan:
        return _Plan(
            html=tuple((path, finder(path)) for path in source.html if can_be_in(path, names)),
            typed=tuple(normalise for path, normalise in typed if can_be_in(path, names)),
            when=tuple((path, finder(path)) for path in connector.occurred_at_paths if can_be_in(path, names)),
            countries=abroad.places(names),
        )

    plan_of = Shapes(plan)

    def read(raw: str, received_at: datetime) -> Reading:
        document = document_of(raw, source)
        html, typed_here, when, countries = plan_of(document)
        for path, look in html:
            if isinstance(text := look(document), str):
                place(document, path, without_tags(text))
        notes: list[str] = []
        sent: dict[str, str] = {}
        moments: dict[str, Moment] = {}
        country = abroad.country(document, countries) if countries else None
        if times.format is not None:
            times.written_anew(document, when)
        for normalise in typed_here:
            normalise(document, notes, sent, moments, country)
        occurred_at = times.occurred_at(document, when, received_at, notes, moments) if when else None
        return Reading(document, occurred_at, tuple(notes), sent)

    return read


class _Times:
    """When the events of one connector happened."""

    def __init__(self, connector: Connector) -> None:
        locale = connector.locale
        self.format = connector.settings.occurred_format
        self._zone = connector.zone
        self._order = order_of(locale)
        self._known = locale.known_order
        self._says_nothing = locale.blanks.test()

    def written_anew(self, document: dict[str, Any], when: Places) -> None:
        """Put times in the connector's own format into ISO 8601; what is not written so stays."""
        for path, look in when:
            value = look(document)
            if isinstance(value, str) and (moment := read_format(value, str(self.format), self._zone)) is not None:
                place(document, path, utc_text(moment.at))

    def occurred_at(
        self,
        document: dict[str, Any],
        when: Places,
        received_at: datetime,
        notes: list[str],
        moments: dict[str, Moment],
    ) -> datetime | None:
        """The first of the times that can be true, and never later than the arrival; None: there is none."""
        unread: list[str] = []
        found: datetime | None = None
        for path, look in when:
            value = look(document)
            if is_absent(value) or self._says_nothing(value):
                continue
            moment = moments.get(value) if type(value) is str else None
            if moment is None:
                moment = read_moment(value, self._zone, self._order, known=self._known)
                if moment is not None and moment.note:
                    notes.append(f"{path}: {moment.note}")
            if moment is None or is_sentinel(moment.at):
                unread.append(path)
                continue
            found = moment.at
            if found > received_at:
                notes.append(f"{path}: {AHEAD}")
                found = received_at
            break
        for path in unread:
            notes.append(f"{path}: {NO_TIME_READ if found is None else NO_SUCH_TIME}")
        return found


def _normaliser(path: str, type: FieldType, connector: Connector) -> Normalise:
    """What cannot be read stays as it is, for the field that it is mapped to to judge."""
    look, coerce, quiet = finder(path), coercer(type, path, connector.locale), type in QUIET
    is_member = "." not in path and path != ROOT
    is_phone, is_time, keeps = type is FieldType.PHONE, type is FieldType.DATETIME, type in TYPES
    is_blank = connector.locale.blanks.test(boolean=type is FieldType.BOOLEAN)
    home, abroad = connector.locale.country, cache(lambda country: _coercer_in(country, path, connector))

    def normalise(
        document: dict[str, Any],
        notes: list[str],
        sent: dict[str, str],
        moments: dict[str, Moment],
        country: str | None,
    ) -> None:
        value = document.get(path, ABSENT) if is_member else look(document)
        if value is ABSENT or is_blank(value):
            return
        try:
            if is_phone and country is not None and country != home:
                normal, note = abroad(country)(value)
                if note == BAD_PHONE:  # it does not exist there: whoever moved away has kept the number from home
                    normal, note = coerce(value)
            else:
                normal, note = coerce(value)
        except ValueRejected:
            return
        if normal is None:
            return
        if note is not None and not quiet:
            notes.append(f"{path}: {note}")
        if normal is value:
            return
        if keeps and normal is not ABSENT and normal != value:
            written = value if isinstance(value, str) else text_of(value, path, "a value")
            if is_phone or worth_keeping(type, written, normal, note):
                sent.setdefault(normal if isinstance(normal, str) else shown(normal), written)
        if is_time and normal is not ABSENT:
            moments[normal] = Moment(datetime.fromisoformat(normal))
        if is_member and normal is not ABSENT:
            document[path] = normal
        else:
            place(document, path, normal)

    return normalise


def _coercer_in(country: str, path: str, connector: Connector) -> Coerce:
    return coercer(FieldType.PHONE, path, replace(connector.locale, country=country))
