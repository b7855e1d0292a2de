"""What the faces say. In: the real commands, API, models, presets. Out: where it stands, and what it says there."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

Said = tuple[str, str]  # where, and what


def of_commands() -> Iterator[Said]:
    """The help of every command, argument and option."""
    from pipeline.cli.main import app

    yield from _of_command(typer.main.get_command(app), "leadpipe")


def of_api() -> Iterator[Said]:
    """The OpenAPI document: of each call, parameter and member, what is told of it."""
    from pipeline.api.openapi import document
    from pipeline.api.routes import table

    drawn = document(table(), "http://localhost:8080")
    yield "info", drawn["info"]["description"]
    for path, methods in drawn["paths"].items():
        for method, call in methods.items():
            name = f"{method.upper()} {path}"
            yield name, f"{call['summary']} | {call['description']}"
            yield from _of_schema(call["parameters"], name)
            yield from _of_schema(call.get("requestBody", {}), f"{name} body")
    for part in ("schemas", "responses", "securitySchemes"):
        yield from _of_schema(drawn["components"][part], part)


def of_settings() -> Iterator[Said]:
    """The daemon's settings: what each is for."""
    from pipeline.settings import PREFIX, Settings

    for name, field in Settings.model_fields.items():
        yield f"{PREFIX}{name.upper()}", field.description or "(nothing is said of it)"


def of_connectors() -> Iterator[Said]:
    """A connector's file: what each setting is for."""
    from schemas.settings import ConnectorSettings

    yield from _of_schema(ConnectorSettings.model_json_schema(), "connector")


def of_presets(folder: Path) -> Iterator[Said]:
    """The shipped descriptions: of each source system, what it is, and how its URL gets there."""
    for file in sorted(folder.rglob("*.toml")):
        told = tomllib.loads(file.read_text(encoding="utf-8"))
        for name in ("title", "about", "note", "what", "how"):
            if isinstance(told.get(name), str):
                yield f"{file.stem} {name}", told[name]
        for step in told.get("steps", []):
            yield f"{file.stem} step", step


def _of_command(command: Any, path: str) -> Iterator[Said]:
    yield path, command.help or "(no help)"
    for parameter in command.params:
        if getattr(parameter, "hidden", False):
            continue
        name = parameter.opts[0] if parameter.param_type_name == "option" else parameter.metavar or parameter.name
        yield f"{path} {name}", getattr(parameter, "help", None) or "(no help)"
    for name, each in getattr(command, "commands", {}).items():
        yield from _of_command(each, f"{path} {name}")


def _of_schema(schema: Any, path: str) -> Iterator[Said]:
    """Each description in a JSON Schema, or in a list of parameters, with the way to it."""
    if isinstance(schema, list):
        for number, each in enumerate(schema, 1):
            named = each.get("name", number) if isinstance(each, dict) else number
            yield from _of_schema(each, f"{path} {named}")
    if not isinstance(schema, dict):
        return
    if isinstance(told := schema.get("description"), str):
        yield path, told
    for name, each in schema.items():
        if name not in ("example", "examples", "default"):
            inside = name in ("properties", "schema", "content", "$defs", "items", "anyOf", "oneOf")
            yield from _of_schema(each, path if inside else f"{path} {name}")
