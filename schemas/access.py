"""Who may do what: roles, the scopes that narrow a key, and the fields that an account defines for its users."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from pydantic import Field as Attribute

from schemas.fields import NAME
from schemas.normal.email import normal_email
from schemas.strict import Strict

LONGEST_TEXT = 1_000  # characters of a user field's value
GREATEST = 10**15  # of a number, which JSON carries to everybody unharmed


class Role(StrEnum):
    """What a user may do in an account, from the most to the least."""

    ADMIN = "admin"
    EDITOR = "editor"
    OPERATOR = "operator"
    VIEWER = "viewer"


class Scope(StrEnum):
    """One thing that a key may be allowed. Writing does not include reading: a key has what is named, and no more."""

    ACCOUNT_READ = "account:read"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    FIELDS_READ = "fields:read"
    FIELDS_WRITE = "fields:write"
    CONNECTORS_READ = "connectors:read"
    CONNECTORS_WRITE = "connectors:write"
    JOURNAL_READ = "journal:read"
    JOURNAL_WRITE = "journal:write"
    DEAD_READ = "dead:read"
    DEAD_WRITE = "dead:write"
    REFUSED_READ = "refused:read"
    REFUSED_WRITE = "refused:write"
    LEADS_READ = "leads:read"
    LEADS_WRITE = "leads:write"
    CONFLICTS_READ = "conflicts:read"
    CONFLICTS_WRITE = "conflicts:write"
    STAGES_READ = "stages:read"


# Users have their own keys; an administrator has everybody's.
_VIEWER = frozenset(scope for scope in Scope if scope.value.endswith(":read")) | {Scope.KEYS_WRITE}
_OPERATOR = _VIEWER | {
    Scope.JOURNAL_WRITE,
    Scope.DEAD_WRITE,
    Scope.REFUSED_WRITE,
    Scope.LEADS_WRITE,
    Scope.CONFLICTS_WRITE,
}
_EDITOR = _OPERATOR | {Scope.CONNECTORS_WRITE, Scope.FIELDS_WRITE}

ALLOWED: Mapping[Role, frozenset[Scope]] = {
    Role.ADMIN: frozenset(Scope),
    Role.EDITOR: _EDITOR,
    Role.OPERATOR: _OPERATOR,
    Role.VIEWER: _VIEWER,
}


class UserFieldType(StrEnum):
    """What a user field holds."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    PHONE = "phone"
    EMAIL = "email"


class UserField(Strict):
    """One field of an account's users. A boolean one can open connectors to the users for whom it is true."""

    name: str = Attribute(pattern=NAME, description="lower-case letters, digits and underscores; it cannot be changed")
    label: str = Attribute(min_length=1, max_length=100)
    type: UserFieldType = UserFieldType.TEXT

    def checked(self, value: Any) -> Any:
        """The value, if the field can hold it; ValueError names the rule. Null is for every type: no value."""
        return None if value is None else _CHECKS[self.type](value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise ValueError(f"must be a text of at most {LONGEST_TEXT} characters")
    return value


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    if not abs(value) <= GREATEST:  # not a number is not less either
        raise ValueError("must be a number of at most 15 digits")
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _date(value: Any) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        raise ValueError("must be a date such as 2026-08-31") from None


def _moment(value: Any) -> str:
    rule = "must be a time with its zone, such as 2026-08-31T09:30:00+05:30"
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError(rule) from None
    if moment.tzinfo is None:
        raise ValueError(rule)
    return moment.isoformat()


def _phone(value: Any) -> str:
    if not isinstance(value, str) or not 3 <= sum(c.isdigit() for c in value) <= 15 or len(value) > 40:
        raise ValueError("must be a phone number, such as +91 98220 12345")
    return value


def _email(value: Any) -> str:
    return mailbox(_text(value))


def mailbox(value: str) -> str:
    """An e-mail address in normal form; ValueError if it is none."""
    found = normal_email(value)
    if not found:
        raise ValueError("must be an e-mail address, such as sam@example.com")
    return found


_CHECKS: Mapping[UserFieldType, Callable[[Any], Any]] = {
    UserFieldType.TEXT: _text,
    UserFieldType.NUMBER: _number,
    UserFieldType.BOOLEAN: _boolean,
    UserFieldType.DATE: _date,
    UserFieldType.DATETIME: _moment,
    UserFieldType.PHONE: _phone,
    UserFieldType.EMAIL: _email,
}
