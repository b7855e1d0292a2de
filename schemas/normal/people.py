"""The users whom a value can name. In: an account's users, and a value. Out: the e-mail address of one, or None."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from schemas.normal.email import emails_in


@dataclass(frozen=True, slots=True)
class People:
    """Users by what names them: the e-mail address in normal form, and the id; each leads to the address.

    `strict`: nobody else counts. Otherwise every address does, as where the users are not known.
    """

    known: Mapping[str, str]
    strict: bool = True

    def address(self, value: Any) -> str | None:
        """The address of the user whom this names; None: it names nobody."""
        if isinstance(value, bool) or not isinstance(value, str | int):
            return None
        text = str(value)
        addresses = emails_in(text)
        found = next((self.known[each] for each in (*addresses, text.strip()) if each in self.known), None)
        return addresses[0] if found is None and addresses and not self.strict else found

    def lenient(self) -> People:
        """The same, and every other address too: a mapping goes on working when a user takes another address."""
        return replace(self, strict=False)


ANYBODY = People({}, strict=False)
