"""Settings of a connector in a body. In: any JSON. Out: settings, or everything that is wrong with them, row by row.

A model alone would stop at what it sees of single values; what depends on the preset, on the account's fields and on
other rows is told at the same time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from pydantic import Field, PlainValidator, ValidationError
from pydantic_core import ErrorDetails

from pipeline.api.call import Call
from pipeline.operations.errors import Invalid, Problem
from pipeline.store import fields
from schemas.checking import parse
from schemas.problem import BadSettings, of_model
from schemas.settings import ConnectorSettings


@dataclass(frozen=True, slots=True)
class Said:
    """What was sent: settings that are right by themselves, or why they are not."""

    document: Any
    settings: ConnectorSettings | None
    error: ValidationError | None = None


def _said(document: Any) -> Said:
    try:
        return Said(document, ConnectorSettings.model_validate_json(orjson.dumps(document), strict=True))
    except ValidationError as error:
        return Said(document, None, error)
    except TypeError as error:  # a whole number of more than 64 bits
        raise ValueError(str(error)) from error


def _anything(document: Any) -> Said:
    if not isinstance(document, dict):
        raise ValueError("must be an object")
    return _said(document)


Draft = Annotated[Said, PlainValidator(_said, json_schema_input_type=ConnectorSettings)]
# Where whatever it holds is judged, and not refused.
Judged = Annotated[
    Said,
    PlainValidator(_anything, json_schema_input_type=dict[str, Any]),
    Field(description="settings, as ConnectorSettings; whatever it holds is judged"),
]


async def settings_of(call: Call, said: Said) -> ConnectorSettings:
    """The settings. Raises Invalid with everything that is wrong, as far as it can be seen."""
    if said.settings is not None:
        return said.settings
    problems = await problems_of(call, said)
    raise Invalid(f"the settings have {len(problems)} problem(s)", problems)


async def problems_of(call: Call, said: Said) -> list[Problem]:
    """What is wrong with the settings by themselves, and with as much of the rest as can be told."""
    if said.error is None:
        return []
    if not isinstance(said.document, dict):
        return [Problem(None, "the settings must be an object")]
    found = [
        Problem(told.place, told.message, _value(each))
        for told, each in zip(of_model(said.error, said.document), said.error.errors(include_url=False), strict=True)
    ]
    try:
        parse(said.document, await fields.of_account(call.database, call.account))
    except BadSettings as bad:
        places = {each.field for each in found}
        found += [Problem(each.place, each.message) for each in bad.problems if each.place not in places]
    return found


def _value(each: ErrorDetails) -> Any:
    """What was given, to tell it back; nothing of `auth`, where a secret may stand by mistake."""
    return None if each["type"] == "missing" or "auth" in each["loc"][:1] else each["input"]
