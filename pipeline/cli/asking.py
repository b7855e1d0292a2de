"""Questions before something is taken away. In: a question. Out: yes; else the command ends, and nothing was done."""

from __future__ import annotations

import sys

import typer

from pipeline.cli.session import WrongUse, clear_errors


def sure(question: str, *, yes: bool, demanded: bool = True) -> None:
    """Go on only if somebody says so. `yes`: they said it already, by --yes.

    Without a terminal nobody can be asked: then it is wrong use to leave out --yes, but not where it is not `demanded`,
    of commands that scripts have called without it.
    """
    if yes:
        return
    if sys.stdin.isatty():
        typer.confirm(question, abort=True)
    elif demanded:
        with clear_errors():
            raise WrongUse(f"{question} Nothing was done: there is no terminal to ask at; pass --yes to confirm")
