"""Who may post, over real HTTP: the modes, several live secrets, and anything at all that a stranger sends."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.guarding import (
    BASIC,
    GITHUB,
    HEADER,
    HOOKS,
    META,
    NOW,
    OLD,
    SECRET,
    TIMED,
    basic,
    denied,
    github,
    guarded,
    guards,
    timed,
)
from tests.support.ingress import open_door


@pytest.mark.parametrize(
    ("auth", "right", "wrong"),
    [
        (
            HEADER,
            [{"x_api_key": f"Bearer {SECRET}"}, {"x_api_key": f"Bearer {OLD}"}],
            [
                ({}, "missing"),
                ({"x_api_key": SECRET}, "mismatch"),
                ({"x_api_key": f"bearer {SECRET}"}, "mismatch"),
                ({"x_api_key": f"Bearer {SECRET}x"}, "mismatch"),
                ({"x_api_key": "Bearer "}, "mismatch"),
            ],
        ),
        (
            BASIC,
            [{"authorization": basic(f"crm:{SECRET}")}, {"authorization": f"bAsIc {basic(f'crm:{OLD}')[6:]}"}],
            [
                ({}, "missing"),
                ({"authorization": basic(f"crm:{SECRET}x")}, "mismatch"),
                ({"authorization": basic(f"CRM:{SECRET}")}, "mismatch"),
                ({"authorization": basic("crm")}, "malformed"),
                ({"authorization": "Basic *"}, "malformed"),
                ({"authorization": f"Bearer {SECRET}"}, "malformed"),
            ],
        ),
        (
            GITHUB,
            [github(b"{}"), github(b"{}", OLD)],
            [({}, "missing"), (github(b"{}", "guess"), "mismatch"), (github(b"[]"), "mismatch")],
        ),
        (
            TIMED,
            [timed(b"{}"), timed(b"{}", NOW - 299)],
            [({}, "missing"), (timed(b"{}", NOW - 301), "stale"), ({**timed(b"{}"), "x_time": "nan"}, "malformed")],
        ),
        ({"scheme": "token"}, [{}], []),
    ],
)
async def test_enforced_only_who_proves_it_is_let_in_and_logged_everybody_is(
    auth: dict[str, Any], right: list[dict[str, str]], wrong: list[tuple[dict[str, str], str]]
) -> None:
    async with open_door(
        guards=guards(),
        t=guarded(auth),
        logs=guarded({**auth, "mode": "log"}, id=8),
        off=guarded({**auth, "mode": "off"}, id=9),
    ) as door:
        with structlog.testing.capture_logs() as lines:
            for headers in right:
                for token in ("t", "logs", "off"):
                    assert (await door.post(b"{}", token, **headers))[0] == 202
            assert lines == []
            for headers, reason in wrong:
                counts = denied(reason), denied(reason, "log")
                status, problem, answered = await door.post(b"{}", "t", **headers)
                assert (status, problem["title"], problem["reason"]) == (401, "Not authenticated", reason)
                assert answered["WWW-Authenticate"].startswith("Basic" if auth is BASIC else "Webhook")
                assert (await door.post(b"{}", "logs", **headers))[0] == 202
                assert (await door.post(b"{}", "off", **headers))[0] == 202
                assert (denied(reason), denied(reason, "log")) == (counts[0] + 1, counts[1] + 1)
        said = str(lines)
        for secret in (SECRET, OLD, *(value for headers, _ in wrong for value in headers.values() if value)):
            assert secret not in said
        reasons = {reason for _, reason in wrong}
        assert {line["reason"] for line in lines if line["event"] == "refused"} == reasons
        assert sorted(line["why"] for line in lines if line["event"] == "would be refused") == sorted(
            reasons
        )  # once each
        assert len(await door.events()) == 3 * len(right) + 2 * len(wrong)


async def test_headers_that_are_there_twice_prove_nothing() -> None:
    async with open_door(guards=guards(), t=guarded(HEADER)) as door:
        head = f"POST /in/t HTTP/1.1\r\nHost: x\r\nX-Api-Key: Bearer {SECRET}\r\nx-api-key: Bearer {SECRET}\r\n"
        answer = await door.raw(f"{head}Connection: close\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        assert answer.startswith(b"HTTP/1.1 401")
        assert b'"repeated"' in answer


async def test_of_two_families_of_headers_the_first_is_asked_for() -> None:
    async with open_door(guards=guards(), t=guarded(HOOKS)) as door:
        assert (await door.post(b"{}"))[1]["detail"] == "header webhook-signature is missing"


async def test_an_empty_post_is_a_ping_and_brings_nothing() -> None:
    async with open_door(guards=guards(), t=guarded(GITHUB)) as door:
        for headers in ({}, github(b"")):
            assert (await door.post(b"", **headers))[:2] == (200, {"accepted": 0, "ids": []})
        async with door.session.head(f"{door.url}/in/t") as answer:
            assert answer.status == 200
        assert await door.events() == []


async def test_what_is_signed_is_the_content_and_not_its_coding() -> None:
    async with open_door(guards=guards(), t=guarded(GITHUB)) as door:
        packed = gzip.compress(b'{"a":1}')
        right = github(b'{"a":1}')
        assert (await door.post(packed, content_encoding="gzip", **right))[0] == 202
        assert (await door.post(packed, content_encoding="gzip", **github(packed)))[0] == 401


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["hooks", "github", "stripe", "slack", "twilio", "basic", "header", "meta"]),
            st.binary(max_size=60) | st.sampled_from([b"{}", b"a=1", b'{"type":"url_verification","challenge":1}']),
            st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=30),
            st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=15) | st.just(str(NOW)),
            st.sampled_from(["", "?hub.mode=subscribe&hub.challenge=%ff", "?bodySHA256=%00", "?%", "?a=b&a=%E0%A4%A"]),
        ),
        max_size=15,
    )
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_a_stranger_sends_is_refused_and_never_an_error(
    requests: list[tuple[str, bytes, str, str, str]],
) -> None:
    schemes = {
        "hooks": HOOKS,
        "basic": BASIC,
        "header": HEADER,
        "meta": META,
        **{name: {"scheme": name, "secrets": ["env:NEW"]} for name in ("github", "stripe", "slack", "twilio")},
    }
    connectors = {name: guarded(auth, id=id) for id, (name, auth) in enumerate(schemes.items())}

    async def post_all() -> list[int]:
        statuses = []
        async with open_door(guards=guards(), **connectors) as door:
            for scheme, body, header, at, query in requests:
                names = ("webhook-signature", "X-Hub-Signature-256", "Stripe-Signature", "X-Slack-Signature")
                headers = dict.fromkeys((*names, "X-Twilio-Signature", "Authorization", "X-Api-Key"), header)
                headers |= {"webhook-timestamp": at, "webhook-id": at, "X-Slack-Request-Timestamp": at}
                statuses.append((await door.post(body, scheme, query, **headers))[0])
                async with door.session.get(f"{door.url}/in/{scheme}{query}") as answer:
                    assert answer.status in (200, 403)
            assert await door.events() == []
        return statuses

    assert set(asyncio.run(post_all())) <= {200, 400, 401}  # 200: an empty body is a ping
