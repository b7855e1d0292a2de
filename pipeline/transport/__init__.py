"""Brokers behind one contract (`pipeline.engine.transport`): RabbitMQ, PostgreSQL, memory."""

from __future__ import annotations

from pipeline.engine.transport import Transport


def transport_for(url: str, prefix: str = "") -> Transport:
    """The transport that speaks to this URL; it is not opened yet. `prefix` goes before every queue name."""
    if url.startswith(("amqp://", "amqps://")):
        from pipeline.transport.rabbitmq import RabbitMQTransport

        return RabbitMQTransport(url, prefix=prefix)
    from pipeline.transport.postgres import PostgresTransport

    return PostgresTransport(url, prefix=prefix)
