"""What PostgreSQL's errors mean to the broker. In: asyncpg's errors. Out: the contract's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from pipeline.engine.transport import BrokerUnavailable
from pipeline.store.database import AWAY, said
from pipeline.store.migrate import MigrationError

# What ends a consumer's session: it is given up, and the next one starts clean.
TROUBLE = (*AWAY, asyncpg.PostgresError, BrokerUnavailable)


@contextmanager
def broker_errors() -> Iterator[None]:
    """Raise BrokerUnavailable when the server is away, MigrationError when the broker's tables are not there."""
    try:
        yield
    except AWAY as error:
        raise BrokerUnavailable(said(error)) from error
    except asyncpg.UndefinedTableError as error:
        raise MigrationError(f"this database has no broker tables ({error}); run `leadpipe migrate`") from error
