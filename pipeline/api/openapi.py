"""The OpenAPI 3.1 document. In: the table of routes. Out: JSON that tells every path, model, status and scope."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from zoneinfo import available_timezones

import phonenumbers
from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from pipeline import __version__
from pipeline.api.answer import EXAMPLE, MEANING, PROBLEM, ErrorAnswer
from pipeline.api.examples import Examples
from pipeline.api.route import BASE, Route, Table
from schemas.access import ALLOWED, Role, Scope
from schemas.presets import presets

ERROR = "error"
AS_TOML = 'name = "website-leads"\npreset = "generic-json"\ndefault_country = "IN"\n'
REF = "#/components/schemas/{model}"
HEADERS = {
    401: {"WWW-Authenticate": "how to present a key"},
    405: {"Allow": "the methods of the path"},
    429: {"Retry-After": "seconds to wait"},
    503: {"Retry-After": "seconds to wait"},
}
ABOUT = """
Everything that an administrator sets up and an operator looks at. Every call names a key: `Authorization: Bearer lp_…`;
`leadpipe key create --user you@example.com` makes the first one. A key belongs to a user of one account and sees that
account alone: what belongs to another account is answered with 404, as if it did not exist.

Lists come in pages: `limit` says how many, `after` takes the `next` of the page before. Errors have one shape, and name
everything that is wrong at once. Members and parameters that are not known are refused.
"""


def document(table: Table, url: str) -> dict[str, Any]:
    """The document of these routes, served at `url`."""
    drawn, defined = TypeAdapter.json_schemas(list(_models(table)), ref_template=REF)
    schemas = defined.get("$defs", {})
    _offer(schemas["ConnectorSettings"]["properties"])
    paths: dict[str, Any] = {}
    for route in table:
        operation = _operation(route, _Drawn(drawn, schemas))
        paths.setdefault(f"{BASE}{route.path}", {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Leadpipe",
            "version": __version__,
            "description": f"{ABOUT.strip()}\n\n{_roles()}",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": url}],
        "security": [{"key": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(route.tag for route in table)],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {str(status): _error(status, drawn[ERROR, "serialization"]) for status in MEANING},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "a key of the API"}},
        },
    }


def _offer(settings: dict[str, dict[str, Any]]) -> None:
    """Say which presets, countries and time zones there are, which the models leave to their validators."""
    for name, choices in (
        ("preset", list(presets())),
        ("default_country", sorted(phonenumbers.SUPPORTED_REGIONS)),
        ("time_zone", sorted(available_timezones())),
    ):
        member = settings[name]
        member.pop("type", None)
        if "anyOf" in member:
            member["anyOf"] = [{"type": "string", "enum": choices}, {"type": "null"}]
        else:
            member |= {"type": "string", "enum": choices}


@dataclass
class _Drawn:
    """The schemas of all bodies, queries and answers, and the definitions that they refer to."""

    of: Mapping[tuple[str, JsonSchemaMode], dict[str, Any]]
    defined: Mapping[str, dict[str, Any]]

    @cached_property
    def examples(self) -> Examples:
        """Of bodies and answers."""
        return Examples(self.defined)

    def query(self, route: Route) -> dict[str, Any]:
        """The schema of a query, as it is and not by reference."""
        schema = self.of[f"query {route.name}", "validation"]
        return self.defined[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _models(table: Table) -> Iterator[tuple[str, JsonSchemaMode, TypeAdapter[Any]]]:
    for route in table:
        if route.body is not None:
            yield f"body {route.name}", "validation", route.body
        if route.returns is not None:
            yield f"answer {route.name}", "serialization", TypeAdapter(route.returns)
        yield f"query {route.name}", "validation", TypeAdapter(route.query)
    yield ERROR, "serialization", TypeAdapter(ErrorAnswer)


def _operation(route: Route, drawn: _Drawn) -> dict[str, Any]:
    scope = "Any key may call this." if route.scope is None else f"Needs the scope `{route.scope}`."
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "description": f"{route.description}\n\n{scope}".strip(),
        "tags": [route.tag],
        "parameters": [*_in_path(route), *_in_query(drawn.query(route))],
        "responses": {str(status): _success(route, drawn) for status in route.successes},
    }
    if route.body is not None:
        schema = drawn.of[f"body {route.name}", "validation"]
        example = drawn.examples.of(schema) if route.example is None else route.example
        content = {"schema": schema, "example": example}
        operation["requestBody"] = {"required": True, "content": dict.fromkeys(route.takes, content)}
    for status in route.statuses:
        operation["responses"][str(status)] = {"$ref": f"#/components/responses/{status}"}
    return operation


def _in_path(route: Route) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)\}", route.path):
        schema = route.parameters[name].json_schema()
        told = {"description": schema.pop("description")} if "description" in schema else {}
        yield {"name": name, "in": "path", "required": True, "schema": schema, **told}


def _in_query(schema: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, member in schema.get("properties", {}).items():
        given = _not_null(member)
        told = {"description": given.pop("description")} if "description" in given else {}
        required = name in schema.get("required", [])
        yield {"name": name, "in": "query", "required": required, "schema": given, **told}


def _not_null(member: dict[str, Any]) -> dict[str, Any]:
    """A parameter is given or not; null is no text."""
    kept = {name: value for name, value in member.items() if not (name == "default" and value is None)}
    kept.pop("title", None)
    if "anyOf" in kept and (some := [each for each in kept["anyOf"] if each != {"type": "null"}]):
        del kept["anyOf"]
        kept.update(some[0] if len(some) == 1 else {"anyOf": some})
    return kept


def _success(route: Route, drawn: _Drawn) -> dict[str, Any]:
    if route.returns is not None:
        schema = drawn.of[f"answer {route.name}", "serialization"]
        content = {"schema": schema, "example": drawn.examples.of(schema)}
        return {"description": "Done.", "content": {route.media: content}}
    if route.status == 204:
        return {"description": "Done; there is nothing to say."}
    return {"description": "Done.", "content": {route.media: {"schema": {"type": "string"}, "example": AS_TOML}}}


def _error(status: int, schema: Mapping[str, Any]) -> dict[str, Any]:
    title, meaning = MEANING[status]
    headers = {
        name: {"description": told, "schema": {"type": "string"}} for name, told in HEADERS.get(status, {}).items()
    }
    why: dict[str, Any] = {"title": title, "detail": meaning, "problems": []}
    if status == 422:
        why = EXAMPLE
    content = {PROBLEM: {"schema": schema, "example": {**why, "status": status, "error": why}}}
    return {"description": f"{title}. {meaning}", "headers": headers, "content": content}


def _roles() -> str:
    """The table of roles and scopes, as text."""
    lines = ["| scope | " + " | ".join(Role) + " |", "|---|" + "---|" * len(Role)]
    for scope in Scope:
        lines.append(f"| `{scope}` | " + " | ".join("yes" if scope in ALLOWED[role] else "" for role in Role) + " |")
    return "\n".join(lines)
