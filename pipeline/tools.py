"""What a stage is handed beside its batch: the database and the connectors in force. No broker, no clock."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.store.catalog import Catalog
from pipeline.store.database import Database


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools of the stages."""

    database: Database
    catalog: Catalog
