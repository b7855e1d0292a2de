"""`leadpipe journal`: what came in, what became of it, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli import answer, complete, outcome
from pipeline.cli.options import (
    DEFAULT_ACCOUNT,
    DEFAULT_LIMIT,
    Account,
    After,
    AsJson,
    Limit,
    OfConnector,
    Since,
    Until,
)
from pipeline.cli.outcome import Timeout, Wait
from pipeline.cli.session import in_account, in_chain
from pipeline.cli.times import moment

if TYPE_CHECKING:
    from pipeline.operations.access import Actor
    from pipeline.operations.chain import Chain
    from pipeline.operations.journal import Retried, Which
    from pipeline.operations.outcomes import Outcomes
    from pipeline.store.database import Database
    from pipeline.store.journal import Page

app = typer.Typer(help="See what came in, what became of it, and why.", no_args_is_help=True)

OF_A_LETTER = ("stage", "kind", "status", "reason")
FAILURE = ("stage", "field", "value", "rule", "error")  # what there is to tell of one beside its reason
BEHAVIOUR = {
    "capture": "created and updated",
    "create": "only created",
    "update": "only updated",
    "nothing": "left alone",
    "off": "left out",
}


@app.command(name="list")
def list_(
    connector: OfConnector = None,
    outcome: Annotated[
        list[str] | None,
        typer.Option(
            "--outcome",
            help="created, updated, unchanged, dropped or failed; give it again, or use commas, for several.",
            autocompletion=complete.outcomes,
        ),
    ] = None,
    lead_source: Annotated[
        str | None,
        typer.Option(
            "--lead-source", help="Only of this lead source: the connector's, or, where it has none, the lead's."
        ),
    ] = None,
    search: Annotated[
        str | None,
        typer.Option(
            "--search",
            help="An event's or lead's id, a person's number or address however it was sent, or a text.",
        ),
    ] = None,
    since: Since = None,
    until: Until = None,
    total: Annotated[bool, typer.Option("--total", help="Count all that match, too.")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Keep running, and show each event when it ends, until Ctrl-C.")
    ] = False,
    after: After = None,
    limit: Limit = DEFAULT_LIMIT,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """List events, the newest first."""
    from pipeline.operations import journal

    outcomes = [part.strip() for each in outcome or () for part in each.split(",")]
    for each in outcomes:
        if each not in journal.OUTCOMES:
            raise typer.BadParameter(
                f"{each!r} is not an outcome; the outcomes are {', '.join(journal.OUTCOMES)}", param_hint="--outcome"
            )
    if follow and (after is not None or total):
        raise typer.BadParameter("--follow goes on from now: leave out --after and --total")
    which = journal.Which(
        connector, outcomes or None, lead_source, moment(since, "--since"), moment(until, "--until"), search
    )
    if follow:
        from pipeline.cli.follow import follow_journal

        follow_journal(account, which, limit, json=json)
    elif json:
        from pipeline.api.routes.journal import list_events

        query: dict[str, Any] = {"since": since, "until": until, "after": after, "limit": limit}
        query |= {"connector": connector, "search": search, "lead_source": lead_source}
        query |= {"outcome": outcomes or None, "total": "true" if total else None}
        answer.print_route(account, list_events, query)
    else:
        _show_page(account, which, answer.page_after("journal", after), limit, total=total)


def _show_page(account: str, which: Which, last: str | None, limit: int, *, total: bool) -> None:
    from pipeline.cli import show
    from pipeline.operations import journal
    from pipeline.operations.cursor import packed

    async def run(opened: Database, actor: Actor) -> Page:
        return await journal.page(opened, actor, **which._asdict(), after=last, limit=limit, total=total)

    page = in_account(account, run)
    show.lines(
        ("received UTC", "event", "outcome", "connector", "lead", "by"),
        (
            (
                show.moment(row["received_at"]),
                row["event_id"],
                row["outcome"],
                row["connector"],
                row["lead_id"],
                row["matched_by"],
            )
            for row in page.rows
        ),
        below=(row["reason"] for row in page.rows),
    )
    if page.total is not None:
        print(f"{page.total:,} in all")
    answer.more(page.next and packed("journal", page.next))


@app.command(name="show")
def show_(
    event: Annotated[str, typer.Argument(help="The event's id, as the ingress answered it.")],
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Show one event: the request, its outcome and reason, the records it touched, and its way through the stages.

    Also each failure that it has had so far, and the other versions of the same thing.
    """
    from pipeline.operations import journal

    row = in_account(account, lambda opened, actor: journal.show(opened, actor, event))
    if json:
        from pipeline.api.routes.journal import WholeEventShown

        answer.print_answer(WholeEventShown(**row))
        return
    show_event(row)


