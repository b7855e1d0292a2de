"""Publishes the events of a run for a peer, with confirms. In: bodies, one a line, on standard input."""

from __future__ import annotations

import asyncio
import os
import sys

import aiormq
import uvloop
from aiormq import spec

IN_FLIGHT = 200


async def main() -> None:
    lines = iter(sys.stdin.buffer.read().splitlines())
    connection = await aiormq.connect(os.environ["AMQP"])
    channel = await connection.channel(publisher_confirms=True)
    persistent = spec.Basic.Properties(content_type="application/json", delivery_mode=2)

    async def feed() -> None:
        for line in lines:
            await channel.basic_publish(line, routing_key="normalize", properties=persistent)

    async with asyncio.TaskGroup() as feeding:
        for _ in range(IN_FLIGHT):
            feeding.create_task(feed())
    await connection.close()


uvloop.run(main())
