"""The name that somebody may have meant. In: a name, and the names there are. Out: the one that is really near, if any.

A suggestion that is far off is believed all the same: who is asked "did you mean 'company'?" of `pan` maps it there.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

SHORTEST = 4  # characters; of a shorter name a quarter is less than one, and anything is near
NEAR = 0.75  # of what both say together, as difflib counts it: one slip in four letters, two in nine


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that differs from this one by a slip or two, in any case of letters; None: no name is near."""
    if len(name) < SHORTEST:
        return None
    by_lower = {each.lower(): each for each in sorted(known)}
    near = get_close_matches(name.lower(), by_lower, n=1, cutoff=NEAR)
    return by_lower[near[0]] if near else None


def suggestion(name: str, known: Iterable[str]) -> str:
    """What to do about a name that is not known, as the end of a sentence: the nearest name, else all there are."""
    names = sorted(known)
    if near := nearest(name, names):
        return f"; did you mean {near!r}?"
    return f"; the names are {', '.join(names)}" if names else ""
