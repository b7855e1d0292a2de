"""Notices consumers that are no longer fed. In: subscriptions and a way to look at queues. Out: those rebuilt.

A consumer can be lost without a word: on the client's side it waits, on the broker's side it is not there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection

import structlog

from pipeline.engine.transport import BrokerUnavailable, Depth
from pipeline.transport.rabbitmq.subscription import RabbitMQSubscription

log = structlog.get_logger(__name__)

STARVED = 2  # looks in a row; one could fall into the moment between ready and delivered


async def watch(
    subscriptions: Collection[RabbitMQSubscription], depth: Callable[[str], Awaitable[Depth | None]], every: float
) -> None:
    """Look at every subscription each `every` seconds, for ever."""
    starved: dict[RabbitMQSubscription, int] = {}
    while True:
        before = {subscription: subscription.delivered for subscription in subscriptions}
        await asyncio.sleep(every)
        try:
            hungry = {s: await _why(s, delivered, depth) for s, delivered in before.items() if s in subscriptions}
        except BrokerUnavailable as error:  # then the consumers notice it themselves
            log.info("watchdog cannot look", reason=str(error))
            continue
        except Exception:  # whatever it is: a watchdog that ended here would be missed by nobody
            log.exception("watchdog failed")
            continue
        starved = {s: starved.get(s, 0) + 1 for s, reason in hungry.items() if reason}
        for subscription, times in list(starved.items()):
            if times >= STARVED:
                subscription.rebuild(str(hungry[subscription]))
                del starved[subscription]


async def _why(
    subscription: RabbitMQSubscription, before: int, depth: Callable[[str], Awaitable[Depth | None]]
) -> str | None:
    """Why this subscription seems to starve, if it does."""
    if not subscription.hungry or subscription.delivered != before:
        return None
    seen = await depth(subscription.queue)
    if not subscription.hungry or subscription.delivered != before:
        return None
    if seen is None:
        return "the queue is gone"
    if seen.consumers == 0:
        return "the broker knows of no consumer"
    return f"{seen.ready} frames are ready and none is delivered" if seen.ready else None
