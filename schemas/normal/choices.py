"""A value as one certain field holds it: by its type, and where that is a choice, by its options. In: a field. Out: its
coercer; of dependent dropdowns, a check that parent and child go together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from schemas.fields import CHOICES, Field, FieldType
from schemas.normal.blank import Blanks, IsBlank
from schemas.normal.locale import Locale
from schemas.normal.values import Coerce, Coerced, ValueRejected, coercer, shown
from schemas.normal.wrapping import unwrapped

SHOWN_OPTIONS = 20
NO_USER = "a user field takes the e-mail address of a user of the account, or the user's id"


def coercer_of(field: Field, label: str, locale: Locale) -> Coerce:
    """A function from a value, neither absent nor blank, to its normal form; raises ValueRejected, naming `label`.

    Of a dropdown the normal form is the option as it is defined, of a user the e-mail address. Of a dependent dropdown
    it need only be some parent's option here; see `pair`. None: without what is wrapped around it, it is a blank.
    """
    if field.type in CHOICES:
        return _choice(field, label, locale.blanks)
    if field.type is FieldType.USER:
        return _user(label, locale)
    return coercer(field.type, label, locale)


def pair(field: Field, label: str, parent: Any, child: Any) -> Any:
    """The option of a dependent dropdown that goes with its parent's value; raises ValueRejected.

    `parent` is None where the event does not say it: a child alone is nothing, as what it means depends.
    """
    if parent is None:
        raise ValueRejected(label, child, f"its parent {field.parent} must come with it, in the same event")
    options = next((own for of, own in field.options_by_parent.items() if of.casefold() == parent.casefold()), [])
    for option in options:
        if option.casefold() == child.casefold():
            return option
    raise ValueRejected(label, child, f"with {field.parent} {parent!r} it takes {_listed(options)}")


def _choice(field: Field, label: str, blanks: Blanks) -> Coerce:
    canonical: Mapping[str, str] = {option.casefold(): option for option in reversed(field.choices)}
    rule = f"a dropdown field takes {_listed(field.choices)}"

    def option(value: Any) -> str | None:
        word = "" if isinstance(value, dict | list) else (value if isinstance(value, str) else shown(value))
        return canonical.get(word.strip().casefold())

    return _found(option, label, rule, blanks.test(values=field.choices))


def _user(label: str, locale: Locale) -> Coerce:
    return _found(locale.people.address, label, NO_USER, locale.blanks.test())


def _found(look: Callable[[Any], str | None], label: str, rule: str, says_nothing: IsBlank) -> Coerce:
    """A coercer to what a value names, as it is or without what is wrapped around it."""

    def coerce(value: Any) -> Coerced:
        found = look(value)
        if found is not None:
            return found, None
        if isinstance(value, str) or value is False:
            bare = unwrapped(value) if isinstance(value, str) else value
            if (found := look(bare)) is not None or says_nothing(bare):
                return found, None
        raise ValueRejected(label, value, rule)

    return coerce


def _listed(options: list[str]) -> str:
    if not options:
        return "nothing"
    more = f" and {len(options) - SHOWN_OPTIONS} more" if len(options) > SHOWN_OPTIONS else ""
    return f"one of: {', '.join(options[:SHOWN_OPTIONS])}{more}"
