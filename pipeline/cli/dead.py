"""`leadpipe dead`: look at dead letters, by the thousand or one by one, and send them through again."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.look import broker
from pipeline.cli.progress import progress
from pipeline.cli.session import DEFAULT_ACCOUNT, Account, AsJson, Failed, account_id, acting, database, play
from pipeline.cli.times import Limit, Since, Until, moment

if TYPE_CHECKING:
    from pipeline.settings import Settings
    from pipeline.store.database import Database
    from pipeline.store.dead_letters import Filter

app = typer.Typer(help="Look at dead letters, and send them through again.", no_args_is_help=True)

Stage = Annotated[str | None, typer.Option("--stage", help="Only those that died in this stage.")]
Connector = Annotated[str | None, typer.Option("--connector", help="Only this connector's.")]
Error = Annotated[str | None, typer.Option("--error", help="Only with this text in the reason, the rule or the error.")]
Status = Annotated[str, typer.Option("--status", help="dead, replayed, discarded, or any.")]
COLUMNS = ("stage", "kind", "attempts", "event_id")
FRAME = 2_000  # characters shown of a frame that cannot be read
Letter = Annotated[int, typer.Argument(help="The dead letter's id.")]


@app.command(name="list")
def list_(
    stage: Stage = None,
    connector: Connector = None,
    error: Error = None,
    since: Since = None,
    until: Until = None,
    status: Status = "dead",
    after: Annotated[int | None, typer.Option("--after", help="Continue after this id.")] = None,
    limit: Limit = 20,
    unreadable: Annotated[
        bool, typer.Option("--unreadable", help="Frames that could not be read; they belong to no account.")
    ] = False,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """List dead letters, the newest first."""
    if unreadable and connector:
        raise typer.BadParameter("what cannot be read belongs to no connector: give --unreadable or --connector")
    from pipeline.cli import show
    from pipeline.store import dead_letters

    async def run(settings: Settings) -> list[dict[str, Any]]:
        async with database(settings) as opened:
            wanted = await _filter(opened, account, stage, connector, error, since, until, status)
            if unreadable:
                wanted = replace(wanted, account=None, unreadable=True)
            return await dead_letters.page(opened, wanted, after=after, limit=limit)

    rows = play(run)
    if json:
        show.as_json(rows)
        return
    show.lines(
        ("id", "died UTC", "stage", "kind", "attempts", "event", "status"),
        ((row["id"], show.moment(row["died_at"]), *(row[column] for column in COLUMNS), row["status"]) for row in rows),
        below=(row["reason"] for row in rows),
    )
    if len(rows) == limit:
        show.messages.print(f"more: --after {rows[-1]['id']}")


@app.command()
def groups(
    since: Since = None,
    until: Until = None,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Show how many died of what."""
    from pipeline.cli import show
    from pipeline.store import dead_letters

    async def run(settings: Settings) -> list[dict[str, Any]]:
        async with database(settings) as opened:
            wanted = await _filter(opened, account, None, None, None, since, until, "dead")
            return await dead_letters.groups(opened, wanted)

    rows = play(run)
    if json:
        show.as_json(rows)
        return
    show.lines(
        ("letters", "stage", "kind", "field", "oldest UTC", "newest UTC"),
        (
            (
                row["letters"],
                row["stage"],
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

    async def run(settings: Settings) -> dict[str, Any]:
        async with database(settings) as opened:
            row = await _seen(opened, letter, await account_id(opened, account))
            if row is None:
                raise Failed(f"no dead letter {letter}; `leadpipe dead list` shows those there are")
            return row

    row = play(run)
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
        int | None, typer.Argument(help="One dead letter's id; none: all that match the options.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Replay all, with no other option to narrow it down.")] = False,
    stage: Stage = None,
    connector: Connector = None,
    error: Error = None,
    since: Since = None,
    until: Until = None,
    account: Account = DEFAULT_ACCOUNT,
) -> None:
    """Send dead letters through again, each from the stage that gave it up."""
    narrowed = any((stage, connector, error, since, until))
    if (letter is not None) + (all_ or narrowed) != 1:
        raise typer.BadParameter("give one id, or options that say which, or --all")

    async def run(settings: Settings) -> int:
        from pipeline.engine.frame import Bounds
        from pipeline.operations.replay import StageGone, replay_one
        from pipeline.operations.replay import replay as replay_all
        from pipeline.store import dead_letters

        bounds = Bounds(settings.frame_events, settings.frame_bytes)
        async with database(settings) as opened, broker(settings) as (topology, transport):
            try:
                if letter is not None:
                    found = await dead_letters.letter(opened, letter, await account_id(opened, account))
                    if found is None:
                        raise Failed(f"no dead letter {letter} that can be read; `leadpipe dead list` shows them")
                    await replay_one(opened, transport, topology, found, bounds)
                    return 1
                wanted = await _filter(opened, account, stage, connector, error, since, until, "dead")
                with progress("replaying", await dead_letters.count(opened, wanted)) as advance:
                    return await replay_all(opened, transport, topology, wanted, bounds, advance)
            except StageGone as gone:
                raise Failed(str(gone)) from gone

    print(f"replayed {play(run):,}")


@app.command()
def edit(
    letter: Letter,
    file: Annotated[
        Path,
        typer.Argument(help="The event as its source would send it, as JSON; -: standard input.", allow_dash=True),
    ],
    account: Account = DEFAULT_ACCOUNT,
) -> None:
    """Send one dead letter through again with another document, from the first stage, as the same event.

    The dead letter keeps what came; the event's journal row notes who edited it.
    """
    import orjson

    try:
        document = orjson.loads(sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise typer.BadParameter(f"{file}: {error}") from error

    async def run(settings: Settings) -> None:
        from pipeline.engine.frame import Bounds
        from pipeline.operations import dead

        bounds = Bounds(settings.frame_events, settings.frame_bytes)
        async with database(settings) as opened, broker(settings) as (topology, transport):
            actor = await acting(opened, account)
            await dead.replay_edited(opened, transport, topology, actor, letter, document, bounds)

    play(run)
    print(f"sent {letter} again, as edited")


@app.command()
def discard(
    letters: Annotated[list[int], typer.Argument(help="Ids of dead letters.")], account: Account = DEFAULT_ACCOUNT
) -> None:
    """Set dead letters aside for good; they stay in the store, and in the journal as failed."""
    from pipeline.store import dead_letters

    async def run(settings: Settings) -> int:
        async with database(settings) as opened:
            owner = await account_id(opened, account)
            unknown = [id for id in letters if not await _seen(opened, id, owner)]
            if unknown:
                raise Failed(f"no dead letter {unknown[0]}, so none is discarded; `leadpipe dead list` shows them")
            return await dead_letters.mark(opened, letters, "discarded")

    print(f"discarded {play(run):,}")


async def _seen(opened: Database, letter: int, owner: int) -> dict[str, Any] | None:
    """A dead letter of this account, or one that belongs to none; its unreadable bytes as text."""
    from pipeline.store import dead_letters

    row = await dead_letters.show(opened, letter)
    if row is None or row["account_id"] not in (owner, None):
        return None
    frame = row["unreadable"]
    return {**row, "unreadable": None if frame is None else frame.decode("utf-8", "backslashreplace")}


async def _filter(
    opened: Database,
    account: str,
    stage: str | None,
    connector: str | None,
    error: str | None,
    since: str | None,
    until: str | None,
    status: str,
) -> Filter:
    from typing import cast

    from pipeline.operations import dead
    from pipeline.store.dead_letters import Filter
    from pipeline.store.dead_letters import Status as Known

    if status not in ("dead", "replayed", "discarded", "any"):
        raise typer.BadParameter(f"{status!r} is not a status; they are dead, replayed, discarded, any")
    given = Filter(
        stage=stage,
        error=error,
        since=moment(since),
        until=moment(until),
        status=None if status == "any" else cast(Known, status),
    )
    return await dead.wanted(opened, await acting(opened, account), given, connector)
