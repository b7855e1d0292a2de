"""`/me`, `/account`: who calls, and for which account."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from pipeline.api.call import Call
from pipeline.api.listing import Shown
from pipeline.api.route import Table
from pipeline.operations.errors import NotFound
from pipeline.store import accounts
from schemas.access import Role, Scope

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


@api.route("GET", "/me", scope=None, tag=TAG)
async def show_me(call: Call) -> Me:
    """Show who calls, and what he may do."""
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
