"""`leadpipe field`: the typed attributes of an account's records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli import answer, complete
from pipeline.cli.asking import sure
from pipeline.cli.options import DEFAULT_ACCOUNT, Account, AsJson, Yes
from pipeline.cli.session import WrongUse, in_account, told

if TYPE_CHECKING:
    from pipeline.operations.access import Actor
    from pipeline.store.database import Database
    from pipeline.store.fields import Listed
    from schemas.fields import Field, RecordKind

app = typer.Typer(help="Define the fields of leads, calls and activities.", no_args_is_help=True)
Name = Annotated[
    str,
    typer.Argument(
        help="The field's name: lower-case letters, digits and underscores. It cannot be changed.",
        autocompletion=complete.fields,
    ),
]
COLUMNS = ("label", "type", "unique", "required")
Record = Annotated[str, typer.Option("--record", help="lead, call or activity.", autocompletion=complete.records)]


@app.command(name="list")
def list_(
    record: Annotated[
        str | None,
        typer.Option(
            "--record", help="Only the fields of this record: lead, call or activity.", autocompletion=complete.records
        ),
    ] = None,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """List the fields of an account, the standard ones first."""
    from pipeline.cli import show
    from pipeline.operations import fields

    wanted = None if record is None else _kind(record)

    if json:
        from pipeline.api.routes.fields import list_fields

        answer.print_route(account, list_fields, {"record": wanted})
        return
    rows = in_account(account, lambda opened, actor: fields.page(opened, actor.account, wanted))
    show.lines(
        ("field", *COLUMNS, "origin"),
        (
            (f"{row.record}.{row.field.name}", *(getattr(row.field, each) for each in COLUMNS), row.origin)
            for row in rows
        ),
    )


@app.command(name="set")
def set_(
    name: Name,
    type: Annotated[
        str | None,
        typer.Option(
            "--type",
            help="text, number, boolean, phone, email, date, datetime, dropdown, user, …",
            autocompletion=complete.types,
        ),
    ] = None,
    label: Annotated[str | None, typer.Option("--label", help="What people see.")] = None,
    option: Annotated[list[str] | None, typer.Option("--option", help="An option of a dropdown.")] = None,
    required: Annotated[
        bool | None, typer.Option("--required/--not-required", help="Whether a new lead must have a value in it.")
    ] = None,
    unique: Annotated[
        bool | None,
        typer.Option(
            "--unique/--not-unique",
            help="Whether a value belongs to one lead only; the field can then be a search key.",
        ),
    ] = None,
    case_sensitive: Annotated[
        bool | None,
        typer.Option(
            "--case-sensitive/--any-case",
            help="Whether values of a unique text field that differ by case are two keys.",
        ),
    ] = None,
    if_taken: Annotated[
        str | None,
        typer.Option(
            "--if-taken",
            help="What happens to an event that brings another lead's value of a unique field: hold, leave_out, share.",
        ),
    ] = None,
    junk: Annotated[
        list[str] | None, typer.Option("--junk", help="A value of a unique field that identifies nobody.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file", help="A TOML file with the field, instead of options; for a dependent dropdown.", exists=True
        ),
    ] = None,
    record: Record = "lead",
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Add a field, or change one: what is not named stays. A change that stored values do not fit is refused."""
    from pipeline.operations import fields
    from pipeline.operations.errors import NotFound

    kind = _kind(record)
    given = {"type": type, "label": label, "options": option, "required": required, "unique": unique, "junk": junk}
    given |= {"case_sensitive": case_sensitive, "if_taken": if_taken}
    said = {what: value for what, value in given.items() if value is not None}

    async def run(opened: Database, actor: Actor) -> tuple[str, Listed]:
        try:
            old = (await fields.get(opened, actor.account, kind, name)).field.model_dump(mode="json")
        except NotFound:
            old = {"label": name}
        wanted = _field({**({} if file else old), **said, "name": name}, file)
        state = await fields.put(opened, actor, kind, wanted)
        return state, await fields.get(opened, actor.account, kind, name)

    state, row = in_account(account, run)
    if json:
        from pipeline.api.routes.fields import shown

        answer.print_answer(shown(row))
    else:
        print(f"{state} {row.record}.{row.field.name}, {row.field.type}")


@app.command(name="show")
def show_(name: Name, record: Record = "lead", account: Account = DEFAULT_ACCOUNT, json: AsJson = False) -> None:
    """Show a field."""
    from pipeline.cli import show
    from pipeline.operations import fields

    kind = _kind(record)
    if json:
        from pipeline.api.routes.fields import show_field

        answer.print_route(account, show_field, record=kind, name=name)
        return
    show.pairs(_document(in_account(account, lambda opened, actor: fields.get(opened, actor.account, kind, name))))


@app.command()
def remove(
    name: Name,
    record: Record = "lead",
    yes: Yes = False,
    account: Account = DEFAULT_ACCOUNT,
) -> None:
    """Remove a field of the account's own, or reset a standard field to how it ships. Stored values stay stored."""
    from pipeline.operations import fields, leaving

    kind = _kind(record)
    if not yes:
        sure(in_account(account, lambda opened, actor: leaving.field(opened, actor, kind, name)), yes=yes)
    done = in_account(account, lambda opened, actor: fields.remove(opened, actor, kind, name))
    print(f"{done} {record}.{name}")


def _field(said: dict[str, Any], file: Path | None) -> Field:
    """The field that the file says, and over it what the options say."""
    import tomllib

    from pydantic import ValidationError

    from schemas.fields import Field

    try:
        return Field(**{**(tomllib.loads(file.read_text()) if file else {}), **said})
    except ValidationError as error:
        raise WrongUse(told(error, said["name"], Field)) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise WrongUse(f"{file}: {error}") from error


def _kind(record: str) -> RecordKind:
    from typing import cast, get_args

    from schemas.fields import RecordKind

    if record not in get_args(RecordKind):
        raise typer.BadParameter(f"{record!r} is not a record; the records are {', '.join(get_args(RecordKind))}")
    return cast(RecordKind, record)


def _document(row: Listed) -> dict[str, Any]:
    return {"record": row.record, "origin": row.origin, **row.field.model_dump(mode="json")}
