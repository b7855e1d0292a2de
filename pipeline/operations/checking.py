"""Everything that is wrong with settings, at once. In: settings, and the account's fields. Out: problems, by row."""

from __future__ import annotations

from pipeline.operations.errors import Problem
from pipeline.store import fields as store
from pipeline.store.database import Database
from schemas.checking import problems
from schemas.fields import RecordFields
from schemas.presets import UnknownPreset, preset
from schemas.settings import ConnectorSettings


async def account_fields(database: Database, account: int) -> RecordFields:
    """The fields of the account's records, by record kind."""
    return await store.of_account(database, account)


def problems_of(settings: ConnectorSettings, fields: RecordFields) -> list[Problem]:
    """What keeps these settings from being saved; empty if nothing does."""
    try:
        found = problems(settings, preset(settings.preset), fields)
    except UnknownPreset as error:
        return [Problem("preset", str(error.args[0]), settings.preset)]
    return [Problem(problem.place, problem.message) for problem in found]