@app.command()
def retry(
    events: Annotated[list[str], typer.Argument(help="Ids of events that failed or were dropped.")],
    wait: Wait = True,
    timeout: Timeout = None,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Send events through again, with the mapping in force now, and tell what becomes of them.

    Correct the cause of their failure first. Exit code 1 if any fails again, or cannot be sent.
    """
    from pipeline.cli import show
    from pipeline.operations import journal

    async def run(opened: Database, chain: Chain, actor: Actor) -> tuple[Actor, Retried, Outcomes | None]:
        from pipeline.operations.outcomes import Sent

        with Sent() as note:
            done = await journal.retry_each(opened, chain, actor, events, note)
            return actor, done, await outcome.ended(opened, chain, note, wait, timeout)

    actor, done, found = in_chain(account, run)
    if json:
        from pipeline.api.routes.journal import retried_shown

        answer.print_answer(retried_shown(actor, done, outcome.as_members(found)))
    elif done.events:
        print(f"sent again {done.events:,}" + ("" if found is None else f": {outcome.sentence(found)}"))
        if found is not None:
            outcome.show_rest(found)
    for _, error in done.refused:
        show.messages.print(f"leadpipe: {error}", markup=False, soft_wrap=True)
    if done.refused:
        raise typer.Exit(1)
    outcome.end(found)


def show_event(row: dict[str, Any]) -> None:
    """One event, for a person: what became of it, its way, what it died of, its other versions, the request."""
    from pipeline.cli import show

    show.pairs(
        {
            "event": row["event_id"],
            "connector": row["connector"],
            "kind": row["kind"],
            "received": row["received_at"],
            "occurred": row["occurred_at"],
            "finished": row["finished_at"],
            "outcome": row["outcome"],
            "reason": row["reason"],
            **{name: value for name, value in (row["failure"] or {}).items() if name in FAILURE},
            "lead": row["lead_id"],
            "matched by": row["matched_by"],
            "changed": row["changed"],
            "leads are": row["lead_sync"] and BEHAVIOUR[row["lead_sync"]],
            "activities are": row["activity_sync"] and BEHAVIOUR[row["activity_sync"]],
            "decided": row["decision"] and decided(row["decision"]),
            "call": row["call_id"],
            "activity": row["activity_id"],
            "notes": row["notes"],
            "attempts": row["attempts"],
            "replays": row["replay"] or None,
        }
    )
    _show_problems(row["failure"])
    show.table(
        ("run", "stage", "attempt", "waited ms", "spent ms"),
        (
            (run_named(step["replay"]), step["stage"], step["attempt"], step["waited_ms"], step["spent_ms"])
            for step in row["stages"]
        ),
        title="\nway through the stages",
    )
    _show_others(row)
    show.console.print(f"\nrequest\n{row['request']}", markup=False)


def _show_problems(failure: dict[str, Any] | None) -> None:
    """All that the rules have against it, where it is more than one thing."""
    from pipeline.cli import show_trial

    show_trial.show_problems((failure or {}).get("problems", []))


def _show_others(row: dict[str, Any]) -> None:
    """What it died of, and the other versions of its thing."""
    from pipeline.cli import show

    if row["failures"]:
        show.table(
            ("letter", "run", "died UTC", "stage", "kind", "status", "reason"),
            (
                (
                    each["id"],
                    run_named(each["replay"]),
                    show.moment(each["died_at"]),
                    *(each[name] for name in OF_A_LETTER),
                )
                for each in row["failures"]
            ),
            title="\nfailures",
        )
    if row["versions"]:
        show.table(
            ("event", "received UTC", "outcome"),
            ((each["event_id"], show.moment(each["received_at"]), each["outcome"]) for each in row["versions"]),
            title="\nother versions of the same thing",
        )


def run_named(replay: int | None) -> str | None:
    """The number of a run, in words."""
    return None if replay is None else f"replay {replay}" if replay else "first"


def decided(decision: dict[str, Any]) -> str:
    """A person's decision about a conflict, in one line."""
    how = "merge the leads into" if decision["how"] == "merge" else "use lead"
    return f"conflict {decision['conflict']}: {how} {decision['lead']}, by {decision['by']} at {decision['at']}"
