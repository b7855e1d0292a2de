"""The keys of a lead. In: its fields in normal form. Out: the values that identify it, by key space, none twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from schemas.connector import Connector
from schemas.fields import Field
from schemas.key_text import key_text
from schemas.normal.choices import coercer_of
from schemas.normal.locale import Locale

LONGEST_KEY = 200  # characters; an index entry has its limits, and so has what identifies a person

TOO_LONG = f"longer than {LONGEST_KEY} characters; kept, and identifies nobody"


def key_of(field: Field, value: Any) -> str:
    """The value of a unique field as the key that it is."""
    return key_text(value, field.folds)


def junk_of(field: Field, locale: Locale) -> frozenset[str]:
    """The values of a unique field that identify nobody, as keys."""
    coerce = coercer_of(field, field.name, locale)
    values = (coerce(value)[0] for value in field.junk)
    return frozenset(key_text(value, field.folds) for value in values if value is not None)


class Entry(NamedTuple):
    """A field of a lead that identifies it. `folds`: its values are compared without regard to case."""

    name: str
    label: str
    space: str
    folds: bool


def entries_of(connector: Connector, names: Iterable[str]) -> list[Entry]:
    """Those of these fields of a lead that identify it where they come by this connector."""
    fields = connector.fields["lead"]
    found = ((name, fields[name].key_space(connector.id), fields[name].folds) for name in names)
    return [Entry(name, f"lead.{name}", space, folds) for name, space, folds in found if space is not None]


def single_of(connector: Connector, names: Iterable[str]) -> list[tuple[Entry, str]]:
    """Those of these fields whose values at most one lead may have, and what happens where another has it."""
    fields = connector.fields["lead"]
    return [(entry, how) for entry in entries_of(connector, names) if (how := fields[entry.name].when_taken) != "share"]


def keys_of(
    lead: dict[str, Any], search: Sequence[Entry], also: Sequence[Entry], unsound: set[str], notes: list[str]
) -> dict[str, list[list[str]]]:
    """The values that identify the lead: by the search keys in their order, then the others, none of them twice.

    `unsound` has the labels of the fields whose value is no key.
    """
    seen: set[tuple[str, str]] = set()
    return {"search": _sound(lead, search, unsound, notes, seen), "also": _sound(lead, also, unsound, notes, seen)}


def _sound(
    lead: dict[str, Any], entries: Sequence[Entry], unsound: set[str], notes: list[str], seen: set[tuple[str, str]]
) -> list[list[str]]:
    found: list[list[str]] = []
    for name, label, space, folds in entries:
        value = lead.get(name)
        if value is None or label in unsound:
            continue
        key = (space, key_text(value, folds))
        if len(key[1]) > LONGEST_KEY:
            notes.append(f"{label}: {TOO_LONG}")
        elif key not in seen and key[1]:
            seen.add(key)
            found.append([*key])
    return found
