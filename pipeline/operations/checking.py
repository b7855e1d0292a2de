"""Everything that is wrong with settings, at once. In: settings, and the account's fields. Out: problems, by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.operations.errors import Problem
from schemas.checking import parse, problems
from schemas.connector import Connector
from schemas.fields import RecordFields
from schemas.key_source import made_up
from schemas.names import DIGITS_ALONE
from schemas.presets import UnknownPreset, preset
from schemas.problem import MOST, BadSettings
from schemas.problem import Problem as PlacedProblem
from schemas.settings import ConnectorSettings


def problems_of(settings: ConnectorSettings, fields: RecordFields) -> list[Problem]:
    """What keeps these settings from being saved; empty if nothing does."""
    try:
        found = problems(settings, preset(settings.preset), fields)
    except UnknownPreset as error:
        return [Problem("preset", str(error.args[0]), settings.preset)]
    return _told(found)


def standing_problems(connector: Connector) -> list[Problem]:
    """What a connector in force was saved with and could not be set up with any more.

    A name of digits alone, which calls read as an id; rows that make up what identifies: such a row fills its field,
    and what it writes identifies nobody.
    """
    name = connector.settings.name
    named = [Problem("name", f"{DIGITS_ALONE}; rename it: leadpipe connector rename {name} NAME", name)]
    return [
        *(named if name.isdecimal() else []),
        *(Problem(each.place, each.message, each.value) for each in made_up(connector)),
    ]


def checked(document: Mapping[str, Any], fields: RecordFields) -> tuple[ConnectorSettings | None, list[Problem]]:
    """The settings in a document, or everything that is wrong with it, also behind what is wrong with single values."""
    try:
        return parse(document, fields), []
    except BadSettings as bad:
        return None, _told(bad.problems)


def _told(found: Sequence[PlacedProblem]) -> list[Problem]:
    """The problems as they are told; of very many the first ones, and that there are more."""
    told = [Problem(each.place, each.message, each.value, each.stored) for each in found[:MOST]]
    return [*told, Problem(None, f"there are more than {MOST} problems; correct these first")] if found[MOST:] else told
