"""What calls show of people. In: who asks, and what an operation found. Out: the same; without `leads:read`, masked.

This is the one rule: what is told of people needs `leads:read`, by whatever call it is asked for. Of people are the
values that sources sent and records hold, texts that may quote one, the leads, calls and activities that an event is
about, and whether anybody is found. What is left without it: which events there are, of which connector and when, how
each of them ended, in which stage, and by which rule and field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, is_dataclass, replace
from random import SystemRandom
from typing import Any, TypeVar

import orjson

from pipeline.operations.access import Actor
from pipeline.operations.errors import Forbidden, Refused
from pipeline.operations.scrub import scrubbed
from schemas.access import Scope
from schemas.connector import Connector
from schemas.event import Event
from schemas.notes import kinds_of

HIDDEN = "hidden: this needs leads:read"
NOBODYS = -1  # an account without people: what is tried in it finds nobody
R = TypeVar("R", bound=Refused)

_QUOTES = re.compile(r"""['"‘“@]|\d{5,}""")  # where a text may begin to quote a value
_PLAIN_NAME = re.compile(r"(?!.*\d{5})[^@]{1,200}")


def sees_people(actor: Actor) -> bool:
    """Whether what is of people is shown to them."""
    return Scope.LEADS_READ in actor.scopes


def need_people(actor: Actor, what: str) -> None:
    """Raises Forbidden for those who do not see people. `what`: what they asked for."""
    if not sees_people(actor):
        raise Forbidden(f"{what} needs {Scope.LEADS_READ}, and your key does not have it")


def row(actor: Actor, found: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the journal, of the dead letters, conflicts or refused requests, as far as they may see it."""
    return dict(found) if sees_people(actor) else _members(found)


def rows(actor: Actor, found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Several of these."""
    return [row(actor, each) for each in found]


def note(actor: Actor, text: str) -> str:
    """A note on an event: without its text, the field or path that it is about and its kinds."""
    return text if sees_people(actor) else _note(text)


def keys(actor: Actor, found: Sequence[Sequence[str]]) -> list[list[str]]:
    """Key spaces and values."""
    return [[space, value if sees_people(actor) else HIDDEN] for space, value in found]


def refusal(actor: Actor, error: R) -> R:
    """Why an operation refused something: without the stored values that stand in its way."""
    if sees_people(actor) or not any(each.stored for each in error.problems):
        return error
    problems = [replace(each, rule=told(each.rule), value=HIDDEN) if each.stored else each for each in error.problems]
    return type(error)(error.detail, problems)


def still_refused(actor: Actor, error: Refused) -> str:
    """Why a request or an event is still refused: a text that may quote what it says."""
    return str(error) if sees_people(actor) else error.detail


def stranger(event: Event, connector: Connector) -> Event:
    """An event with people's values replaced by made-up ones, in an account without people."""
    fake = scrubbed(orjson.loads(event.raw), connector, SystemRandom())
    return event.evolve(account=NOBODYS, raw=orjson.dumps(fake).decode())


def values(document: Any) -> Any:
    """A document with every value hidden: what is left is how it is built."""
    if isinstance(document, Mapping):
        return {_name(str(name)): values(value) for name, value in document.items()}
    if isinstance(document, list | tuple):
        return [values(each) for each in document]
    return None if document is None else HIDDEN


def _name(name: str) -> str:
    """A member's name; a value may stand in its place where a body was read as a form."""
    return name if _PLAIN_NAME.fullmatch(name) else HIDDEN


def _members(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _RULES.get(name, _within)(value) for name, value in found.items()}


def _within(value: Any) -> Any:
    """What has members of its own: these one by one; all else as it is."""
    if isinstance(value, Mapping):
        return _members(value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{name: each for name, each in _members(asdict(value)).items() if name in _SINGLE})
    if isinstance(value, list | tuple):
        return [_within(each) for each in value]
    return value


def _hidden(value: Any) -> str:
    return HIDDEN


def _hidden_if_any(value: Any) -> Any:
    return None if value is None else HIDDEN


def _request(text: Any) -> Any:
    try:
        return orjson.dumps(values(orjson.loads(text))).decode() if text else text
    except orjson.JSONDecodeError:
        return HIDDEN


def _note(text: str) -> str:
    about, colon, _ = text.partition(": ")
    kinds = ", ".join(kinds_of(text))
    return f"{_name(about)}: {kinds}" if colon else kinds


def told(text: Any) -> Any:
    """A rule, up to where it may quote a value."""
    if not isinstance(text, str) or (quoted := _QUOTES.search(text)) is None:
        return text
    return f"{text[: quoted.start()]}…"


def _leads(found: Any) -> list[Any]:
    return [{**each, "id": HIDDEN, "fields": values(each["fields"])} if "fields" in each else HIDDEN for each in found]


def _where(place: Any) -> Any:
    return {name: value for name, value in place.items() if isinstance(value, int)}


# Whether there is one is hidden too, where that tells if somebody was found.
_RULES: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("lead_id", "call_id", "activity_id", "matched_by", "lead", "owner"), _hidden),
    **dict.fromkeys(("value", "reason", "error", "trace", "detail", "body", "query"), _hidden_if_any),
    "idempotency_key": _hidden_if_any,
    **dict.fromkeys(("rule", "cause"), told),
    "event": values,
    "request": _request,
    "notes": lambda notes: [_note(each) for each in notes],
    "leads": _leads,
    "where": _where,
}
_SINGLE = ("value", "lead")  # of what a row holds as an object of its own: the keys of a conflict
