"""Points and lengths of time on the command line. In: a text. Out: a time, or a length of one; else wrong use."""

from __future__ import annotations

from datetime import datetime, timedelta

import typer

from schemas.normal import moment as normal


def span(text: str, option: str) -> timedelta:
    """A length of time, such as 30m, 24h or 7d; 0 is none. BadParameter, which names the option."""
    try:
        return normal.span(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} {error}", param_hint=option) from error


def moment(text: str | None, option: str) -> datetime | None:
    """A time in each form that `schemas.normal.moment` reads; None stays None. BadParameter, which names the option."""
    if text is None:
        return None
    try:
        return normal.moment(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} {error}", param_hint=option) from error
