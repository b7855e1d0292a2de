"""What differs between two settings of a connector. In: two canonical documents. Out: differences, place by place.

Tables are compared member by member. Rows are told apart by what they are about (a mapping row by its target and its
turn among the rows to it, a field by its name, a source field by its path), so that a row which moved is not taken for
another one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

ABOUT = {"map": "to", "fields": "name", "source_fields": "path"}  # per list of rows, the member that names a row

Kind = Literal["added", "removed", "changed", "moved"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. `old` and `new` are None where there is nothing; of a row that came or went, the whole row."""

    place: str  # `default_country`, `sync.lead`, `map lead.budget`, `map lead.budget (2).default`
    kind: Kind
    old: Any = None
    new: Any = None


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """Everything that differs, in the order of `old` and then of `new`; empty for documents that say the same."""
    found: list[Difference] = []
    for name in dict.fromkeys((*old, *new)):
        before, after = old.get(name), new.get(name)
        if name in ABOUT:
            found += _rows(name, before or [], after or [])
        else:
            found += _members(name, before, after)
    return found


def _members(place: str, old: Any, new: Any) -> Iterator[Difference]:
    if old == new and type(old) is type(new):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys((*old, *new)):
            yield from _members(f"{place}.{name}", old.get(name), new.get(name))
        return
    yield Difference(place, "added" if old is None else "removed" if new is None else "changed", old, new)


def _rows(part: str, old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> Iterator[Difference]:
    before, after = _named(part, old), _named(part, new)
    for name in dict.fromkeys((*before, *after)):
        if name not in after:
            yield Difference(f"{part} {name}", "removed", old=before[name])
        elif name not in before:
            yield Difference(f"{part} {name}", "added", new=after[name])
        else:
            for member in dict.fromkeys((*before[name], *after[name])):
                yield from _members(f"{part} {name}.{member}", before[name].get(member), after[name].get(member))
    kept_before = [name for name in before if name in after]
    kept_after = [name for name in after if name in before]
    if kept_before != kept_after:
        yield Difference(part, "moved", kept_before, kept_after)


def _named(part: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The rows by what they are about; of several about one thing, the second is `thing (2)`."""
    turns: Counter[str] = Counter()
    named = {}
    for row in rows:
        about = str(row.get(ABOUT[part]))
        turns[about] += 1
        named[about if turns[about] == 1 else f"{about} ({turns[about]})"] = row
    return named
