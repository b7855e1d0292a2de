"""Settings in JSON. In: a document as it was sent. Out: settings, or what a plan tells everything wrong of it from.

Types are those of JSON: `"yes"` is no boolean, as it is none in a body of the API.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pipeline.operations.errors import Problem
from pipeline.operations.plan import Wish
from schemas.problem import of_model
from schemas.settings import ConnectorSettings


def strictly(document: Any) -> ConnectorSettings:
    """The settings that a document says. Raises ValidationError, and TypeError for a number of more than 64 bits."""
    return ConnectorSettings.model_validate_json(orjson.dumps(document), strict=True)


def wish_of(document: Mapping[str, Any], origin: str) -> Wish:
    """What a plan is made of: the settings, or what they were to be, and what is wrong with single values of them."""
    try:
        return Wish(origin, strictly(document))
    except ValidationError as error:
        return wrong(document, error, origin)


def wrong(document: Mapping[str, Any], error: ValidationError, origin: str) -> Wish:
    """A document that is no settings, and why."""
    found = zip(of_model(error, document), error.errors(include_url=False), strict=False)
    problems = tuple(Problem(told.place, told.message, _value(each)) for told, each in found)
    return Wish(origin, problems=problems, document=document)


def _value(each: ErrorDetails) -> Any:
    """What was given, to tell it back; nothing of `auth`, where a secret may stand by mistake."""
    return None if each["type"] == "missing" or "auth" in each["loc"][:1] else each["input"]
