"""`leadpipe conflict`: events whose keys name several leads, and whose they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from pipeline.cli import answer, complete, outcome
from pipeline.cli.options import (
    DEFAULT_ACCOUNT,
    DEFAULT_LIMIT,
    LARGEST_ID,
    Account,
    After,
    AsJson,
    Limit,
    OfConnector,
)
from pipeline.cli.outcome import Timeout
from pipeline.cli.session import in_account, in_chain

if TYPE_CHECKING:
    from pipeline.operations.access import Actor
    from pipeline.operations.chain import Chain
    from pipeline.operations.outcomes import Outcomes
    from pipeline.store.conflicts import State
    from pipeline.store.database import Database

app = typer.Typer(help="Decide which lead an event is about, if its keys name several leads.", no_args_is_help=True)
STATES = ("open", "decided", "discarded", "superseded", "any")
Conflict = Annotated[int, typer.Argument(help="The conflict's id.", min=1, max=LARGEST_ID)]


@app.command(name="list")
def list_(
    state: Annotated[
        str,
        typer.Option("--state", help="open, decided, discarded, superseded, or any.", autocompletion=complete.states),
    ] = "open",
    connector: OfConnector = None,
    after: After = None,
    limit: Limit = DEFAULT_LIMIT,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """List conflicts, the newest first."""
    from pipeline.cli import show
    from pipeline.operations import conflicts

    if state not in STATES:
        raise typer.BadParameter(f"{state!r} is not a state; the states are {', '.join(STATES)}")

    if json:
        from pipeline.api.routes.conflicts import list_conflicts

        given = {"state": state, "connector": connector, "after": after, "limit": limit}
        answer.print_route(account, list_conflicts, given)
        return
    wanted = cast("State", state)
    last = answer.page_after("conflicts", after)
    rows = in_account(
        account,
        lambda opened, actor: conflicts.page(opened, actor, wanted, connector=connector, after=last, limit=limit),
    )
    show.lines(
        ("id", "died UTC", "connector", "event", "status"),
        ((row["id"], show.moment(row["died_at"]), row["connector"], row["event_id"], told(row)) for row in rows),
        below=(named(row) for row in rows),
    )
    answer.page_end("conflicts", rows, limit)


@app.command(name="show")
def show_(conflict: Conflict, account: Account = DEFAULT_ACCOUNT, json: AsJson = False) -> None:
    """Show a conflict: its keys, and the leads that they name, side by side."""
    from pipeline.cli import show
    from pipeline.operations import conflicts

    if json:
        from pipeline.api.routes.conflicts import show_conflict

        answer.print_route(account, show_conflict, id=conflict)
        return
    row = in_account(account, lambda opened, actor: conflicts.show(opened, actor, conflict))
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
    use: Annotated[
        str | None, typer.Option("--use", help="The lead that the event is about; with --merge, the lead that stays.")
    ] = None,
    merge: Annotated[
        bool,
        typer.Option(
            "--merge", help="Merge the leads into one: into --use, or else the lead that the first key names."
        ),
    ] = False,
    wait: Annotated[
        bool | None,
        typer.Option(
            "--wait/--no-wait", help="Wait for the outcome of the event; left out: wait, but not with --json."
        ),
    ] = None,
    timeout: Timeout = None,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Decide which lead the event is about, send it on, and tell what becomes of it.

    If two people decide at once, the first decision counts. Exit code 1 if the event fails again.
    """
    from pipeline.cli import show
    from pipeline.operations import conflicts

    async def run(opened: Database, chain: Chain, actor: Actor) -> tuple[dict[str, Any], Outcomes | None]:
        from pipeline.operations.outcomes import Sent

        with Sent() as note:
            made = await conflicts.resolve(opened, chain, actor, conflict, use=use, merge=merge, note=note)
            waits = not json if wait is None else wait
            return made, await outcome.ended(opened, chain, note, waits, timeout)

    decision, found = in_chain(account, run)
    if json:
        from pipeline.api.routes.conflicts import DecisionSent

        answer.print_answer(DecisionSent(**decision, **outcome.as_members(found)))
    else:
        how = "merged its leads into" if decision["how"] == "merge" else "gave its event to lead"
        show.copyable(f"conflict {conflict}: {how} {decision['lead']}")
        if found is not None:
            print(f"the event: {outcome.sentence(found)}")
            outcome.show_rest(found)
    outcome.end(found)


def told(row: dict[str, Any]) -> str:
    """How it stands with a conflict."""
    if row["decision"]:
        return f"decided by {row['decision']['by']}" + ("" if row["status"] == "replayed" else ", not sent yet")
    return "open" if row["status"] == "dead" else str(row["status"])


def named(row: dict[str, Any]) -> str:
    """Which key names which lead."""
    return ", ".join(f"{key.key} names {key.lead or 'nobody'}" for key in row["keys"])
