"""The other side of the door: what we send ourselves is signed so that it is believed."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import pytest

from pipeline.operations.errors import InUse
from pipeline.operations.proving import prover
from pipeline.operations.send import send
from pipeline.secrets.references import Secrets
from pipeline.secrets.seal import Seals
from schemas.schemes import schemes
from tests.support.guarding import (
    BASIC,
    ENVIRONMENT,
    HEADER,
    HOOKS,
    SECRET,
    Time,
    guarded,
    guards,
)
from tests.support.ingress import open_door

OWN = {"scheme": "hmac", "secrets": ["env:NEW"], "header": "X-Sign"}


@pytest.mark.parametrize(
    "auth",
    [
        {"scheme": "token"},
        HEADER,
        BASIC,
        HOOKS,
        *({"scheme": name, "secrets": ["env:NEW"]} for name in schemes() if name != "standard-webhooks"),
        {**OWN, "signed": "{timestamp},{body}", "timestamp_part": "t", "signature_part": "v1"},
        {**OWN, "signed": "v0:{timestamp}:{body}", "timestamp_header": "X-Time", "prefix": "v0="},
        {**OWN, "signed": "{id}.{url}.{body}", "id_header": "X-Id", "encoding": "base64", "algorithm": "sha512"},
        {**OWN, "secrets": ["env:NOTHING", "env:NEW"]},
    ],
)
async def test_what_we_send_ourselves_is_believed(auth: dict[str, Any]) -> None:
    public = "https://hooks.example.com"
    clock, secrets = Time(), Secrets(Seals(None), lambda account, name: None, ENVIRONMENT)
    clock.now = time.time()
    site = guarded(auth)
    prove = prover(site, secrets)
    async with open_door(guards=guards(public_url=public, clock=clock), t=site) as door:

        def proved(url: str, body: bytes, id: str) -> tuple[str, dict[str, str]]:
            target, headers = prove(url.replace(door.url, public), body, id)
            return target.replace(public, door.url), headers

        sent = await send(
            f"{door.url}/in/t", iter([{"a": 1}, {"a": 2}, {"a": 3}]), batch=2, keys=uuid4().hex, prove=proved
        )
        assert (sent.accepted, sent.refused, sent.refusals) == (3, 0, [])
        if auth["scheme"] != "token":
            assert (await send(f"{door.url}/in/t", iter([{"a": 1}]))).refused == 1


@pytest.mark.parametrize("auth", [{**OWN, "secrets": ["env:NOTHING"]}, {**HOOKS, "secrets": ["env:NEW", "env:PUBLIC"]}])
def test_what_cannot_be_proved_from_here_is_said(auth: dict[str, Any]) -> None:
    environment = {**ENVIRONMENT, "PUBLIC": "whpk_AAAA"}
    with pytest.raises(InUse, match="this command cannot prove it: env:N") as caught:
        prover(guarded(auth), Secrets(Seals(None), lambda account, name: None, environment))
    assert SECRET not in str(caught.value)
