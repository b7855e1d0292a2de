"""Whether it is worth keeping how a value was written. In: its type, the text, its normal form. Out: yes or no."""

from __future__ import annotations

import re
from typing import Any

from schemas.fields import FieldType

TYPES = frozenset(
    {
        FieldType.PHONE,
        FieldType.EMAIL,
        FieldType.NUMBER,
        FieldType.DATE,
        FieldType.DATETIME,
        FieldType.DURATION,
        FieldType.BOOLEAN,
    }
)  # whose values people write in many ways

_PLAIN_NUMBER = re.compile(r"-?\d+(?:\.\d+)?").fullmatch


def worth_keeping(type: FieldType, written: str, normal: Any, note: str | None) -> bool:
    """Whether `written` says more than the normal form does: of a phone number always.

    Of an e-mail address, if anything was taken off; of a number, if it is not written as it is read; of the
    others, if a rule was needed to read them, or if they were wrapped in anything.
    """
    if type is FieldType.PHONE:
        return True
    if type is FieldType.EMAIL:
        return note is None and written.strip().lower() != normal
    if type is FieldType.NUMBER:
        return not _PLAIN_NUMBER(written) or float(written) != normal
    return note is not None or not (written[:1].isalnum() and written[-1:].isalnum())
