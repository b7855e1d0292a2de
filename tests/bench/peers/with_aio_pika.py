"""The job with aio-pika, as https://docs.aio-pika.com/ shows: a robust connection, consumers, `message.process`."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

import aio_pika
import asyncpg
import job
import uvloop
from aio_pika.abc import AbstractIncomingMessage

PREFETCH = 100
Work = Callable[[dict[str, Any]], Awaitable[dict[str, Any] | None]]


async def main() -> None:
    connection = await aio_pika.connect_robust(os.environ["AMQP"])
    async with connection, asyncpg.create_pool(os.environ["POSTGRES"], min_size=1, max_size=10) as pool:

        async def normalize(event: dict[str, Any]) -> dict[str, Any]:
            return job.normalized(event)

        async def upsert(event: dict[str, Any]) -> dict[str, Any]:
            await job.apply(pool, event)
            return event

        async def log(event: dict[str, Any]) -> None:
            await job.log(pool, event, json.dumps(event))

        works: list[tuple[str, str | None, Work]] = [
            ("normalize", "upsert", normalize),
            ("upsert", "log", upsert),
            ("log", None, log),
        ]
        for name, following, work in works:
            await consume(connection, name, following, work)
        await asyncio.Future()


async def consume(connection: Any, name: str, following: str | None, work: Work) -> None:
    channel = await connection.channel(publisher_confirms=True)
    await channel.set_qos(prefetch_count=PREFETCH)
    queue = await channel.declare_queue(name, durable=True, arguments={"x-queue-type": "quorum"})

    async def on_message(message: AbstractIncomingMessage) -> None:
        async with message.process():
            done = await work(json.loads(message.body))
            if following is not None:
                body = json.dumps(done).encode()
                onward = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
                await channel.default_exchange.publish(onward, routing_key=following)

    await queue.consume(on_message)


uvloop.run(main())
