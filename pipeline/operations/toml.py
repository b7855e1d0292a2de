"""TOML as this program writes it. In: a document of plain values. Out: text that is the same for the same document.

Single values come first, then tables, then lists of tables. Within a table of a list everything is on one line each, so
that a mapping row reads as a row; only a table in it that is too wide for a line gets a heading of its own. Names keep
the order that they are given in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tomlkit
from tomlkit.items import Item

WIDE = 100  # characters; a longer list is written over several lines
ONE_LINE = set(map(chr, range(32))) | {"\x7f"}  # what keeps a text of several lines from being written as such


def written(document: Mapping[str, Any]) -> str:
    """The text; `tomllib` reads the same document from it. Values: texts, numbers, booleans, lists, tables."""
    parts = [_lines({name: value for name, value in document.items() if not _is_tables(value)})]
    for name, value in document.items():
        if isinstance(value, dict):
            parts += _table(f"[{_key(name)}]", _key(name), value)
        elif _is_tables(value):
            for row in value:
                parts += _table(f"[[{_key(name)}]]", _key(name), row)
    return "\n".join(part for part in parts if part)


def one_line(value: Any) -> str:
    """A single value, on one line."""
    return _value(value)


def _table(heading: str, path: str, values: Mapping[str, Any]) -> list[str]:
    wide = [name for name, value in values.items() if isinstance(value, dict) and len(_value(value)) > WIDE]
    own = {name: value for name, value in values.items() if name not in wide}
    parts = [f"{heading}\n{_lines(own)}"]
    for name in wide:
        parts += _table(f"[{path}.{_key(name)}]", f"{path}.{_key(name)}", values[name])
    return parts


def _is_tables(value: Any) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)
    )


def _lines(values: Mapping[str, Any]) -> str:
    return "".join(f"{_key(name)} = {_value(value, whole=True)}\n" for name, value in values.items())


def _value(value: Any, *, whole: bool = False) -> str:
    """A value as it stands after its name; `whole`: it may take several lines."""
    if (
        whole
        and isinstance(value, str)
        and "\n" in value
        and "'''" not in f"{value}'"
        and not ONE_LINE & {*value} - {"\n"}
    ):
        return f"'''\n{value}'''"
    text = _text(value)
    if whole and isinstance(value, list) and len(text) > WIDE:
        return "\n".join(["[", *(f"    {_text(each)}," for each in value), "]"])
    return text


def _text(value: Any) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{_key(name)} = {_text(each)}" for name, each in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    scalar: Item = tomlkit.item(value)
    return scalar.as_string()


def _key(name: str) -> str:
    return tomlkit.key(name).as_string()
