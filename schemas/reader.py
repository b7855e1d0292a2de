"""How one connector's events are read. In: an event as its source sent it. Out: the document with normal values.

Compiled once per connector and revision into closures; see `schemas.compiled`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from schemas.connector import Connector
from schemas.document import document_of
from schemas.fields import FieldType
from schemas.normal.path import ABSENT, Find, find, finder, is_absent, is_blank, place
from schemas.normal.text import without_tags
from schemas.normal.time import is_ahead, is_sentinel, read_moment
from schemas.normal.values import Coerce, ValueRejected, coercer, text_of

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


@dataclass(frozen=True, slots=True)
class _Typed:
    """One path whose value has a type."""

    path: str
    find: Find
    coerce: Coerce
    quiet: bool
    phone: bool
    member: bool  # whether the path is simply the name of a member

    @classmethod
    def of(cls, path: str, type: FieldType, connector: Connector) -> _Typed:
        return cls(
            path,
            finder(path),
            coercer(type, path, connector.locale),
            type in QUIET,
            type is FieldType.PHONE,
            "." not in path,
        )


def reader(connector: Connector) -> Read:
    """A function from an event's raw JSON and its arrival to a Reading; it raises ValueRejected."""
    source = connector.preset.source
    typed = [
        _Typed.of(field.path, field.type, connector)
        for field in connector.source_fields.values()
        if field.type is not FieldType.TEXT
    ]
    when = [(path, finder(path)) for path in connector.occurred_at_paths]
    needed = [(path, finder(path)) for path in connector.required]
    zone = connector.zone

    def read(raw: str, received_at: datetime) -> Reading:
        document = document_of(raw, source)
        for path, look in needed:
            _require(path, look(document))
        for path in source.html:
            if isinstance(text := find(document, path), str):
                place(document, path, without_tags(text))
        notes: list[str] = []
        sent: dict[str, str] = {}
        for entry in typed:
            _normalise(document, entry, notes, sent)
        occurred_at = None
        for path, look in when:
            value = look(document)
            if is_absent(value) or is_blank(value):
                continue
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


def _normalise(document: dict[str, Any], entry: _Typed, notes: list[str], sent: dict[str, str]) -> None:
    """Put the value of one typed path into normal form; one that cannot be read stays, for its field to judge."""
    value = entry.find(document)
    if is_absent(value) or is_blank(value):
        return
    try:
        normal, note = entry.coerce(value)
    except ValueRejected:
        return
    if note is not None and not entry.quiet:
        notes.append(f"{entry.path}: {note}")
    if normal is value:
        return
    if entry.phone and normal != value:
        sent.setdefault(normal, value if type(value) is str else text_of(value, entry.path, "a phone number"))
    if entry.member and normal is not ABSENT:
        document[entry.path] = normal
    else:
        place(document, entry.path, normal)
