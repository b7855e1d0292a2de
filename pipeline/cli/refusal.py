"""What `--json` prints where a command is refused. In: why. Out: the body that REST answers, on one line.

It goes to standard output, where the answer would be; the sentence for people stays on standard error.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from pipeline.operations.errors import Problem

INVALID = 422  # the status of wrong use, which no operation refused
UNAVAILABLE = 503  # and of what keeps a command from its work
MISUSE = cast("tuple[type[Exception], ...]", typer.BadParameter.__bases__)  # UsageError, which typer does not export
_asked: ContextVar[bool] = ContextVar("asked", default=False)  # for JSON


class Commands(TyperGroup):
    """The command line; it knows from its words whether JSON is asked for, also where they are wrong."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Look at the words of a command before they are read."""
        _asked.set("--json" in args)
        return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Run a command; what is wrong with its words is told as typer tells it, and as JSON if that is asked for."""
        try:
            return super().invoke(ctx)
        except MISUSE as error:
            _tell_misuse(error)
            raise


def tell(error: object, code: int) -> None:
    """Print why a command ends with this exit code as REST would answer it, if JSON is asked for."""
    if not _asked.get():
        return
    from pipeline.api.answer import status_of
    from pipeline.operations.errors import Refused

    if isinstance(error, Refused):
        _print(status_of(error), error.detail, error.problems)
    else:
        _print(INVALID if code == 2 else UNAVAILABLE, str(error))


def _tell_misuse(error: Any) -> None:
    if not _asked.get():
        return
    from pipeline.operations.errors import Problem

    about = getattr(error, "param", None)
    named = about.name if about else getattr(error, "param_hint", None)
    field = named.strip("-").replace("-", "_") if isinstance(named, str) else None
    _print(INVALID, error.format_message(), [Problem(field, error.message or error.format_message())])


def _print(status: int, detail: str, problems: Sequence[Problem] = ()) -> None:
    from pipeline.api.answer import error_shown

    body = error_shown(status, detail, problems).model_dump_json(by_alias=True, exclude_none=True)
    sys.stdout.write(f"{body}\n")
