"""The command line, imported and built once for all who run it from here or are forked from here.

Typer builds its tree of commands anew for every call, and takes an eighth of a second of CPU for it.
"""

from __future__ import annotations

from functools import cache

import typer.main
import typer.testing

from pipeline.cli.main import app

typer.main.get_command = typer.testing._get_command = cache(typer.main.get_command)
typer.main.get_command(app)
