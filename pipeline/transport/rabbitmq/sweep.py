"""Takes a topology away again. In: a URL and a prefix. Out: none of its queues and exchanges exists any more."""

from __future__ import annotations

from pipeline.engine.topology import Topology
from pipeline.transport.rabbitmq.link import Link, asking
from pipeline.transport.rabbitmq.names import Names

PATIENCE = 60.0  # seconds


async def sweep(url: str, prefix: str, topology: Topology) -> None:
    """Delete every queue and exchange of the topology under this prefix, with what is in them. BrokerUnavailable."""
    names = Names(prefix)
    link = Link(url, "sweeping", 30, PATIENCE)
    try:
        async with asking("sweeping", PATIENCE):
            channel = await link.channel()
            for address in topology.addresses():
                await channel.queue_delete(names.queue(address))
                await channel.exchange_delete(names.route(address)[0])
    finally:
        await link.close()
