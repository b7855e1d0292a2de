"""The job with FastStream, as https://faststream.ag2.ai/latest/rabbit/ shows: subscriber, publisher, lifespan."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import job
from faststream import FastStream
from faststream.rabbit import QueueType, RabbitBroker, RabbitQueue

broker = RabbitBroker(os.environ["AMQP"])
pools: list[asyncpg.Pool[asyncpg.Record]] = []


@asynccontextmanager
async def lifespan() -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["POSTGRES"], min_size=1, max_size=10) as pool:
        pools.append(pool)
        yield


app = FastStream(broker, lifespan=lifespan)
first, second, third = (RabbitQueue(name, queue_type=QueueType.QUORUM, durable=True) for name in job.QUEUES)


@broker.subscriber(first)
@broker.publisher(second, persist=True, mandatory=True)
async def normalize(event: dict[str, Any]) -> dict[str, Any]:
    return job.normalized(event)


@broker.subscriber(second)
@broker.publisher(third, persist=True, mandatory=True)
async def upsert(event: dict[str, Any]) -> dict[str, Any]:
    await job.apply(pools[0], event)
    return event


@broker.subscriber(third)
async def log(event: dict[str, Any]) -> None:
    await job.log(pools[0], event, json.dumps(event))
