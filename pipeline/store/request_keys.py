"""Keys of requests: what came under each. In: claims of an ingress. Out: for each key the content that it stands for.

A producer's key in a header names one request. The first claim of a key decides what it stands for, whichever process
makes it; keys and contents are kept as digests.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

from pipeline.store.database import Database

Slot = tuple[int, bytes]  # a connector, and the digest of a key

# A claim that a crash of the server takes back lets another content pass, as an event of its own: nothing is lost by
# that, and no request waits for the disk twice.
CLAIM = """
WITH quick AS (SELECT set_config('synchronous_commit', 'off', true))
INSERT INTO request_key (connector_id, key, content)
SELECT new.* FROM quick, unnest($1::bigint[], $2::bytea[], $3::bytea[]) AS new (connector_id, key, content)
ON CONFLICT DO NOTHING RETURNING connector_id, key, content
"""

KNOWN = """
SELECT connector_id, key, content FROM request_key
JOIN unnest($1::bigint[], $2::bytea[]) AS asked (connector_id, key) USING (connector_id, key)
"""


class Claim(NamedTuple):
    """What came under a key of a connector's; both as digests of 16 bytes."""

    connector: int
    key: bytes
    content: bytes

    @classmethod
    def of(cls, connector: int, key: str, content: bytes) -> Claim:
        """The claim of a request. A header may hold bytes that are no UTF-8."""
        return cls(connector, _digest(key.encode("utf-8", "surrogateescape")), _digest(content))

    @property
    def slot(self) -> Slot:
        return self.connector, self.key


async def claim(database: Database, claims: Sequence[Claim]) -> dict[Slot, bytes]:
    """Claim keys that nobody has claimed yet; returns for each what it stands for. Raises DatabaseUnavailable.

    Of several claims of one key here, the first one counts.
    """
    wanted = {each.slot: each for each in reversed(claims)}
    ordered = [wanted[slot] for slot in sorted(wanted)]  # in one order everywhere, so that nobody waits in a circle
    columns = [list(column) for column in zip(*ordered, strict=True)]
    rows = await database.fetch(CLAIM, *columns)
    found = {(row["connector_id"], row["key"]): row["content"] for row in rows}
    if left := [each for each in ordered if each.slot not in found]:
        # a statement of its own: only that sees what another transaction has just claimed
        rows = await database.fetch(KNOWN, [each.connector for each in left], [each.key for each in left])
        found |= {(row["connector_id"], row["key"]): row["content"] for row in rows}
    return found


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=16).digest()
