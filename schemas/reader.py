"""How one connector's events are read. In: an event as its source sent it. Out: the document with normal values.

Compiled once per connector and revision into closures; see `schemas.compiled`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, NamedTuple

from schemas.connector import Connector
from schemas.document import document_of
from schemas.fields import FieldType
from schemas.normal.path import ABSENT, ROOT, Find, can_be_in, finder, is_absent, is_blank, place
from schemas.normal.text import without_tags
from schemas.normal.time import Moment, is_ahead, is_sentinel, read_moment
from schemas.normal.values import ValueRejected, coercer, text_of
from schemas.shapes import Shapes

AHEAD = "is more than 24 hours ahead of its arrival; treated as missing"
NO_SUCH_TIME = "is not a time that can be read; left out of account"
QUIET = frozenset({FieldType.PHONE, FieldType.EMAIL})  # what is wrong with these is noted where they meet a field


class Reading(NamedTuple):
    """An event, read. `occurred_at` is None if its source named no time that can be true.

    `sent` holds the phone numbers that were written otherwise: E.164, and how the source wrote it.
    """

    document: dict[str, Any]
    occurred_at: datetime | None
    notes: tuple[str, ...]
    sent: dict[str, str]


Read = Callable[[str, datetime], Reading]


# Puts the value of one typed path into normal form; adds to notes, to the numbers as they were sent, and to the moments
# that the document's texts in normal form name, so that a time is not read again.
Normalise = Callable[[dict[str, Any], list[str], dict[str, str], dict[str, Moment]], None]

Places = tuple[tuple[str, Find], ...]


class _Plan(NamedTuple):
    """Where to look in a document of one shape."""

    html: Places
    typed: tuple[Normalise, ...]
    when: Places


def reader(connector: Connector) -> Read:
    """A function from an event's raw JSON and its arrival to a Reading; it raises ValueRejected."""
    source = connector.preset.source
    typed = [
        (field.path, _normaliser(field.path, field.type, connector))
        for field in connector.source_fields.values()
        if field.type is not FieldType.TEXT
    ]
    needed = [(path, finder(path)) for path in connector.required]
    zone = connector.zone

    def plan(names: Collection[str]) -> _Plan:
        return _Plan(
            html=tuple((path, finder(path)) for path in source.html if can_be_in(path, names)),
            typed=tuple(normalise for path, normalise in typed if can_be_in(path, names)),
            when=tuple((path, finder(path)) for path in connector.occurred_at_paths if can_be_in(path, names)),
        )

    plan_of = Shapes(plan)

    def read(raw: str, received_at: datetime) -> Reading:
        document = document_of(raw, source)
        for path, look in needed:
            _require(path, look(document))
        html, typed_here, when = plan_of(document)
        for path, look in html:
            if isinstance(text := look(document), str):
                place(document, path, without_tags(text))
        notes: list[str] = []
        sent: dict[str, str] = {}
        moments: dict[str, Moment] = {}
        for normalise in typed_here:
            normalise(document, notes, sent, moments)
        occurred_at = None
        for path, look in when:
            value = look(document)
            if is_absent(value) or is_blank(value):
                continue
            moment = moments.get(value) if type(value) is str else None
            if moment is None:
                moment = read_moment(value, zone)
            if moment is None or is_sentinel(moment.at):
                notes.append(f"{path} {NO_SUCH_TIME}")
            elif is_ahead(moment.at, received_at):
                notes.append(f"{path} {AHEAD}")
            else:
                if moment.note:
                    notes.append(f"{path}: {moment.note}")
                occurred_at = moment.at
                break
        return Reading(document, occurred_at, tuple(notes), sent)

    return read


def _require(path: str, value: Any) -> None:
    if is_absent(value):
        raise ValueRejected(path, "", "the source must send this member, and it is missing")
    if is_blank(value):
        raise ValueRejected(path, "", "the source must send a value here, and it is blank")


def _normaliser(path: str, type: FieldType, connector: Connector) -> Normalise:
    """What cannot be read stays as it is, for the field that it is mapped to to judge."""
    look, coerce, quiet = finder(path), coercer(type, path, connector.locale), type in QUIET
    is_member = "." not in path and path != ROOT
    is_phone, is_time = type is FieldType.PHONE, type is FieldType.DATETIME

    def normalise(document: dict[str, Any], notes: list[str], sent: dict[str, str], moments: dict[str, Moment]) -> None:
        value = document.get(path, ABSENT) if is_member else look(document)
        if value is ABSENT or is_blank(value):
            return
        try:
            normal, note = coerce(value)
        except ValueRejected:
            return
        if note is not None and not quiet:
            notes.append(f"{path}: {note}")
        if normal is value:
            return
        if is_phone and normal != value:
            sent.setdefault(normal, value if isinstance(value, str) else text_of(value, path, "a phone number"))
        if is_time and normal is not ABSENT:
            moments[normal] = Moment(datetime.fromisoformat(normal))
        if is_member and normal is not ABSENT:
            document[path] = normal
        else:
            place(document, path, normal)

    return normalise
