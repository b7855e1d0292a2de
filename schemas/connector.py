"""A connector: one configured inlet of an account. In: settings, a preset, the account's fields. Out: all that workers
need of it, checked so far that it can work."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.fields import RecordFields
from schemas.joined import Joined, with_declared
from schemas.normal.people import ANYBODY, People
from schemas.preset import Preset
from schemas.settings import ConnectorSettings
from schemas.standard import STANDARD
from schemas.working import check_keys, check_rows

__all__ = ["Connector", "ConnectorSettings"]


@dataclass(frozen=True)
class Connector(Joined):
    """A connector as the workers use it. ValueError when its parts do not fit.

    `fields` are the account's, per record kind; those that the settings bring along are added. `people` are its users,
    where one of its fields holds users.
    """

    id: int
    account: int
    revision: int
    settings: ConnectorSettings
    preset: Preset
    fields: RecordFields = field(default_factory=lambda: STANDARD)
    people: People = ANYBODY

    def __post_init__(self) -> None:
        object.__setattr__(self, "fields", with_declared(self.fields, self.settings))
        check_rows(self)
        check_keys(self)
        _ = self.auth  # ValueError where a scheme lacks what it needs
