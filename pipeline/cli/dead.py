"""`leadpipe dead`: look at dead letters, by the thousand or one by one, and send them through again."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from pipeline.cli import answer, complete, outcome, stage_names
from pipeline.cli.asking import sure
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
    Yes,
)
from pipeline.cli.outcome import Timeout, Wait
from pipeline.cli.progress import progress
from pipeline.cli.session import in_account, in_chain
from pipeline.cli.times import moment

if TYPE_CHECKING:
    from pipeline.engine.outcome import Transient
    from pipeline.operations.access import Actor
    from pipeline.operations.chain import Chain
    from pipeline.operations.outcomes import Outcomes, Sent
    from pipeline.store.database import Database
    from pipeline.store.dead_letters import Filter
    from pipeline.store.dead_letters import Status as Known

app = typer.Typer(help="Look at dead letters, and send them through again.", no_args_is_help=True)

Stage = Annotated[
    str | None, typer.Option("--stage", help="Only those that died in this stage.", autocompletion=complete.stages)
]
Error = Annotated[str | None, typer.Option("--error", help="Only with this text in the reason, the rule or the error.")]
Kind = Annotated[
    str | None,
    typer.Option(
        "--kind", help="Only of this kind: rejected (by a rule), conflict or poison.", autocompletion=complete.kinds
    ),
]
Status = Annotated[
    str,
    typer.Option(
        "--status",
        help="dead, replayed, discarded, superseded (by a later version), or any.",
        autocompletion=complete.statuses,
    ),
]
STATUSES = ("dead", "replayed", "discarded", "superseded", "any")
KINDS = ("rejected", "conflict", "poison")
COLUMNS = ("stage", "kind", "attempts", "event_id")
FRAME = 2_000  # characters shown of a frame that cannot be read
Letter = Annotated[int, typer.Argument(help="The dead letter's id.", min=1, max=LARGEST_ID)]


@app.command(name="list")
def list_(
    stage: Stage = None,
    connector: OfConnector = None,
    kind: Kind = None,
    error: Error = None,
    since: Since = None,
    until: Until = None,
    status: Status = "dead",
    after: After = None,
    limit: Limit = DEFAULT_LIMIT,
    unreadable: Annotated[
        bool,
        typer.Option(
            "--unreadable", help="List frames that could not be read; they belong to no account, so REST has none."
        ),
    ] = False,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """List dead letters, the newest first."""
    if unreadable and connector:
        raise typer.BadParameter("an unreadable frame belongs to no connector: give either --unreadable or --connector")
    stage_names.known(stage)
    from pipeline.cli import show
    from pipeline.operations import dead

    if kind is not None and kind not in KINDS:
        raise typer.BadParameter(f"{kind!r} is not a kind; the kinds are {', '.join(KINDS)}", param_hint="--kind")
    given = replace(_filter(stage, error, since, until, status), kind=kind, unreadable=unreadable)
    last = answer.page_after("dead-letters", after)
    if json and not unreadable:
        from pipeline.api.routes.dead import list_letters

        which = {"stage": stage, "connector": connector, "kind": kind, "error": error, "since": since, "until": until}
        answer.print_route(account, list_letters, {**which, "status": status, "after": after, "limit": limit})
        return
    rows = in_account(
        account, lambda opened, actor: dead.page(opened, actor, given, connector, after=last, limit=limit)
    )
    if json:
        from pipeline.api.listing import next_page

        show.as_json({"items": rows, "next": next_page("dead-letters", rows, limit)})
        return
    show.lines(
        ("id", "died UTC", "stage", "kind", "attempts", "event", "status"),
        ((row["id"], show.moment(row["died_at"]), *(row[column] for column in COLUMNS), row["status"]) for row in rows),
        below=(row["reason"] for row in rows),
    )
    answer.page_end("dead-letters", rows, limit)


@app.command()
def groups(
    since: Since = None,
    until: Until = None,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Count dead letters by their cause."""
    from pipeline.cli import show
    from pipeline.operations import dead

    given = _filter(None, None, since, until, "dead")
    if json:
        from pipeline.api.routes.dead import group_letters

        answer.print_route(account, group_letters, {"since": since, "until": until})
        return
    rows = in_account(account, lambda opened, actor: dead.groups(opened, actor, given))
    show.lines(
        ("letters", "stage", "connector", "kind", "field", "oldest UTC", "newest UTC"),
        (
            (
                row["letters"],
                row["stage"],
                row["connector"],
                row["kind"],
                row["field"],
                show.moment(row["oldest"]),
                show.moment(row["newest"]),
            )
            for row in rows
        ),
        below=(row["cause"] for row in rows),
    )


