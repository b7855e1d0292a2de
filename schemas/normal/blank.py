"""Words that say as much as a blank. In: a value as it was sent. Out: whether it says nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from schemas.normal.path import is_blank

WORDS = frozenset({"n/a", "na", "null", "none", "nil", "undefined", "-", "--"})
NO = "false"  # what some systems write for a field that is empty; of a boolean field it is a value

IsBlank = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Blanks:
    """The words of one connector: those that count everywhere, and its `own`, in any case."""

    own: frozenset[str] = frozenset()

    @classmethod
    def of(cls, words: Iterable[str]) -> Blanks:
        return cls(frozenset(word.strip().casefold() for word in words))

    def test(self, *, boolean: bool = False, values: Iterable[str] = ()) -> IsBlank:
        """A function that says whether a value is blank: null, white space, an empty object or list, a blank word.

        For a `boolean` field false is a value. `values`: words that are values here, as the options of a dropdown are.
        """
        meant = {value.strip().casefold() for value in values}
        words = (WORDS | self.own | ({NO} if not boolean else set())) - meant
        says_no = not boolean and NO not in meant
        longest = max(map(len, words), default=0)

        def test(value: Any) -> bool:
            if type(value) is str:
                if len(value) > longest:
                    return value.isspace()
                return not value or value.isspace() or value.strip().casefold() in words
            return (says_no and value is False) or is_blank(value)

        return test
