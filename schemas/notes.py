"""The kinds of notes. In: a note, as an event carries it. Out: its kind, for counts and metrics.

A note says what was read by a rule, or could not be read, on an event that went on: `lead.phone: not a valid phone …`.
Before the colon stands the field or the path, behind it the text of its kind, or several, joined by `; `.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from schemas import reader, said
from schemas.key_source import MADE_UP
from schemas.keying import TOO_LONG
from schemas.mapper import NO_LEAD_ID
from schemas.normal.time import NEVER, TWICE
from schemas.normal.values import NO_TIME
from schemas.rejected import SKIPPED
from schemas.transforming import UNLISTED

OTHER = "other"

KINDS: Mapping[str, str] = {
    "day first, by": "date_day_first",
    "month first, by": "date_month_first",
    "year first, by": "date_year_first",
    TWICE: "local_time_twice",
    NEVER: "local_time_never",
    reader.AHEAD: "time_ahead",
    reader.NO_TIME_READ: "time_unreadable",
    reader.NO_SUCH_TIME: "time_passed_over",
    NO_TIME: "time_says_none",
    "not a valid phone number; kept": "phone_invalid",  # how these notes begin: journals hold them in older words too
    "digits were lost; kept": "phone_digits_lost",
    "a number that many people give instead": "phone_shared",
    "not a valid e-mail address; kept": "email_invalid",
    said.ANOTHER: "value_passed_over",
    SKIPPED: "value_left_out",
    said.WENT_TO: "several_values",
    said.NO_ROOM: "several_values_no_field",
    UNLISTED: "value_unlisted",
    TOO_LONG.partition(", and")[0]: "key_too_long",
    MADE_UP: "key_not_sent",
    NO_LEAD_ID: "lead_id_unknown",
    "not UTF-8": "charset_guessed",
    "also that of lead": "key_of_several_leads",
    "is another lead's, and left out here:": "value_of_another_lead",
    "it belongs to another lead, and stays there:": "activity_of_another_lead",
}

LABELS = (*KINDS.values(), OTHER)


@lru_cache(maxsize=10_000)
def kinds_of(note: str) -> tuple[str, ...]:
    """The kinds of one note; `other` for one that a stage of somebody's own has made."""
    found = tuple(kind for text, kind in KINDS.items() if text in note)
    return found or (OTHER,)
