"""`leadpipe lead`: find people, see what is known of them and where it came from, and make one lead of two."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from pipeline.cli import answer, complete, lead_key
from pipeline.cli.options import DEFAULT_ACCOUNT, DEFAULT_LIMIT, Account, After, AsJson, Limit
from pipeline.cli.session import in_account

app = typer.Typer(help="Find people, and see what is known of them.", no_args_is_help=True)
app.add_typer(lead_key.app, name="key")
COLUMNS = ("name", "phone", "email", "city", "lead source", "updated")
Lead = Annotated[str, typer.Argument(help="The lead's id.")]


@app.command()
def find(
    query: Annotated[
        str, typer.Argument(help="A phone number, an e-mail address, an id, or a text; left out: the newest.")
    ] = "",
    after: After = None,
    limit: Limit = DEFAULT_LIMIT,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Find leads."""
    from pipeline.cli import show
    from pipeline.operations import leads

    if json:
        from pipeline.api.routes.leads import find_leads

        answer.print_route(account, find_leads, {"query": query, "after": after, "limit": limit})
        return
    last = answer.page_after("leads", after)
    rows = in_account(account, lambda opened, actor: leads.find(opened, actor, query, after=last, limit=limit))
    show.lines(("lead", *COLUMNS), (short(row) for row in rows))
    answer.page_end("leads", rows, limit)


@app.command(name="show")
def show_(lead: Lead, account: Account = DEFAULT_ACCOUNT, json: AsJson = False) -> None:
    """Show a lead: each field with the event that set it and when, its keys, its activities and its calls."""
    from pipeline.cli import show
    from pipeline.operations import leads

    if json:
        from pipeline.api.routes.leads import show_lead

        answer.print_route(account, show_lead, lead=lead)
        return
    row = in_account(account, lambda opened, actor: leads.show(opened, actor, lead))
    if row["redirected_from"]:
        show.copyable(f"lead {row['redirected_from']} was merged into this one\n")
    show.table(
        ("field", "value", "as of UTC", "set by event"),
        ((each["field"], each["value"], _as_of(each), each["event"]) for each in row["provenance"]),
        title=f"lead {row['id']}, version {row['version']}",
    )
    show.table(("", "identified by"), row["keys"], title="\nkeys")
    show.table(
        ("when", "what", "details"),
        ((each["occurred_at"], each["type"], each["call"] or each["fields"]) for each in row["activities"]),
        title="\nactivities",
    )
    if row["merges"]:
        show.table(
            ("merged UTC", "lead", "into", "by", "undone"),
            (
                (each["merged_at"], each["loser"], each["winner"], each["merged_by"], each["undone_at"])
                for each in row["merges"]
            ),
            title="\nmerges",
        )


