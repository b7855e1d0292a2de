"""What is refused at the door and handed on to be kept, over real HTTP: whatever will not do better as it is."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from pipeline.ingress.limits import Limits
from pipeline.ingress.refused import WHOLE, Refused, row_of
from pipeline.store.refused import Row
from tests.support.guarding import BASIC, GITHUB, HEADER, HOOKS, META, SECRET, basic, github, guarded, guards, hooks
from tests.support.ingress import AWAY, TOKEN, connector, open_door
from tests.unit.test_request_keys import Table

FORM = "application/x-www-form-urlencoded"


class Handed:
    """Keeps what it is handed."""

    def __init__(self) -> None:
        self.all: list[Refused] = []

    def keep(self, refused: Refused) -> None:
        self.all.append(refused)

    async def start(self) -> None:
        """Nothing."""

    async def stop(self) -> None:
        """Nothing."""

    @property
    def rows(self) -> list[Row]:
        return [row_of(each) for each in self.all]


@pytest.mark.parametrize("query", ["", "?wait=1"])
@pytest.mark.parametrize(
    ("body", "headers", "title"),
    [
        (b'{"a": 1', {}, "Malformed JSON"),
        (b'{"a": 1}\n{"a": ', {"content_type": "application/x-ndjson"}, "Malformed JSON"),
        (b'[{"a": 1}, 3]', {}, "Not an event"),
        (b"null", {}, "Not an event"),
        (b'{"a": "' + b"x" * 1000 + b'"}', {}, "Too large"),
        (b"[" + b"{}," * 20 + b"{}]", {}, "Too large"),
        (b"{}", {"Idempotency_Key": ""}, "Bad idempotency key"),
        (b"<lead/>", {"content_type": "text/xml"}, "Unsupported content"),
        (b'{"a": 1}', {"content_type": "application/json; charset=klingon"}, "Unsupported content"),
        (b"just text", {"content_type": FORM}, "Malformed form"),
    ],
)
async def test_what_is_refused_is_kept_with_its_body(
    body: bytes, headers: dict[str, str], title: str, query: str
) -> None:
    handed = Handed()
    async with open_door(refused=handed, limits=Limits(body=5000, event=900, events=20)) as door:
        status, problem, _ = await door.post(body, query=query, **headers)
    [row] = handed.rows
    assert (row.account, row.connector, row.status, row.title) == (1, 7, status, title)
    assert (row.detail, {**row.place}) == (problem["detail"], {k: problem[k] for k in row.place})
    assert (row.body, row.size, row.missing, row.truncated, row.proven) == (body, len(body), None, False, True)
    assert row.content_type == headers.get("content_type") and row.query is None


async def test_a_disabled_connector_keeps_what_comes() -> None:
    handed = Handed()
    async with open_door(refused=handed, t=connector(enabled=False)) as door:
        for query, body in (("", b"{}"), ("?wait=1", b'{"b":1}'), ("", b"x" * 100_000)):
            assert (await door.post(body, query=query))[0] == 403
        assert (await door.post(gzip.compress(b'{"c":1}'), content_encoding="gzip"))[0] == 403
    assert [row.title for row in handed.rows] == ["Connector disabled"] * 4
    assert [row.body for row in handed.rows] == [b"{}", b'{"b":1}', b"x" * 100_000, b'{"c":1}']


async def test_a_wait_that_makes_no_sense_is_kept_too() -> None:
    handed = Handed()
    async with open_door(refused=handed) as door:
        assert (await door.post(b"{}", query="?wait=soon&from=page&access_token=hush&sig=1"))[0] == 400
    [row] = handed.rows
    assert (row.body, row.query) == (b"{}", "from=page&access_token=[redacted]&sig=[redacted]")


async def test_another_body_under_a_key_is_kept_with_its_key() -> None:
    handed = Handed()
    async with open_door(refused=handed, keys=Table()) as door:
        await door.post(b'{"a":1}', svix_id="k")
        assert (await door.post(b'{"a":2}', svix_id="k"))[0] == 422
    [row] = handed.rows
    assert (row.title, row.key_header, row.key, row.body) == ("Idempotency key reused", "svix-id", "k", b'{"a":2}')


async def test_a_preset_that_answers_200_hides_nothing() -> None:
    told = {"status": 200, "body": {"ok": False, "why": "{reason}"}}
    handed, reply = Handed(), {"accepted": told, "refused": told, "unavailable": told}
    async with open_door(refused=handed, t=connector(door={"reply": reply})) as door:
        assert (await door.post(b'{"a": 1'))[0] == 200
    assert [(row.status, row.title) for row in handed.rows] == [(400, "Malformed JSON")]


@pytest.mark.parametrize(
    ("auth", "right"),
    [
        (HEADER, {"x_api_key": f"Bearer {SECRET}"}),
        (BASIC, {"authorization": basic(f"crm:{SECRET}")}),
        (GITHUB, github(b'{"a": 1')),
        (HOOKS, hooks(b'{"a": 1')),
    ],
)
async def test_whether_its_sender_proved_who_they_are_is_kept(auth: dict[str, Any], right: dict[str, str]) -> None:
    handed = Handed()
    async with open_door(refused=handed, guards=guards(), t=guarded(auth)) as door:
        assert (await door.post(b'{"a": 1'))[0] == 401
        assert (await door.post(b'{"a": 1', **right))[0] == 400
        assert (await door.post(b'{"a": 1', query="?wait=1", **right))[0] == 400
    assert [(row.status, row.proven, row.body) for row in handed.rows] == [
        (401, False, b'{"a": 1'),
        (400, True, b'{"a": 1'),
        (400, True, b'{"a": 1'),
    ]
    told = repr(handed.rows)
    assert not any(value in told for name, value in right.items() if name != "webhook_id")
    assert SECRET not in told


async def test_the_key_that_a_signature_vouches_for_is_kept() -> None:
    handed = Handed()
    async with open_door(refused=handed, guards=guards(), t=guarded(HOOKS)) as door:
        await door.post(b"[1]", **hooks(b"[1]", id="msg-7"))
        await door.post(b"[2]", **{**hooks(b"[2]", id="msg-8"), "webhook_id": "msg-9"})
    assert [(row.signed_key, row.proven) for row in handed.rows] == [("msg-7", True), (None, False)]


async def test_a_disabled_connector_knows_who_proved_what_and_counts_nobody_as_denied() -> None:
    handed = Handed()
    shut = connector(enabled=False, own={"auth": GITHUB})
    async with open_door(refused=handed, guards=guards(), t=shut) as door:
        assert (await door.post(b"{}", **github(b"{}")))[0] == 403
        assert (await door.post(b"{}"))[0] == 403
    assert [row.proven for row in handed.rows] == [True, False]


async def test_an_address_that_may_not_post_proved_nothing() -> None:
    handed = Handed()
    async with open_door(refused=handed, guards=guards(), t=guarded({"addresses": ["203.0.113.0/24"]})) as door:
        assert (await door.post(b"{}"))[0] == 403
    assert [(row.title, row.proven) for row in handed.rows] == [("Address not allowed", False)]


async def test_in_mode_log_everybody_counts_as_proven() -> None:
    handed = Handed()
    async with open_door(refused=handed, guards=guards(), t=guarded({**GITHUB, "mode": "log"})) as door:
        assert (await door.post(b"[3]"))[0] == 400
    assert [row.proven for row in handed.rows] == [True]


@pytest.mark.parametrize(
    ("content", "status", "size"),
    [
        (b"Content-Length: 1073741824\r\n\r\n", b"413", 1073741824),
        (b"Content-Encoding: br\r\nContent-Length: 2\r\n\r\n{}", b"415", 2),
        (b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", b"400", 2),
        (b"Transfer-Encoding: chunked\r\n\r\n2710\r\n" + b"x" * 10_000 + b"\r\n0\r\n\r\n", b"413", None),
    ],
)
async def test_a_body_that_was_not_read_is_said_to_be_missing(content: bytes, status: bytes, size: int | None) -> None:
    handed = Handed()
    async with open_door(refused=handed, limits=Limits(body=5000)) as door:
        answer = await door.raw(b"POST /in/t HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + content)
    assert answer.startswith(b"HTTP/1.1 " + status)
    [row] = handed.rows
    assert (row.body, row.size, row.missing, row.truncated) == (None, size, "unread", False)


async def test_of_a_large_body_the_beginning_is_kept() -> None:
    handed = Handed()
    body = ('["' + "ä" * WHOLE).encode()
    async with open_door(refused=handed) as door:
        assert (await door.post(b" " + body))[0] == 400
        assert (await door.post(body[:WHOLE]))[0] == 400
    large, whole = handed.rows
    assert (large.truncated, large.size) == (True, len(body) + 1)
    assert large.body is not None and WHOLE - 4 < len(large.body) <= WHOLE
    assert large.body.decode() == (" " + body.decode())[: len(large.body.decode())]
    assert (whole.truncated, whole.body) == (False, body[:WHOLE])


async def test_a_secret_across_the_cut_is_not_kept_in_part() -> None:
    handed = Handed()
    body = (
        b'{"a": "' + b"x" * (WHOLE - 60) + b'", "pair": {"Value": "hush-hush-hush-hush-hush", "SchemaName": "Password"}'
    )
    async with open_door(refused=handed) as door:
        assert (await door.post(body))[0] == 400
    [row] = handed.rows
    assert row.truncated and row.body is not None and b"hush" not in row.body


@pytest.mark.parametrize("query", ["", "?wait=1"])
async def test_what_may_come_again_is_not_kept(query: str) -> None:
    handed = Handed()
    async with open_door(refused=handed, limits=Limits(commit_seconds=1)) as door:
        door.transport.refusal = AWAY
        assert (await door.post(b"{}", query=query))[0] == 503
        door.ingress._intake.stopping = True
        assert (await door.post(b"[1]", query=query))[0] == 503
    async with open_door(refused=handed, guards=guards({}), t=guarded(GITHUB)) as door:
        assert (await door.post(b"{}", query=query))[0] == 503  # its secret is missing
    async with open_door(refused=handed, limits=Limits(body_seconds=0.05)) as door:
        answer = await door.raw(b"POST /in/t HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
        assert answer.startswith(b"HTTP/1.1 408 ")
    assert handed.all == []


async def test_nor_is_what_is_accepted_or_empty_or_for_nobody() -> None:
    handed = Handed()
    async with open_door(refused=handed, guards=guards(), t=connector(), off=connector(8, enabled=False)) as door:
        assert (await door.post(b'{"a": 1}'))[0] == 202
        assert (await door.post(b"[1]", token="unknown"))[0] == 404
        assert (await door.post(b"", token="off"))[0] == 403
        assert (await door.post(b" \n", token="off", query="?wait=1"))[0] == 403
    async with open_door(refused=handed, guards=guards(), t=guarded(META)) as door:
        query = "?hub.mode=subscribe&hub.challenge=1&hub.verify_token=wrong"
        async with door.session.get(f"{door.url}/in/{TOKEN}{query}") as answer:
            assert answer.status == 403
    assert handed.all == []


async def test_a_head_that_is_no_utf8_can_be_kept() -> None:
    handed = Handed()
    async with open_door(refused=handed) as door:
        for line in (b"Content-Type: \xe9/\xff; charset=\xe9", b"svix-id: \xe9\xff\r\nContent-Type: text/xml"):
            head = b"POST /in/t?a=%ff&Password=x&b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + line
            answer = await door.raw(head + b"\r\nContent-Length: 3\r\n\r\n[1]")
            assert answer.startswith(b"HTTP/1.1 415 ")
    assert [(row.body, row.query) for row in handed.rows] == [(b"[1]", "a=%EF%BF%BD&Password=[redacted]&b=")] * 2


async def test_a_body_is_kept_without_its_secrets() -> None:
    handed = Handed()
    async with open_door(refused=handed, t=connector(door={"redact": ["key"]})) as door:
        await door.post(b'{"KEY": "hush", "a": 1')
        await door.post(b'[{"Api-Key": "hush", "a": 1}, 7]')
        await door.post(b"key=hush&a=%", content_type="text/xml")
    assert [(row.body, row.redacted) for row in handed.rows] == [
        (b'{"KEY": "[redacted]", "a": 1', True),
        (b'[{"Api-Key":"[redacted]","a":1},7]', True),
        (b"key=[redacted]&a=%", True),
    ]
