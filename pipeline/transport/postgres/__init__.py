"""PostgreSQL as the broker: the embedded default. Frames are rows; consumers claim them with SKIP LOCKED."""

from pipeline.transport.postgres.transport import PostgresTransport

__all__ = ["PostgresTransport"]
