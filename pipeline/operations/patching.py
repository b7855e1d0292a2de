"""One setting of a connector changed. In: a JSON Merge Patch (RFC 7396). Out: the connector, saved as a whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from pipeline.operations import plan
from pipeline.operations.drafts import wish_of
from pipeline.operations.errors import Invalid, NotFound, Problem, Stale
from pipeline.operations.plan import Planned
from pipeline.store import connectors, saves
from pipeline.store.connectors import NOBODY, Applied, Author
from pipeline.store.database import Database
from schemas.settings import ConnectorSettings

TRIES = 5
Allowed = Callable[[ConnectorSettings], Awaitable[None]]  # raises Refused where the caller may not save this


def merged(target: Any, patch: Any) -> Any:
    """What a document becomes by a merge patch: null takes a member away, a list is replaced whole (RFC 7396 §2)."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


async def patch(
    database: Database,
    account: int,
    name: str,
    changes: Mapping[str, Any],
    author: Author = NOBODY,
    *,
    expected: Collection[str] | None = None,
    allowed: Allowed | None = None,
) -> tuple[Planned, Applied]:
    """Change some settings of a connector; null takes one back to what the preset says.

    What others save at the same time is kept: the change is made to what is stored then. `expected`: the tags of which
    the connector must have one, else Stale is raised. Raises NotFound, and Invalid with everything that is wrong.
    """
    for left in reversed(range(TRIES)):
        tag = (await saves.tags(database, account)).get(name)
        stored = await connectors.stored(database, account)
        if tag is None or name not in stored:
            raise NotFound(f"no connector {name!r}; `leadpipe connector list` lists the connectors")
        wanted = merged(stored[name], changes)
        if wanted.get("name") != name:
            rule = f"must stay {name!r}: a connector keeps its name"
            raise Invalid("nothing is saved", [Problem("name", rule, changes.get("name"))])
        wish = wish_of(wanted, "the settings")
        if allowed is not None and wish.settings is not None:
            await allowed(wish.settings)
        made = await plan.plan(database, account, [wish])
        asked = {tag} if expected is None else {tag} & set(expected)
        try:
            [applied] = await plan.carry_out(database, account, made, author, expected={name: asked or {""}})
        except Stale:
            if expected is not None or not left:
                raise
            continue
        if applied is None:
            raise AssertionError("what is patched is applied or refused")
        return made.entries[0], applied
    raise AssertionError("the last try returns or raises")
