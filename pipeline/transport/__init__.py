"""Brokers behind one contract (`pipeline.engine.transport`): RabbitMQ, PostgreSQL, memory."""
