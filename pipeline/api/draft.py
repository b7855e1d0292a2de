"""Settings of a connector in a body. In: any JSON. Out: settings, or everything that is wrong with them, row by row.

A model alone would stop at what it sees of single values; what depends on the preset, on the account's fields and on
other rows is told at the same time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, PlainValidator, ValidationError

from pipeline.api.call import Call
from pipeline.operations import plan
from pipeline.operations.drafts import strictly, wrong
from pipeline.operations.errors import Problem
from pipeline.operations.plan import Wish
from schemas.settings import ConnectorSettings


@dataclass(frozen=True, slots=True)
class Said:
    """What was sent: settings that are right by themselves, or why they are not."""

    document: Any
    settings: ConnectorSettings | None
    error: ValidationError | None = None


def _said(document: Any) -> Said:
    try:
        return Said(document, strictly(document))
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
    Field(description="settings, as ConnectorSettings; anything may be sent, and what is wrong is told"),
]


async def settings_of(call: Call, said: Said) -> ConnectorSettings:
    """The settings. Raises Invalid with everything that is wrong, as far as it can be seen."""
    if said.settings is not None:
        return said.settings
    raise plan.refusal(await plan.plan(call.database, call.account, [wish_of(said, "the settings")]))


def wish_of(said: Said, origin: str) -> Wish:
    """What a plan is made of: the settings, or what they were to be, and what is wrong with single values of them."""
    if said.error is None:
        return Wish(origin, said.settings)
    if not isinstance(said.document, dict):
        return Wish(origin, problems=(Problem(None, "the settings must be an object"),))
    return wrong(said.document, said.error, origin)
