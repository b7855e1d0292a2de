"""`leadpipe user`: who may do what in an account, and the fields that it defines for its users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli import answer, complete
from pipeline.cli.asking import sure
from pipeline.cli.options import DEFAULT_ACCOUNT, DEFAULT_LIMIT, Account, After, AsJson, Limit, Yes
from pipeline.cli.session import WrongUse, in_account, told

if TYPE_CHECKING:
    from pipeline.operations.access import Actor
    from pipeline.store.database import Database
    from schemas.access import Role, UserField

app = typer.Typer(help="Make users, give them roles, and list them.", no_args_is_help=True)
fields = typer.Typer(help="Define the fields of the account's users.", no_args_is_help=True)
app.add_typer(fields, name="field")

Email = Annotated[str, typer.Argument(help="The user's e-mail address.", autocompletion=complete.users)]
ROLES = "admin, editor, operator or viewer."
RoleOption = Annotated[str | None, typer.Option("--role", help=ROLES, autocompletion=complete.roles)]
Values = Annotated[
    list[str] | None,
    typer.Option("--field", help="A user field and its value, such as is_employee=true; region= removes the value."),
]
COLUMNS = ("id", "email", "name", "role", "active", "fields")


@app.command()
def create(
    email: Email,
    role: Annotated[str, typer.Option("--role", help=ROLES, autocompletion=complete.roles)] = "viewer",
    name: Annotated[str, typer.Option("--name", help="The user's name; left out: the address.")] = "",
    field: Values = None,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Make a user."""
    from pipeline.operations import users

    async def run(opened: Database, actor: Actor) -> dict[str, Any]:
        given = _values(field, await users.fields(opened, actor.account))
        return await users.create(opened, actor, email, name=name, role=_role(role), fields=given)

    _print(in_account(account, run), "created", json)


@app.command(name="set")
def set_(
    email: Email,
    role: RoleOption = None,
    name: Annotated[str | None, typer.Option("--name", help="The user's name.")] = None,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="An inactive user's keys do not work.")
    ] = None,
    field: Values = None,
    account: Account = DEFAULT_ACCOUNT,
    json: AsJson = False,
) -> None:
    """Change a user: what is not named stays."""
    from pipeline.operations import users

    async def run(opened: Database, actor: Actor) -> dict[str, Any]:
        user = await users.find(opened, actor.account, email)
        given = {"name": name, "active": active, "role": None if role is None else _role(role)}
        new: dict[str, Any] = {what: value for what, value in given.items() if value is not None}
        if field:
            new["fields"] = _values(field, await users.fields(opened, actor.account))
        return await users.change(opened, actor, user["id"], new)

    _print(in_account(account, run), "changed", json)


@app.command(name="list")
def list_(
    after: After = None, limit: Limit = DEFAULT_LIMIT, account: Account = DEFAULT_ACCOUNT, json: AsJson = False
) -> None:
    """List the users of an account."""
    from pipeline.cli import show
    from pipeline.store import users

    if json:
        from pipeline.api.routes.users import list_users

        answer.print_route(account, list_users, {"after": after, "limit": limit})
        return
    begin = answer.page_after("users", after) or 0
    found = in_account(account, lambda opened, actor: users.page(opened, actor.account, begin, limit))
    show.rows(COLUMNS, found)
    answer.page_end("users", found, limit)


@app.command(name="show")
def show_(email: Email, account: Account = DEFAULT_ACCOUNT, json: AsJson = False) -> None:
    """Show a user."""
    from pipeline.cli import show
    from pipeline.operations import users

    row = in_account(account, lambda opened, actor: users.find(opened, actor.account, email))
    if json:
        from pipeline.api.routes.users import UserShown

        answer.print_answer(UserShown(**row))
    else:
        show.pairs(row)


@fields.command(name="add")
def add_field(
    name: Annotated[
        str, typer.Argument(help="The field's name: lower-case letters, digits and underscores. It cannot be changed.")
    ],
    label: Annotated[str | None, typer.Option("--label", help="What people see.")] = None,
    type: Annotated[
        str,
        typer.Option(
            "--type", help="text, number, boolean, date, datetime, phone or email.", autocompletion=complete.user_types
        ),
    ] = "text",
    account: Account = DEFAULT_ACCOUNT,
) -> None:
    """Add a field to the account's users."""
    from pydantic import ValidationError

    from pipeline.operations import users
    from schemas.access import UserField, UserFieldType

    if type not in set(UserFieldType):
        raise typer.BadParameter(f"{type!r} is not a type; the types are {', '.join(UserFieldType)}")
    try:
        wanted = UserField(name=name, label=label or name, type=UserFieldType(type))
    except ValidationError as error:
        raise typer.BadParameter(told(error, name, UserField)) from error
    in_account(account, lambda opened, actor: users.add_field(opened, actor, wanted))
    print(f"added user field {name}")


@fields.command(name="relabel")
def relabel_field(
    name: Annotated[str, typer.Argument(help="The field's name.", autocompletion=complete.user_fields)],
    label: Annotated[str, typer.Argument(help="What people see.")],
    account: Account = DEFAULT_ACCOUNT,
) -> None:
    """Give a field of the account's users another label."""
    from pydantic import ValidationError

    from pipeline.operations import users
    from schemas.access import UserField

    try:
        UserField(name=name, label=label)
    except ValidationError as error:
        raise typer.BadParameter(told(error, name, UserField)) from error
    in_account(account, lambda opened, actor: users.relabel_field(opened, actor, name, label))
    print(f"relabelled user field {name}")


@fields.command(name="remove")
def remove_field(
    name: Annotated[str, typer.Argument(help="The field's name.", autocompletion=complete.user_fields)],
    yes: Yes = False,
    account: Account = DEFAULT_ACCOUNT,
) -> None:
    """Remove a field from the account's users, with its values."""
    from pipeline.operations import leaving, users

    if not yes:
        sure(in_account(account, lambda opened, actor: leaving.user_field(opened, actor, name)), yes=yes)
    in_account(account, lambda opened, actor: users.remove_field(opened, actor, name))
    print(f"removed user field {name}")


@fields.command(name="list")
def list_fields(account: Account = DEFAULT_ACCOUNT, json: AsJson = False) -> None:
    """List the fields of the account's users."""
    from pipeline.cli import show
    from pipeline.operations import users

    if json:
        from pipeline.api.routes.users import list_user_fields

        answer.print_route(account, list_user_fields)
        return
    found = in_account(account, lambda opened, actor: users.fields(opened, actor.account))
    show.rows(("name", "label", "type"), [each.model_dump(mode="json") for each in found])


def _role(text: str) -> Role:
    from schemas.access import Role

    try:
        return Role(text)
    except ValueError:
        raise WrongUse(f"{text!r} is not a role; the roles are {', '.join(Role)}") from None


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
    if json:
        from pipeline.api.routes.users import UserShown

        answer.print_answer(UserShown(**row))
    else:
        print(f"{what} {row['email']}, {row['role']}, id {row['id']}{'' if row['active'] else ', inactive'}")
