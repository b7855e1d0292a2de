"""Which connectors somebody sees. In: who asks. Out: their names by id; all others are closed to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from pipeline.operations.access import Actor
from pipeline.operations.errors import Forbidden, InUse, NotFound
from pipeline.store import connectors
from pipeline.store.database import Database
from schemas.settings import Access, ConnectorSettings


@dataclass(frozen=True, slots=True)
class Visible:
    """The connectors that somebody sees, by id; `removed` ones too, as far as they saw them when they were removed."""

    names: dict[int, str]
    removed: frozenset[int]
    is_all: bool

    def id_of(self, given: str) -> int:
        """The id of the connector with this name, or this id. Raises NotFound.

        A text of digits alone is an id, and never a name. Of a removed connector only the id finds it, since
        another one may have its name.
        """
        if given.isdecimal():
            found = [id for id in self.names if given == str(id)]
        else:
            found = [id for id, name in self.live.items() if given == name]
        if found:
            return found[0]
        if had := sorted(id for id in self.removed if self.names.get(id) == given):
            told = ", ".join(map(str, had))
            raise NotFound(f"connector {given!r} is removed; its id still finds what it did: {told}")
        raise NotFound(f"no connector {given!r}; see the list of connectors")

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Whether what came by the connector of this row is open to them; for an administrator all of the account."""
        return self.is_all or row["connector_id"] in self.names

    def named(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The row, with its connector's name."""
        return {**row, "connector": self.names.get(row["connector_id"])}

    @property
    def live(self) -> dict[int, str]:
        """Those that are not removed. No two of them have one name."""
        return {id: name for id, name in self.names.items() if id not in self.removed}

    @property
    def ids(self) -> list[int] | None:
        """For a filter; None: all of the account."""
        return None if self.is_all else list(self.names)


async def visible(database: Database, actor: Actor) -> Visible:
    """The connectors of the caller's account that are open to them; removed ones by the access that they had last."""
    rows = await connectors.opened_to(database, actor.account)
    names = {row["id"]: row["name"] for row in rows if actor.is_admin or actor.sees(_access(row["access"]))}
    removed = frozenset(row["id"] for row in rows if row["removed_at"] is not None)
    return Visible(names, removed, actor.is_admin)


def _access(stored: object) -> Access | None:
    """Whom it is opened to; what this version cannot read opens it to nobody."""
    try:
        return None if stored is None else Access.model_validate(stored)
    except ValidationError:
        return None


async def named(database: Database, actor: Actor, given: str) -> str:
    """The name of the connector that the caller means by its name or id. Raises NotFound, also if it is removed."""
    seen = await visible(database, actor)
    id = seen.id_of(given)
    if id in seen.removed:
        raise NotFound(f"connector {seen.names[id]!r} is removed")
    return seen.names[id]


async def may_save(database: Database, actor: Actor, settings: Sequence[ConnectorSettings]) -> None:
    """Raises Forbidden if the caller could not use one of these connectors afterwards, or cannot now."""
    if actor.is_admin:
        return
    open_now = set((await visible(database, actor)).live.values())
    stored = await connectors.stored(database, actor.account)
    for each in settings:
        if each.name in stored and each.name not in open_now:
            raise InUse(f"the name {each.name!r} is taken")
        if not actor.sees(each.access):
            rule = f"must keep connector {each.name!r} open to you: name your role, or a user field that you have"
            raise Forbidden(f"only an administrator can save this: [access] {rule}")


async def is_new(database: Database, account: int, name: str) -> None:
    """Raises InUse if there is a connector of this name."""
    if name in await connectors.stored(database, account):
        raise InUse(f"a connector {name!r} exists already; change that one, or choose another name")
