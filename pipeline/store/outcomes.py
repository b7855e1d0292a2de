"""What became of events that were sent through again. In: their ids, and the run in which each went. Out: the ends.

The journal says how a run ended. An event that had reached the records before keeps that end in the journal if it fails
in a later run; then its new dead letter tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.store.database import Database

# Each join is one look-up in a primary key, and that of dead letters one in their unique key.
LOOK = """
WITH sent AS (SELECT * FROM unnest($1::uuid[], $2::int[]) AS sent (event_id, replay)),
place AS MATERIALIZED (
    SELECT sent.event_id, sent.replay, coalesce(d.day, a.day) AS day
    FROM sent LEFT JOIN journal_day AS d USING (event_id) LEFT JOIN applied_event AS a USING (event_id)
)
SELECT place.event_id, j.outcome, j.failed_stage AS stage, j.failure ->> 'kind' AS kind, j.failure ->> 'field' AS field,
    coalesce(j.failure ->> 'rule', split_part(j.failure ->> 'error', ':', 1)) AS cause
FROM place JOIN journal AS j ON j.day = place.day AND j.event_id = place.event_id AND j.replay >= place.replay
UNION ALL
SELECT letter.event_id, 'failed', letter.stage, letter.kind, letter.field,
    coalesce(letter.rule, split_part(letter.error, ':', 1))
FROM sent JOIN dead_letter AS letter ON letter.event_id = sent.event_id AND letter.replay >= sent.replay
"""


class End(NamedTuple):
    """How one event ended: created, updated, unchanged, dropped or failed; of a failure its stage, kind and cause.

    `cause` is the rule that was broken, or the kind of error: nothing of what was sent is in it.
    """

    outcome: str
    stage: str | None
    kind: str | None
    field: str | None
    cause: str | None


async def ends(database: Database, sent: Sequence[tuple[str, int]]) -> dict[str, End]:
    """The ends of those events that have ended in the run with this number, or in a later one; by event id."""
    found: dict[str, End] = {}
    for row in await database.fetch(LOOK, [event for event, _ in sent], [replay for _, replay in sent]):
        event, *told = row
        if str(event) not in found:  # the journal comes first
            found[str(event)] = End(*told)
    return found