@app.command(name="show")
def show_(letter: Letter, account: Account = DEFAULT_ACCOUNT, json: AsJson = False) -> None:
    """Show one dead letter: why it died, the trace, and the event as it came to the stage."""
    from pipeline.cli import show
    from pipeline.operations import dead

    row = in_account(account, lambda opened, actor: dead.show(opened, actor, letter, unreadable=True))
    if row["unreadable"] is not None:
        row["unreadable"] = row["unreadable"].decode("utf-8", "backslashreplace")
    if json and row["unreadable"] is None:
        from pipeline.api.routes.dead import WholeLetterShown

        answer.print_answer(WholeLetterShown(**row))
        return
    if json:
        show.as_json(row)
        return
    event, trace, frame = row.pop("event"), row.pop("trace"), row.pop("unreadable")
    show.pairs(row)
    if trace:
        show.copyable(f"\ntrace\n{trace}")
    if event:
        print("\nthe event, as it came to the stage")
        show.as_json(event)
    if frame:
        show.copyable(f"\nthe frame begins\n{frame[:FRAME]}")


@app.command()
def replay(
    letter: Annotated[
        int | None,
        typer.Argument(help="One dead letter's id; left out: all that match the options.", min=1, max=LARGEST_ID),
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Replay all; needed if no other option selects dead letters.")
    ] = False,
    stage: Stage = None,
    connector: OfConnector = None,
    error: Error = None,
    since: Since = None,
    until: Until = None,
    from_stage: Annotated[
        str | None,
        typer.Option(
            "--from-stage",
            help="Begin at this stage: the first stage, the stage that they died in, or a later one.",
            autocompletion=complete.stages,
        ),
    ] = None,
    wait: Wait = True,
    timeout: Timeout = None,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Send dead letters through again, and tell what becomes of them. Exit code 1 if any fails again.

    What the rules rejected begins at the first stage, with the mapping and the settings as they are now; what a bug or
    an outage stopped begins where it stopped.
    """
    narrowed = any((stage, connector, error, since, until))
    if (letter is not None) + (all_ or narrowed) != 1:
        raise typer.BadParameter("give one id, or options that select dead letters, or --all")
    stage_names.known(stage, from_stage)
    given = _filter(stage, error, since, until, "dead")

    async def run(opened: Database, chain: Chain, actor: Actor) -> tuple[int, Outcomes | None]:
        from pipeline.operations.outcomes import Sent

        with Sent() as note:
            if letter is not None:
                sent = await _replay_one(opened, chain, actor, letter, from_stage, note)
            else:
                sent = await _replay_all(opened, chain, actor, given, connector, from_stage, note)
            return sent, await outcome.ended(opened, chain, note, wait, timeout)

    _tell_replayed(*in_chain(account, run), json=json)


async def _replay_one(
    opened: Database, chain: Chain, actor: Actor, letter: int, from_stage: str | None, note: Sent
) -> int:
    from pipeline.operations import dead
    from pipeline.operations.errors import InUse

    if (await dead.show(opened, actor, letter, unreadable=True))["unreadable"] is not None:
        raise InUse(f"dead letter {letter} could not be read as an event; it can only be discarded")
    await dead.replay_letter(opened, chain, actor, letter, from_stage, note)
    return 1


async def _replay_all(
    opened: Database,
    chain: Chain,
    actor: Actor,
    given: Filter,
    connector: str | None,
    from_stage: str | None,
    note: Sent,
) -> int:
    """All that match; a server that goes away meanwhile is waited for."""
    from pipeline.cli import show
    from pipeline.operations import dead
    from pipeline.operations.replay import PATIENCE
    from pipeline.operations.replay import replay as replay_all
    from pipeline.store import dead_letters

    def waits(sent: int, error: Transient) -> None:
        show.messages.print(f"waiting after {sent:,}: {error}", markup=False)

    wanted = await dead.wanted(opened, actor, given, connector)
    with progress("replaying", await dead_letters.count(opened, wanted)) as advance:
        return await replay_all(
            opened, chain, wanted, advance, from_stage=from_stage, patience=PATIENCE, on_wait=waits, note=note
        )


def _tell_replayed(sent: int, found: Outcomes | None, *, json: bool) -> None:
    """How many were sent, and how they ended; exit code 1 where not all ended well."""
    if json:
        from pipeline.api.routes.dead import Replayed

        answer.print_answer(Replayed(letters=sent, **outcome.as_members(found)))
    elif found is None:
        print(f"replayed {sent:,}")
    else:
        print(f"replayed {sent:,}: {outcome.sentence(found)}")
        outcome.show_rest(found)
    outcome.end(found)


@app.command()
def edit(
    letter: Letter,
    file: Annotated[
        Path,
        typer.Argument(help="The event as its source would send it, as JSON; -: standard input.", allow_dash=True),
    ],
    wait: Wait = True,
    timeout: Timeout = None,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Send one dead letter through again with another document, from the first stage, as the same event.

    The dead letter keeps what came; the event's journal row notes who edited it. Exit code 1 if the event fails again.
    """
    import orjson

    from pipeline.operations import dead

    try:
        document = orjson.loads(sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise typer.BadParameter(f"{file}: {error}") from error

    async def run(opened: Database, chain: Chain, actor: Actor) -> Outcomes | None:
        from pipeline.operations.outcomes import Sent

        with Sent() as note:
            await dead.replay_edited(opened, chain, actor, letter, document, note)
            return await outcome.ended(opened, chain, note, wait, timeout)

    found = in_chain(account, run)
    if json:
        _tell_replayed(1, found, json=True)
        return
    print(f"sent {letter} again, as edited" + ("" if found is None else f": {outcome.sentence(found)}"))
    if found is not None:
        outcome.show_rest(found)
    outcome.end(found)


@app.command()
def discard(
    letters: Annotated[list[int], typer.Argument(help="Ids of dead letters.", min=1, max=LARGEST_ID)],
    yes: Yes = False,
    account: Account = DEFAULT_ACCOUNT,
) -> None:
    """Set dead letters aside for good; they stay in the store, and in the journal as failed."""
    from pipeline.operations import dead, leaving

    if not yes:
        sure(
            in_account(account, lambda opened, actor: leaving.letters(opened, actor, letters)), yes=yes, demanded=False
        )
    count = in_account(account, lambda opened, actor: dead.discard(opened, actor, letters, unreadable=True))
    print(f"discarded {count:,}")


def _filter(stage: str | None, error: str | None, since: str | None, until: str | None, status: str) -> Filter:
    from pipeline.store.dead_letters import Filter

    if status not in STATUSES:
        raise typer.BadParameter(
            f"{status!r} is not a status; the statuses are {', '.join(STATUSES)}", param_hint="--status"
        )
    return Filter(
        stage=stage,
        error=error,
        since=moment(since, "--since"),
        until=moment(until, "--until"),
        status=None if status == "any" else cast("Known", status),
    )
