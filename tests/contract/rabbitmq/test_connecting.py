"""Connecting to RabbitMQ and leaving it: what is said when it does not answer, and to no secret."""

from __future__ import annotations

import asyncio

import pytest

from pipeline.engine.transport import BrokerUnavailable
from pipeline.transport.rabbitmq import RabbitMQTransport
from tests.contract.rabbitmq.conftest import MAP, Opener, numbered
from tests.support.consuming import Hands
from tests.support.ports import free_port
from tests.support.proxy import Proxy
from tests.support.rabbitmq import PrivateRabbitMQ
from tests.support.until import until


class TestConnecting:
    async def test_nobody_listening_is_said_at_once_and_again_without_hammering(self) -> None:
        transport = RabbitMQTransport(f"amqp://guest:secret-word@127.0.0.1:{free_port()}/")
        for _ in range(3):
            with pytest.raises(BrokerUnavailable) as caught:
                await transport.open()
            assert "secret-word" not in str(caught.value)
        await transport.close()

    async def test_a_peer_that_never_answers_is_given_up_after_the_timeout(self, proxy: Proxy) -> None:
        proxy.swallow()
        transport = RabbitMQTransport(f"amqp://guest:guest@127.0.0.1:{proxy.port}/", publish_timeout=0.5)
        with pytest.raises(BrokerUnavailable, match=r"within 0\.5 s"):
            await transport.open()
        await transport.close()

    async def test_wrong_credentials_are_said_without_repeating_them(self, rabbitmq_node: PrivateRabbitMQ) -> None:
        transport = RabbitMQTransport(f"amqp://guest:secret%2Fword@127.0.0.1:{rabbitmq_node.port}/")
        with pytest.raises(BrokerUnavailable, match=r"(?i)refused|login") as caught:
            await transport.open()
        assert "secret" not in str(caught.value)
        await transport.close()

    async def test_close_leaves_no_task_behind(self, opened: Opener) -> None:
        before = asyncio.all_tasks()
        async with opened() as transport:
            await Hands().subscribe(transport, MAP)
            await transport.publish(numbered(10))
        await until(lambda: asyncio.all_tasks() <= before)
