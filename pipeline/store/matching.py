"""Which lead an event is about. In: its search keys, and whose they are. Out: a match, or the rule that refuses it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from schemas.event import Event, FailureKind

NO_KEY = "an event needs a valid search key"
ONE_LEAD = "the search keys of an event must name one lead"
ONE_EACH = "at most one lead has a value of a unique field"
SHARED = "also that of lead"
LEFT_OUT = "is another lead's, and left out here:"
HOLD = "hold"
LONGEST = 500  # characters; an index entry of PostgreSQL holds about 2,700 bytes


class Key(NamedTuple):
    """A value that identifies a lead of an account, in normal form."""

    account: int
    space: str
    value: str


@dataclass(frozen=True, slots=True)
class Match:
    """The lead, and the key space it was found by; both None for somebody new."""

    lead: str | None
    by: str | None


NOBODY = Match(None, None)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the rules cannot say whose event this is."""

    reason: str
    rule: str
    field: str | None = None
    value: str | None = None
    kind: FailureKind = "rejected"


class Taken(NamedTuple):
    """A value of a unique field that another lead has. `how`: what the field says of that, see `schemas.fields`."""

    key: Key
    owner: str
    how: str
    field: str

    def refusal(self) -> Refusal:
        """Why a person must decide whose event it is."""
        why = f"{self.field} is that of lead {self.owner}, which the search keys do not name"
        return Refusal(why, ONE_EACH, f"lead.{self.field}", self.key.value, "conflict")

    def note(self) -> str:
        """What is said where the event goes on without the value."""
        return f"lead.{self.field}: this value {LEFT_OUT} lead {self.owner}"


def keys_of(account: int, pairs: Iterable[Sequence[str]]) -> list[Key]:
    """The keys of an event from its `[[space, value], …]`."""
    return [Key(account, space, value) for space, value in pairs]


def match(search: Sequence[Key], owners: Mapping[Key, str], chosen: Match | None = None) -> Match | Refusal:
    """The lead that the first of the keys names which names any: primary, secondary, then the others in their order.

    Keys that name two leads are a conflict, never guessed, unless a lead was `chosen`: by a person, or by the source,
    which names it by its id. `owners`: whose a key is.
    """
    if not search and chosen is None:
        return Refusal("no valid search key, so no lead can be found or made for this event", NO_KEY)
    for key in search:
        if len(key.value) > LONGEST:
            return Refusal(
                f"{key.space} is too long to be a search key: {len(key.value)} characters",
                f"a search key has at most {LONGEST} characters",
                key.space,
                key.value[:LONGEST],
            )
    named = [(key, owners[key]) for key in search if key in owners]
    if chosen is not None:
        return Match(chosen.lead, next((key.space for key, lead in named if lead == chosen.lead), chosen.by))
    if not named:
        return NOBODY
    (first, lead), *others = named
    for key, other in others:
        if other != lead:
            return Refusal(
                f"{first.space} names lead {lead}, {key.space} names lead {other}",
                ONE_LEAD,
                key.space,
                key.value,
                "conflict",
            )
    return Match(lead, first.space)


class Matcher:
    """Matches the events of one batch one after another: keys that an earlier one brought count for the later ones."""

    def __init__(self, owners: Mapping[Key, str], shared: Mapping[Key, Sequence[str]] | None = None) -> None:
        """`shared`: of some keys the other leads that say the same value."""
        self._owners = dict(owners)
        self._shared = shared or {}
        self.shares: dict[Key, str] = {}  # keys of others, and the leads that say the same value
        self.claims: dict[Key, str] = {}  # keys that nobody has yet, and whose they shall be
        self._claimed_by: dict[Key, str] = {}  # and by which event
        self.decisive: set[Key] = set()  # keys that a match rests on

    def match(self, search: Sequence[Key], chosen: Match | None = None) -> Match | Refusal:
        """The lead of an event with these search keys, see `match`."""
        return match(search, self._owners, chosen)

    def taken(self, event: Event, lead: str | None) -> list[Taken]:
        """The values of unique fields that this event brings, and that another lead than this one has."""
        found = []
        for space, value, how, field in event.data["taken"]:
            key = Key(event.account, space, value)
            self.decisive.add(key)
            owner = self._owners.get(key, lead)
            if owner is not None and owner != lead:
                found.append(Taken(key, owner, how, field))
        return found

    def give(self, lead: str, event: str, search: Sequence[Key], also: Sequence[Key]) -> None:
        """Let a lead have the keys that are still free. Of those that are not, it is kept that it says the same."""
        self.decisive.update(search)
        for key in (*search, *also):
            owner = self._owners.get(key)
            if owner is None:
                if len(key.value) <= LONGEST:
                    self._owners[key] = self.claims[key] = lead
                    self._claimed_by[key] = event
            elif owner != lead and lead not in self._shared.get(key, ()):
                self.shares[key] = lead

    def hangs_on(self, event: str, lead: str, search: Sequence[Key], values: Collection[str]) -> bool:
        """Whether it is by these values alone that the keys of an event name this lead."""
        named = [key for key in search if self._owners.get(key) == lead and self._claimed_by.get(key) != event]
        return bool(named) and all(key.value in values for key in named)

    def notes(self, lead: str, search: Sequence[Key]) -> tuple[str, ...]:
        """What is to be said of a match with this lead: which other leads have the same values."""
        found = []
        for key in search:
            owner = self._owners.get(key, lead)
            others = [other for other in (owner, *self._shared.get(key, ())) if other != lead]
            if others:
                had = (
                    "this lead had it first, so the event is about this lead"
                    if owner == lead
                    else "the source names this lead, so the event is about this lead"
                )
                found.append(f"{key.space}: {SHARED} {', '.join(others)}; {had}")
        return tuple(found)
