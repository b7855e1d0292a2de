"""Tells of failures. In: journalled events. Out: a notification and a log line per failure, once; all events go on."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from pipeline.engine.outcome import Forward, Outcome
from pipeline.engine.stage import stage
from pipeline.lookup import connectors_of
from pipeline.store import notifications
from pipeline.store.notifications import Notice
from pipeline.store.text import storable
from pipeline.tools import Tools
from schemas.connector import Connector
from schemas.event import Event, Failure

logger = structlog.get_logger(__name__)


@stage(after="log")
async def notify(batch: Sequence[Event], tools: Tools) -> list[Outcome]:
    """One notification per failure, also when it is heard of twice; a replay that fails is a failure of its own."""
    failed = {(event.id, event.replay): (event, event.failure) for event in batch if event.failure is not None}
    connectors = await connectors_of([event for event, _ in failed.values()], tools.catalog)
    notices = [_notice(event, failure, connectors[event.connector]) for event, failure in failed.values()]
    new = await notifications.write(tools.database, notices)
    for key in sorted(new):
        event, failure = failed[key]
        # no reason, no value: they can hold a person's number or name
        logger.warning(
            "event failed",
            connector=event.connector,
            id=event.id,
            stage=failure.stage,
            kind=failure.kind,
            field=failure.field,
            rule=failure.rule,
            attempts=failure.attempts,
        )
    return [Forward(event) for event in batch]


def _notice(event: Event, failure: Failure, connector: Connector | None) -> Notice:
    """For the user whom the connector names now; for whoever looks, where it names none or is gone."""
    text = storable(f"{failure.stage}: {failure.reason}")
    wanted = None if connector is None else connector.settings.notify
    recipient = wanted.user if wanted is not None and wanted.enabled else None
    return Notice(event.account, event.connector, event.id, event.replay, "failure", text, recipient)
