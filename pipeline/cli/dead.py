"""`leadpipe dead`: look at dead letters, by the thousand or one by one, and send them through again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.journal import Limit, Since, Until
from pipeline.cli.look import broker
from pipeline.cli.send import progress
from pipeline.cli.session import DEFAULT_ACCOUNT, Account, AsJson, Failed, account_id, database, play
from pipeline.cli.times import moment

if TYPE_CHECKING:
    from pipeline.settings import Settings
    from pipeline.store.database import Database
    from pipeline.store.dead_letters import Filter

app = typer.Typer(help="Look at dead letters, and send them through again.", no_args_is_help=True)

Stage = Annotated[str | None, typer.Option("--stage", help="Only those that died in this stage.")]
Connector = Annotated[str | None, typer.Option("--connector", help="Only this connector's.")]
Error = Annotated[str | None, typer.Option("--error", help="Only with this text in the reason, the rule or the error.")]
Status = Annotated[str, typer.Option("--status", help="dead, replayed, discarded, or any.")]
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
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """List dead letters, the newest first."""
    from pipeline.cli import show
    from pipeline.store import dead_letters

    async def run(settings: Settings) -> list[dict[str, Any]]:
        async with database(settings) as opened:
            wanted = await _filter(opened, account, stage, connector, error, since, until, status)
            return await dead_letters.page(opened, wanted, after=after, limit=limit)

    rows = play(run)
    if json:
        show.as_json(rows)
        return
    columns = ("id", "died_at", "stage", "kind", "attempts", "event_id", "field", "value", "reason")
    show.table(columns, ([row[column] for column in columns] for row in rows))


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
    columns = ("letters", "stage", "kind", "field", "cause", "oldest", "newest")
    show.table(columns, ([row[column] for column in columns] for row in rows))


@app.command(name="show")
def show_(letter: Letter, account: Account = DEFAULT_ACCOUNT, json: AsJson = False) -> None:
    """Show one dead letter: why it died, the trace, and the event as it came to the stage."""
    from pipeline.cli import show
    from pipeline.store import dead_letters

    async def run(settings: Settings) -> dict[str, Any]:
        async with database(settings) as opened:
            row = await dead_letters.show(opened, letter, await account_id(opened, account))
            if row is None:
                raise Failed(f"no dead letter {letter}; `leadpipe dead list` shows those there are")
            return row

    row = play(run)
    if json:
        show.as_json(row)
        return
    event, trace = row.pop("event"), row.pop("trace")
    show.pairs({name: value for name, value in row.items() if value is not None})
    if trace:
        show.console.print(f"\n{trace}", markup=False)
    if event:
        print()
        show.as_json(event)


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
                        raise Failed(f"no readable dead letter {letter}")
                    await replay_one(opened, transport, topology, found, bounds)
                    return 1
                wanted = await _filter(opened, account, stage, connector, error, since, until, "dead")
                with progress("replaying", await dead_letters.count(opened, wanted)) as advance:
                    return await replay_all(opened, transport, topology, wanted, bounds, advance)
            except StageGone as gone:
                raise Failed(str(gone)) from gone

    print(f"replayed {play(run):,}")


@app.command()
def discard(
    letters: Annotated[list[int], typer.Argument(help="Ids of dead letters.")], account: Account = DEFAULT_ACCOUNT
) -> None:
    """Set dead letters aside for good; they stay in the store, and in the journal as failed."""
    from pipeline.store import dead_letters

    async def run(settings: Settings) -> int:
        async with database(settings) as opened:
            owner = await account_id(opened, account)
            ours = [id for id in letters if await dead_letters.show(opened, id, owner)]
            return await dead_letters.mark(opened, ours, "discarded")

    print(f"discarded {play(run):,}")


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

    from pipeline.store import connectors
    from pipeline.store.dead_letters import Filter
    from pipeline.store.dead_letters import Status as Known

    owner = await account_id(opened, account)
    ids = {row["name"]: row["id"] for row in await connectors.list_all(opened, owner)}
    if connector is not None and connector not in ids:
        raise Failed(f"no connector {connector!r}; `leadpipe connector list` shows those there are")
    if status not in ("dead", "replayed", "discarded", "any"):
        raise typer.BadParameter(f"{status!r} is not a status; they are dead, replayed, discarded, any")
    return Filter(
        account=owner,
        stage=stage,
        connector=None if connector is None else ids[connector],
        error=error,
        since=moment(since),
        until=moment(until),
        status=None if status == "any" else cast(Known, status),
    )
