"""The values that a document has for one field. In: its rows, a document. Out: rows and values, the first one first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from schemas.normal.blank import IsBlank
from schemas.normal.path import ABSENT, is_absent, is_blank
from schemas.normal.values import ValueRejected, text_of
from schemas.rejected import SKIPPED
from schemas.target import Row, Target
from schemas.transforming import Step, run


class Way(NamedTuple):
    """How a target gets its value in documents of one shape: by its rows, or simply from members that are there."""

    target: Target
    row: Row | None  # its only one, where it simply takes the first of the members that says something
    members: tuple[str, ...]


class Plain(NamedTuple):
    """A way that most are like: a text field takes one member as it is, unless that is no text, or a blank.

    `member` is None for any other way.
    """

    member: str | None
    is_blank: IsBlank
    record: str
    name: str
    way: Way

    @classmethod
    def of(cls, way: Way) -> Plain:
        target, row, members = way
        is_plain = target.text and row is not None and not row.fill and len(members) == 1
        member = members[0] if is_plain else None
        return cls(member, target.rows[0].is_blank, target.record, target.name, way)


def choose(target: Target, document: dict[str, Any], held: list[bool], notes: list[str]) -> tuple[Row | None, Any]:
    """The first row that has a value, and the value transformed; else no row, and None for a blank, or ABSENT."""
    nothing: Any = ABSENT
    for row, value in _rows(target, document, held, notes):
        if row is not None:
            return row, value
        nothing = None
    return None, nothing


def candidates(way: Way, document: dict[str, Any], held: list[bool]) -> Iterator[tuple[Row, Any]]:
    """Every value that the document has for a field, the one that counts first."""
    if way.row is not None:
        for name in way.members:
            if not way.row.is_blank(value := document[name]):
                yield way.row, value
        return
    for row, value in _rows(way.target, document, held, []):
        if row is not None:
            yield row, value


def _rows(
    target: Target, document: dict[str, Any], held: list[bool], notes: list[str]
) -> Iterator[tuple[Row | None, Any]]:
    """Each value that a row brings, with the row; no row, and None, for a blank. Raises ValueRejected."""
    for row in target.rows:
        if row.conditions and not _applies(row, held):
            continue
        if row.constant is not ABSENT:
            yield row, row.constant
            continue
        try:
            yield from _values(row, target, document, notes)
        except ValueRejected as rejection:
            if row.unreadable != "skip":
                raise
            notes.append(f"{target.label}: {SKIPPED}: {rejection.rule}")


def _values(row: Row, target: Target, document: dict[str, Any], notes: list[str]) -> Iterator[tuple[Row | None, Any]]:
    """What one row brings."""
    each, join, joined = row.steps
    parts: list[Any] = []
    for look in row.finds:
        value = look(document)
        if value is ABSENT:
            continue
        if not row.is_blank(value):
            if each:
                apart = join is not None and isinstance(value, list)
                value = _members(each, value, notes) if apart else run(each, value, notes)
            if value is ABSENT:
                continue
            if not each or not is_blank(value):
                if join is None:
                    yield row, value
                else:
                    parts.append(value)
                continue
        yield None, None
    if parts and join is not None:
        value = run(joined, _one_text(parts, join, target), notes)
        if value is not ABSENT and not is_blank(value):
            yield row, value


def _members(steps: tuple[Step, ...], values: list[Any], notes: list[str]) -> Any:
    """What is made of a list that is joined afterwards, member by member; ABSENT if that is nothing."""
    made = [run(steps, value, notes) for value in values if not is_blank(value)]
    return [value for value in made if value is not ABSENT] or ABSENT


def _one_text(parts: list[Any], separator: str, target: Target) -> str:
    """All the values as one text; a list's members are parts too."""
    members = [member for part in parts for member in (part if isinstance(part, list) else [part])]
    return separator.join(
        text_of(member, target.label, "the transform 'join'") for member in members if not is_blank(member)
    )


def default_of(target: Target, held: list[bool]) -> Any:
    """The default of the first row that has one and applies."""
    for row in target.rows:
        if row.default is not ABSENT and _applies(row, held):
            return row.default
    return ABSENT


def _applies(row: Row, held: list[bool]) -> bool:
    return all(map(held.__getitem__, row.conditions))


def source_of(target: Target, document: dict[str, Any]) -> str | None:
    """Where the value lies that a field refused: the first of its paths that has one."""
    for row in target.rows:
        for path, look in zip(row.paths, row.finds, strict=True):
            if not is_absent(value := look(document)) and not row.is_blank(value):
                return path
    return None
