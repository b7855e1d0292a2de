"""`/connectors/…/url`, `/secrets`: where a source posts to, and what it proves itself with."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field, SecretStr

from pipeline.api.call import Call
from pipeline.api.connector import Given
from pipeline.api.listing import Page, Shown
from pipeline.api.route import Table
from pipeline.operations import secrets, urls
from pipeline.operations.visible import named
from schemas.access import Scope
from schemas.auth import STORED_NAME
from schemas.strict import Strict

api = Table()
TAG = "Webhooks and secrets"
SecretName = Annotated[str, Field(pattern=f"^{STORED_NAME}$")]


class UrlShown(Shown):
    """One webhook URL; whoever knows it can post, unless `auth` asks for more."""

    url: str
    valid_until: datetime | None = Field(description="null: until it is replaced or withdrawn")
    created_at: datetime


class Urls(Page[UrlShown]):
    """The URLs that work, the newest first."""

    steps: list[str] = Field(
        description="the steps to enter the newest URL in the source, in order; empty if no URL works"
    )
    warnings: list[str] = Field(description="why sources on other machines cannot reach the newest URL, and what to do")


class UrlRotation(Strict):
    """How to rotate."""

    keep_s: int = Field(
        default=int(urls.KEPT.total_seconds()),
        ge=0,
        le=int(urls.LONGEST_KEEP.total_seconds()),
        description="how long the old URLs go on working",
    )


class SecretShown(Shown):
    """A secret that is kept; its value is never shown."""

    name: str
    used_by: list[str] = Field(description="the connectors that name it as stored:NAME")
    created_at: datetime
    updated_at: datetime


class Secrets(Page[SecretShown]):
    """The secrets that the account keeps."""


class NewSecret(Strict):
    """The value of a secret. It is never shown again."""

    value: SecretStr = Field(min_length=1, max_length=4_096)


@api.route("GET", "/connectors/{connector}/url", scope=Scope.CONNECTORS_WRITE, tag=TAG)
async def list_urls(call: Call, connector: Given) -> Urls:
    """Show a connector's webhook URLs, and the steps to paste the newest into the source."""
    name = await named(call.database, call.actor, connector)
    return await _urls(call, name)


@api.route(
    "POST",
    "/connectors/{connector}/url/rotate",
    scope=Scope.CONNECTORS_WRITE,
    tag=TAG,
    status=201,
    example={"keep_s": 86_400},
)
async def rotate_url(call: Call, connector: Given, body: UrlRotation) -> Urls:
    """Make a new webhook URL; the ones before it go on working for a while."""
    name = await named(call.database, call.actor, connector)
    await urls.rotate(call.database, call.settings, call.account, name, timedelta(seconds=body.keep_s))
    return await _urls(call, name)


@api.route("POST", "/connectors/{connector}/url/withdraw", scope=Scope.CONNECTORS_WRITE, tag=TAG)
async def withdraw_urls(call: Call, connector: Given) -> Urls:
    """End every webhook URL but the newest, at once."""
    name = await named(call.database, call.actor, connector)
    await urls.withdraw(call.database, call.account, name)
    return await _urls(call, name)


@api.route("GET", "/secrets", scope=Scope.CONNECTORS_READ, tag=TAG)
async def list_secrets(call: Call) -> Secrets:
    """List the stored secrets of the account: names, dates, and the connectors that name them; no value."""
    return Secrets(items=[SecretShown(**row) for row in await secrets.listed(call.database, call.actor)])


@api.route("PUT", "/secrets/{name}", scope=Scope.CONNECTORS_WRITE, tag=TAG, errors=[409])
async def keep_secret(call: Call, name: SecretName, body: NewSecret) -> None:
    """Store a secret; one of the same name is replaced at once.

    To change a secret without a gap, store the new one under another name, and name both in the connector's `auth`
    until the source uses the new one. If a connector that is closed to the caller uses the secret, only an
    administrator can change it.
    """
    value = body.value.get_secret_value().encode()
    await secrets.put(call.database, call.settings, call.actor, name, value)


@api.route("DELETE", "/secrets/{name}", scope=Scope.CONNECTORS_WRITE, tag=TAG, errors=[409])
async def remove_secret(call: Call, name: SecretName) -> None:
    """Delete a stored secret that no connector uses."""
    await secrets.remove(call.database, call.actor, name)


async def _urls(call: Call, name: str) -> Urls:
    found = await urls.in_force(call.database, call.settings, call.account, name)
    steps = await urls.steps(call.database, call.settings, call.account, name) if found else []
    warnings = urls.warnings(found)
    return Urls(items=[UrlShown.model_validate(each) for each in found], steps=steps, warnings=warnings)
