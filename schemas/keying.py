"""The keys of a lead. In: its fields in normal form. Out: the values that identify it, by key space, none twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from schemas.fields import Field
from schemas.normal.choices import coercer_of
from schemas.normal.values import Locale, shown

LONGEST_KEY = 200  # characters; an index entry has its limits, and so has what identifies a person

TOO_LONG = f"longer than {LONGEST_KEY} characters; kept, and never a key"


def key_text(value: Any) -> str:
    """A field's value in normal form as a key."""
    return value if isinstance(value, str) else shown(value)


def junk_of(field: Field, locale: Locale) -> frozenset[str]:
    """The values of a unique field that identify nobody, in normal form."""
    coerce = coercer_of(field, field.name, locale)
    return frozenset(key_text(coerce(value)[0]) for value in field.junk)


def keys_of(
    lead: dict[str, Any],
    search: Sequence[tuple[str, str | None]],
    also: Sequence[tuple[str, str | None]],
    unsound: set[str],
    notes: list[str],
) -> dict[str, list[list[str]]]:
    """The values that identify the lead: by the search keys in their order, then the others, none of them twice.

    `search` and `also` are pairs of a field and its key space; `unsound` names the fields whose value is no key.
    """
    seen: set[tuple[str, str]] = set()

    def sound(entries: Sequence[tuple[str, str | None]]) -> list[list[str]]:
        found = []
        for name, space in entries:
            value = lead.get(name)
            if value is None or space is None or f"lead.{name}" in unsound:
                continue
            key = (space, key_text(value))
            if len(key[1]) > LONGEST_KEY:
                notes.append(f"lead.{name}: {TOO_LONG}")
            elif key not in seen and key[1]:
                seen.add(key)
                found.append([*key])
        return found

    return {"search": sound(search), "also": sound(also)}
