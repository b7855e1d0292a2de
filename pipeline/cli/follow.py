"""`journal list --follow`: events as they end, on standard output. In: a filter. Out: a line each, until Ctrl-C.

With --json a line is one event, as the API tells it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pipeline.cli.session import in_account

if TYPE_CHECKING:
    from pipeline.engine.outcome import Transient
    from pipeline.operations.access import Actor
    from pipeline.operations.journal import Which
    from pipeline.store.database import Database


def follow_journal(account: str, which: Which, last: int, *, json: bool) -> None:
    """Show the last events that match, then each as it ends. It ends with Ctrl-C, and with the reader of its output."""
    from pipeline.cli import show
    from pipeline.operations.following import follow

    def waits(_: Transient) -> None:
        show.messages.print("the database does not answer; this goes on when it does", markup=False)

    async def run(opened: Database, actor: Actor) -> None:
        try:
            async for rows in follow(opened, actor, which, last, waits):
                _print(rows, json=json)
        except asyncio.CancelledError:  # Ctrl-C is how it ends
            return

    in_account(account, run)


def _print(rows: Sequence[dict[str, Any]], *, json: bool) -> None:
    from pipeline.api.routes.journal import EventShown
    from pipeline.cli import show

    for row in rows:
        if json:
            sys.stdout.write(EventShown(**row).model_dump_json(by_alias=True) + "\n")
            continue
        told = (
            show.moment(row["received_at"]),
            row["event_id"],
            f"{row['outcome']:<9}",
            row["connector"],
            row["lead_id"],
        )
        sys.stdout.write("  ".join(show.plain(each) for each in told) + "\n")
        if row["reason"] is not None:
            sys.stdout.write(f"{show.INDENT}{show.plain(row['reason'])}\n")
    sys.stdout.flush()
