"""Connectors that want proof of who posts, the guards that ask for it, and headers that prove it, for tests."""

from __future__ import annotations

import base64
import hmac
from typing import Any

from prometheus_client import REGISTRY

from pipeline.ingress.authentication.guards import Guards
from pipeline.secrets.references import Secrets
from pipeline.secrets.seal import Seals
from schemas.connector import Connector
from tests.support.ingress import Door, connector

NOW = 1_700_000_000
SECRET, OLD = "hush-hush-hush", "hush-before"
GITHUB = {"scheme": "github", "secrets": ["env:NEW", "env:OLD"]}
TIMED = {
    "scheme": "hmac",
    "header": "X-Sign",
    "timestamp_header": "X-Time",
    "signed": "{timestamp}.{body}",
    "secrets": ["env:NEW"],
}
HOOKS = {"scheme": "standard-webhooks", "secrets": ["env:HOOKS"]}
HOOKS_KEY = b"0123456789abcdef"
META = {"scheme": "meta", "secrets": ["env:NEW"], "verify_token": "env:VERIFY"}
ENVIRONMENT = {
    "NEW": SECRET,
    "OLD": OLD,
    "HOOKS": f"whsec_{base64.b64encode(HOOKS_KEY).decode()}",
    "VERIFY": "verify-me",
    "EMPTY": "",
}


class Time:
    """A clock of both kinds."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


def guards(environment: dict[str, str] | None = None, **given: Any) -> Guards:
    stored: dict[tuple[int, str], bytes] = given.pop("stored", {})
    secrets = Secrets(
        given.pop("seals", Seals(None)),
        lambda account, name: stored.get((account, name)),
        ENVIRONMENT if environment is None else environment,
    )
    clock = given.pop("clock", Time())
    return Guards(secrets, clock=clock, monotonic=clock, **given)


def guarded(auth: dict[str, Any], **changes: Any) -> Connector:
    return connector(own={"auth": auth}, **changes)


def github(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"x_hub_signature_256": f"sha256={hmac.digest(secret.encode(), body, 'sha256').hex()}"}


def timed(body: bytes, at: int = NOW) -> dict[str, str]:
    signed = hmac.digest(SECRET.encode(), b"%d.%b" % (at, body), "sha256").hex()
    return {"x_sign": signed, "x_time": str(at)}


def hooks(body: bytes, id: str = "msg_1", at: int = NOW) -> dict[str, str]:
    signed = hmac.digest(HOOKS_KEY, b"%b.%d.%b" % (id.encode(), at, body), "sha256")
    return {
        "webhook_id": id,
        "webhook_timestamp": str(at),
        "webhook_signature": f"v1,{base64.b64encode(signed).decode()}",
    }


def denied(reason: str, mode: str = "enforce") -> float:
    labels = {"connector": "site", "reason": reason, "mode": mode}
    return REGISTRY.get_sample_value("leadpipe_ingress_denied_total", labels) or 0.0


async def ids(door: Door) -> list[str]:
    return [event.id for event in await door.events()]


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


HEADER = {"scheme": "header", "header": "X-Api-Key", "prefix": "Bearer ", "secrets": ["env:NEW", "env:OLD"]}
BASIC = {"scheme": "basic", "user": "crm", "secrets": ["env:NEW", "env:OLD"]}
