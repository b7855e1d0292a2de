"""The oracle. In: what the client was told, and tables that only triggers write. Out: a verdict in Jepsen's shape.

lost = accepted − effects = ∅, doubled = ∅, ghosts = effects − (accepted ∪ unknown) = ∅. An effect is counted in an
append-only table that a trigger on the record tables writes, not by the row it changed: a change that was made twice
would not show in the row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import asyncpg

TABLES = """
CREATE TABLE chaos_effect (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL, op text NOT NULL, record uuid NOT NULL, version int NOT NULL, stamp text, field text
);
CREATE TABLE chaos_journal (event uuid NOT NULL);
CREATE TABLE chaos_applied (event uuid NOT NULL, outcome text NOT NULL);
CREATE TABLE chaos_delivery (event uuid NOT NULL);
CREATE TABLE chaos_hazard (event uuid NOT NULL);

-- One row per field that an event newly set on a record.
CREATE FUNCTION chaos_effect() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chaos_effect (kind, op, record, version, stamp, field)
    SELECT TG_TABLE_NAME, TG_OP, NEW.id, NEW.version, said.stamp, said.field
    FROM (SELECT s.key AS stamp, f AS field
          FROM jsonb_each(NEW.stamps) AS s, jsonb_array_elements_text(s.value) AS f) AS said
    WHERE TG_OP = 'INSERT' OR NOT coalesce(OLD.stamps -> said.stamp ? said.field, false);
    RETURN NULL;
END $$;
CREATE TRIGGER chaos AFTER INSERT OR UPDATE ON lead FOR EACH ROW EXECUTE FUNCTION chaos_effect();
CREATE TRIGGER chaos AFTER INSERT OR UPDATE ON activity FOR EACH ROW EXECUTE FUNCTION chaos_effect();
CREATE TRIGGER chaos AFTER INSERT OR UPDATE ON call FOR EACH ROW EXECUTE FUNCTION chaos_effect();

CREATE FUNCTION chaos_journal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO chaos_journal VALUES (NEW.event_id); RETURN NULL; END $$;
CREATE TRIGGER chaos AFTER INSERT ON journal FOR EACH ROW EXECUTE FUNCTION chaos_journal();

CREATE FUNCTION chaos_applied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO chaos_applied VALUES (NEW.event_id, NEW.outcome); RETURN NULL; END $$;
CREATE TRIGGER chaos AFTER INSERT ON applied_event FOR EACH ROW EXECUTE FUNCTION chaos_applied();
"""

# Events that set one field of one record twice, were applied twice, or journalled twice.
DOUBLED = """
SELECT split_part(stamp, ' ', 2) AS event FROM chaos_effect GROUP BY kind, record, stamp, field HAVING count(*) > 1
UNION SELECT event::text FROM chaos_applied GROUP BY event HAVING count(*) > 1
UNION SELECT event::text FROM chaos_journal GROUP BY event HAVING count(*) > 1
"""

# Everything that shows that an event was there.
EFFECTS = """
SELECT DISTINCT split_part(stamp, ' ', 2) FROM chaos_effect WHERE split_part(stamp, ' ', 2) <> ''
UNION SELECT event::text FROM chaos_applied
UNION SELECT event::text FROM chaos_journal
"""


@dataclass
class Told:
    """The client's log: how often each id was answered 2xx, and how often it was sent with any other ending."""

    accepted: dict[str, int] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    slowest: float = 0.0
    seconds: list[float] = field(default_factory=list)  # how long each accepted request took

    def quantile(self, share: float) -> float:
        """The time within which this share of the accepted requests was answered, in milliseconds."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else 0.0


@dataclass
class Verdict:
    """What came of one scenario."""

    scenario: str
    broker: str
    seed: int
    accepted: int = 0
    unknown: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    ghosts: list[str] = field(default_factory=list)
    repeated: int = 0  # deliveries beyond those that were asked for
    good_dead: list[str] = field(default_factory=list)
    bad_dead: int = 0  # dead letters of events that had to die
    garbage: int = 0  # frames that nobody can read, put into queues by the scenario
    recovery: float | None = None  # seconds from the end of the fault until the journal had caught up
    failed: list[str] = field(default_factory=list)  # figures that were not reached
    notes: dict[str, object] = field(default_factory=dict)

    @property
    def repeated_share(self) -> float:
        """Duplicate deliveries per accepted event."""
        return self.repeated / max(1, self.accepted)

    @property
    def ok(self) -> bool:
        return not (self.lost or self.doubled or self.ghosts or self.good_dead or self.failed)

    def require(self, holds: bool, what: str) -> None:
        """A figure of this scenario's own."""
        if not holds:
            self.failed.append(what)


