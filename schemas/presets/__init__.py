"""The shipped presets. In: the `*.toml` files of this folder, one per source system. Out: `Preset` models by name."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType

from pydantic import ValidationError

from schemas.nearest import suggestion
from schemas.preset import Preset


class BadPreset(ValueError):
    """A preset's file is wrong; the message names the file and, for each problem, the key and the rule."""


class UnknownPreset(LookupError):
    """No preset has this name; the message offers the nearest one."""


@cache
def presets() -> Mapping[str, Preset]:
    """Every shipped preset by its name, in alphabetical order. Raises BadPreset."""
    found = sorted((entry for entry in files(__name__).iterdir() if entry.name.endswith(".toml")), key=lambda e: e.name)
    return MappingProxyType({preset.name: preset for preset in map(load, found)})


def preset(name: str) -> Preset:
    """The preset of this name; raises UnknownPreset."""
    known = presets()
    if name not in known:
        raise UnknownPreset(f"no preset is called {name!r}{suggestion(name, known)}")
    return known[name]


def load(file: Traversable) -> Preset:
    """One preset from its file, checked whole; raises BadPreset."""
    try:
        loaded = Preset(**tomllib.loads(file.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise BadPreset(f"{file.name}: {error}") from error
    except ValidationError as error:
        problems = [f"  {'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()]
        raise BadPreset("\n".join([f"{file.name} has {len(problems)} problem(s)", *problems])) from error
    if file.name != f"{loaded.name}.toml":
        raise BadPreset(f"{file.name}: name: must be the file's own name, and is {loaded.name!r}")
    return loaded
