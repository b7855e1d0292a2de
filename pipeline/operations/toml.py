"""TOML as this program writes it. In: a document of plain values. Out: text that is the same for the same document.

Single values come first, then tables, then lists of tables; within a table of a list everything is on one line, so
that a mapping row reads as a row. Names keep the order that they are given in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tomlkit
from tomlkit.items import Item

WIDE = 100  # characters; a longer list is written over several lines


def written(document: Mapping[str, Any]) -> str:
    """The text; `tomllib` reads the same document from it. Values: texts, numbers, booleans, lists, tables."""
    parts = [_lines({name: value for name, value in document.items() if not _is_tables(value)})]
    for name, value in document.items():
        if isinstance(value, dict):
            parts.append(f"[{_key(name)}]\n{_lines(value)}")
        elif _is_tables(value):
            parts += [f"[[{_key(name)}]]\n{_lines(row)}" for row in value]
    return "\n".join(part for part in parts if part)


def _is_tables(value: Any) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)
    )


def _lines(values: Mapping[str, Any]) -> str:
    return "".join(f"{_key(name)} = {_value(value)}\n" for name, value in values.items())


def _value(value: Any) -> str:
    text = _item(value).as_string()
    if isinstance(value, list) and len(text) > WIDE:
        return "\n".join(["[", *(f"    {_item(each).as_string()}," for each in value), "]"])
    return text


def _item(value: Any) -> Item:
    if isinstance(value, dict):
        table = tomlkit.inline_table()
        for name, each in value.items():
            table.append(name, _item(each))
        return table
    if isinstance(value, list):
        array = tomlkit.array()
        for each in value:
            array.append(_item(each))
        return array
    item: Item = tomlkit.item(value)
    return item


def _key(name: str) -> str:
    return tomlkit.key(name).as_string()
