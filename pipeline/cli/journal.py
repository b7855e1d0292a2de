"""`leadpipe journal`: what came in, what became of it, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.session import DEFAULT_ACCOUNT, Account, AsJson, Failed, account_id, database, play
from pipeline.cli.times import moment

if TYPE_CHECKING:
    from pipeline.settings import Settings

app = typer.Typer(help="What came in, what became of it, and why.", no_args_is_help=True)

Since = Annotated[str | None, typer.Option("--since", help="From this time on: 2026-08-10T12:00, or an age: 24h, 7d.")]
Until = Annotated[str | None, typer.Option("--until", help="Before this time.")]
Limit = Annotated[int, typer.Option("--limit", help="How many at most.", min=1, max=1000)]


@app.command(name="list")
def list_(
    connector: Annotated[str | None, typer.Option("--connector", help="Only this connector's.")] = None,
    outcome: Annotated[
        str | None, typer.Option("--outcome", help="created, updated, unchanged, dropped or failed.")
    ] = None,
    search: Annotated[str | None, typer.Option("--search", help="An event's or lead's id, or a text.")] = None,
    since: Since = None,
    until: Until = None,
    after: Annotated[str | None, typer.Option("--after", help="Continue where the last page ended.")] = None,
    limit: Limit = 20,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """List events, the newest first."""
    from pipeline.cli import show
    from pipeline.store import connectors, journal

    async def run(settings: Settings) -> tuple[journal.Page, dict[int, str]]:
        async with database(settings) as opened:
            owner = await account_id(opened, account)
            names = {row["id"]: row["name"] for row in await connectors.list_all(opened, owner)}
            ids = {name: id for id, name in names.items()}
            if connector is not None and connector not in ids:
                raise Failed(f"no connector {connector!r}; `leadpipe connector list` shows those there are")
            wanted = journal.Filter(
                connector=None if connector is None else ids[connector],
                outcome=outcome,
                since=moment(since),
                until=moment(until),
                search=search,
            )
            return await journal.page(opened, owner, wanted, after, limit), names

    page, names = play(run)
    if json:
        rows = [{**row, "connector": names.get(row["connector_id"])} for row in page.rows]
        show.as_json({"rows": rows, "next": page.next})
        return
    show.table(
        ("received", "event", "connector", "outcome", "by", "lead", "reason"),
        (
            (
                row["received_at"],
                row["event_id"],
                names.get(row["connector_id"]),
                row["outcome"],
                row["matched_by"],
                row["lead_id"],
                row["reason"],
            )
            for row in page.rows
        ),
    )
    if page.next:
        show.messages.print(f'more: --after "{page.next}"')


@app.command(name="show")
def show_(
    event: Annotated[str, typer.Argument(help="The event's id, as the ingress answered it.")],
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Show one event: the request, its outcome and reason, the records it touched, and its way through the stages."""
    from pipeline.cli import show
    from pipeline.store import journal

    async def run(settings: Settings) -> dict[str, Any]:
        async with database(settings) as opened:
            row = await journal.show(opened, await account_id(opened, account), event)
            if row is None:
                raise Failed(f"no event {event!r} in the journal; if it was just accepted, it may still be under way")
            return row

    row = play(run)
    if json:
        show.as_json(row)
        return
    stages, request = row.pop("stages"), row.pop("request")
    show.pairs({name: value for name, value in row.items() if value not in (None, [])})
    show.table(
        ("stage", "attempt", "waited ms", "spent ms"),
        ((step["stage"], step["attempt"], step["waited_ms"], step["spent_ms"]) for step in stages),
        title="\nits way",
    )
    show.console.print(f"\nrequest\n{request}", markup=False)
