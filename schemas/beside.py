"""What stands beside the wrapper of an event. In: an envelope, and where the event lies in it. Out: both, as one.

Nothing that a source sends is lost to a mapping: a member beside the wrapper keeps its name and its path, as a person
sees it in what was sent. Where the event itself has a member of that name, the event's counts, and the other one lies
under `$beside`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BESIDE = "$beside"


def joined(event: Any, others: Mapping[str, Any]) -> Any:
    """The event with the others beside its own members; an event of attribute/value pairs has them as pairs."""
    if not others:
        return event
    if isinstance(event, list):
        return [*({"Attribute": name, "Value": member} for name, member in others.items()), *event]
    document = {**event, **{name: member for name, member in others.items() if name not in event}}
    if len(document) < len(event) + len(others):
        document[BESIDE] = {name: member for name, member in others.items() if name in event}
    return document


def without(envelope: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The members of an envelope but for what lies at this path; an object that held nothing else is left out too."""
    if path in envelope:
        return {name: member for name, member in envelope.items() if name != path}
    first, _, rest = path.partition(".")
    inner = envelope.get(first)
    if not rest or not isinstance(inner, dict):
        return dict(envelope)
    left = without(inner, rest)
    return {name: left if name == first else member for name, member in envelope.items() if left or name != first}
