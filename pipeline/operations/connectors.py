"""Set connectors up. In: TOML files. Out: connectors in force, and the URLs that their sources post to."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import ValidationError

from pipeline.settings import Settings
from schemas.connector import Connector, ConnectorSettings
from schemas.presets import UnknownPreset, preset


class BadConnector(ValueError):
    """A connector's file is wrong; the message names the file, and for each problem the place and the rule."""


def read(file: Path) -> ConnectorSettings:
    """The settings in a file, checked whole: its values, its preset, its keys and every row of its mapping."""
    try:
        settings = ConnectorSettings(**tomllib.loads(file.read_text()))
        Connector(id=0, account=0, revision=0, settings=settings, preset=preset(settings.preset))
    except ValidationError as error:
        problems = [f"  {_place(problem['loc'])}: {problem['msg']}" for problem in error.errors()]
        raise BadConnector("\n".join([f"{file} has {len(problems)} problem(s)", *problems])) from error
    except (OSError, tomllib.TOMLDecodeError, UnknownPreset, ValueError) as error:
        raise BadConnector(f"{file}: {error}") from error
    return settings


def read_folder(folder: Path) -> list[ConnectorSettings]:
    """The settings in every `*.toml` of a folder. Raises BadConnector."""
    return [read(file) for file in sorted(folder.glob("*.toml"))]


def webhook_url(settings: Settings, token: str) -> str:
    """Where the source posts to."""
    base = settings.public_url or f"http://{settings.http_host}:{settings.http_port}"
    return f"{base.rstrip('/')}/in/{token}"


def _place(location: tuple[int | str, ...]) -> str:
    """`map row 3, to` for ("map", 2, "to")."""
    shown: list[str] = []
    for part in location:
        if isinstance(part, int):
            shown[-1] = f"{shown[-1]} row {part + 1}"
        else:
            shown.append(part)
    return ", ".join(shown) or "the file"
