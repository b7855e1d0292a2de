"""Who may post, over real HTTP: modes, rotation, addresses, verification of the URL, and what a replay does."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import hmac
import time
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from pipeline.ingress.authentication.addresses import Proxies
from pipeline.ingress.authentication.guards import AGAIN, Guards
from pipeline.ingress.limits import Limits
from pipeline.ingress.spool.spool import Spool
from pipeline.operations.errors import InUse
from pipeline.operations.proving import prover
from pipeline.operations.send import send
from pipeline.secrets.references import Secrets
from pipeline.secrets.seal import Seals, new_key
from schemas.auth import network
from schemas.connector import Connector, ConnectorSettings
from schemas.presets import preset
from schemas.schemes import schemes
from tests.support.ingress import Door, connector, open_door

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


# a replay


async def test_a_signed_request_takes_effect_once_whatever_is_changed_around_it() -> None:
    """The chain makes one effect of one id, so what counts is that every replay has the ids of the first."""
    body = b'[{"a":1},{"a":2}]'
    for auth, signed, same_body in ((TIMED, timed, True), (HOOKS, hooks, False)):
        async with open_door(guards=guards(), t=guarded(auth)) as door:
            first = (await door.post(body, **signed(body)))[1]["ids"]
            assert len(set(first)) == 2
            for more in ({}, {"idempotency_key": "fresh"}, {"svix_id": "fresh"}, {"idempotency_key": " " * 300}):
                status, answer, _ = await door.post(body, **signed(body), **more)
                assert (status, answer["ids"]) == (202, first)
            assert set(await ids(door)) == set(first)
            other = (await door.post(body, **(timed(body, NOW - 1) if same_body else hooks(body, "msg_2"))))[1]["ids"]
            assert not set(other) & set(first)


async def test_the_id_of_a_message_outlives_a_new_signature_and_a_new_secret() -> None:
    clock = Time()
    async with open_door(guards=guards(clock=clock), t=guarded(HOOKS)) as door:
        first = (await door.post(b"{}", **hooks(b"{}")))[1]["ids"]
        clock.now += 3600
        assert (await door.post(b"{}", **hooks(b"{}")))[0] == 401  # the replay of a thief: too old
        assert (await door.post(b"{}", **hooks(b"{}", at=NOW + 3600)))[1]["ids"] == first  # its sender's own repetition


async def test_the_event_s_own_id_comes_first_where_the_body_is_signed() -> None:
    own = guarded(GITHUB, door={"id": ["id"]})
    async with open_door(guards=guards(), t=own, plain=connector(id=7, door={"id": ["id"]})) as door:
        body = b'[{"id":"a"},{"b":1}]'
        signed = {**github(body), "x_github_delivery": "d-1"}
        first, second = (await door.post(body, **signed))[1]["ids"]
        assert (await door.post(body, **{**signed, "x_github_delivery": "d-2"}))[1]["ids"][0] == first
        assert (await door.post(body, **signed))[1]["ids"] == [first, second]
        # the same ids as where nobody signs, so that a scheme can be switched on over a queue of repetitions
        assert (await door.post(b'{"id":"a"}', "plain"))[1]["ids"] == [first]
        assert (await door.post(body, "plain", idempotency_key="d-1"))[1]["ids"][1] == second


async def test_in_mode_log_a_wrong_signature_vouches_for_nothing() -> None:
    async with open_door(guards=guards(), t=guarded({**HOOKS, "mode": "log"})) as door:
        first = (await door.post(b"{}", **hooks(b"{}")))[1]["ids"]
        wrong = {**hooks(b"{}"), "webhook_signature": "v1,AAAA"}
        assert (await door.post(b"{}", **wrong, idempotency_key="other"))[1]["ids"] != first


# where it comes from


@pytest.mark.parametrize(
    ("addresses", "trusted", "forwarded", "status"),
    [
        (["127.0.0.0/8"], [], None, 202),
        (["127.0.0.1"], [], "203.0.113.9", 202),  # nobody told us to believe that header
        (["203.0.113.0/24"], [], "203.0.113.9", 403),
        (["203.0.113.0/24", "2001:db8::/32"], ["127.0.0.1"], "203.0.113.9", 202),
        (["203.0.113.0/24", "2001:db8::/32"], ["127.0.0.1"], "2001:db8::7", 202),
        (["203.0.113.0/24", "2001:db8::/32"], ["127.0.0.1"], "[2001:db8::7]:443", 202),
        (["203.0.113.0/24"], ["127.0.0.1"], "203.0.113.9:4711", 202),
        (["203.0.113.0/24"], ["127.0.0.1"], "::ffff:203.0.113.9", 202),
        (["203.0.113.0/24"], ["127.0.0.1"], "203.0.113.9, 198.51.100.1", 403),  # the first was written by anybody
        (["203.0.113.0/24"], ["127.0.0.1", "10.0.0.0/8"], "198.51.100.1, 203.0.113.9, 10.0.0.3", 202),
        (["203.0.113.0/24"], ["127.0.0.1", "10.0.0.0/8"], "203.0.113.9, 198.51.100.1, 10.0.0.3", 403),
        (["203.0.113.0/24"], ["127.0.0.1"], "", 403),
        (["203.0.113.0/24"], ["127.0.0.1"], "unknown", 403),
        (["203.0.113.0/24"], ["127.0.0.1"], "203.0.113.9, é", 403),
        (["127.0.0.1"], ["127.0.0.1"], None, 202),
        (["127.0.0.1"], ["127.0.0.1"], ",", 202),
    ],
)
async def test_only_these_addresses_may_post(
    addresses: list[str], trusted: list[str], forwarded: str | None, status: int
) -> None:
    proxies = Proxies(tuple(map(network, trusted)), "X-Client")
    auth = {"addresses": addresses}
    async with open_door(
        guards=guards(proxies=proxies), t=guarded(auth), logs=guarded({**auth, "mode": "log"}, id=8)
    ) as door:
        headers = {} if forwarded is None else {"x_client": forwarded}
        answered, problem, _ = await door.post(b"{}", **headers)
        assert answered == status
        if status == 403:
            assert (problem["title"], problem["reason"]) == ("Address not allowed", "address")
        assert (await door.post(b"{}", "logs", **headers))[0] == 202


async def test_an_address_alone_is_not_enough_where_a_scheme_is_set() -> None:
    async with open_door(guards=guards(), t=guarded({**GITHUB, "addresses": ["127.0.0.1"]})) as door:
        assert (await door.post(b"{}"))[0] == 401
        assert (await door.post(b"{}", **github(b"{}")))[0] == 202


# the public address


async def test_the_signed_url_is_the_configured_one_whatever_the_request_says_of_its_host() -> None:
    auth = {"scheme": "twilio", "secrets": ["env:NEW"]}
    public = "https://hooks.example.com/leads"

    def twilio(url: str, *fields: str) -> dict[str, str]:
        text = "".join([url, *fields]).encode()
        return {"x_twilio_signature": base64.b64encode(hmac.digest(SECRET.encode(), text, "sha1")).decode()}

    form = {"content_type": "application/x-www-form-urlencoded"}
    async with open_door(guards=guards(public_url=public), t=guarded(auth)) as door:
        for url in (f"{public}/in/t?a=b%20c&d", "https://hooks.example.com:443/leads/in/t?a=b%20c&d"):
            signed = twilio(url, "A", "1", "B", "2", "3")
            assert (await door.post(b"B=3&A=1&B=2&B=3", query="?a=b%20c&d", **form, **signed))[0] == 401  # B comes once
            signed = twilio(url, "A", "1", "B", "2", "B", "3")
            assert (await door.post(b"B=3&A=1&B=2&B=3", query="?a=b%20c&d", **form, **signed))[0] == 202
            assert (await door.post(b"B=3&A=1&B=2&B=3", query="?a=b%20c", **form, **signed))[0] == 401
        for host in (f"127.0.0.1:{door.port}", "hooks.example.com"):
            signed = twilio(f"http://{host}/in/t", "A", "1")
            assert (await door.post(b"A=1", host=host, **form, **signed))[0] == 401
        body = b'{"a":1}'
        hashed = f"?bodySHA256={hashlib.sha256(body).hexdigest()}"
        signed = twilio(f"{public}/in/t{hashed}")
        assert (await door.post(body, query=hashed, content_type="application/json", **signed))[0] == 202
        assert (await door.post(b'{"a":2}', query=hashed, content_type="application/json", **signed))[0] == 401
        url_alone = twilio(f"{public}/in/t")
        assert (await door.post(body, content_type="application/json", **url_alone))[0] == 401  # covers no body
        where = "POST http://elsewhere.example/in/t HTTP/1.1\r\nHost: elsewhere.example"
        head = f"{where}\r\nContent-Type: {form['content_type']}"
        [(_, value)] = twilio(f"{public}/in/t", "A", "1").items()
        rest = f"X-Twilio-Signature: {value}\r\nConnection: close\r\nContent-Length: 3\r\n\r\nA=1"
        assert (await door.raw(f"{head}\r\n{rest}".encode())).startswith(b"HTTP/1.1 202")


# anything at all


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


# the other side


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

        sent = await send(f"{door.url}/in/t", iter([{"a": 1}, {"a": 2}, {"a": 3}]), batch=2, keyed=True, prove=proved)
        assert (sent.accepted, sent.refused, sent.refusals) == (3, 0, [])
        if auth["scheme"] != "token":
            assert (await send(f"{door.url}/in/t", iter([{"a": 1}]))).refused == 1


@pytest.mark.parametrize("auth", [{**OWN, "secrets": ["env:NOTHING"]}, {**HOOKS, "secrets": ["env:NEW", "env:PUBLIC"]}])
def test_what_cannot_be_proved_from_here_is_said(auth: dict[str, Any]) -> None:
    environment = {**ENVIRONMENT, "PUBLIC": "whpk_AAAA"}
    with pytest.raises(InUse, match="cannot be proved from here: env:N") as caught:
        prover(guarded(auth), Secrets(Seals(None), lambda account, name: None, environment))
    assert SECRET not in str(caught.value)


# secrets


async def test_a_secret_that_is_missing_is_a_503_and_said_once_until_it_is_there(tmp_path: Path) -> None:
    file, clock = tmp_path / "secret", Time()
    auth = {**GITHUB, "secrets": [f"file:{file}"]}
    async with open_door(
        guards=guards(clock=clock), t=guarded(auth), logs=guarded({**auth, "mode": "log"}, id=8)
    ) as door:
        with structlog.testing.capture_logs() as lines:
            for _ in range(3):
                clock.now += AGAIN
                status, problem, headers = await door.post(b"{}", **github(b"{}"))
                assert (status, problem["title"], headers["Retry-After"]) == (503, "Unavailable", "30")
                assert str(file) not in str(problem)
            assert (await door.post(b"{}", "logs", **github(b"{}")))[0] == 202
        missing = [line for line in lines if line["event"] == "secret missing"]
        assert [line["connector"] for line in missing] == ["site", "site"]  # of two connectors, once each
        assert "No such file" in str(missing[0]["problems"])
        file.write_text(SECRET + "\n")
        assert (await door.post(b"{}", **github(b"{}")))[0] == 503
        clock.now += AGAIN
        assert (await door.post(b"{}", **github(b"{}")))[0] == 202
        file.write_text(OLD)
        assert (await door.post(b"{}", **github(b"{}")))[0] == 202
        clock.now += AGAIN
        assert (await door.post(b"{}", **github(b"{}")))[0] == 401
        assert (await door.post(b"{}", **github(b"{}", OLD)))[0] == 202


@pytest.mark.parametrize("reference", ["env:NOTHING", "env:EMPTY", "stored:nothing", "file:/tmp", "file:/dev/zero"])
async def test_of_two_secrets_one_that_is_there_is_enough_for_whom_it_vouches(reference: str) -> None:
    async with open_door(guards=guards(), t=guarded({**GITHUB, "secrets": [reference, "env:NEW"]})) as door:
        assert (await door.post(b"{}", **github(b"{}")))[0] == 202
        assert (await door.post(b"{}", **github(b"{}", OLD)))[0] == 503  # the other one might have vouched for it
        assert (await door.post(b"{}"))[0] == 401


async def test_stored_secrets_open_for_their_account_and_name_alone() -> None:
    seals = Seals(f"{new_key()},{(old := new_key())}")
    before = Seals(old)
    stored = {
        (1, "mine"): seals.seal(SECRET.encode(), 1, "mine"),
        (1, "before"): before.seal(SECRET.encode(), 1, "before"),
        (1, "moved"): seals.seal(SECRET.encode(), 1, "mine"),
        (1, "theirs"): seals.seal(SECRET.encode(), 2, "theirs"),
        (1, "lost"): Seals(new_key()).seal(SECRET.encode(), 1, "lost"),
        (1, "cut"): seals.seal(SECRET.encode(), 1, "cut")[:-1],
        (1, "nothing"): b"",
    }
    names = {name: guarded({**GITHUB, "secrets": [f"stored:{name}"]}, id=id) for id, (_, name) in enumerate(stored)}
    async with open_door(guards=guards(seals=seals, stored=stored), **names) as door:
        statuses = {name: (await door.post(b"{}", name, **github(b"{}")))[0] for name in names}
    assert {name for name, status in statuses.items() if status == 202} == {"mine", "before"}
    assert set(statuses.values()) == {202, 503}


# the source makes sure of the URL


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


# what vendors are told


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


async def test_of_connectors_that_are_gone_no_secret_is_kept() -> None:
    names = {7: "site", 8: "site"}
    kept = guards(known=lambda: names)
    async with open_door(guards=kept, t=guarded(GITHUB), other=guarded(GITHUB, id=8)) as door:
        for token in ("t", "other"):
            assert (await door.post(b"{}", token, **github(b"{}")))[0] == 202
        del names[7]
        door.catalog.by["other"] = guarded(GITHUB, id=8)
        assert (await door.post(b"{}", "other", **github(b"{}")))[0] == 202
        assert list(kept._guards) == [8]
