"""What an administrator reads when the rules say no. In: the rule that was broken. Out: a dead letter that names it."""

from __future__ import annotations

from pipeline.engine.outcome import DeadLetter
from schemas.connector import Connector
from schemas.event import Event
from schemas.normal.values import ValueRejected
from schemas.rejected import problems_of


def rejected(rejection: ValueRejected, connector: Connector) -> DeadLetter:
    """The reason names connector, fields and rules; values, which may be personal, stand apart from it.

    With it goes what was in force, which the event itself does not say before it is mapped, and, in
    `result["problems"]`, all that the rules have against the event: field, source, value, rule of each.
    """
    problems = problems_of(rejection)
    sync = {"lead": connector.lead_behaviour, "activity": connector.activity_behaviour}
    return DeadLetter(
        f"{'; '.join(map(str, problems))} "
        f"(connector {connector.name!r}; correct its mapping or settings, or the value, then retry)",
        field=rejection.field,
        value=rejection.value,
        rule=rejection.rule,
        result={
            "then": {"sync": sync, "revision": connector.revision},
            "problems": [problem.told() for problem in problems],
        },
    )


def no_connector(event: Event) -> DeadLetter:
    """The event came by a connector that is no longer there."""
    return DeadLetter(
        f"connector {event.connector} was removed; discard the event",
        field="connector",
        value=str(event.connector),
        rule="an event's connector must exist",
    )
