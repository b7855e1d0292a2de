"""What PostgreSQL can store. In: JSON values. Out: the same, without the characters that it refuses.

`text` and `jsonb` refuse U+0000, and nothing that is encoded as UTF-8 can hold half a surrogate pair.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

REFUSED = re.compile("[\x00\ud800-\udfff]")


def storable(value: Any) -> Any:
    """The value without refused characters; the same object where there are none in it."""
    return _cleaned(value) if _is_suspect(value) else value


def _is_suspect(value: Any) -> bool:
    """Whether it may hold a refused character: one pass in C instead of a visit to each text."""
    if type(value) is str and value.isascii():
        return "\0" in value
    try:
        return b"\\u0000" in orjson.dumps(value)
    except TypeError:  # half a surrogate pair
        return True


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return REFUSED.sub("", value)
    if isinstance(value, dict):
        return {_cleaned(name): _cleaned(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(member) for member in value]
    return value
