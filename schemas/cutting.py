"""From a parsed body to its events. In: decoded JSON and a preset's `Door`. Out: events, their ids, no secrets."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import orjson

from schemas.normal.path import find, is_absent
from schemas.preset import Door

REDACTED = "[redacted]"
DEEPEST = 100  # levels of nesting; orjson cannot write more than 254

PAIR_NAMES = ("Attribute", "SchemaName", "Key")  # vendor-facts §2.2
PAIR_VALUE = "Value"

SECRET_NAMES = frozenset(
    {
        "accesskey",
        "accesstoken",
        "apikey",
        "apisecret",
        "apitoken",
        "authkey",
        "authorization",
        "authtoken",
        "clientsecret",
        "glusrcrmkey",
        "googlekey",
        "passwd",
        "password",
        "secret",
        "secretkey",
        "xapikey",
        "xlsqaccesskey",
        "xlsqsecretkey",
    }
)
_LONGEST_NAME = 64
_SEPARATORS = str.maketrans("", "", "_- .")


class TooDeep(ValueError):
    """The document is nested deeper than `DEEPEST` levels; no vendor does that, and it could not be stored."""


def events_in(document: Any, door: Door) -> list[object]:
    """The events of one body, in its order.

    A body that is a list is many bodies. In each, events lie at the first path of `door.events` that holds an
    object or a list; a list is many events, an empty one none. A list of attribute/value pairs is one event where
    the door says so. A body in which no path holds anything is one event as a whole, so that it ends in the journal
    and not in silence.
    """
    if isinstance(document, list) and not (door.pairs and is_pairs(document)):
        return [event for entry in document for event in _events_of_one(entry, door)]
    return _events_of_one(document, door)


def _events_of_one(body: Any, door: Door) -> list[object]:
    if isinstance(body, dict):
        for path in door.events:
            found = find(body, path)
            if isinstance(found, list):
                return [found] if door.pairs and is_pairs(found) else list(found)
            if isinstance(found, dict):
                return [found]
    return [body]


def producer_id(event: Any, paths: Sequence[str]) -> str | None:
    """The producer's own id of an event: what lies at all the paths together. None if any of it is missing or blank.

    Numbers count as their digits, so that `"42"` and `42` are one id. A number too large to be read exactly is no
    id: two of them could look the same, and the second event would be taken for the first.
    """
    if not paths:
        return None
    parts = [_id_text(find(event, path)) for path in paths]
    if "" in parts:
        return None
    return parts[0] if len(parts) == 1 else orjson.dumps(parts).decode()


def redacted(event: Any, door: Door) -> tuple[Any, bool]:
    """The event without its secrets, and whether it had any; the event itself, untouched, if it had none.

    Secrets are the values of members named in `SECRET_NAMES` or in `door.redact`, at any depth, without regard to
    case and separators, also where the name is that of an attribute/value pair. Raises TooDeep.
    """
    own = frozenset(map(_plain, door.redact))
    clean = _without_secrets(event, own, DEEPEST)
    return clean, clean is not event


def is_pairs(value: Any) -> bool:
    """Whether this is a list of attribute/value pairs, and nothing else."""
    return isinstance(value, list) and bool(value) and all(pair_name(entry) is not None for entry in value)


def pair_name(entry: Any) -> str | None:
    """The attribute's name, if this is an attribute/value pair."""
    if not isinstance(entry, dict) or PAIR_VALUE not in entry:
        return None
    return next((entry[name] for name in PAIR_NAMES if isinstance(entry.get(name), str)), None)


def _id_text(value: Any) -> str:
    """An id as text; empty if it is none."""
    if is_absent(value) or isinstance(value, bool):
        return ""
    if isinstance(value, str):
        return value.replace("\0", "").strip()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return ""


def _without_secrets(value: Any, own: frozenset[str], levels: int) -> Any:
    """The value, or a copy if anything in it had to change."""
    if isinstance(value, dict):
        _check(levels)
        changed = {}
        hidden = PAIR_VALUE in value and _is_secret(pair_name(value) or "", own)
        for name, member in value.items():
            if (hidden and name == PAIR_VALUE) or _is_secret(name, own):
                clean = REDACTED if _says_something(member) else member
            elif isinstance(member, dict | list):
                clean = _without_secrets(member, own, levels - 1)
            else:
                continue
            if clean is not member:
                changed[name] = clean
        return {**value, **changed} if changed else value
    if isinstance(value, list):
        _check(levels)
        members = [_without_secrets(m, own, levels - 1) if isinstance(m, dict | list) else m for m in value]
        return members if any(new is not old for new, old in zip(members, value, strict=True)) else value
    return value


def _check(levels: int) -> None:
    if levels <= 0:
        raise TooDeep(f"the document is nested deeper than {DEEPEST} levels")


def _says_something(value: Any) -> bool:
    return value not in (None, "", REDACTED)


def _is_secret(name: str, own: frozenset[str]) -> bool:
    return len(name) <= _LONGEST_NAME and _is_listed(name, own)


@lru_cache(maxsize=10_000)
def _is_listed(name: str, own: frozenset[str]) -> bool:
    plain = _plain(name)
    return plain in SECRET_NAMES or plain in own


def _plain(name: str) -> str:
    return name.translate(_SEPARATORS).casefold()
