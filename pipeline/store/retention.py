"""How long things are kept. In: today, and for how many days what is kept. Out: the store without what is older."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import structlog

from pipeline.store import partitions, workers
from pipeline.store.database import Connection, Database
from pipeline.store.partitions import LONG, Kept

log = structlog.get_logger(__name__)

SEGMENTS = timedelta(days=30)  # how long a segment of receipts is known to have been shipped

# The age of what is added by the million has a coarse index: a range of it is read, not the table.
APPLIED = "DELETE FROM applied_event WHERE applied_at < $1 AND day < $2"
KEYS_OF_REQUESTS = "DELETE FROM request_key WHERE claimed_at < $1"
HISTORY = "DELETE FROM lead_change WHERE changed_at < $1"
NOTIFICATIONS = "DELETE FROM notification WHERE created_at < $1"
SETTLED = "DELETE FROM dead_letter WHERE status <> 'dead' AND changed_at < $1"
REFUSED = "DELETE FROM refused WHERE refused_at < $1"
KEYS = "DELETE FROM api_key WHERE least(revoked_at, expires_at) < $1"
# a deletion, even of nothing, has every process load the connectors anew
ENDED = "SELECT EXISTS (SELECT FROM connector_token WHERE valid_until < $1)"
TOKENS = "DELETE FROM connector_token WHERE valid_until < $1"


@dataclass(frozen=True, slots=True)
class Days:
    """For how many days what is kept.

    `journal`: journal rows, receipts, notifications, and dead letters that are settled. `applied`: that
    an event took effect, so that it does nothing when it comes again, and what a request's key stands for; never less
    than the journal. `history`: what the values of leads replaced. `ended`: tokens and API keys that expired, or were
    revoked. `refused`: requests that the door turned away.
    """

    journal: int
    applied: int
    history: int
    ended: int
    refused: int = 30


async def maintain(database: Database, days: Days, *, today: date | None = None) -> Kept:
    """Make the partitions of today and the days ahead, and drop whatever is older than it is to be kept.

    Safe to call from several processes.
    """
    day = today or datetime.now(UTC).date()
    oldest = day - timedelta(days=days.journal)
    kept = await partitions.keep(database, day, oldest)
    async with database.connection() as connection:
        await connection.execute("DELETE FROM journal_day WHERE day < $1", oldest, timeout=LONG)
        applied = _before(day, max(days.applied, days.journal))
        await connection.execute(APPLIED, applied, oldest, timeout=LONG)
        await connection.execute(KEYS_OF_REQUESTS, applied, timeout=LONG)
        await connection.execute(
            "DELETE FROM receipt_segment WHERE shipped_at < now() - $1::interval", SEGMENTS, timeout=LONG
        )
        await connection.execute(HISTORY, _before(day, days.history), timeout=LONG)
        journal = _before(day, days.journal)
        await connection.execute(NOTIFICATIONS, journal, timeout=LONG)
        await connection.execute(SETTLED, journal, timeout=LONG)
        await connection.execute(REFUSED, _before(day, days.refused), timeout=LONG)
        await _forget_ended(connection, _before(day, days.ended))
    await workers.forget(database)
    if kept.made or kept.dropped:
        log.info("partitions", made=kept.made, dropped=kept.dropped)
    return kept


async def _forget_ended(connection: Connection, before: datetime) -> None:
    """Tokens and keys that nobody has been able to use since then."""
    if await connection.fetchval(ENDED, before):
        await connection.execute(TOKENS, before)
    await connection.execute(KEYS, before)


def _before(today: date, days: int) -> datetime:
    """The beginning of the first day that is kept."""
    return datetime.combine(today - timedelta(days=days), datetime.min.time(), UTC)
