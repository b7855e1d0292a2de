"""Which connectors somebody sees. In: who asks. Out: their names by id; everything of the others is closed to him."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from pipeline.operations.access import Actor
from pipeline.operations.errors import NotFound
from pipeline.store import connectors
from pipeline.store.database import Database
from schemas.settings import Access


@dataclass(frozen=True, slots=True)
class Visible:
    """The connectors that somebody sees, by id; removed ones too, for an administrator, since their journal stays."""

    names: dict[int, str]
    is_all: bool

    def id_of(self, given: str) -> int:
        """The id of the connector with this name, or this id. Raises NotFound.

        A text of digits alone is an id. Of a removed connector only the id finds it.
        """
        for id, name in self.names.items():
            if given == (str(id) if given.isdecimal() else name):
                return id
        raise NotFound(f"no connector {given!r}; the list of connectors shows those there are")

    @property
    def ids(self) -> list[int] | None:
        """For a filter; None: all of the account."""
        return None if self.is_all else list(self.names)


async def visible(database: Database, actor: Actor) -> Visible:
    """The connectors of the caller's account that are open to him."""
    rows = await connectors.opened_to(database, actor.account)
    names = {
        row["id"]: row["name"]
        for row in rows
        if actor.is_admin or (row["removed_at"] is None and actor.sees(_access(row["access"])))
    }
    return Visible(names, actor.is_admin)


def _access(stored: object) -> Access | None:
    """Whom it is opened to; what this version cannot read opens it to nobody."""
    try:
        return None if stored is None else Access.model_validate(stored)
    except ValidationError:
        return None
