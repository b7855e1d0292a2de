"""What a model refused, in words. In: one error of pydantic's, and the model. Out: the rule, as a person reads it.

The one place for it: files, bodies of the API and options of commands are refused in the same words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from schemas.fields import NAME
from schemas.mapping import TARGET
from schemas.nearest import suggestion
from schemas.scheme import HEADER_NAME
from schemas.settings import CONNECTOR_NAME

LONGEST = 80  # characters of a value that is told

PATTERNS = {  # what a text must look like
    CONNECTOR_NAME: "takes lower-case letters, digits and hyphens",
    TARGET: "takes a field of a lead, call or activity, such as lead.phone",
    NAME: "takes lower-case letters, digits and underscores, and begins with a letter",
    HEADER_NAME: "takes the name of an HTTP header, such as X-Api-Key",
}

RULES: Mapping[str, str] = {
    "missing": "is missing, and required",
    "string_too_long": "must have at most {max_length} characters",
    "too_long": "must have at most {max_length} entries",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    **dict.fromkeys(("string_type", "string_sub_type", "string_unicode"), "must be a text"),
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), "must be a whole number"),
    **dict.fromkeys(("float_type", "float_parsing", "finite_number"), "must be a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "must be true or false"),
    "list_type": "must be a list",
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "must be an object"),
}
UNTOLD = ("missing", "extra_forbidden", "value_error")  # where there is no value, or where the rule names it itself


def rule(found: ErrorDetails, *models: Any) -> str:
    """The rule that is broken. `models`: what was read, or annotations that hold it, to know the names there are."""
    context: Mapping[str, Any] = found.get("ctx", {})
    match found["type"]:
        case "extra_forbidden":
            return "is not known here" + suggestion(str(found["loc"][-1]), set(_names(models, found["loc"][:-1])))
        case "string_pattern_mismatch":
            return PATTERNS.get(context["pattern"], f"takes what matches {context['pattern']}")
        case "string_too_short" | "too_short":
            least, what = context["min_length"], "entries" if found["type"] == "too_short" else "characters"
            return "must not be empty" if least == 1 else f"must have at least {least} {what}"
    known = RULES.get(found["type"])
    return found["msg"].removeprefix("Value error, ") if known is None else known.format(**context)


def told(found: ErrorDetails, *models: Any) -> str:
    """The rule, and the value that breaks it where that is one short value."""
    said, value = rule(found, *models), found["input"]
    if found["type"] in UNTOLD or not isinstance(value, str | int | float) or len(repr(value)) > LONGEST:
        return said
    return f"{said}, and not {value!r}"


def _names(models: Iterable[Any], location: tuple[int | str, ...]) -> Iterator[str]:
    """The names that an object at this place can have."""
    at = [each for model in models for each in _models(model)]
    for part in location:
        leading = [
            field.annotation for each in at for name, field in each.model_fields.items() if part in (name, field.alias)
        ]
        if leading:  # else it is a place in a list, or tells the members of a union apart
            at = [each for annotation in leading for each in _models(annotation)]
    for each in at:
        yield from (field.alias or name for name, field in each.model_fields.items())


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
