"""RabbitMQ 3.10 and later as the broker. In: an AMQP URL. Out: a `Transport`.

Spoken through aiormq, the AMQP client inside aio-pika; coming back after a loss is our own small loop. What aio-pika
puts on top keeps state that cannot be seen (declarations answered from a cache, consumers that are restored or not,
connections that do not know they are closed), and every promise made here must be seen to hold.
"""

from pipeline.transport.rabbitmq.declare import ConflictingQueue
from pipeline.transport.rabbitmq.transport import RabbitMQTransport

__all__ = ["ConflictingQueue", "RabbitMQTransport"]
