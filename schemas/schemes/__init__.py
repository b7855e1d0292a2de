"""The shipped schemes. In: the `*.toml` files of this folder, one per scheme. Out: `Scheme` models by name."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from pydantic import ValidationError

from schemas.scheme import Scheme


class BadScheme(ValueError):
    """A scheme's file is wrong; the message names the file, and for each problem the key and the rule."""


@cache
def schemes() -> Mapping[str, Scheme]:
    """Every shipped scheme by its name, in alphabetical order. Raises BadScheme."""
    found = {}
    for file in sorted((each for each in files(__name__).iterdir() if each.name.endswith(".toml")), key=_name):
        try:
            scheme = Scheme(**tomllib.loads(file.read_text(encoding="utf-8")))
        except (tomllib.TOMLDecodeError, ValidationError) as error:
            raise BadScheme(f"{file.name}: {error}") from error
        if file.name != f"{scheme.name}.toml":
            raise BadScheme(f"{file.name}: name: must be the file's own name, and is {scheme.name!r}")
        found[scheme.name] = scheme
    return MappingProxyType(found)


def _name(file: object) -> str:
    return str(getattr(file, "name", ""))
