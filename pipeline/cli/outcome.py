"""Waiting for what becomes of events that a command sent through again. In: which were sent. Out: what is printed.

On a terminal a bar shows how many have ended. Ctrl-C ends the wait, and not what was sent.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.progress import progress

if TYPE_CHECKING:
    from pipeline.operations.chain import Chain
    from pipeline.operations.outcomes import Cause, Failures, Outcomes, Sent
    from pipeline.store.database import Database

Wait = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Wait for the outcome and show it, or end once the events are sent.")
]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        help="The most seconds to wait for the outcome; left out: until no event has ended for a minute.",
        min=0,
    ),
]
SHOWN = 20  # causes of failures


async def ended(
    database: Database, chain: Chain, sent: Sent, wanted: bool, timeout: float | None = None
) -> Outcomes | None:
    """How the events ended; None: nobody wants to know, or there are none."""
    if not wanted or not (sent.count or sent.unheard):
        return None
    from pipeline.operations import outcomes

    with progress("waiting", sent.count) as advance:
        try:
            return await outcomes.wait(database, chain, sent, timeout=timeout, on_progress=advance)
        except asyncio.CancelledError:
            _goes_on(sent)
            raise


def sentence(found: Outcomes, failed: str = "failed again") -> str:
    """How many ended how, in one line. `failed`: what to say of those that failed."""
    told = [f"{found.ended[name]:,} {name}" for name in ("created", "updated", "unchanged", "dropped")]
    told = [each for each in told if not each.startswith("0 ")]
    told += [f"{found.failed:,} {failed}"] if found.failed else []
    told += [f"{found.pending:,} still under way"] if found.pending else []
    told += (
        [f"{found.unheard:,} went to stages behind the journal, so their outcome is not known here"]
        if found.unheard
        else []
    )
    return ", ".join(told) or "nothing was sent"


def as_members(found: Outcomes | None) -> dict[str, Any]:
    """The same for programs, as members of the API's EndedShown; nothing where nobody waited."""
    from pipeline.api.ended import members

    return {} if found is None else members(found)


def show_rest(found: Outcomes) -> None:
    """Why events failed again, grouped, and what to do about those that are under way."""
    from pipeline.cli import show

    for cause, failures in found.by_number()[:SHOWN]:
        show.console.print(f"  {_failure(cause, failures)}", markup=False, soft_wrap=True)
    if further := found.by_number()[SHOWN:]:
        print(f"  and {sum(each.events for _, each in further):,} of other causes: see `leadpipe dead groups`")
    if found.idle:
        print(
            f"no process works on {', '.join(found.idle)}: start `leadpipe up`, or "
            f"`leadpipe work {' '.join(found.idle)}`"
        )
    elif found.pending:
        print("the others go on: `leadpipe stages` shows what waits, `leadpipe dead groups` what fails")


def end(found: Outcomes | None) -> None:
    """End the command with 1 where events failed again, or have not ended."""
    if found is not None and not found.good:
        raise typer.Exit(1)


def _failure(cause: Cause, failures: Failures) -> str:
    """One cause in a line: how many, where, of what, and one of the events."""
    from pipeline.cli.show import plain

    where = f" in {cause.stage}" if cause.stage else ""
    what = ": ".join(filter(None, (cause.field, plain(cause.cause))))
    return f"{failures.events:,} failed{where}: {what} (leadpipe journal show {failures.example})"


def _goes_on(sent: Sent) -> None:
    """What is told whoever does not wait any longer."""
    from pipeline.cli import show

    since = datetime.fromtimestamp(sent.began, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    show.messages.print(
        f"\n{sent.count + sent.unheard:,} were sent, and go on without this command. `leadpipe stages` shows what "
        "waits, "
        f"`leadpipe dead groups --since {since}` what has failed, `leadpipe journal show EVENT` one of them.",
        markup=False,
        soft_wrap=True,
    )
