"""What the ingress needs of the store: the narrow doors it uses, so that a test can stand in for each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from pipeline.store.request_keys import Claim, Slot
from schemas.connector import Connector

Results = Mapping[str, Mapping[str, Any]]
Look = Callable[[Sequence[str]], Awaitable[Results]]  # of these ids, the results of those in the journal
Row = tuple[UUID, int, datetime]  # a receipt: event, connector, received_at
Ship = Callable[[str, Sequence[Row]], Awaitable[None]]  # segment name and rows; idempotent by the name

ClaimKeys = Callable[[Sequence[Claim]], Awaitable[Mapping[Slot, bytes]]]  # what each key stands for; raises Transient


class Connectors(Protocol):
    """The connectors in force, as `pipeline.store.catalog.Catalog` keeps them."""

    def known_by(self, token: str) -> Connector | None:
        """The connector of this webhook URL, also a disabled one; None: it is not known here without a look."""

    async def by_token(self, token: str) -> Connector | None:
        """The connector of this webhook URL, also a disabled one. Raises DatabaseUnavailable if that cannot be told."""

    def names(self) -> dict[int, str]:
        """Every known connector's name by its id."""


class Answers(Protocol):
    """A database that can be asked something, as `pipeline.store.database.Database`."""

    async def fetchval(self, sql: str, *values: Any) -> Any:
        """The first value of the first row. Raises DatabaseUnavailable."""
