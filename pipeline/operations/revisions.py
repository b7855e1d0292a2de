"""What a connector's settings were. In: a connector, and revisions of it. Out: who changed what; or an old one anew."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

from pipeline.operations import plan
from pipeline.operations.connectors import parsed
from pipeline.operations.differences import Difference, differences
from pipeline.operations.errors import NotFound
from pipeline.operations.plan import canonical_of
from pipeline.store import connectors
from pipeline.store.connectors import NOBODY, Applied, Author
from pipeline.store.database import Database


@dataclass(frozen=True, slots=True)
class Revision:
    """One save. `changed` names the places that differ from the revision before."""

    revision: int
    saved_at: datetime
    saved_by: str | None
    note: str | None
    changed: list[str]
    settings: dict[str, Any]


async def revisions(database: Database, account: int, name: str) -> list[Revision]:
    """Every revision of a connector, the newest first, also of a removed one. Raises NotFound."""
    rows = await connectors.revisions(database, account, name)
    if not rows:
        raise NotFound(f"no connector {name!r}; `leadpipe connector list` lists the connectors")
    settings = [canonical_of(row["settings"]) for row in rows]
    changed = [[each.place for each in differences(old, new)] for new, old in pairwise(settings)]
    return [
        Revision(row["revision"], row["created_at"], row["saved_by"], row["note"], places, said)
        for row, places, said in zip(rows, [*changed, []], settings, strict=True)
    ]


async def revision(database: Database, account: int, name: str, wanted: int) -> Revision:
    """One revision of a connector. Raises NotFound."""
    return _one(await revisions(database, account, name), name, wanted)


async def difference(database: Database, account: int, name: str, old: int, new: int | None = None) -> list[Difference]:
    """What differs between two revisions; `new` left out: the newest. Raises NotFound."""
    known = await revisions(database, account, name)
    newest = known[0].revision if new is None else new
    return differences(_one(known, name, old).settings, _one(known, name, newest).settings)


async def restore(database: Database, account: int, name: str, revision: int, author: Author = NOBODY) -> Applied:
    """Save an old revision's settings as a new revision. Raises NotFound; Invalid if they do not fit any more."""
    wanted = _one(await revisions(database, account, name), name, revision)
    note = author.note or f"restored revision {revision}"
    settings = parsed({**wanted.settings, "name": name})  # it may have been renamed since
    _, applied = await plan.save(database, account, settings, replace(author, note=note))
    return applied


def _one(known: list[Revision], name: str, wanted: int) -> Revision:
    for each in known:
        if each.revision == wanted:
            return each
    raise NotFound(f"connector {name!r} has no revision {wanted}; it has {known[-1].revision} to {known[0].revision}")
