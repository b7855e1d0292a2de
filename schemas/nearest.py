"""The name that somebody may have meant. In: a name, and the names there are. Out: the one that is really near, if any.

A suggestion that is far off is believed all the same: who is asked "did you mean 'company'?" of `pan` maps it there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from heapq import nlargest
from os.path import commonprefix

SHORTEST = 4  # characters; of a shorter name a quarter is less than one, and anything is near
NEAR = 0.75  # of what both say together, as difflib counts it: one slip in four letters, two in nine
LONGEST = 200  # characters; no name that is known is nearly as long
COMPARED = 40  # names that are compared letter by letter: a thousand names with a thousand slips would take minutes
MOST_TOLD = 60  # names that are told where none is near


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that differs from this one by a slip or two, in any case of letters; None: no name is near."""
    if len(name) < SHORTEST:
        return None
    by_lower = {each.lower(): each for each in sorted(known)}
    near = get_close_matches(name.lower(), _likely(name.lower(), by_lower), n=1, cutoff=NEAR)
    return by_lower[near[0]] if near else None


def suggestion(name: str, known: Iterable[str]) -> str:
    """What to do about a name that is not known, as the end of a sentence: the nearest name, else all there are."""
    names = sorted(known)
    if near := nearest(name, names):
        return f"; did you mean {near!r}?"
    more = f" and {len(names) - MOST_TOLD} more" if len(names) > MOST_TOLD else ""
    return f"; the names are {', '.join(names[:MOST_TOLD])}{more}" if names else ""


def _likely(name: str, known: Collection[str]) -> Collection[str]:
    """Of many names, those worth comparing letter by letter: with the longest common beginning and end together."""
    if len(known) <= COMPARED or len(name) > LONGEST:
        return known if len(name) <= LONGEST else ()
    return nlargest(COMPARED, known, key=lambda each: _alike(each, name) + _alike(each[::-1], name[::-1]))


def _alike(one: str, other: str) -> int:
    """With how many same characters both begin."""
    return len(commonprefix((one, other)))  # noqa: RUF071  # names are no paths
