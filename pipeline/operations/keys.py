"""Keys of the API: make, list, rotate with an overlap, revoke. In: who asks, and what for. Out: keys, shown once.

Users handle their own keys, administrators everybody's. Nobody can make a key that is allowed more than they are: a key
that is made with another one has no scope that this one lacks, ends no later, and is revoked with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.operations.access import Actor, Minted, mint
from pipeline.operations.errors import Forbidden, InUse, Invalid, NotFound, Problem
from pipeline.operations.who import by
from pipeline.store import api_keys, key_tree, users
from pipeline.store.api_keys import NewKey
from pipeline.store.database import Database
from schemas.access import ALLOWED, Role, Scope, mailbox

LONGEST_OVERLAP = timedelta(days=30)
FURTHEST = timedelta(days=3_660)  # that an expiry can lie ahead


@dataclass(frozen=True, slots=True)
class Made:
    """A new key: its row, and the key itself, which is never shown again."""

    row: dict[str, Any]
    whole: str


async def page(database: Database, actor: Actor, after: int = 0, limit: int = 50) -> list[dict[str, Any]]:
    """The keys that the caller may see, in the order in which they were made; never a secret."""
    return await api_keys.page(database, actor.account, None if actor.is_admin else actor.user, after, limit)


async def get(database: Database, actor: Actor, id: int) -> dict[str, Any]:
    """One key. Raises NotFound, also for another user's."""
    row = await api_keys.get(database, actor.account, id)
    if row is None or not (actor.is_admin or row["user_id"] == actor.user):
        raise NotFound(f"no key {id}; see the list of keys")
    return row


async def create(
    database: Database,
    actor: Actor,
    name: str,
    *,
    email: str | None = None,
    scopes: Sequence[Scope] | None = None,
    expires_at: datetime | None = None,
) -> Made:
    """A new key of the caller's, or, for an administrator, of the user with this address.

    Without an expiry it ends with the key that the caller uses. Raises NotFound (no such user), Invalid (an expiry that
    has passed, or is later than that of the caller's key, a scope that the role does not have), Forbidden (more than
    the caller may).
    """
    owner = await _owner(database, actor, email)
    allowed = ALLOWED[Role(owner["role"])]
    wanted = frozenset(allowed if scopes is None else scopes)
    if beyond := sorted(wanted - allowed):
        rule = f"the role {owner['role']} does not allow {', '.join(beyond)}"
        raise Invalid("the key is not made", [Problem("scopes", rule, list(beyond))])
    _not_more_than(actor, wanted)
    _ahead(expires_at)
    parent = await _with(database, actor)
    _no_later(parent, expires_at)
    minted, new = _minted(owner["id"], name, _within(parent, scopes, wanted), expires_at)
    with _of_a_key_that_works():
        id = await api_keys.create(database, replace(new, parent=actor.key), by(actor))
    return Made(await get(database, actor, id), minted.whole)


async def create_first(
    database: Database,
    actor: Actor,
    name: str,
    email: str,
    *,
    scopes: Sequence[Scope] | None = None,
    expires_at: datetime | None = None,
) -> Made | None:
    """In an account that has no user yet, its administrator and their key, both or neither; None: it has users.

    Raises Invalid (an address that is none, an expiry that has passed).
    """
    _ahead(expires_at)
    address = _address(email)
    minted, new = _minted(0, name, scopes, expires_at)
    id = await api_keys.create_first(database, actor.account, address, new, by(actor))
    return None if id is None else Made(await get(database, actor, id), minted.whole)


