"""One row of a connector's settings put in, changed or taken out. In: settings and the row. Out: settings, unsaved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.operations.as_code import canonical
from pipeline.operations.connectors import parsed
from pipeline.operations.differences import ABOUT
from pipeline.operations.errors import NotFound
from schemas.settings import ConnectorSettings


def with_row(settings: ConnectorSettings, part: str, row: Mapping[str, Any]) -> ConnectorSettings:
    """The settings with this row in the place of those about the same thing, else at the end. Raises Invalid."""
    said = canonical(settings)
    about, rows = ABOUT[part], said.get(part, [])
    same = [place for place, each in enumerate(rows) if each.get(about) == row.get(about)]
    at = same[0] if same else len(rows)
    kept = [each for each in rows if each.get(about) != row.get(about)]
    return parsed({**said, part: [*kept[:at], dict(row), *kept[at:]]})


def without_row(settings: ConnectorSettings, part: str, about: str) -> ConnectorSettings:
    """The settings without their rows about this. Raises NotFound if they have none of their own."""
    said = canonical(settings)
    rows: Sequence[Mapping[str, Any]] = said.get(part, [])
    left = [each for each in rows if each.get(ABOUT[part]) != about]
    if len(left) == len(rows):
        known = ", ".join(dict.fromkeys(str(each.get(ABOUT[part])) for each in rows)) or "none"
        raise NotFound(f"the connector has no {part} row of its own for {about!r}; it has rows for {known}")
    return parsed({**said, part: left})
