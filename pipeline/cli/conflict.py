"""`leadpipe conflict`: events whose keys name several leads, and whose they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.look import broker
from pipeline.cli.session import DEFAULT_ACCOUNT, Account, AsJson, acting, database, play

if TYPE_CHECKING:
    from pipeline.settings import Settings

app = typer.Typer(help="Events whose keys name several leads: say whose they are.", no_args_is_help=True)
STATES = ("open", "decided", "discarded", "any")
Conflict = Annotated[int, typer.Argument(help="The conflict's id.")]


@app.command(name="list")
def list_(
    state: Annotated[str, typer.Option("--state", help="open, decided, discarded, or any.")] = "open",
    connector: Annotated[str | None, typer.Option("--connector", help="Only this connector's.")] = None,
    after: Annotated[int | None, typer.Option("--after", help="Continue after this id.")] = None,
    limit: Annotated[int, typer.Option("--limit", help="How many at most.", min=1, max=1000)] = 20,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """List conflicts, the newest first."""
    from typing import cast

    from pipeline.cli import show
    from pipeline.operations import conflicts
    from pipeline.store.conflicts import State

    if state not in STATES:
        raise typer.BadParameter(f"{state!r} is not a state; they are {', '.join(STATES)}")

    async def run(settings: Settings) -> list[dict[str, Any]]:
        async with database(settings) as opened:
            actor = await acting(opened, account)
            return await conflicts.page(
                opened, actor, cast(State, state), connector=connector, after=after, limit=limit
            )

    rows = play(run)
    if json:
        show.as_json(rows)
        return
    show.lines(
        ("id", "died UTC", "connector", "event", "status"),
        ((row["id"], show.moment(row["died_at"]), row["connector"], row["event_id"], told(row)) for row in rows),
        below=(named(row) for row in rows),
    )
    if len(rows) == limit:
        show.messages.print(f"more: --after {rows[-1]['id']}")


@app.command(name="show")
def show_(conflict: Conflict, account: Account = DEFAULT_ACCOUNT, json: AsJson = False) -> None:
    """Show a conflict: its keys, and the leads that they name, side by side."""
    from pipeline.cli import show
    from pipeline.operations import conflicts

    async def run(settings: Settings) -> dict[str, Any]:
        async with database(settings) as opened:
            return await conflicts.show(opened, await acting(opened, account), conflict)

    row = play(run)
    if json:
        show.as_json(row)
        return
    show.pairs(
        {
            "conflict": row["id"],
            "event": row["event_id"],
            "connector": row["connector"],
            "stage": row["stage"],
            "died": row["died_at"],
            "status": told(row),
            "reason": row["reason"],
        }
    )
    show.table(("key", "value", "names lead"), ((key.key, key.value, key.lead) for key in row["keys"]), title="\nkeys")
    for lead in row["leads"]:
        show.copyable(f"\nlead {lead['id']}, made {lead['created_at']:%Y-%m-%d %H:%M}Z")
        show.pairs(lead["fields"])


@app.command()
def resolve(
    conflict: Conflict,
    use: Annotated[str | None, typer.Option("--use", help="The lead that the event is about.")] = None,
    merge: Annotated[
        bool, typer.Option("--merge", help="They are one person: merge the leads, into --use or the first key's lead.")
    ] = False,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Say whose the event is, and send it on. Of two people who decide at once one does; the other one is told."""
    from pipeline.cli import show
    from pipeline.engine.frame import Bounds
    from pipeline.operations import conflicts

    async def run(settings: Settings) -> dict[str, Any]:
        bounds = Bounds(settings.frame_events, settings.frame_bytes)
        async with database(settings) as opened, broker(settings) as (topology, transport):
            actor = await acting(opened, account)
            return await conflicts.resolve(opened, transport, topology, actor, conflict, bounds, use=use, merge=merge)

    decision = play(run)
    if json:
        show.as_json(decision)
        return
    how = "merged its leads into" if decision["how"] == "merge" else "gave its event to lead"
    show.copyable(f"conflict {conflict}: {how} {decision['lead']}")


def told(row: dict[str, Any]) -> str:
    """How it stands with a conflict."""
    if row["decision"]:
        return f"decided by {row['decision']['by']}" + ("" if row["status"] == "replayed" else ", not sent yet")
    return "open" if row["status"] == "dead" else str(row["status"])


def named(row: dict[str, Any]) -> str:
    """Which key names which lead."""
    return ", ".join(f"{key.key} names {key.lead or 'nobody'}" for key in row["keys"])
