"""RabbitMQ: transports on the private node, which the tests here break and mend, a channel past them, and a proxy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiormq
import pytest
from aiormq.abc import AbstractChannel

from pipeline.engine.topology import Dead, Work
from pipeline.engine.transport import BrokerUnavailable, Message, Unroutable
from pipeline.transport.rabbitmq import RabbitMQTransport
from tests.support.consuming import chain, declared
from tests.support.proxy import Proxy, proxied
from tests.support.rabbitmq import PrivateRabbitMQ, sweep
from tests.support.until import PATIENCE, until

TOPOLOGY = chain("map", "log")
MAP = Work("map")
Opener = Callable[..., AbstractAsyncContextManager[RabbitMQTransport]]


@pytest.fixture
async def opened(rabbitmq_node: PrivateRabbitMQ, prefix: str) -> AsyncIterator[Opener]:
    """Opens transports on the private node, which the tests here break and mend."""

    @asynccontextmanager
    async def open_(port: int | None = None, **options: Any) -> AsyncIterator[RabbitMQTransport]:
        url = f"amqp://guest:guest@127.0.0.1:{port or rabbitmq_node.port}/"
        transport = RabbitMQTransport(url, prefix=prefix, **{"publish_timeout": PATIENCE, "heartbeat": 60, **options})
        try:
            await until(lambda: declared(transport, TOPOLOGY))
            yield transport
        finally:
            await transport.close()

    yield open_
    await sweep(rabbitmq_node.url, prefix, TOPOLOGY)


@pytest.fixture
async def transport(opened: Opener) -> AsyncIterator[RabbitMQTransport]:
    async with opened() as transport:
        yield transport


@pytest.fixture
async def plain(rabbitmq_node: PrivateRabbitMQ) -> AsyncIterator[AbstractChannel]:
    """An administrator's channel."""
    connection = await aiormq.connect(rabbitmq_node.url)
    yield await connection.channel()
    await connection.close()


@pytest.fixture
async def proxy(rabbitmq_node: PrivateRabbitMQ) -> AsyncIterator[Proxy]:
    async with proxied(rabbitmq_node.port) as proxy:
        yield proxy


def numbered(number: int) -> list[Message]:
    return [Message(MAP, b"%d" % each) for each in range(number)]


async def accepted(transport: RabbitMQTransport) -> bool:
    try:
        await transport.publish([Message(MAP, b"accepted")])
    except BrokerUnavailable:
        return False
    return True


async def published(transport: RabbitMQTransport, body: bytes, to: Work | Dead = MAP) -> bool:
    try:
        await transport.publish([Message(to, body)])
    except (BrokerUnavailable, Unroutable):
        return False
    return True
