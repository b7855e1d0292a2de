"""Notes that a journal holds in the words of an earlier version count under the kind that they had."""

from __future__ import annotations

import pytest

from schemas.keying import LONGEST_KEY
from schemas.normal.values import BAD_EMAIL, BAD_PHONE, DIGITS_LOST, SHARED_PHONE
from schemas.notes import kinds_of

KEPT = "kept as text, never a key, and never in the place of a valid one"


@pytest.mark.parametrize(
    ("note", "kind"),
    [
        (f"lead.phone: not a valid phone number; {KEPT}", "phone_invalid"),
        (f"lead.phone: {BAD_PHONE}", "phone_invalid"),
        (f"lead.email: not a valid e-mail address; {KEPT}", "email_invalid"),
        (f"lead.email: {BAD_EMAIL}", "email_invalid"),
        (f"lead.phone: written as 9.19845E+11: digits were lost; {KEPT}", "phone_digits_lost"),
        (f"lead.phone: {DIGITS_LOST}", "phone_digits_lost"),
        ("lead.phone: a number that many people give instead of theirs; kept, and never a key", "phone_shared"),
        (f"lead.phone: {SHARED_PHONE}", "phone_shared"),
        (f"lead.external_id: longer than {LONGEST_KEY} characters; kept, and never a key", "key_too_long"),
    ],
)
def test_a_note_in_older_words_counts_as_it_did(note: str, kind: str) -> None:
    assert kinds_of(note) == (kind,)
