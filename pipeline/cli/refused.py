"""`leadpipe refused`: look at requests that the door turned away, and send them in once the cause is mended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli import answer, outcome
from pipeline.cli.options import (
    DEFAULT_ACCOUNT,
    DEFAULT_LIMIT,
    LARGEST_ID,
    Account,
    After,
    AsJson,
    Limit,
    OfConnector,
    Since,
    Until,
)
from pipeline.cli.outcome import Timeout, Wait
from pipeline.cli.progress import progress
from pipeline.cli.session import in_account, in_chain
from pipeline.cli.times import moment

if TYPE_CHECKING:
    from pipeline.operations.access import Actor
    from pipeline.operations.chain import Chain
    from pipeline.operations.outcomes import Outcomes
    from pipeline.operations.refused import Sent
    from pipeline.store.database import Database
    from pipeline.store.refused import Filter

app = typer.Typer(help="Look at requests that were refused, and send them in after all.", no_args_is_help=True)

Status = Annotated[int | None, typer.Option("--status", help="Only those refused with this status.", min=400, max=499)]
Request = Annotated[int, typer.Argument(help="The refused request's id.", min=1, max=LARGEST_ID)]
FACTS = (
    "id",
    "connector",
    "refused_at",
    "status",
    "answered",
    "title",
    "detail",
    "where",
    "content_type",
    "content_encoding",
)
FURTHER = ("query", "key", "size", "truncated", "redacted", "missing", "sent_at", "sent_by", "events")
UNPROVEN = "somebody who did not prove who they are"


@app.command(name="list")
def list_(
    connector: OfConnector = None,
    status: Status = None,
    since: Since = None,
    until: Until = None,
    sent: Annotated[
        bool | None,
        typer.Option(
            "--sent/--unsent", help="Only requests that were sent in since (--sent), or that were not (--unsent)."
        ),
    ] = None,
    after: After = None,
    limit: Limit = DEFAULT_LIMIT,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """List refused requests, the newest first."""
    from dataclasses import replace

    from pipeline.cli import show
    from pipeline.operations import refused

    if json:
        from pipeline.api.routes.refused import list_refused

        which = {"connector": connector, "status": status and str(status), "since": since, "until": until}
        page = {"sent": None if sent is None else "yes" if sent else "no", "after": after, "limit": limit}
        answer.print_route(account, list_refused, {**which, **page})
        return
    given = replace(_filter(status, since, until), sent=sent)
    last = answer.page_after("refused", after)
    rows = in_account(
        account, lambda opened, actor: refused.page(opened, actor, given, connector, after=last, limit=limit)
    )
    show.lines(
        ("id", "refused UTC", "status", "answered", "why", "connector", "bytes", "sent UTC"),
        (
            (
                row["id"],
                show.moment(row["refused_at"]),
                row["status"],
                row["answered"],
                row["title"],
                row["connector"],
                row["size"],
                row["sent_at"] and show.moment(row["sent_at"]),
            )
            for row in rows
        ),
        below=(row["detail"] for row in rows),
    )
    answer.page_end("refused", rows, limit)


@app.command(name="show")
def show_(request: Request, account: Account = DEFAULT_ACCOUNT, json: AsJson = False) -> None:
    """Show one refused request: why, and its body, without the secrets that were in it."""
    from pipeline.cli import show
    from pipeline.operations import refused

    if json:
        from pipeline.api.routes.refused import show_refused

        answer.print_route(account, show_refused, id=request)
        return
    row: dict[str, Any] = in_account(account, lambda opened, actor: refused.show(opened, actor, request))
    sender = None if row["proven"] else UNPROVEN
    show.pairs({**{name: row[name] for name in FACTS}, "sender": sender, **{name: row[name] for name in FURTHER}})
    if row["body"] is not None:
        show.copyable(f"\nthe body{' in base64' if row['encoding'] == 'base64' else ''}\n{row['body']}")


@app.command()
def send(
    requests: Annotated[
        list[int] | None,
        typer.Argument(help="Ids of refused requests; left out: all that match the options.", min=1, max=LARGEST_ID),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Send all; needed if no other option selects requests.")] = False,
    connector: OfConnector = None,
    status: Status = None,
    since: Since = None,
    until: Until = None,
    unproven: Annotated[
        bool, typer.Option("--unproven", help="Also those whose senders did not prove who they are.")
    ] = False,
    wait: Wait = True,
    timeout: Timeout = None,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Send refused requests in, by the settings of their connectors that are in force now, and tell what becomes of
    their events.

    Exit code 1 if one is refused again, or an event fails. Options select only requests that were not sent in before.
    A request that is sent in twice takes effect once.
    """
    narrowed = any((connector, status, since, until))
    if bool(requests) + (all_ or narrowed) != 1:
        raise typer.BadParameter("give ids, or options that select requests, or --all")

    from pipeline.cli import show
    from pipeline.ingress.limits import Limits
    from pipeline.operations import outcomes, refused
    from pipeline.settings import load
    from pipeline.store.refused import count

    given = _filter(status, since, until)

    async def sending(opened: Database, chain: Chain, actor: Actor) -> Sent:
        limits = Limits(event=load().max_event)
        if requests:
            return await refused.send(opened, chain, actor, requests, limits)
        wanted = await refused.wanted(opened, actor, given, connector)
        with progress("sending", await count(opened, wanted)) as advance:
            return await refused.send_matching(
                opened, chain, actor, given, connector, limits, unproven=unproven, on_progress=advance
            )

    async def run(opened: Database, chain: Chain, actor: Actor) -> tuple[Actor, Sent, Outcomes | None]:
        with outcomes.Sent() as note:
            sent = await sending(opened, chain, actor)
            note.add((event, 0) for event in sent.events)
            return actor, sent, await outcome.ended(opened, chain, note, wait, timeout)

    actor, sent, found = in_chain(account, run)
    if json:
        from pipeline.api.routes.refused import sent_shown

        answer.print_answer(sent_shown(actor, sent, outcome.as_members(found)))
    else:
        print(f"sent {sent.requests:,} requests with {len(sent.events):,} events")
        if found is not None:
            show.messages.print(f"their events: {outcome.sentence(found, failed='failed')}")
            outcome.show_rest(found)
        _tell_left(sent, [str(error) for _, error in sent.refused])
    if sent.left:
        raise typer.Exit(1)
    outcome.end(found)


def _tell_left(sent: Sent, details: list[str]) -> None:
    from pipeline.cli import show

    for detail in details:
        show.messages.print(detail, markup=False, soft_wrap=True)
    if further := sent.left - len(details):
        show.messages.print(f"and {further:,} more")
    if sent.unproven:
        show.messages.print(
            f"{sent.unproven:,} left out: their senders did not prove who they are; --unproven sends them too"
        )


def _filter(status: int | None, since: str | None, until: str | None) -> Filter:
    from pipeline.store.refused import Filter

    return Filter(status=status, since=moment(since, "--since"), until=moment(until, "--until"))
