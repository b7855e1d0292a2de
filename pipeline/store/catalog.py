"""The connectors in force, kept in memory and refreshed when one changes. In: table `connector`. Out: `Connector`s."""

from __future__ import annotations

import hashlib
import time

from pipeline.store import connectors
from pipeline.store.database import Database
from schemas.connector import Connector

PATIENCE = 1.0  # seconds between two looks at the database for something unknown


class UnknownConnector(LookupError):
    """No connector has this id; it was removed, or belongs to another database."""


class Catalog:
    """Look-ups without a query: by id for the stages, by token for the ingress.

    `refresh` loads what changed since the last time; the daemon calls it once a second. A look-up that finds
    nothing looks at the database first, at most once a second, so that a connector works as soon as it is
    applied, and a flood of wrong tokens costs nothing.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._by_id: dict[int, Connector] = {}
        self._by_token: dict[bytes, int] = {}
        self._version = -1
        self._looked = 0.0

    async def refresh(self) -> None:
        """Load the connectors anew if any has changed. Raises DatabaseUnavailable."""
        self._looked = time.monotonic()
        version = await connectors.version(self._database)
        if version == self._version:
            return
        loaded = await connectors.load_all(self._database)
        self._by_id = {connector.id: connector for connector, _ in loaded}
        self._by_token = {digest(token): connector.id for connector, tokens in loaded for token in tokens}
        self._version = version

    async def get(self, id: int) -> Connector:
        """The connector with this id, also a disabled one; raises UnknownConnector."""
        if id not in self._by_id:
            await self._look()
        try:
            return self._by_id[id]
        except KeyError:
            raise UnknownConnector(f"connector {id} does not exist") from None

    async def by_token(self, token: str) -> Connector | None:
        """The connector whose webhook URL ends in this token. The comparison is one of SHA-256 digests."""
        hashed = digest(token)
        if hashed not in self._by_token:
            await self._look()
        id = self._by_token.get(hashed)
        return None if id is None else self._by_id[id]

    def names(self) -> dict[int, str]:
        """Every connector's name by its id."""
        return {id: connector.name for id, connector in self._by_id.items()}

    async def _look(self) -> None:
        if time.monotonic() - self._looked > PATIENCE or self._version < 0:
            await self.refresh()


def digest(token: str) -> bytes:
    """What is compared instead of a token, so that timing tells nothing of it."""
    return hashlib.sha256(token.encode()).digest()