@app.command()
def explain(
    lead: Lead,
    field: Annotated[
        str | None, typer.Option("--field", help="Only this field.", autocompletion=complete.fields)
    ] = None,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Explain each field of a lead: which event set it, by which mapping row, and which value it replaced."""
    from pipeline.cli import show
    from pipeline.operations import leads

    if json:
        from pipeline.api.routes.leads import explain_lead

        answer.print_route(account, explain_lead, {"field": field}, lead=lead)
        return
    found = in_account(account, lambda opened, actor: leads.explain(opened, actor, lead, field))
    if found["redirected_from"]:
        show.copyable(f"lead {found['redirected_from']} was merged into this one\n")
    for each in found["fields"]:
        show.console.print(each["field"], style="bold", markup=False)
        show.pairs(
            {
                "  value": "(cleared)" if each["value"] is None else each["value"],
                "  as sent": each["as_sent"],
                "  number": each["number"] and number_told(each["number"]),
                "  event": each["event"],
                "  connector": each["connector"] and f"{each['connector']}, revision {each['revision']}",
                "  row": each["row"] and row_told(each["row"]),
                "  as of": _minute(each["occurred_at"]) + _weakly(each),
                "  applied": each["applied_at"],
                "  replaced": each["replaced"] and replaced_told(each["replaced"]),
            }
        )


def _weakly(row: Mapping[str, Any]) -> str:
    """What else there is to say of how much a value counts."""
    return ", as a default" if row["default"] else "" if row["sound"] else ", and gives way to any valid value"


def number_told(number: Mapping[str, Any]) -> str:
    """`mobile, IN, 098111 22233`."""
    if not number["valid"]:
        return "not valid"
    shared = "shared by many" if number["shared"] else None
    return ", ".join(filter(None, (number["type"], number["region"], number["national"], shared)))


@app.command()
def history(
    lead: Lead,
    field: Annotated[
        str | None, typer.Option("--field", help="Only this field.", autocompletion=complete.fields)
    ] = None,
    limit: Limit = DEFAULT_LIMIT,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """List the values that a lead's fields had before, the latest first."""
    from pipeline.cli import show
    from pipeline.operations import leads

    if json:
        from pipeline.api.routes.leads import show_history

        answer.print_route(account, show_history, {"field": field, "limit": limit}, lead=lead)
        return
    rows = in_account(account, lambda opened, actor: leads.history(opened, actor, lead, field, limit))
    show.lines(
        ("field", "value", "since UTC", "until UTC", "set by event", "replaced by event"),
        ([each[name] for name in ("field", "value", "since", "until", "event", "replaced_by")] for each in rows),
    )


@app.command()
def merge(
    winner: Annotated[str, typer.Argument(help="The lead that stays.")],
    loser: Annotated[str, typer.Argument(help="The lead that becomes part of it.")],
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Merge two leads into one: keys, calls and activities move, and of each field the newest value stays."""
    from pipeline.operations import leads

    done = in_account(account, lambda opened, actor: leads.merge(opened, actor, winner, loser))
    _tell(done, f"merged {done['loser']} into {done['winner']}", json)


@app.command()
def unmerge(
    lead: Annotated[str, typer.Argument(help="The lead that was merged into another one.")],
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Undo a merge: what the merge moved goes back. What arrived since the merge stays with the other lead."""
    from pipeline.operations import leads

    done = in_account(account, lambda opened, actor: leads.unmerge(opened, actor, lead))
    _tell(done, f"took {done['loser']} out of {done['winner']}", json)


def short(row: dict[str, Any]) -> tuple[Any, ...]:
    """A lead in one line."""
    fields = dict(row["fields"])
    fields.setdefault(
        "name", " ".join(fields[part] for part in ("first_name", "last_name") if fields.get(part)) or None
    )
    fields["updated"] = row["updated_at"]
    return (row["id"], *(fields.get(column.replace(" ", "_")) for column in COLUMNS))


def row_told(row: dict[str, Any]) -> str:
    """A mapping row in one line."""
    source = row["from"] if isinstance(row["from"], str) else " or ".join(row["from"] or ["a constant"])
    where = row["of"].replace("_", " ") if row["row"] is None else f"{row['of']} row {row['row']}"
    return f"{where}: {source} to {row['to']}"


def replaced_told(replaced: dict[str, Any]) -> str:
    """What a value took the place of, in one line."""
    by = f" by {replaced['connector']}" if replaced["connector"] else ""
    return f"{replaced['value']}, set{by} with event {replaced['event']}, as of {_minute(replaced['occurred_at'])}"


def _tell(done: dict[str, Any], sentence: str, json: bool) -> None:
    from pipeline.cli import show

    if json:
        from pipeline.api.routes.leads import Merged

        answer.print_answer(Merged(**done))
        return
    fields = ", ".join(done["fields"]) or "none"
    show.copyable(sentence)
    show.copyable(f"keys {len(done['keys'])}, calls {done['calls']}, activities {done['activities']}, fields: {fields}")


def _as_of(row: dict[str, Any]) -> str:
    return "default" if row["default"] else _minute(row["occurred_at"])


def _minute(time: str) -> str:
    return f"{datetime.fromisoformat(time):%Y-%m-%d %H:%M}"
