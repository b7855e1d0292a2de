"""Who is calling, and what they may do. In: a key as it was presented. Out: an `Actor`, or nobody."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pipeline.operations.errors import Forbidden
from pipeline.store import api_keys
from pipeline.store.database import Database
from schemas.access import ALLOWED, Role, Scope
from schemas.settings import Access

BEGINNING = "lp"
PREFIX_BYTES = 6  # shown in lists, and what a key is found by
SECRET_BYTES = 32
LONGEST_KEY = 200  # characters worth looking at
_NOBODY = hashlib.sha256(b"").digest()


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever asks for an operation: a user of one account, as far as the scopes of their key go.

    The command line acts as `Actor.local`: whoever can read the database's password is an administrator.
    """

    account: int
    account_name: str
    role: Role
    scopes: frozenset[Scope]
    user: int | None = None
    email: str | None = None
    name: str | None = None
    key: int | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def local(cls, account: int, name: str = "") -> Actor:
        """The administrator at the command line."""
        return cls(account, name, Role.ADMIN, ALLOWED[Role.ADMIN])

    @property
    def is_admin(self) -> bool:
        return self.role is Role.ADMIN

    def need(self, scope: Scope) -> None:
        """Raises Forbidden without it."""
        if scope not in self.scopes:
            why = (
                "which the scopes of this key leave out"
                if scope in ALLOWED[self.role]
                else f"which the role {self.role} does not allow"
            )
            raise Forbidden(f"this needs {scope}, {why}")

    def sees(self, access: Access | None) -> bool:
        """Whether a connector that is opened like this is open to them; None: to administrators alone."""
        if self.is_admin:
            return True
        if access is None:
            return False
        by_field = access.user_field is not None and self.fields.get(access.user_field) is True
        return by_field or self.role in {Role(role) for role in access.roles}


@dataclass(frozen=True, slots=True)
class Minted:
    """A new key: `whole` is shown once, the others are stored."""

    whole: str
    prefix: str
    secret_hash: bytes


def mint() -> Minted:
    """A new key of 256 random bits."""
    prefix, secret = f"{BEGINNING}_{secrets.token_hex(PREFIX_BYTES)}", secrets.token_urlsafe(SECRET_BYTES)
    return Minted(f"{prefix}_{secret}", prefix, hashlib.sha256(secret.encode()).digest())


async def authenticate(database: Database, presented: str) -> Actor | None:
    """Whose key this is; None: nobody's, or it is expired or revoked, or its user is inactive.

    The secret is compared in constant time, also for a prefix that does not exist. Raises DatabaseUnavailable.
    """
    parts = presented.split("_", 2) if presented.isascii() and len(presented) <= LONGEST_KEY else []
    if len(parts) != 3 or parts[0] != BEGINNING or not parts[1].isalnum():
        return None
    row = await api_keys.bearer(database, f"{parts[0]}_{parts[1]}")
    digest = hashlib.sha256(parts[2].encode()).digest()
    if not hmac.compare_digest(digest, _NOBODY if row is None else row["secret_hash"]) or row is None:
        return None
    if not row["live"]:
        return None
    if row["last_used_at"] is None or datetime.now(UTC) - row["last_used_at"] > api_keys.WRITE_USE_AFTER:
        await api_keys.used(database, row["id"])
    return _actor(row)


def _actor(row: Mapping[str, Any]) -> Actor:
    role = Role(row["role"])
    # a scope that this version does not know any more allows nothing
    asked = None if row["scopes"] is None else {Scope(text) for text in row["scopes"] if text in set(Scope)}
    return Actor(
        account=row["account_id"],
        account_name=row["account_name"],
        role=role,
        scopes=ALLOWED[role] if asked is None else ALLOWED[role] & asked,
        user=row["user_id"],
        email=row["email"],
        name=row["name"],
        key=row["id"],
        fields=row["fields"],
    )
