"""Everything that is wrong with settings, at once. In: settings, and the account's fields. Out: problems, by row."""

from __future__ import annotations

from pipeline.operations.errors import Problem
from pipeline.store.database import Database
from schemas.connector import Connector
from schemas.fields import RecordFields
from schemas.presets import UnknownPreset, preset
from schemas.settings import ConnectorSettings
from schemas.standard import STANDARD


async def account_fields(database: Database, account: int) -> RecordFields:
    """The fields of the account's records, by record kind."""
    return STANDARD


def problems_of(settings: ConnectorSettings, fields: RecordFields) -> list[Problem]:
    """What keeps these settings from being saved; empty if nothing does."""
    try:
        Connector(0, 0, 0, settings, preset(settings.preset), fields)
    except UnknownPreset as error:
        return [Problem("preset", str(error), settings.preset)]
    except ValueError as error:
        return [Problem(None, str(error))]
    return []
