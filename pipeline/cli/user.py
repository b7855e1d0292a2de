"""`leadpipe user`: who may do what in an account, and the fields that it defines for its users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.session import DEFAULT_ACCOUNT, Account, AsJson, WrongUse, account_id, database, play

if TYPE_CHECKING:
    from pipeline.settings import Settings
    from schemas.access import Role, UserField

app = typer.Typer(help="Make users, give them roles, and list them.", no_args_is_help=True)
fields = typer.Typer(help="Fields of users, which the account defines.", no_args_is_help=True)
app.add_typer(fields, name="field")

Email = Annotated[str, typer.Argument(help="The user's e-mail address.")]
ROLES = "admin, editor, operator or viewer."
RoleOption = Annotated[str | None, typer.Option("--role", help=ROLES)]
Values = Annotated[
    list[str] | None, typer.Option("--field", help="A user field: is_employee=true, or region= to take it away.")
]
COLUMNS = ("id", "email", "name", "role", "active", "fields")


@app.command()
def create(
    email: Email,
    role: Annotated[str, typer.Option("--role", help=ROLES)] = "viewer",
    name: Annotated[str, typer.Option("--name", help="What to call the user.")] = "",
    field: Values = None,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Make a user."""
    from pipeline.operations import users

    async def run(settings: Settings) -> dict[str, Any]:
        async with database(settings) as opened:
            owner = await account_id(opened, account)
            given = _values(field, await users.fields(opened, owner))
            return await users.create(opened, owner, email, name=name, role=_role(role), fields=given)

    _print(play(run), "created", json)


@app.command(name="set")
def set_(
    email: Email,
    role: RoleOption = None,
    name: Annotated[str | None, typer.Option("--name", help="What to call the user.")] = None,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="An inactive user's keys do not work.")
    ] = None,
    field: Values = None,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Change a user: what is not named stays."""
    from pipeline.operations import users

    async def run(settings: Settings) -> dict[str, Any]:
        async with database(settings) as opened:
            owner = await account_id(opened, account)
            user = await users.find(opened, owner, email)
            new: dict[str, Any] = {"name": name, "active": active, "role": None if role is None else _role(role)}
            new = {what: value for what, value in new.items() if value is not None}
            if field:
                new["fields"] = _values(field, await users.fields(opened, owner))
            return await users.change(opened, owner, user["id"], new)

    _print(play(run), "changed", json)


@app.command(name="list")
def list_(account: Account = DEFAULT_ACCOUNT, json: AsJson = False) -> None:
    """List the users of an account."""
    from pipeline.cli import show
    from pipeline.store import users

    async def run(settings: Settings) -> list[dict[str, Any]]:
        async with database(settings) as opened:
            return await users.page(opened, await account_id(opened, account), limit=100_000)

    rows = play(run)
    if json:
        show.as_json(rows)
    else:
        show.lines(COLUMNS, ([row[column] for column in COLUMNS] for row in rows))


@fields.command(name="add")
def add_field(
    name: Annotated[str, typer.Argument(help="Lower case, digits, underscores; never changes.")],
    label: Annotated[str | None, typer.Option("--label", help="What people see.")] = None,
    type: Annotated[
        str, typer.Option("--type", help="text, number, boolean, date, datetime, phone or email.")
    ] = "text",
    account: Account = DEFAULT_ACCOUNT,
) -> None:
    """Add a field to the account's users."""
    from pydantic import ValidationError

    from pipeline.operations import users
    from schemas.access import UserField, UserFieldType

    try:
        wanted = UserField(name=name, label=label or name, type=UserFieldType(type))
    except ValidationError as error:
        raise typer.BadParameter("; ".join(f"{each['loc'][0]}: {each['msg']}" for each in error.errors())) from error
    except ValueError as error:
        raise typer.BadParameter(f"{error}; the types are {', '.join(UserFieldType)}") from error

    async def run(settings: Settings) -> None:
        async with database(settings) as opened:
            await users.add_field(opened, await account_id(opened, account), wanted)

    play(run)
    print(f"added user field {name}")


@fields.command(name="remove")
def remove_field(
    name: Annotated[str, typer.Argument(help="The field's name.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    account: Account = DEFAULT_ACCOUNT,
) -> None:
    """Remove a field from the account's users, with its values."""
    from pipeline.operations import users

    if not yes:
        typer.confirm(f"Remove the user field {name!r} and its values?", abort=True)

    async def run(settings: Settings) -> None:
        async with database(settings) as opened:
            await users.remove_field(opened, await account_id(opened, account), name)

    play(run)
    print(f"removed user field {name}")


@fields.command(name="list")
def list_fields(account: Account = DEFAULT_ACCOUNT, json: AsJson = False) -> None:
    """List the fields of the account's users."""
    from pipeline.cli import show
    from pipeline.operations import users

    async def run(settings: Settings) -> list[UserField]:
        async with database(settings) as opened:
            return await users.fields(opened, await account_id(opened, account))

    rows = play(run)
    if json:
        show.as_json([row.model_dump(mode="json") for row in rows])
    else:
        show.lines(("name", "label", "type"), ((row.name, row.label, row.type) for row in rows))


def _role(text: str) -> Role:
    from schemas.access import Role

    try:
        return Role(text)
    except ValueError:
        raise WrongUse(f"{text!r} is not a role; they are {', '.join(Role)}") from None


def _values(given: list[str] | None, known: list[UserField]) -> dict[str, Any]:
    """`is_employee=true` as the boolean it is; what a field cannot hold stays a text, and is refused as one."""
    types = {field.name: field.type.value for field in known}
    values: dict[str, Any] = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals:
            raise WrongUse(f"--field {text!r}: write NAME=VALUE")
        values[name] = _typed(value, types.get(name))
    return values


def _typed(value: str, type: str | None) -> Any:
    if value == "":
        return None
    if type == "boolean":
        return {"true": True, "yes": True, "false": False, "no": False}.get(value.lower(), value)
    if type == "number":
        try:
            return int(value) if value.lstrip("-").isdecimal() else float(value)
        except ValueError:
            return value
    return value


def _print(row: dict[str, Any], what: str, json: bool) -> None:
    from pipeline.cli import show

    if json:
        show.as_json(row)
    else:
        print(f"{what} {row['email']}, {row['role']}, id {row['id']}{'' if row['active'] else ', inactive'}")
