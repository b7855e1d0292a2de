"""RabbitMQ 3.10 and later as the broker. In: an AMQP URL. Out: a `Transport`.

aio-pika makes plain connections and channels; the AMQP methods are called on them directly, and coming back after a
loss is our own small loop. Its robust classes keep state that cannot be seen (declarations answered from a cache,
consumers that are restored or not), and every promise made here must be seen to hold.
"""

from pipeline.transport.rabbitmq.declare import ConflictingQueue
from pipeline.transport.rabbitmq.transport import RabbitMQTransport

__all__ = ["ConflictingQueue", "RabbitMQTransport"]
