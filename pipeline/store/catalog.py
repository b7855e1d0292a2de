"""The connectors in force, kept in memory and refreshed when one changes. In: table `connector`. Out: `Connector`s."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

from pipeline.store import connectors, secrets, tokens
from pipeline.store.database import Database, DatabaseUnavailable
from pipeline.store.secrets import Sealed
from pipeline.store.tokens import Digest, digest
from schemas.connector import Connector

PATIENCE = 0.25  # seconds between two looks at the database for something unknown
LONGEST_LOOK = 2.0  # seconds that a look-up waits for the database


class UnknownConnector(LookupError):
    """No connector has this id; it was removed, or belongs to another database."""


@dataclass(frozen=True)
class Known:
    """What a catalog knows: the connectors in force, the digests of their tokens, the secrets, sealed."""

    version: int
    connectors: Sequence[Connector] = ()
    tokens: Sequence[Digest] = ()
    secrets: Sealed = field(default_factory=dict)


class Catalog:
    """Look-ups without a query: by id for the stages, by token for the ingress.

    `refresh` loads what changed since the last time; the daemon calls it once a second. A look-up that finds
    nothing waits for a look at the database, of which there are at most four a second for all of them together: a
    connector works as soon as it is applied, and a flood of wrong tokens costs a short wait and no more. While the
    database is away, what is known is found, and what is not known raises DatabaseUnavailable: it may exist.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._by_id: dict[int, Connector] = {}
        self._by_token: dict[bytes, tuple[int, float]] = {}  # connector, and until when, in Unix seconds
        self.known = Known(-1)
        self._looked = -PATIENCE  # when a look for something unknown last succeeded
        self._next: asyncio.Task[str | None] | None = None  # the look that is about to begin
        self._looking: asyncio.Task[str | None] | None = None  # the one before; the loop alone would not keep it
        self._turn = asyncio.Lock()
        self._loading = asyncio.Lock()

    async def refresh(self) -> None:
        """Load the connectors anew if any has changed. Raises DatabaseUnavailable.

        One at a time: a slow one must not put what it read in the place of what a later one did.
        """
        async with self._loading:
            version = await connectors.version(self._database)
            if version == self.known.version:
                return
            loaded = await connectors.load_all(self._database)
            kept = await tokens.load_all(self._database), await secrets.load_all(self._database)
            self.take(Known(version, loaded, *kept))

    def take(self, known: Known) -> None:
        """Know this from now on, and nothing else; what has another version than the database is loaded anew."""
        self._by_id = {connector.id: connector for connector in known.connectors}
        self._by_token = {
            token.digest: (token.connector, token.valid_until.timestamp() if token.valid_until else inf)
            for token in known.tokens
            if token.connector in self._by_id
        }
        self.known = known

    def sealed(self, account: int, name: str) -> bytes | None:
        """A secret that an account keeps here, sealed; None: there is none of this name."""
        return self.known.secrets.get((account, name))

    async def get(self, id: int) -> Connector:
        """The connector with this id, also a disabled one; raises UnknownConnector, DatabaseUnavailable."""
        if id not in self._by_id:
            await self._look()
        try:
            return self._by_id[id]
        except KeyError:
            raise UnknownConnector(f"connector {id} does not exist") from None

    def known_by(self, token: str) -> Connector | None:
        """The connector whose webhook URL ends in this token, or None: there is none, or it is not known yet.

        The comparison is one of SHA-256 digests.
        """
        id, until = self._by_token.get(digest(token), (0, 0.0))
        return self._by_id[id] if time.time() < until else None

    async def by_token(self, token: str) -> Connector | None:
        """As `known_by`, but None means that there is none. Raises DatabaseUnavailable."""
        if digest(token) not in self._by_token:
            await self._look()
        return self.known_by(token)

    def names(self) -> dict[int, str]:
        """Every connector's name by its id."""
        return {id: connector.name for id, connector in self._by_id.items()}

    async def _look(self) -> None:
        """Wait for a look that begins after this. Those who ask before it does share it, and none hangs on it."""
        if self._next is None:
            self._next = asyncio.create_task(self._look_once())
        looking = self._next
        done, _ = await asyncio.wait({looking}, timeout=LONGEST_LOOK)
        if not done:
            raise DatabaseUnavailable(f"no answer in {LONGEST_LOOK:g} s")
        if trouble := looking.result():
            raise DatabaseUnavailable(trouble)

    async def _look_once(self) -> str | None:
        """Refresh, once it is time for it; what was in the way, if anything was."""
        async with self._turn:
            await asyncio.sleep(self._looked + PATIENCE - time.monotonic())
            self._looking, self._next = self._next, None  # it may be too early for what is applied from here on
            try:
                await self.refresh()
            except DatabaseUnavailable as error:
                return str(error)
            self._looked = time.monotonic()
            return None