async def rotate(database: Database, actor: Actor, id: int, overlap: timedelta) -> Made:
    """A key that follows this one, with its name, scopes and expiry; the old one works for `overlap` more, and with it
    the keys that were made with it.

    It ends no later than the key that the caller uses. Raises NotFound, Forbidden (also: the caller's key was made with
    this one), Invalid (a longer overlap than 30 days), InUse (it is not valid any more).
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        rule = "must be from 0 to 30 days"
        raise Invalid("the key is not rotated", [Problem("overlap", rule, overlap.total_seconds())])
    old = await get(database, actor, id)
    owner = await users.get(database, actor.account, old["user_id"])
    if owner is None:
        raise NotFound(f"no key {id}")
    allowed = ALLOWED[Role(owner["role"])]
    wanted = allowed if old["scopes"] is None else allowed & set(old["scopes"])
    _not_more_than(actor, wanted)
    if actor.key is not None and await key_tree.is_below(database, actor.key, id):
        raise Forbidden(
            f"your key was made with key {id}, and would end if key {id} were rotated; send this call with key {id}"
        )
    itself = actor.key in (None, id)
    scopes = old["scopes"] if itself else _within(await _with(database, actor), old["scopes"], wanted)
    minted, following = _minted(old["user_id"], old["name"], scopes, old["expires_at"])
    following = replace(following, replaces=id, parent=old["parent"] if itself else actor.key)
    with _of_a_key_that_works():
        new = await api_keys.rotate(database, id, following, datetime.now(UTC) + overlap, by(actor))
    if new is None:
        raise InUse(f"key {id} is revoked or expired; make a new one instead")
    return Made(await get(database, actor, new), minted.whole)


async def revoke(database: Database, actor: Actor, id: int) -> None:
    """Revoke a key: it stops working at once, for good, and so do the keys that were made with it. Raises NotFound."""
    await get(database, actor, id)
    await api_keys.revoke(database, actor.account, id, by(actor))


async def _with(database: Database, actor: Actor) -> dict[str, Any] | None:
    """The key that the caller uses; None: they sit at the command line."""
    return None if actor.key is None else await api_keys.get(database, actor.account, actor.key)


def _within(
    parent: Mapping[str, Any] | None, scopes: Sequence[Scope] | Sequence[str] | None, wanted: Iterable[str]
) -> Sequence[str] | None:
    """The scopes to store: by name where the parent's are, so that a greater role makes no more of the child's."""
    return sorted(wanted) if scopes is None and parent is not None and parent["scopes"] is not None else scopes


def _no_later(parent: Mapping[str, Any] | None, expires_at: datetime | None) -> None:
    end = None if parent is None else parent["expires_at"]
    if end is not None and expires_at is not None and expires_at > end:
        rule = f"must not be later than {end.isoformat()}, when the key used to make it ends; left out, it ends then"
        raise Invalid("no key is made", [Problem("expires_at", rule, expires_at.isoformat())])


@contextmanager
def _of_a_key_that_works() -> Iterator[None]:
    try:
        yield
    except key_tree.ParentEnded as error:
        raise Forbidden(str(error)) from error


def _minted(user: int, name: str, scopes: Sequence[str] | None, expires_at: datetime | None) -> tuple[Minted, NewKey]:
    minted = mint()
    stored = None if scopes is None else sorted(set(scopes))
    return minted, NewKey(user, name, minted.prefix, minted.secret_hash, stored, expires_at)


async def _owner(database: Database, actor: Actor, email: str | None) -> dict[str, Any]:
    if email is None:
        found = None if actor.user is None else await users.get(database, actor.account, actor.user)
    else:
        found = await users.by_email(database, actor.account, _address(email))
    if found is None:
        raise NotFound(
            f"no user {email}; make one first" if email else "name the user whose key it is, by e-mail address"
        )
    if found["id"] != actor.user and not actor.is_admin:
        raise Forbidden("only an administrator can make a key for another user")
    return found


def _address(email: str) -> str:
    try:
        return mailbox(email)
    except ValueError as error:
        raise Invalid("no key is made", [Problem("user", str(error), email)]) from error


def _not_more_than(actor: Actor, scopes: frozenset[Scope]) -> None:
    if beyond := sorted(scopes - actor.scopes):
        raise Forbidden(
            f"the new key would have scopes that yours lacks: {', '.join(beyond)}; name only scopes that you have"
        )


def _ahead(expires_at: datetime | None) -> None:
    now = datetime.now(UTC)
    if expires_at is not None and not now < expires_at <= now + FURTHEST:
        rule = "must be in the future, by ten years at most"
        raise Invalid("no key is made", [Problem("expires_at", rule, expires_at.isoformat())])
