"""The spool with a real RabbitMQ that is frozen, killed or out of memory, and a real ingress that is killed."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.engine.frame import unpack
from pipeline.engine.topology import Work
from pipeline.ingress.spool.spool import Spool
from pipeline.store import spools
from pipeline.store.database import Database
from pipeline.transport.rabbitmq import RabbitMQTransport
from tests.support.consuming import Hands, declared
from tests.support.daemon import installed, post
from tests.support.ingress import TOPOLOGY, Door, open_door
from tests.support.ports import free_port
from tests.support.rabbitmq import PrivateRabbitMQ, sweep
from tests.support.until import PROCESSES, until

Switch = Callable[[PrivateRabbitMQ], object]
EVERY = 0.01  # seconds between two requests


async def posting(door: Door, stop: asyncio.Event) -> tuple[list[str], list[float]]:
    """Post at a steady rate until `stop`; ids accepted, and how long each answer took. Every answer must be 202."""
    loop = asyncio.get_running_loop()

    lost = 0.0  # seconds in which this process did not run: the machine's doing, not the door's

    async def one() -> tuple[str, float]:
        began = loop.time() - lost
        status, answer, _ = await door.post(b"{}")
        assert status == 202
        return answer["ids"][0], loop.time() - lost - began

    posts = []
    while not stop.is_set():
        posts.append(asyncio.create_task(one()))
        due = loop.time() + EVERY
        await asyncio.sleep(EVERY)
        lost += loop.time() - due
    answers = await asyncio.gather(*posts)
    return [id for id, _ in answers], sorted(took for _, took in answers)


async def at_the_entry(url: str, prefix: str) -> set[str]:
    """The ids of the events that lie there."""
    transport, hands = RabbitMQTransport(url, prefix=prefix), Hands()
    await until(lambda: declared(transport, TOPOLOGY))
    expected = (await transport.depths())["work.first"].ready
    await hands.subscribe(transport, Work("first"), prefetch=10_000)
    await hands.take(expected)
    await transport.close()
    return {delivery.event.id for body in hands.bodies for delivery in unpack(body, 0)}


@pytest.mark.parametrize(
    ("fault", "mend"),
    [
        (PrivateRabbitMQ.freeze, PrivateRabbitMQ.thaw),
        (PrivateRabbitMQ.kill, PrivateRabbitMQ.start),
        (
            lambda node: node.ctl("set_vm_memory_high_watermark", "0.000001"),
            lambda node: node.ctl("set_vm_memory_high_watermark", "0.4"),
        ),
    ],
    ids=["frozen", "killed", "memory alarm"],
)
async def test_every_request_is_answered_202_and_every_event_arrives(
    tmp_path: Path, rabbitmq_node: PrivateRabbitMQ, prefix: str, fault: Switch, mend: Switch
) -> None:
    transport = RabbitMQTransport(rabbitmq_node.url, prefix=prefix, heartbeat=2, publish_timeout=5.0)
    spool, stop = Spool(tmp_path), asyncio.Event()
    await until(lambda: declared(transport, TOPOLOGY))
    try:
        async with open_door(transport=transport, spool=spool) as door:
            load = asyncio.create_task(posting(door, stop))
            await asyncio.sleep(0.3)
            await asyncio.to_thread(fault, rabbitmq_node)
            try:
                await until(lambda: spool.events > 100)
            finally:
                await asyncio.to_thread(mend, rabbitmq_node)
            await until(lambda: spool.events == 0, "an empty spool", PROCESSES)
            stop.set()
            accepted, took = await load
        p50, p99, worst = (took[int((len(took) - 1) * part)] * 1000 for part in (0.5, 0.99, 1))
        print(f"{len(took)} requests: p50 {p50:.1f} ms, p99 {p99:.1f} ms, worst {worst:.1f} ms")
        assert p99 < 3_000
        assert set(accepted) <= await at_the_entry(rabbitmq_node.url, prefix)
    finally:
        await transport.close()
        await sweep(rabbitmq_node.url, prefix, TOPOLOGY)


async def test_an_ingress_starts_without_its_broker_and_what_it_took_survives_its_death(
    tmp_path: Path, rabbitmq_node: PrivateRabbitMQ, database_url: str, prefix: str
) -> None:
    nowhere = f"amqp://guest:guest@127.0.0.1:{free_port()}/"
    database = await Database.open(database_url)
    with installed(tmp_path, database_url, nowhere, broker_prefix=prefix) as leadpipe:
        url = (await asyncio.to_thread(leadpipe.apply, "website"))["website"]
        ingress = leadpipe.start("ingress")
        await asyncio.to_thread(leadpipe.ready)
        accepted = [await accepted_at(url, number) for number in range(20)]
        await until(lambda: told(database))
        posts = [asyncio.create_task(accepted_at(url, number)) for number in range(20, 120)]
        await asyncio.wait(posts, return_when=asyncio.FIRST_COMPLETED)
        ingress.send_signal(signal.SIGKILL)
        answers = await asyncio.gather(*posts, return_exceptions=True)
        accepted += [answer for answer in answers if isinstance(answer, str)]
        ingress.wait()
        leadpipe.processes.remove(ingress)

        environment = dict(leadpipe.environment)
        environment["LEADPIPE_BROKER_URL"] = rabbitmq_node.url
        leadpipe.environment = environment
        leadpipe.start("ingress")
        leadpipe.start("work", "normalize", "map", "dedupe", "upsert", "log", "notify")
        await asyncio.to_thread(leadpipe.ready)
        await asyncio.to_thread(leadpipe.audited, len(set(accepted)), or_more=True)
        rows = await database.fetch("SELECT event_id::text AS id FROM journal")
        assert set(accepted) <= {row["id"] for row in rows}
        await until(lambda: told(database, nothing=True))
        assert await asyncio.to_thread(leadpipe.stop) == [0, 0]
    await database.close()


async def accepted_at(url: str, number: int) -> str:
    """The id of one event that was answered 202."""
    status, answer = await post(url, {"name": f"P {number}", "phone": f"+9198765{number:05d}"})
    assert status == 202
    return str(answer["ids"][0])


async def told(database: Database, *, nothing: bool = False) -> bool:
    """Whether the database knows of a spool."""
    return bool(await spools.waiting(database)) is not nothing
