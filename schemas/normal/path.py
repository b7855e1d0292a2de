"""Paths into a document. In: `agent.name`, `legs.0.number`. Out: the value there, or ABSENT, which is not a blank.

A path is member names joined by dots, with numbers for places in a list; `$` is the document itself. A member whose
own name holds dots is found too, and goes before the nested reading of the same path.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any, Final, TypeGuard

Find = Callable[[Any], Any]

ROOT = "$"
LONGEST_PATH = 500  # characters


class _Absent:
    """The type of ABSENT."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False


ABSENT: Final = _Absent()


def is_absent(value: object) -> TypeGuard[_Absent]:
    """The source has no such member."""
    return value is ABSENT


def is_blank(value: object) -> bool:
    """The source has the member and says nothing by it: null, a text of white space, an empty object or list."""
    if isinstance(value, str):
        return not value or value.isspace()
    return value is None or (not value and isinstance(value, dict | list))


@lru_cache(maxsize=10_000)
def finder(path: str) -> Find:
    """A function that gives a document's value at this path, or ABSENT."""
    if path == ROOT:
        return lambda document: document
    if "." in path or path.isdecimal():
        parts = tuple(path.split("."))
        return lambda document: _descend(document, parts)

    def member(document: Any) -> Any:
        return document.get(path, ABSENT) if isinstance(document, dict) else ABSENT

    return member


def can_be_in(path: str, names: Collection[str]) -> bool:
    """Whether an object whose members have these names, and no others, can have a value at this path."""
    parts = path.split(".")
    return path == ROOT or any(".".join(parts[:taken]) in names for taken in range(1, len(parts) + 1))


def find(document: Any, path: str) -> Any:
    """The value at this path, or ABSENT."""
    return finder(path)(document)


def place(document: Any, path: str, value: Any) -> None:
    """Put a value where `find` finds one, or remove that member with ABSENT. Changes the document in place.

    Where the path leads nowhere, nothing happens. A place in a list that is to be removed becomes null.
    """
    holder, name = _holder(document, tuple(path.split(".")))
    if isinstance(holder, dict):
        if is_absent(value):
            del holder[name]
        else:
            holder[name] = value
    elif isinstance(holder, list):
        holder[int(name)] = None if is_absent(value) else value


def _descend(document: Any, parts: tuple[str, ...]) -> Any:
    holder, name = _holder(document, parts)
    if holder is None:
        return ABSENT
    return holder[name] if isinstance(holder, dict) else holder[int(name)]


def _holder(document: Any, parts: tuple[str, ...]) -> tuple[Any, str]:
    """The object or list that holds the last part, and the name it has there; (None, "") if there is none."""
    if isinstance(document, dict):
        for taken in range(len(parts), 0, -1):
            name = parts[0] if taken == 1 else ".".join(parts[:taken])
            if name in document:
                if taken == len(parts):
                    return document, name
                found = _holder(document[name], parts[taken:])
                if found[0] is not None:
                    return found
    elif isinstance(document, list) and len(parts[0]) < 7 and parts[0].isdecimal() and int(parts[0]) < len(document):
        if len(parts) == 1:
            return document, parts[0]
        return _holder(document[int(parts[0])], parts[1:])
    return None, ""
