"""People whom settings name: users of the account, and fields of theirs. In: settings. Out: what does not fit."""

from __future__ import annotations

from pipeline.operations.errors import Problem
from pipeline.store import users
from pipeline.store.database import Database
from schemas.access import UserFieldType
from schemas.settings import ConnectorSettings


async def people_problems(database: Database, account: int, settings: ConnectorSettings) -> list[Problem]:
    """Whom to notify must be an active user, and what opens a connector a boolean user field, of this account."""
    found = []
    if settings.notify is not None:
        user = await users.by_email(database, account, settings.notify.user.strip().lower())
        if user is None or not user["active"]:
            what = "no user has this address" if user is None else "this user is inactive"
            rule = f"{what}; `leadpipe user list` shows those there are"
            found.append(Problem("notify.user", rule, settings.notify.user))
    if settings.access is not None and settings.access.user_field is not None:
        name = settings.access.user_field
        types = {row["name"]: row["type"] for row in await users.fields(database, account)}
        if types.get(name) != UserFieldType.BOOLEAN:
            boolean = ", ".join(each for each, type in types.items() if type == UserFieldType.BOOLEAN) or "none yet"
            rule = f"must be a boolean user field of the account; there are: {boolean}"
            found.append(Problem("access.user_field", rule, name))
    return found
