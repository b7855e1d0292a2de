"""The routes of the API, one file per subject. In: nothing. Out: one table of all of them."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from pipeline.api.route import Table


@cache
def table() -> Table:
    """Every route of every file here, which has its own in a table called `api`."""
    whole = Table()
    for module in sorted(iter_modules(__path__), key=lambda module: module.name):
        part: Table = import_module(f"{__name__}.{module.name}").api
        whole.routes.extend(part)
    return whole
