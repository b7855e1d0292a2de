"""What PostgreSQL can store. In: JSON values. Out: the same, without the characters that it refuses.

`text` and `jsonb` refuse U+0000, and nothing that is encoded as UTF-8 can hold half a surrogate pair.
"""

from __future__ import annotations

import re
from typing import Any

REFUSED = re.compile("[\x00\ud800-\udfff]")


def storable(value: Any) -> Any:
    """The value without refused characters; the same object where there are none in a text."""
    if isinstance(value, str):
        return REFUSED.sub("", value) if REFUSED.search(value) else value
    if isinstance(value, dict):
        return {storable(name): storable(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [storable(member) for member in value]
    return value
