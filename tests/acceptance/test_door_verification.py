"""How a source makes sure of its URL, and how each vendor is told that it was refused."""

from __future__ import annotations

import hmac
from pathlib import Path
from typing import Any

import pytest

from pipeline.ingress.limits import Limits
from pipeline.ingress.spool.spool import Spool
from schemas.connector import Connector, ConnectorSettings
from schemas.presets import preset
from tests.support.guarding import (
    GITHUB,
    META,
    NOW,
    SECRET,
    github,
    guarded,
    guards,
)
from tests.support.ingress import connector, open_door


@pytest.mark.parametrize(
    ("auth", "query", "status", "text"),
    [
        (META, "hub.mode=subscribe&hub.verify_token=verify-me&hub.challenge=%3Cb%3E%2042", 200, "<b> 42"),
        (META, "hub.mode=subscribe&hub.verify_token=verify-you&hub.challenge=42", 403, None),
        (META, "hub.mode=subscribe&hub.challenge=42", 403, None),
        (META, f"hub.mode=subscribe&hub.verify_token=verify-me&hub.challenge={'4' * 4097}", 400, None),
        (META, "hub.mode=unsubscribe&hub.verify_token=verify-you&hub.challenge=42", 200, '{"accepted":0,"ids":[]}'),
        (META, "", 200, '{"accepted":0,"ids":[]}'),
        ({**META, "verify_token": "env:NOTHING"}, "hub.mode=subscribe&hub.verify_token=%00&hub.challenge=4", 503, None),
        (
            {**META, "mode": "off"},
            "hub.mode=subscribe&hub.verify_token=verify-me&hub.challenge=42",
            200,
            '{"accepted":0,"ids":[]}',
        ),
    ],
)
async def test_a_get_that_wants_its_challenge_back(
    auth: dict[str, Any], query: str, status: int, text: str | None
) -> None:
    async with open_door(guards=guards(), t=guarded(auth)) as door:
        async with door.session.get(f"{door.url}/in/t?{query}") as answer:
            assert answer.status == status
            said = await answer.text()
        if text is not None:
            assert said == text
            if not text.startswith("{"):
                assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "verify-me" not in said


async def test_a_posted_challenge_is_sent_back_to_who_signed_it_and_is_no_event() -> None:
    auth = {"scheme": "slack", "secrets": ["env:NEW"]}

    def slack(body: bytes) -> dict[str, str]:
        signed = hmac.digest(SECRET.encode(), b"v0:%d:%b" % (NOW, body), "sha256").hex()
        return {"x_slack_signature": f"v0={signed}", "x_slack_request_timestamp": str(NOW)}

    async with open_door(guards=guards(), t=guarded(auth)) as door:
        body = b'{"token":"x","challenge":"3eZbrw1aB","type":"url_verification"}'
        assert (await door.post(body, **slack(body)))[:2] == (200, {"challenge": "3eZbrw1aB"})
        assert (await door.post(body))[0] == 401
        assert await door.events() == []
        for other in (b'{"challenge":"x","type":"event_callback"}', b'{"type":"url_verification","challenge":1}'):
            assert (await door.post(other, **slack(other)))[0] == 202
        broken = b'{"type":"url_verification"'
        assert (await door.post(broken, **slack(broken)))[0] == 400


async def test_a_preset_may_say_how_its_source_makes_sure_without_any_scheme() -> None:
    echo = {"where": "query", "field": "challenge"}
    async with open_door(guards=guards(), t=connector(door={"echo": echo})) as door:
        async with door.session.get(f"{door.url}/in/t?challenge=abc") as answer:
            assert (answer.status, await answer.text()) == (200, "abc")
        assert (await door.post(b"{}"))[0] == 202


async def test_refusals_are_told_as_each_vendor_wants_them(tmp_path: Path) -> None:
    def of(name: str, id: int, **auth: Any) -> Connector:
        settings = ConnectorSettings(name=name, preset=name, auth={**GITHUB, **auth})  # type: ignore[arg-type]
        return Connector(id, 1, 1, settings, preset(name))

    missing = {"secrets": ["env:NOTHING"]}
    elsewhere = {"addresses": ["203.0.113.0/24"]}
    tokens = {
        f"{short}{index}": of(name, 10 * at + index, **auth)
        for at, (short, name) in enumerate((("lead", "leadsquared-lead"), ("push", "indiamart-push")))
        for index, auth in enumerate(({}, elsewhere, missing))
    }
    for name, token in (("leadsquared-lead", "lead3"), ("indiamart-push", "push3")):
        off = ConnectorSettings(name=name, preset=name, enabled=False)
        tokens[token] = Connector(100 + len(tokens), 1, 1, off, preset(name))
    spool = Spool(tmp_path)
    async with open_door(guards=guards(), spool=spool, limits=Limits(event=1_000), **tokens) as door:
        for index, said in enumerate(("Not authenticated", "Address not allowed", "Unavailable")):
            status, answer, headers = await door.post(b"{}", f"lead{index}")
            assert (status, answer["Status"]) == (200, "Error")
            assert answer["StatusReason"].startswith(said)
            assert "WWW-Authenticate" not in headers
            status, answer, headers = await door.post(b"{}", f"push{index}")
            assert (status, answer["code"]) == ((503, 503) if index == 2 else (400, 400))
            assert answer["message"].startswith(said)
            assert ("Retry-After" in headers) == (index == 2)
        for token, body in (("lead0", b"not json"), ("push0", b"not json"), ("lead0", b"1"), ("push0", b"\xff")):
            status, answer, _ = await door.post(body, token, **github(body))
            assert (status, answer.get("Status", "Error")) == (200 if token == "lead0" else 400, "Error")
        large, form = b'{"a":"' + b"x" * 2000 + b'"}', "multipart/form-data"
        for token, body, more in (
            ("lead3", b"{}", {}),  # disabled
            ("lead0", large, {}),
            ("lead0", b"{}", {"content_type": form}),
            ("lead0", b"{}", {"content_encoding": "br"}),
        ):
            for short, status, name in (("lead", 200, "Status"), ("push", 400, "status")):
                answered, answer, _ = await door.post(body, f"{short}{token[-1]}", **github(body), **more)
                assert (answered, answer[name]) == (status, "Error")
        door.transport.connected = False
        spool._limit = 1
        assert (await door.post(b"{}", "lead0", **github(b"{}")))[1]["Status"] == "Error"
        assert (await door.post(b"{}", "push0", **github(b"{}")))[0] == 503
        door.transport.connected = True
        assert await door.events() == []
