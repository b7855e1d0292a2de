"""The base of every model that is read from a file or a request: unknown names are refused, values never change."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A frozen model that refuses names it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
