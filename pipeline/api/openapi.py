"""The OpenAPI 3.1 document. In: the table of routes. Out: JSON that tells every path, model, status and scope."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from pipeline import __version__
from pipeline.api.answer import MEANING, ErrorAnswer
from pipeline.api.route import BASE, Empty, Route, Table
from schemas.access import ALLOWED, Role, Scope

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
account alone: what belongs to another is answered with 404, as what does not exist.

Lists come in pages: `limit` says how many, `after` takes the `next` of the page before. Errors have one shape, and name
everything that is wrong at once. Members and parameters that are not known are refused.
"""


def document(table: Table, url: str) -> dict[str, Any]:
    """The document of these routes, served at `url`."""
    models = list(_models(table))
    refs, defined = models_json_schema(models, ref_template=REF)
    schemas = defined.get("$defs", {})
    paths: dict[str, Any] = {}
    for route in table:
        operation = _operation(route, refs, schemas)
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
            "responses": {str(status): _error(status, refs) for status in MEANING},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "a key of the API"}},
        },
    }


def _models(table: Table) -> Iterator[tuple[type[BaseModel], JsonSchemaMode]]:
    seen: set[tuple[type[BaseModel], JsonSchemaMode]] = set()
    for route in table:
        wanted: list[tuple[Any, JsonSchemaMode]] = [(route.body_type, "validation"), (route.returns, "serialization")]
        for model, mode in wanted:
            for each in _inside(model):
                if (each, mode) not in seen:
                    seen.add((each, mode))
                    yield each, mode
    yield ErrorAnswer, "serialization"


def _inside(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in an annotation such as `list[Model]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _inside(argument)


def _operation(route: Route, refs: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    scope = "Any key may call this." if route.scope is None else f"Needs the scope `{route.scope}`."
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "description": f"{route.description}\n\n{scope}".strip(),
        "tags": [route.tag],
        "parameters": [*_in_path(route), *_in_query(route, schemas)],
        "responses": {str(route.status): _success(route, refs)},
    }
    if route.body is not None:
        schema = _schema_of_body(route, refs, schemas)
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    for status in route.statuses:
        operation["responses"][str(status)] = {"$ref": f"#/components/responses/{status}"}
    return operation


def _in_path(route: Route) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)\}", route.path):
        schema = route.parameters[name].json_schema()
        told = {"description": schema.pop("description")} if "description" in schema else {}
        yield {"name": name, "in": "path", "required": True, "schema": schema, **told}


def _in_query(route: Route, schemas: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if route.query is Empty:
        return
    schema = route.query.model_json_schema(ref_template=REF)
    schemas.update(schema.get("$defs", {}))
    for name, member in schema["properties"].items():
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


def _schema_of_body(route: Route, refs: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    if (route.body_type, "validation") in refs:
        return dict(refs[route.body_type, "validation"])
    schema = TypeAdapter(route.body_type).json_schema(ref_template=REF)
    schemas.update(schema.pop("$defs", {}))
    return schema


def _success(route: Route, refs: Any) -> dict[str, Any]:
    if route.returns is not None:
        schema = refs[route.returns, "serialization"]
        return {"description": "Done.", "content": {route.media: {"schema": schema}}}
    if route.status == 204:
        return {"description": "Done; there is nothing to say."}
    return {"description": "Done.", "content": {route.media: {"schema": {"type": "string"}}}}


def _error(status: int, refs: Any) -> dict[str, Any]:
    title, meaning = MEANING[status]
    headers = {
        name: {"description": told, "schema": {"type": "string"}} for name, told in HEADERS.get(status, {}).items()
    }
    content = {"application/json": {"schema": refs[ErrorAnswer, "serialization"]}}
    return {"description": f"{title}. {meaning}", "headers": headers, "content": content}


def _roles() -> str:
    """The table of roles and scopes, as text."""
    lines = ["| scope | " + " | ".join(Role) + " |", "|---|" + "---|" * len(Role)]
    for scope in Scope:
        lines.append(f"| `{scope}` | " + " | ".join("yes" if scope in ALLOWED[role] else "" for role in Role) + " |")
    return "\n".join(lines)
