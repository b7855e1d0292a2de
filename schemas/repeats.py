"""Lead fields that repeat another one. In: what an event says of a lead. Out: the same, each key in one field only.

Sources fill a second number with the first one. A unique field whose value an earlier one of its key space has too
says nothing more of its lead, and counts as blank. A required field keeps what it was given.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from schemas.connector import Connector
from schemas.key_text import key_text
from schemas.target import Target


class Repeat(NamedTuple):
    """A field that may repeat one of those before it."""

    target: Target
    before: tuple[str, ...]


def repeats_of(connector: Connector, targets: list[Target]) -> list[Repeat]:
    """The fields that may repeat another: search keys come first, then the account's fields in their order."""
    fields = connector.fields["lead"]
    mapped = {target.name: target for target in targets if target.record == "lead"}
    filled: dict[str, list[str]] = {}  # by key space
    repeats = []
    for name in dict.fromkeys([*connector.keys, *fields]):
        space = fields[name].key_space(connector.id)
        if name not in mapped or space is None:
            continue
        before = filled.setdefault(space, [])
        if before and not fields[name].required:
            repeats.append(Repeat(mapped[name], tuple(before)))
        before.append(name)
    return repeats


def blank_out(repeat: Repeat, lead: dict[str, Any], defaults: dict[str, Any]) -> None:
    """Have the field be as if it were blank, if it repeats what the event itself says of one before it."""
    target, before = repeat
    values = lead if target.name in lead else defaults
    value = values.get(target.name)
    if value is None:
        return
    folds = target.definition.folds  # as do all the fields of its key space
    text = key_text(value, folds)
    if not any(text == key_text(found, folds) for name in before if (found := lead.get(name)) is not None):
        return
    for name in (target.name, target.as_sent) if target.as_sent else (target.name,):
        if values is lead and target.clears:
            lead[name] = None
        else:
            values.pop(name, None)
