"""What one event says of records, while it is mapped. In: values, field by field. Out: fields, defaults, notes.

A value is read here as its field holds it. What is not valid for its field (a phone number that cannot exist) is kept
as it was sent where its type allows that, loses to every valid value, and identifies nobody; another path or row that
brings a valid value goes before it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from schemas.as_sent import worth_keeping
from schemas.candidates import Way, candidates
from schemas.fields import FieldType
from schemas.normal.email import emails_in
from schemas.normal.path import ABSENT
from schemas.normal.phone import Phone, read_phone
from schemas.normal.values import (
    BAD_EMAIL,
    BAD_PHONE,
    DIGITS_LOST,
    SHARED_PHONE,
    ValueRejected,
    shown,
    text_of,
)
from schemas.reader import AHEAD
from schemas.rejected import SKIPPED
from schemas.standard import EXTENSION, SPARE
from schemas.target import Row, Target

ANOTHER = "not valid; another value of this event is taken instead"
WENT_TO = "several were sent; the next one went to"
NO_ROOM = "several were sent, and no field is free for the rest; kept as sent"

PHONE, EMAIL = FieldType.PHONE, FieldType.EMAIL
WEAK = frozenset({BAD_PHONE, BAD_EMAIL, SHARED_PHONE, DIGITS_LOST})  # what is noted of values that must not count

_ONE_NUMBER = re.compile(r"[+0-9 ().\-]{1,16}").fullmatch  # nothing beside it: no extension, no second number
_SECOND = len("2026-07-31T05:33:50")


class Said:
    """What is said so far.

    `sent` has values as they were written, by their normal form; `latest` is the moment of arrival, in ISO 8601;
    `country` is the one that the event names, `home` the connector's; `away`: they differ.
    """

    __slots__ = (
        "away", "country", "defaults", "defaults_of", "fills", "home", "latest", "lead", "notes", "records", "sent",
        "spare", "stand_ins", "unsound"
    )  # fmt: skip

    def __init__(self, sent: Mapping[str, str], latest: str, country: str | None, home: str | None) -> None:
        self.lead: dict[str, Any] = {}
        self.records: dict[str, dict[str, Any]] = {"lead": self.lead, "call": {}, "activity": {}}
        self.defaults: dict[str, Any] = {}
        self.defaults_of: dict[str, dict[str, Any]] = {"lead": self.defaults, "call": {}, "activity": {}}
        self.fills: dict[str, Any] = {}  # those defaults that came from the source: they tell whose event it is
        self.stand_ins: set[str] = set()  # labels of fields where a default takes the place of what a blank clears
        self.unsound: set[str] = set()  # labels of fields whose value must not identify anybody
        self.notes: list[str] = []
        self.spare: list[tuple[Target, tuple[str, ...], str]] = []  # further values, and how all were written
        self.sent = sent
        self.latest = latest
        self.country = country
        self.home = home
        self.away = country is not None and country != home

    def read(
        self, way: Way, row: Row, value: Any, document: dict[str, Any], held: list[bool]
    ) -> tuple[Row | None, Any]:
        """The value as its field holds it, and the row that it came by; no row and None: a blank; ABSENT: nothing.

        Where it is not valid, another value that the document has for the field may be. Raises ValueRejected.
        """
        target = way.target
        if self.away or row.unreadable is not None:
            normal, note = self._coerced(target, row, value)
        else:
            normal, note = target.coerce(value)
        if normal is None or (note is not None and note in WEAK):
            row, value, normal, note = self._better(way, row, value, normal, note, document, held)
        if note is not None:
            self.notes.append(f"{target.label}: {note}")
            if note in WEAK:
                self.unsound.add(target.label)
        if normal is None or normal is ABSENT:
            return None, normal
        if target.past and normal[:_SECOND] > self.latest[:_SECOND]:
            self.notes.append(f"{target.label}: {AHEAD}")
            normal = self.latest
        if target.as_sent is not None:
            self._as_sent(target, row, value, normal, note)
        return row, normal

    def _better(
        self,
        way: Way,
        row: Row,
        value: Any,
        normal: Any,
        note: str | None,
        document: dict[str, Any],
        held: list[bool],
    ) -> tuple[Row, Any, Any, str | None]:
        """The first valid value that the document has for a field; where it has none, the one that came first."""
        target = way.target
        for other, candidate in candidates(way, document, held):
            try:
                found, said = self._coerced(target, other, candidate)
            except ValueRejected:
                continue
            if found is not None and found is not ABSENT and said not in WEAK:
                if note is not None:
                    self.notes.append(f"{target.label}: {ANOTHER}")
                return other, candidate, found, said
        return row, value, normal, note

    def _coerced(self, target: Target, row: Row, value: Any) -> tuple[Any, str | None]:
        try:
            if self.away and target.type is PHONE:
                normal, note = self._abroad(target, self._written(target, value))
            else:
                normal, note = target.coerce(value)
        except ValueRejected as rejection:
            if row.unreadable != "skip":
                raise
            return ABSENT, f"{SKIPPED}: {rejection.rule}"
        if note in WEAK and note != SHARED_PHONE and row.unreadable is not None:
            if row.unreadable == "reject":
                raise ValueRejected(target.label, value, str(note).partition(";")[0])
            return ABSENT, f"{SKIPPED}: {str(note).partition(';')[0]}"
        return normal, note

    def _abroad(self, target: Target, written: str) -> tuple[Any, str | None]:
        """A number in the country that the event names; one that does not exist there, in the connector's."""
        if target.abroad:
            normal, note = target.coerce_in(self.country)(written)
            if note != BAD_PHONE:
                return normal, note
        return target.coerce(written)

    def _number(self, target: Target, written: str) -> Phone:
        """The number that is in a text, with its extension and those that follow."""
        if target.abroad and self.country is not None and (number := read_phone(written, self.country)).valid:
            return number
        return read_phone(written, self.home)

    def _written(self, target: Target, value: Any) -> Any:
        """The value as the source wrote it."""
        if isinstance(value, list):
            return text_of(value, target.label, "a list of values")
        text = value if type(value) is str else shown(value)
        return self.sent.get(text, text)

    def _as_sent(self, target: Target, row: Row, value: Any, normal: Any, note: str | None) -> None:
        """Keep how it was written, where that says more; of a number always. Further values wait for a free field."""
        written = self.sent.get(value, value) if type(value) is str else self._written(target, value)
        store = self.defaults if row.fill else self.lead
        if target.type is PHONE:
            store[str(target.as_sent)] = written
            if written != normal and not _ONE_NUMBER(written):
                number = self._number(target, written)
                if number.extension is not None:
                    store.setdefault(EXTENSION, number.extension)
                if number.others:
                    self.spare.append((target, number.others, written))
        elif written != normal and worth_keeping(target.type, written, normal, note):
            store[str(target.as_sent)] = written
            if target.type is EMAIL and (further := emails_in(written)[1:]):
                self.spare.append((target, further, written))

    def keep_apart(self, target: Target, value: Any) -> None:
        """Have a value of a lead fill its field and tell nobody whose event it is; so with how it was written."""
        self.defaults[target.name] = value
        if target.as_sent is not None and (written := self.lead.pop(target.as_sent, None)) is not None:
            self.defaults[target.as_sent] = written

    def place_spare(self, lead_fields: Mapping[str, Any], as_sent: str) -> None:
        """Give further numbers and addresses to fields that this event leaves free. `as_sent` ends the names of those
        that keep how a value was written."""
        for target, further, written in self.spare:
            order = SPARE[target.type]
            after = order[order.index(target.name) + 1 :] if target.name in order else order
            free = [name for name in after if name in lead_fields and self._is_free(name)]
            known = {self.lead.get(name, self.defaults.get(name)) for name in order}
            for value in further:
                if value in known:
                    continue
                if not free:
                    self.notes.append(f"{target.label}: {NO_ROOM}")
                    break
                name = free.pop(0)
                self._fill(name, value)
                if target.type is PHONE:
                    self._fill(f"{name}{as_sent}", written)
                self.notes.append(f"{target.label}: {WENT_TO} {name}")

    def _is_free(self, name: str) -> bool:
        return self.lead.get(name) is None and self.defaults.get(name) is None

    def _fill(self, name: str, value: Any) -> None:
        """A default, unless the event itself clears the field: then it is what the event says there."""
        if name in self.lead:
            self.lead[name] = value
        else:
            self.defaults[name] = self.fills[name] = value
