"""Names of what an account sets up. Out: the rule that keeps a name from being read as an id."""

from __future__ import annotations

DIGITS_ALONE = "must not be digits alone: those are read as an id; add a letter, such as in shop-148"
