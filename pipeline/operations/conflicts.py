"""Events whose keys name several leads: look at them, and decide. In: who asks, and a decision. Out: the event sent on.

Each is held as a dead letter until a person says whose it is. One decision counts, whoever else decides meanwhile.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from pipeline.operations import masked
from pipeline.operations.access import Actor
from pipeline.operations.chain import Chain
from pipeline.operations.errors import InUse, Invalid, NotFound, Problem
from pipeline.operations.outcomes import Sent
from pipeline.operations.replay import replay_one
from pipeline.operations.visible import visible
from pipeline.operations.who import who
from pipeline.store import conflicts, dead_letters, leads
from pipeline.store.conflicts import NoSuchConflict, State, Undecidable
from pipeline.store.database import Database
from pipeline.store.ids import canonical
from pipeline.store.merging import MergeRefused

UNDECIDED = "the conflict is not decided"


async def page(
    database: Database,
    actor: Actor,
    state: State = "open",
    *,
    connector: str | None = None,
    after: int | None = None,
    limit: int = 50,
) -> list[dict[str, Any]]:
    """Conflicts of the connectors that the caller sees, the newest first; the next page is `after` the last id.

    Each has id, event_id, connector, reason, died_at, status, decision, `keys` (key, value, lead), and `leads`, the
    ids that the keys name now. Raises NotFound (the connector).
    """
    seen = await visible(database, actor)
    ids = seen.ids if connector is None else [seen.id_of(connector)]
    rows = await conflicts.page(database, actor.account, state, connectors=ids, after=after, limit=limit)
    return masked.rows(actor, [seen.named(row) for row in rows])


async def show(database: Database, actor: Actor, id: int) -> dict[str, Any]:
    """One conflict, its leads with their fields. Raises NotFound."""
    seen = await visible(database, actor)
    row = await conflicts.show(database, actor.account, id)
    if row is None or not seen.holds(row):
        raise NotFound(f"no conflict {id}")
    found = [await leads.show(database, actor.account, lead) for lead in row["leads"]]
    return masked.row(actor, {**seen.named(row), "leads": [lead for lead in found if lead]})


async def resolve(
    database: Database,
    chain: Chain,
    actor: Actor,
    id: int,
    *,
    use: str | None = None,
    merge: bool = False,
    note: Sent | None = None,
) -> dict[str, Any]:
    """Decide, and send the event on: to the lead `use`, or, with `merge`, to one lead made of all of them.

    What was sent is put down in `note`, from which `pipeline.operations.outcomes` tells what became of it.

    With `merge` the leads are merged into `use`, or into the one that the first key names. Returns the decision:
    conflict, how (use, merge), lead, by, at. The same decision again sends the event on once more, which changes
    nothing. Raises NotFound, Invalid (neither was given, or no lead of this conflict), InUse (it was decided
    otherwise, set aside or replayed; a lead was merged meanwhile; its stage is gone).
    """
    await show(database, actor, id)
    if use is None and not merge:
        raise Invalid(
            UNDECIDED, [Problem("use", "is missing; name the lead that the event is about, or merge the leads")]
        )
    chosen = None if use is None else canonical(use)
    if chosen is None and use is not None:
        raise Invalid(UNDECIDED, [Problem("use", "must be the id of a lead", use)])
    work = partial(conflicts.decide, account=actor.account, id=id, use=chosen, merge=merge, by=who(actor))
    try:
        decision = await database.transaction(work)
    except NoSuchConflict as error:
        raise NotFound(str(error)) from error
    except (Undecidable, MergeRefused) as error:
        why = (
            str(error)
            if masked.sees_people(actor)
            else f"conflict {id} was decided already, or cannot be decided in this way; "
            f"see `leadpipe conflict show {id}`"
        )
        raise InUse(why) from error
    letter = await dead_letters.letter(database, id, actor.account)
    if letter is None:
        raise AssertionError("a conflict is a readable dead letter")
    await replay_one(database, chain, letter, note=note)
    return masked.row(actor, decision)
