"""The OpenAPI document, whole: rules of every parameter and member, and an example of every answer, which fits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from pipeline.api.openapi import document
from pipeline.api.route import Route
from pipeline.api.routes import table
from tests.api.conftest import World
from tests.api.test_scoping import path_of
from tests.support.api import Served

DOCUMENT = document(table(), "/")
OPERATIONS = {
    operation["operationId"]: operation for methods in DOCUMENT["paths"].values() for operation in methods.values()
}
# What JSON Schema (2020-12) and OpenAPI 3.1 know; another word is a rule that nobody is told.
WORDS = {
    *("$ref", "type", "enum", "const", "anyOf", "oneOf", "allOf", "properties", "required", "additionalProperties"),
    *("items", "prefixItems", "minItems", "maxItems", "uniqueItems", "minLength", "maxLength", "pattern", "format"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minProperties", "maxProperties"),
    *("title", "description", "default", "deprecated", "examples", "example", "discriminator", "propertyNames"),
    *("writeOnly", "readOnly"),
}
# Values of a mapping are whatever a field takes.
ANY_NUMBER = {"constant", "look_up", "default"}


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        part: Any = DOCUMENT
        for name in schema["$ref"].removeprefix("#/").split("/"):
            part = part[name]
        schema = part
    return schema


def members(schema: dict[str, Any], where: str, seen: frozenset[str] = frozenset()) -> Iterator[tuple[str, Any]]:
    """Every schema below this one, with its place."""
    if "$ref" in schema:
        if schema["$ref"] in seen:
            return
        seen = seen | {schema["$ref"]}
    schema = resolved(schema)
    yield where, schema
    for name, member in schema.get("properties", {}).items():
        yield from members(member, f"{where}.{name}", seen)
    for kind in ("anyOf", "oneOf", "allOf"):
        for each in schema.get(kind, ()):
            yield from members(each, where, seen)
    for kind in ("items", "additionalProperties"):
        if isinstance(schema.get(kind), dict):
            yield from members(schema[kind], where, seen)


def test_no_rule_is_told_in_a_word_that_nobody_knows() -> None:
    found = []
    for name, operation in OPERATIONS.items():
        schemas = [(f"{name}?{each['name']}", each["schema"]) for each in operation["parameters"]]
        if "requestBody" in operation:
            schemas.append((f"{name} body", operation["requestBody"]["content"]["application/json"]["schema"]))
        for where, schema in schemas:
            found += [(at, set(each) - WORDS) for at, each in members(schema, where) if set(each) - WORDS]
    assert found == []


def test_every_number_that_is_taken_says_from_what_to_what() -> None:
    silent = []
    for name, operation in OPERATIONS.items():
        schemas = [(f"{name}?{each['name']}", each["schema"]) for each in operation["parameters"]]
        if "requestBody" in operation:
            schemas.append((f"{name} body", operation["requestBody"]["content"]["application/json"]["schema"]))
        for where, schema in schemas:
            for at, each in members(schema, where):
                if each.get("type") not in ("integer", "number") or at.rpartition(".")[2] in ANY_NUMBER:
                    continue
                bounds = {name.replace("exclusiveM", "m") for name in each}
                if not {"minimum", "maximum"} <= bounds and not {"enum", "const"} & set(each):
                    silent.append((at, each))
    assert silent == []


def test_every_text_of_a_parameter_says_how_long_or_of_what_form_it_is() -> None:
    rules = {"maxLength", "pattern", "format", "enum", "const"}
    silent = [
        (name, each["name"])
        for name, operation in OPERATIONS.items()
        for each in operation["parameters"]
        for _, schema in members(each["schema"], each["name"])
        if schema.get("type") == "string" and not rules & set(schema)
    ]
    assert silent == []


def test_names_to_choose_from_are_told() -> None:
    settings = DOCUMENT["components"]["schemas"]["ConnectorSettings"]["properties"]
    assert "leadsquared-lead" in settings["preset"]["enum"]
    for name, choice in (("default_country", "IN"), ("time_zone", "Asia/Kolkata")):
        [choices] = [each["enum"] for each in settings[name]["anyOf"] if "enum" in each]
        assert choice in choices and len(choices) > 100


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_body_and_every_answer_has_an_example_that_fits(name: str) -> None:
    operation = OPERATIONS[name]
    contents = {}
    for status, answer in operation["responses"].items():
        content = resolved(answer).get("content", {})
        assert content or status == "204", (name, status)
        contents |= {f"{status} {media}": told for media, told in content.items()}
    if "requestBody" in operation:
        contents["body"] = operation["requestBody"]["content"]["application/json"]
    for where, content in contents.items():
        assert "example" in content, (name, where)
        whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **content["schema"], **DOCUMENT_PARTS}
        errors = [
            (list(error.instance_path), error.message)
            for error in jsonschema_rs.validator_for(whole, validate_formats=True).iter_errors(content["example"])
        ]
        assert errors == [], (name, where, content["example"])


DOCUMENT_PARTS = {"components": DOCUMENT["components"]}


def test_errors_are_problem_details_with_their_own_status() -> None:
    for status, answer in DOCUMENT["components"]["responses"].items():
        assert list(answer["content"]) == ["application/problem+json"]
        assert answer["content"]["application/problem+json"]["example"]["status"] == int(status)


async def test_what_is_beyond_a_bound_is_refused_and_the_bound_is_not(world: World) -> None:
    """Each whole number of a query, at its bounds and one beyond them."""
    asked = 0
    for route in table():
        for each in OPERATIONS[route.name]["parameters"]:
            schema = each["schema"]
            if each["in"] != "query" or schema.get("type") != "integer":
                continue
            for value, good in (
                (schema["minimum"], True),
                (schema["maximum"], True),
                (schema["minimum"] - 1, False),
                (schema["maximum"] + 1, False),
            ):
                problems = await problems_with(world.api, route, path_of(route, world.ours), f"{each['name']}={value}")
                assert (each["name"] not in problems) == good, (route.name, each["name"], value, problems)
                asked += 1
    assert asked > 30


async def problems_with(api: Served, route: Route, path: str, query: str) -> list[str]:
    """The parameters that a call is refused for."""
    answer = await api.ask(route.method, f"{path.partition('?')[0]}?{query}")
    return [each["field"] for each in answer.json.get("problems", [])] if answer.status == 422 else []
