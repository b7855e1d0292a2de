"""Conditions of a query that depend on a filter. In: fixed texts and values. Out: a WHERE clause and its parameters."""

from __future__ import annotations

from typing import Any


class Where:
    """Conditions joined by AND; each `{}` in a text stands for the next value, which travels as a parameter."""

    def __init__(self, condition: str, *values: Any) -> None:
        self.values: list[Any] = []
        self._conditions: list[str] = []
        self.add(condition, *values)

    def add(self, condition: str, *values: Any) -> None:
        """One more condition. Its text is a constant of the caller's, never made of a value."""
        places = [self.place(value) for value in values]
        self._conditions.append(condition.format(*places))

    def place(self, value: Any) -> str:
        """Add a parameter for another part of the query; returns its `$n`."""
        self.values.append(value)
        return f"${len(self.values)}"

    def __str__(self) -> str:
        return " AND ".join(self._conditions)
