"""`/me`, `/account`: who calls, and for which account; who changed what of its users and keys."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from pipeline.api.call import Call
from pipeline.api.listing import After, Limit, Page, Shown, next_page
from pipeline.api.route import Table
from pipeline.operations.errors import NotFound
from pipeline.store import account_changes, accounts
from pipeline.store.account_changes import What
from schemas.access import Role, Scope
from schemas.strict import Strict

api = Table()
TAG = "Account"


class Me(Shown):
    """The caller."""

    account: str
    account_id: int
    user: int | None
    email: str | None
    name: str | None
    role: Role
    scopes: list[Scope] = Field(description="what this key may do")
    key: int | None = Field(description="the id of the key")


class AccountShown(Shown):
    """The account."""

    id: int
    name: str
    created_at: datetime


class AccountPage(Page[AccountShown]):
    """Accounts, in the order in which they were made; of an installation, so for its command line alone."""


class AccountChangeShown(Shown):
    """Something that was done to the users, user fields, keys and secrets of the account."""

    id: int
    at: datetime
    by: str = Field(description="who did it: a user's e-mail address, or somebody at the command line")
    key_id: int | None = Field(description="the key that was used; null: it was done at the command line")
    what: What
    subject: str = Field(description="the user's address, what the key begins with, or the name of the field or secret")
    user_id: int | None = Field(description="whom it is about")
    details: dict[str, Any] = Field(
        description="of something new, its values; of a change, the old and the new value of each member that changed"
    )


class AccountChangePage(Page[AccountChangeShown]):
    """Changes, the latest first."""


class AccountChangeQuery(Strict):
    """Which page."""

    limit: Limit = 50
    after: Annotated[int, After("account-changes")] = 0


@api.route("GET", "/me", scope=None, tag=TAG)
async def show_me(call: Call) -> Me:
    """Show whose key this is, and what it may do."""
    actor = call.actor
    return Me(
        account=actor.account_name,
        account_id=actor.account,
        user=actor.user,
        email=actor.email,
        name=actor.name,
        role=actor.role,
        scopes=sorted(actor.scopes),
        key=actor.key,
    )


@api.route("GET", "/account", scope=Scope.ACCOUNT_READ, tag=TAG)
async def show_account(call: Call) -> AccountShown:
    """Show the account of this key."""
    row = await accounts.get(call.database, call.account)
    if row is None:
        raise NotFound("the account is gone")
    return AccountShown(**row)


@api.route("GET", "/account/changes", scope=Scope.USERS_READ, tag=TAG)
async def list_account_changes(call: Call, query: AccountChangeQuery) -> AccountChangePage:
    """List who made, changed and ended users, user fields, keys and secrets, the latest first.

    An administrator sees all changes, and everybody else those about themselves.
    """
    user = None if call.actor.is_admin else call.actor.user
    rows = await account_changes.page(call.database, call.account, user, query.after, query.limit)
    return AccountChangePage(
        items=[AccountChangeShown(**row) for row in rows], next=next_page("account-changes", rows, query.limit)
    )
