"""`leadpipe lead`: find people, and see what is known of them and where it came from."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.session import DEFAULT_ACCOUNT, Account, AsJson, Failed, account_id, database, play

if TYPE_CHECKING:
    from pipeline.settings import Settings

app = typer.Typer(help="Find people, and see what is known of them.", no_args_is_help=True)
COLUMNS = ("name", "phone", "email", "city", "lead source", "updated")


@app.command()
def find(
    query: Annotated[
        str, typer.Argument(help="A phone number, an e-mail address, an id, or a text; none: the newest.")
    ] = "",
    limit: Annotated[int, typer.Option("--limit", help="How many at most.", min=1, max=1000)] = 20,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Find leads."""
    from pipeline.cli import show
    from pipeline.store import leads

    async def run(settings: Settings) -> list[dict[str, Any]]:
        async with database(settings) as opened:
            return await leads.find(opened, await account_id(opened, account), query, limit)

    rows = play(run)
    if json:
        show.as_json(rows)
    else:
        show.lines(("lead", *COLUMNS), (short(row) for row in rows))


@app.command(name="show")
def show_(
    lead: Annotated[str, typer.Argument(help="The lead's id.")],
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Show a lead: each field with the event that set it and when, its keys, and what it did."""
    from pipeline.cli import show
    from pipeline.store import leads

    async def run(settings: Settings) -> dict[str, Any]:
        async with database(settings) as opened:
            row = await leads.show(opened, await account_id(opened, account), lead)
            if row is None:
                raise Failed(f"no lead {lead!r}; `leadpipe lead find` finds them by number, address or text")
            return row

    row = play(run)
    if json:
        show.as_json(row)
        return
    show.table(
        ("field", "value", "as of UTC", "set by event"),
        (
            (
                each["field"],
                each["value"],
                "default" if each["default"] else f"{datetime.fromisoformat(each['occurred_at']):%Y-%m-%d %H:%M}",
                each["event"],
            )
            for each in row["provenance"]
        ),
        title=f"lead {row['id']}, version {row['version']}",
    )
    show.table(("", "identified by"), row["keys"], title="\nkeys")
    show.table(
        ("when", "what", "details"),
        ((each["occurred_at"], each["type"], each["call"] or each["fields"]) for each in row["activities"]),
        title="\nactivities",
    )


def short(row: dict[str, Any]) -> tuple[Any, ...]:
    """A lead in one line."""
    fields = dict(row["fields"])
    fields.setdefault(
        "name", " ".join(fields[part] for part in ("first_name", "last_name") if fields.get(part)) or None
    )
    fields["updated"] = row["updated_at"]
    return (row["id"], *(fields.get(column.replace(" ", "_")) for column in COLUMNS))
