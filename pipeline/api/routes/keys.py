"""`/keys`: keys of the API. Users see their own, administrators everybody's."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from pipeline.api.call import Call
from pipeline.api.listing import After, Ahead, Limit, Page, Shown, next_page
from pipeline.api.route import Id, Table
from pipeline.operations import keys
from pipeline.operations.keys import Made
from schemas.access import Scope
from schemas.strict import Strict

api = Table()
TAG = "Keys"
EXAMPLE = {"name": "nightly export", "scopes": ["journal:read", "leads:read"]}


class KeyShown(Shown):
    """A key, without its secret."""

    id: int
    user_id: int
    user_email: str
    name: str
    prefix: str = Field(description="what the key begins with")
    scopes: list[str] | None = Field(description="null: all that the user's role allows")
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="when it was last used, to within five minutes")
    revoked_at: datetime | None
    replaces: int | None = Field(description="the key that was rotated into this one")
    parent: int | None = Field(description="the key that it was made with, and ends with; null: the command line")


class NewKeyShown(KeyShown):
    """A new key, with the secret that is shown this once."""

    key: str = Field(description="present it as `Authorization: Bearer …`; it is not shown again")


class NewKey(Strict):
    """The key to make."""

    name: str = Field(default="", max_length=200, description="what it is for")
    user: str | None = Field(
        default=None, max_length=254, description="whose, by e-mail address; left out: the caller's"
    )
    scopes: list[Scope] | None = Field(default=None, description="left out: all that the user's role allows")
    expires_at: Ahead | None = None


class KeyRotation(Strict):
    """How to rotate."""

    overlap_s: int = Field(default=86_400, ge=0, le=2_592_000, description="how long the old key keeps working")


class KeyPage(Page[KeyShown]):
    """Keys, in the order in which they were made."""


class KeyQuery(Strict):
    """Which page."""

    limit: Limit = 50
    after: Annotated[int, After("keys")] = 0


@api.route("GET", "/keys", scope=Scope.KEYS_READ, tag=TAG)
async def list_keys(call: Call, query: KeyQuery) -> KeyPage:
    """List the caller's keys; for an administrator, all of the account."""
    rows = await keys.page(call.database, call.actor, query.after, query.limit)
    return KeyPage(items=[KeyShown(**row) for row in rows], next=next_page("keys", rows, query.limit))


@api.route("POST", "/keys", scope=Scope.KEYS_WRITE, tag=TAG, status=201, errors=[404], example=EXAMPLE)
async def create_key(call: Call, body: NewKey) -> NewKeyShown:
    """Make a key for the caller; an administrator may make one for another user.

    It can have only scopes of the key that the call uses. It ends no later than that key, and is revoked with it.
    """
    made = await keys.create(
        call.database, call.actor, body.name, email=body.user, scopes=body.scopes, expires_at=body.expires_at
    )
    return _once(made)


@api.route("GET", "/keys/{id}", scope=Scope.KEYS_READ, tag=TAG)
async def show_key(call: Call, id: Id) -> KeyShown:
    """Show a key: its prefix, scopes, expiry, and when it was last used."""
    return KeyShown(**await keys.get(call.database, call.actor, id))


@api.route("POST", "/keys/{id}/rotate", scope=Scope.KEYS_WRITE, tag=TAG, status=201, errors=[409])
async def rotate_key(call: Call, id: Id, body: KeyRotation) -> NewKeyShown:
    """Make a new key in place of this one, with its name, scopes and expiry; both work for the time of the overlap.

    The keys that were made with the old one end with it.
    """
    return _once(await keys.rotate(call.database, call.actor, id, timedelta(seconds=body.overlap_s)))


@api.route("DELETE", "/keys/{id}", scope=Scope.KEYS_WRITE, tag=TAG)
async def revoke_key(call: Call, id: Id) -> None:
    """Revoke a key, and those that were made with it: they stop working at once, for good. They stay in the list."""
    await keys.revoke(call.database, call.actor, id)


def _once(made: Made) -> NewKeyShown:
    return NewKeyShown(**made.row, key=made.whole)
