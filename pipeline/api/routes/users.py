"""`/users`, `/user-fields`: who may do what in an account, and what it wants to know of its users."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from pipeline.api.call import Call
from pipeline.api.listing import After, Limit, Page, Shown, next_page
from pipeline.api.route import Id, Table
from pipeline.operations import users as operations
from pipeline.store import users
from schemas.access import Role, Scope, UserField
from schemas.fields import NAME
from schemas.strict import Strict

api = Table()
TAG = "Users"
EXAMPLE_OF_A_FIELD = {"name": "is_employee", "label": "Is an employee", "type": "boolean"}
EXAMPLE = {"email": "sam@example.com", "name": "Sam", "role": "operator"}

Email = Annotated[str, Field(min_length=3, max_length=254, examples=["sam@example.com"])]
Values = Annotated[dict[str, Any], Field(description="values of the account's user fields, by name")]
FieldName = Annotated[str, Field(pattern=NAME)]


class UserShown(Shown):
    """A user."""

    id: int
    email: str
    name: str
    role: Role
    active: bool = Field(description="an inactive user's keys do not work")
    fields: Values
    created_at: datetime
    updated_at: datetime


class NewUser(Strict):
    """The user to make."""

    email: Email
    name: str = Field(default="", max_length=200, description="left out: the address")
    role: Role = Role.VIEWER
    active: bool = True
    fields: Values = Field(default={})


class UserChange(Strict):
    """What is to change; what is left out stays. In `fields` only named ones change; null removes a value."""

    email: Email | None = None
    name: str | None = Field(default=None, min_length=1, max_length=200)
    role: Role | None = None
    active: bool | None = None
    fields: Values | None = None


class UserPage(Page[UserShown]):
    """Users, in the order in which they came."""


class UserFields(Page[UserField]):
    """The fields of the account's users."""


class UserFieldChange(Strict):
    """Another label."""

    label: str = Field(min_length=1, max_length=100)


class UserQuery(Strict):
    """Which page."""

    limit: Limit = 50
    after: Annotated[int, After("users")] = 0


@api.route("GET", "/users", scope=Scope.USERS_READ, tag=TAG)
async def list_users(call: Call, query: UserQuery) -> UserPage:
    """List the users of the account."""
    rows = await users.page(call.database, call.account, query.after, query.limit)
    return UserPage(items=[UserShown(**row) for row in rows], next=next_page("users", rows, query.limit))


@api.route("POST", "/users", scope=Scope.USERS_WRITE, tag=TAG, status=201, errors=[409], example=EXAMPLE)
async def create_user(call: Call, body: NewUser) -> UserShown:
    """Make a user.

    An e-mail address, compared without regard to case, belongs to one user of an account.
    """
    row = await operations.create(
        call.database,
        call.actor,
        body.email,
        name=body.name,
        role=body.role,
        active=body.active,
        fields=body.fields,
    )
    return UserShown(**row)


@api.route("GET", "/users/{id}", scope=Scope.USERS_READ, tag=TAG)
async def show_user(call: Call, id: Id) -> UserShown:
    """Show a user."""
    return UserShown(**await operations.get(call.database, call.account, id))


@api.route("PATCH", "/users/{id}", scope=Scope.USERS_WRITE, tag=TAG, errors=[409])
async def change_user(call: Call, id: Id, body: UserChange) -> UserShown:
    """Change a user: address, name, role, fields, and whether they are active.

    Users are not deleted, so that what they did keeps its author; make them inactive.
    """
    given = {name: value for name in body.model_fields_set if (value := getattr(body, name)) is not None}
    return UserShown(**await operations.change(call.database, call.actor, id, given))


@api.route("GET", "/user-fields", scope=Scope.USERS_READ, tag=TAG)
async def list_user_fields(call: Call) -> UserFields:
    """List the fields that the account defines for its users."""
    return UserFields(items=await operations.fields(call.database, call.account))


@api.route(
    "POST", "/user-fields", scope=Scope.USERS_WRITE, tag=TAG, status=201, errors=[409], example=EXAMPLE_OF_A_FIELD
)
async def create_user_field(call: Call, body: UserField) -> UserField:
    """Add a field to the account's users.

    A boolean one can open connectors to the users for whom it is true.
    """
    return await operations.add_field(call.database, call.actor, body)


@api.route("PATCH", "/user-fields/{name}", scope=Scope.USERS_WRITE, tag=TAG)
async def change_user_field(call: Call, name: FieldName, body: UserFieldChange) -> UserField:
    """Give a user field another label."""
    return await operations.relabel_field(call.database, call.actor, name, body.label)


@api.route("DELETE", "/user-fields/{name}", scope=Scope.USERS_WRITE, tag=TAG)
async def delete_user_field(call: Call, name: FieldName) -> None:
    """Remove a user field, with its values; users who could use a connector by it no longer can."""
    await operations.remove_field(call.database, call.actor, name)
