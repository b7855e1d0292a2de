"""From a parsed body to its events. In: decoded JSON and a preset's `Door`. Out: events, their ids, no secrets."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from operator import is_not
from typing import Any

import orjson

from schemas.beside import without
from schemas.normal.path import ROOT, find
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
_MOST_NAMES = 10_000  # that are remembered: a flood of new ones costs time, and no memory
_HOLDERS = frozenset((dict, list))
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
    many = isinstance(document, list) and not (door.pairs and is_pairs(document))
    if door.events[:1] == [ROOT]:  # each body is its own event: nothing to look for
        return list(document) if many else [document]
    return [event for events, _ in envelopes_in(document, door) for event in events]


def envelopes_in(document: Any, door: Door) -> list[tuple[list[object], dict[str, Any]]]:
    """The same per envelope: the events that lie in it, and the members that stand beside them."""
    many = isinstance(document, list) and not (door.pairs and is_pairs(document))
    return [_opened(body, door) for body in document] if many else [_opened(document, door)]


def _opened(body: Any, door: Door) -> tuple[list[object], dict[str, Any]]:
    if isinstance(body, dict):
        for path in door.events:
            found = find(body, path)
            if isinstance(found, list):
                events = [found] if door.pairs and is_pairs(found) else list(found)
                return events, without(body, path)
            if isinstance(found, dict):
                return [found], {} if path == ROOT else without(body, path)
    return [body], {}


def producer_id(event: Any, paths: Sequence[str]) -> str | None:
    """The producer's own id of an event: what lies at all the paths together. None if any of it is missing or blank.

    Numbers count as their digits, so that `"42"` and `42` are one id. A number too large to be read exactly is no
    id: two of them could look the same, and the second event would be taken for the first.
    """
    if len(paths) == 1:
        return _id_text(find(event, paths[0])) or None
    parts = [_id_text(find(event, path)) for path in paths]
    return orjson.dumps(parts).decode() if parts and "" not in parts else None


def redacted(event: Any, door: Door) -> tuple[Any, bool]:
    """The event without its secrets, and whether it had any; the event itself, untouched, if it had none.

    Secrets are the values of members named in `SECRET_NAMES` or in `door.redact`, at any depth, without regard to
    case and separators, also where the name is that of an attribute/value pair. Raises TooDeep.
    """
    clean = _without_secrets(event, _names(tuple(door.redact)), DEEPEST)
    return clean, clean is not event


@lru_cache(maxsize=1_000)
def secret_names(redact: tuple[str, ...]) -> frozenset[str]:
    """The names whose values are secrets at a door that redacts these as well, as `plain` writes them."""
    return SECRET_NAMES | frozenset(map(plain, redact))


def plain(name: str) -> str:
    """A name without case and separators: what names are compared by."""
    return name.translate(_SEPARATORS).casefold()


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
    if isinstance(value, str):
        return value.replace("\0", "").strip()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return ""


class _Names:
    """The member names whose values are secrets at one kind of door, and those seen there whose values are none."""

    def __init__(self, redact: Sequence[str]) -> None:
        self._secret = secret_names(tuple(redact))
        self.harmless: set[str] = set()

    def hidden(self, members: dict[str, Any]) -> dict[str, str]:
        """What takes the place of the members that are secrets and say something."""
        of_pair = PAIR_VALUE in members and self._is_secret(pair_name(members) or "")
        return {
            name: REDACTED
            for name, member in members.items()
            if (self._is_secret(name) or (of_pair and name == PAIR_VALUE)) and _says_something(member)
        }

    def _is_secret(self, name: str) -> bool:
        if name in self.harmless or len(name) > _LONGEST_NAME:
            return False
        if plain(name) in self._secret:
            return True
        if len(self.harmless) >= _MOST_NAMES:
            self.harmless.clear()
        self.harmless.add(name)
        return False


@lru_cache(maxsize=1_000)
def _names(redact: tuple[str, ...]) -> _Names:
    return _Names(redact)


def _without_secrets(value: Any, names: _Names, levels: int) -> Any:
    """The object or list, or a copy if anything in it had to change."""
    if levels <= 0:
        raise TooDeep(f"the document is nested deeper than {DEEPEST} levels")
    if isinstance(value, dict):
        looks_harmless = names.harmless.issuperset(value) and PAIR_VALUE not in value
        changed: dict[str, Any] = {} if looks_harmless else names.hidden(value)
        for name, member in value.items():
            if type(member) in _HOLDERS and name not in changed:
                clean = _without_secrets(member, names, levels - 1)
                if clean is not member:
                    changed[name] = clean
        return {**value, **changed} if changed else value
    if isinstance(value, list):
        members = [_without_secrets(m, names, levels - 1) if type(m) in _HOLDERS else m for m in value]
        return members if any(map(is_not, members, value)) else value
    return value


def _says_something(value: Any) -> bool:
    return value not in (None, "", REDACTED)
