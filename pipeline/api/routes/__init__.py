"""The routes of the API, one file per subject. In: nothing. Out: one table of all of them."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from pipeline.api.route import Table

# As one sets an account up, and then works with it; whatever else there is comes after.
SET_UP = ("account", "users", "keys", "fields", "presets", "connectors", "as_code", "revisions", "webhooks", "trying")
ORDER = (*SET_UP, "journal", "dead", "refused", "conflicts", "leads", "stages")


@cache
def table() -> Table:
    """Every route of every file here, which has its own in a table called `api`."""
    whole = Table()
    names = sorted(module.name for module in iter_modules(__path__))
    for name in sorted(names, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER)):
        part: Table = import_module(f"{__name__}.{name}").api
        whole.routes.extend(part)
    return whole