async def install(url: str) -> None:
    """Put the counting tables and triggers into a database with the shipped schema."""
    connection = await asyncpg.connect(url)
    await connection.execute(TABLES)
    await connection.close()


async def judge(url: str, told: Told, verdict: Verdict, bad: Mapping[str, str]) -> None:
    """Fill the verdict in. `bad` are the ids that had to become dead letters, and why."""
    connection = await asyncpg.connect(url)
    try:
        effects = {row[0] for row in await connection.fetch(EFFECTS)}
        doubled = [row[0] for row in await connection.fetch(DOUBLED)]
        dead = {
            str(row[0]) for row in await connection.fetch("SELECT event_id FROM dead_letter WHERE event IS NOT NULL")
        }
        unreadable = await connection.fetchval("SELECT count(*) FROM dead_letter WHERE event IS NULL")
        delivered = {
            str(row[0]): row[1]
            for row in await connection.fetch("SELECT event, count(*) FROM chaos_delivery GROUP BY event")
        }
        unapplied = await connection.fetch(
            "SELECT event_id FROM journal WHERE outcome NOT IN ('created', 'updated', 'unchanged')"
        )
    finally:
        await connection.close()
    accepted = set(told.accepted)
    known = accepted | set(told.unknown)
    verdict.accepted, verdict.unknown = sum(told.accepted.values()), sum(told.unknown.values())
    failed = {str(row[0]) for row in unapplied} - set(bad)
    verdict.lost = sorted((accepted - effects) | (failed & accepted))
    verdict.doubled = sorted(doubled)
    verdict.ghosts = sorted(effects - known)
    verdict.good_dead = sorted(dead - set(bad))
    verdict.bad_dead = len(dead & set(bad))
    verdict.require(unreadable == verdict.garbage, f"{unreadable} unreadable frames kept, of {verdict.garbage}")
    verdict.repeated = sum(
        max(0, times - told.accepted.get(id, 0) - told.unknown.get(id, 0)) for id, times in delivered.items()
    )
    verdict.require(set(bad) & known <= dead, f"{len((set(bad) & known) - dead)} bad events are not dead letters")


HEAD = (
    ("scenario", 34), ("broker", 9), ("accepted", 9), ("unsure", 7), ("lost", 5), ("doubled", 8), ("ghosts", 7),
    ("repeated", 16), ("good dead", 10), ("recovery", 9), ("verdict", 0),
)  # fmt: skip


def header() -> str:
    """The table's first line."""
    return " ".join(f"{name:<{width}}" if place < 2 else f"{name:>{width}}" for place, (name, width) in enumerate(HEAD))


def line(verdict: Verdict) -> str:
    """The table's line for one scenario."""
    recovery = "-" if verdict.recovery is None else f"{verdict.recovery:.1f} s"
    cells = [
        verdict.scenario, verdict.broker, verdict.accepted, verdict.unknown, len(verdict.lost), len(verdict.doubled),
        len(verdict.ghosts), f"{verdict.repeated} ({verdict.repeated_share:.2%})", len(verdict.good_dead), recovery,
        "ok" if verdict.ok else f"FAIL {'; '.join(verdict.failed)}",
    ]  # fmt: skip
    return " ".join(
        f"{cell!s:<{width}}" if place < 2 else f"{cell!s:>{width}}"
        for place, (cell, (_, width)) in enumerate(zip(cells, HEAD, strict=True))
    )
