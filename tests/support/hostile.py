"""Hostile requests, S1 to S13, as a table. In: an ingress' port and a token. Out: for each what it answered, how soon.

An attack writes to sockets of its own, below any HTTP client that would put it right.
"""

from __future__ import annotations

import asyncio
import gzip
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

MEBIBYTE = 1024 * 1024
CLOSED = "closed"  # the server ended the connection without an answer


class Target(NamedTuple):
    """Where to send it, and how long its deadlines are, in seconds."""

    port: int
    token: str
    header_seconds: float
    body_seconds: float

    @property
    def path(self) -> bytes:
        return b"/in/" + self.token.encode()


@dataclass(frozen=True)
class Attack:
    """One hostile thing to do. `expected` are the answers that are right; every answer must be one of them."""

    item: str
    name: str
    play: Callable[[Target], Awaitable[Counter[str]]]
    expected: frozenset[str]
    heavy: bool = False  # hundreds of megabytes: for the script, not for the suite


class Outcome(NamedTuple):
    """What became of an attack."""

    attack: Attack
    answers: Counter[str]
    seconds: float

    @property
    def is_right(self) -> bool:
        return bool(self.answers) and set(self.answers) <= self.attack.expected


async def play(attack: Attack, target: Target) -> Outcome:
    """Do it."""
    began = time.perf_counter()
    async with asyncio.timeout(90):
        answers = await attack.play(target)
    return Outcome(attack, answers, time.perf_counter() - began)


async def exchange(target: Target, pieces: Sequence[bytes], pause: float = 0.0) -> str:
    """Write the pieces; the status of the first answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    writing = asyncio.create_task(_write(writer, pieces, pause))
    try:
        line = await reader.readline()
        return line.split()[1].decode() if line.startswith(b"HTTP/") else CLOSED
    except ConnectionError:
        return CLOSED
    finally:
        writing.cancel()
        await asyncio.wait({writing})
        writer.transport.abort()


async def _write(writer: asyncio.StreamWriter, pieces: Sequence[bytes], pause: float) -> None:
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            if pause:
                await asyncio.sleep(pause)
    except ConnectionError:
        return


def head(target: Target, *lines: bytes, method: bytes = b"POST") -> bytes:
    """A request line and headers."""
    return b"\r\n".join((b"%b %b HTTP/1.1" % (method, target.path), b"Host: x", *lines, b"", b""))


def post(target: Target, body: bytes, *lines: bytes) -> bytes:
    """A whole request with a JSON body, closed after the answer."""
    named = (
        lines if any(b"content-type" in line.lower() for line in lines) else (*lines, b"Content-Type: application/json")
    )
    return head(target, *named, b"Connection: close", b"Content-Length: %d" % len(body)) + body


def body(content: bytes, *lines: bytes) -> Callable[[Target], Awaitable[Counter[str]]]:
    """Post this once."""

    async def send(target: Target) -> Counter[str]:
        return Counter([await exchange(target, [post(target, content, *lines)])])

    return send


def raw(content: bytes) -> Callable[[Target], Awaitable[Counter[str]]]:
    """Write these bytes, with PATH for the webhook's path."""

    async def send(target: Target) -> Counter[str]:
        return Counter([await exchange(target, [content.replace(b"PATH", target.path)])])

    return send


def many(number: int, one: Callable[[Target], Awaitable[str]]) -> Callable[[Target], Awaitable[Counter[str]]]:
    """The same thing so many times at once."""

    async def send(target: Target) -> Counter[str]:
        return Counter(await asyncio.gather(*(one(target) for _ in range(number))))

    return send


async def trickled_header(target: Target) -> str:
    """A byte of a header, again and again."""
    return await exchange(target, [head(target)[:-2] + b"X-Slow: ", *([b"x"] * 10_000)], 0.1)


async def trickled_second_header(target: Target) -> str:
    """One good request, and then a header that does not end, on the same connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    try:
        writer.write(head(target, b"Content-Length: 2") + b"{}")
        if not (await reader.readline()).startswith(b"HTTP/1.1 202"):
            return "no answer to the first"
        writing = asyncio.create_task(_write(writer, [b"POST / HTTP/1.1\r\nX: ", *([b"x"] * 10_000)], 0.1))
        while await reader.read(65536):
            pass
        writing.cancel()
        return CLOSED
    except ConnectionError:
        return CLOSED
    finally:
        writer.transport.abort()


async def trickled_body(target: Target) -> str:
    """A body that comes byte by byte."""
    return await exchange(target, [head(target, b"Content-Length: 100000"), *([b" "] * 10_000)], 0.1)


async def trickled_chunks(target: Target) -> str:
    """A body in chunks of one byte."""
    return await exchange(target, [head(target, b"Transfer-Encoding: chunked"), *([b"1\r\n \r\n"] * 10_000)], 0.1)


async def endless_chunks(target: Target) -> str:
    chunk = b"10000\r\n%b\r\n" % (b" " * 65536)
    return await exchange(target, [head(target, b"Transfer-Encoding: chunked"), *([chunk] * 400)])


async def large(target: Target) -> str:
    """10 MiB that are one text."""
    return await exchange(target, [large_post(target)])


async def said_large(target: Target) -> str:
    return await exchange(target, [head(target, b"Content-Length: %d" % 1024**3), *([b" " * 65536] * 16_384)])


async def bomb(target: Target) -> str:
    return await exchange(target, [post(target, bomb_of(200 * MEBIBYTE), b"Content-Encoding: gzip")])


async def idle(target: Target) -> str:
    """A connection that says nothing."""
    return await exchange(target, [])


async def tls(target: Target) -> str:
    """A client that thinks this is HTTPS."""
    context = ssl.create_default_context()
    try:
        await asyncio.open_connection("127.0.0.1", target.port, ssl=context, server_hostname="localhost")
    except (ssl.SSLError, ConnectionError):
        return CLOSED
    return "a handshake"


def right(*answers: str | int) -> frozenset[str]:
    return frozenset(str(answer) for answer in answers)


@cache
def large_post(target: Target) -> bytes:
    """Made once: a client that is busy with making a hundred of them sends none in time."""
    return post(target, b'{"a":"%b"}' % (b"x" * (10 * MEBIBYTE - 8)))


@cache
def bomb_of(size: int) -> bytes:
    """So many bytes of nothing, as gzip; a thousandth of that long."""
    return gzip.compress(bytes(size), 1)


REFUSED = right(400)
LINES = b"application/x-ndjson"
JSON = b"Content-Type: application/json"


FORM = b"Content-Type: application/x-www-form-urlencoded"
MULTIPART = b"Content-Type: multipart/form-data; boundary=x"


def part(header: bytes = b"y") -> bytes:
    """A part of a form, with one more header."""
    return b'--x\r\nContent-Disposition: form-data; name="a"\r\nX: %b\r\n\r\nb\r\n' % header


@cache
def attacks() -> list[Attack]:
    """All of them. Made when they are wanted: the largest take seconds to make."""
    # each is ten MiB of the least that makes the most objects
    objects = b"[" + b"{}," * (10 * MEBIBYTE // 3 - 2) + b"{}]"
    numbers = b"[" + b"0," * (5 * MEBIBYTE - 2) + b"0]"
    names = b"{" + b",".join(b'"%x":0' % name for name in range(10 * MEBIBYTE // 11)) + b"}"
    return [
        Attack("S1", "a body that says it is 1 GiB", many(1, said_large), right(413, CLOSED)),
        Attack("S1", "a body in chunks without end", many(1, endless_chunks), right(413)),
        Attack("S1", "100 bodies of 10 MiB at once", many(100, large), right(413, 503), heavy=True),
        Attack("S1", "3.5 million objects", body(objects), right(413)),
        Attack("S1", "5 million numbers", body(numbers), right(413)),
        Attack("S1", "a million names", body(names), right(413)),
        Attack("S1", "3.5 million lines", body(b"{}\n" * (10 * MEBIBYTE // 3), b"Content-Type: " + LINES), right(413)),
        Attack(
            "S1",
            "10 million empty lines",
            body(b"{}" + b"\n" * (10 * MEBIBYTE - 4), b"Content-Type: " + LINES),
            right(202),
        ),
        Attack("S2", "50 headers that do not end", many(50, trickled_header), right(CLOSED, 408)),
        Attack("S2", "50 that do not end after a good request", many(50, trickled_second_header), right(CLOSED)),
        Attack("S2", "50 connections that say nothing", many(50, idle), right(CLOSED)),
        Attack("S3", "50 bodies of a byte at a time", many(50, trickled_body), right(408)),
        Attack("S3", "50 chunked bodies of a byte at a time", many(50, trickled_chunks), right(408)),
        Attack("S4", "a gzip bomb, 200 MiB", many(1, bomb), right(413)),
        Attack("S4", "50 gzip bombs at once", many(50, bomb), right(413, 503), heavy=True),
        Attack("S4", "gzip that is none", body(b"{}", b"Content-Encoding: gzip"), REFUSED),
        Attack("S4", "gzip cut short", body(gzip.compress(b"{}")[:-3], b"Content-Encoding: gzip"), REFUSED),
        Attack("S4", "gzip of 1000 members", body(gzip.compress(b" ") * 1000, b"Content-Encoding: gzip"), REFUSED),
        Attack(
            "S5",
            "length and chunks",
            raw(b"POST PATH HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}"),
            REFUSED,
        ),
        Attack(
            "S5",
            "two lengths",
            raw(b"POST PATH HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
            REFUSED,
        ),
        Attack("S5", "length +2", raw(b"POST PATH HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\n{}"), REFUSED),
        Attack("S5", "length -2", raw(b"POST PATH HTTP/1.1\r\nHost: x\r\nContent-Length: -2\r\n\r\n{}"), REFUSED),
        Attack(
            "S5", "lines that end in LF alone", raw(b"POST PATH HTTP/1.1\nHost: x\nContent-Length: 2\n\n{}"), REFUSED
        ),
        Attack(
            "S5",
            "a folded header",
            raw(b"POST PATH HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\n{}"),
            REFUSED,
        ),
        Attack("S5", "NUL in a header", raw(b"POST PATH HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n"), REFUSED),
        Attack(
            "S5",
            "a space before the colon",
            raw(b"POST PATH HTTP/1.1\r\nHost : x\r\nContent-Length: 2\r\n\r\n{}"),
            REFUSED,
        ),
        Attack("S5", "1000 headers", raw(b"POST PATH HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 1000 + b"\r\n"), REFUSED),
        Attack(
            "S5",
            "a header of 9000 bytes",
            raw(b"POST PATH HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 9000 + b"\r\n\r\n"),
            REFUSED,
        ),
        Attack(
            "S5",
            "a path of 9000 bytes",
            raw(b"POST PATH" + b"y" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
            right(400, 414),
        ),
        Attack(
            "S5",
            "a chunk size that is none",
            raw(b"POST PATH HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"),
            REFUSED,
        ),
        Attack(
            "S5",
            "an unknown transfer encoding",
            raw(b"POST PATH HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, identity\r\n\r\n"),
            right(400, 501),
        ),
        Attack("S5", "no HTTP at all", raw(b"\x00\x01\x02\x03\r\n\r\n"), REFUSED),
        Attack("S5", "TLS on a plain port", many(1, tls), right(CLOSED)),
        Attack("S6", "JSON 65 deep", body(b"[" * 65 + b"]" * 65), REFUSED),
        Attack("S6", "JSON 2000 deep", body(b"[" * 2000 + b"]" * 2000), REFUSED),
        Attack("S6", "JSON 5 million deep", body(b"[" * (5 * MEBIBYTE)), right(400, 413)),
        Attack("S7", "NaN", body(b'{"a": NaN}'), REFUSED),
        Attack("S7", "Infinity", body(b'{"a": -Infinity}'), REFUSED),
        Attack("S7", "1e400", body(b'{"a": 1e400}'), REFUSED),
        Attack("S8", "2 to the 70th", body(b'{"a": 1180591620717411303424}'), REFUSED),
        Attack("S8", "a number of 5000 digits", body(b'{"a": ' + b"9" * 5000 + b"}"), REFUSED),
        Attack("S8", "a number of 10 million digits", body(b'{"a": ' + b"9" * (10 * MEBIBYTE - 10) + b"}"), REFUSED),
        Attack("S9", "bytes that are no UTF-8", body(b'{"a": "\xff\xfe"}'), right(202)),
        Attack("S9", "bytes that are said to be UTF-8", body(b'{"a": "\xff"}', JSON + b"; charset=utf-8"), REFUSED),
        Attack("S9", "UTF-16", body('{"a": 1}'.encode("utf-16")), right(202)),
        Attack("S9", "UTF-16 cut short", body('{"a": 1}'.encode("utf-16")[:-1]), REFUSED),
        Attack("S9", "a charset of ours alone", body(b"{}", JSON + b"; charset=unicode_escape"), right(415)),
        Attack("S9", "a charset of 8000 characters", body(b"{}", JSON + b"; charset=" + b"x" * 8000), right(415)),
        Attack("S9", "a lone surrogate", body(b'{"a": "\\ud800"}'), REFUSED),
        Attack("S9", "a byte order mark", body(b'\xef\xbb\xbf{"a": 1}'), right(202)),
        Attack("S10", "NUL in a text and in a name", body(b'{"a\\u0000": "\\u0000"}'), right(202)),
        Attack("S11", "one name twice", body(b'{"phone": "1", "phone": "2"}'), right(202)),
        Attack("S12", "line ends in every text", body(b'{"name\\r\\nX: y": "a\\r\\nSet-Cookie: b"}'), right(202)),
        Attack(
            "S12",
            "line ends in the path",
            raw(b"POST PATH%0d%0aSet-Cookie:%20b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
            right(404),
        ),
        Attack("S13", "a form of 1001 parts", body(part() * 1001 + b"--x--", MULTIPART), right(413)),
        Attack("S13", "a part with a header of 9000 bytes", body(part(b"y" * 9000) + b"--x--", MULTIPART), right(413)),
        Attack("S13", "a part of 100 headers", body(part(b"y\r\nX: " * 100) + b"--x--", MULTIPART), right(413)),
        Attack("S13", "a part that does not end", body(part()[:-2] + b"y" * MEBIBYTE, MULTIPART), REFUSED),
        Attack("S13", "10 MiB of beginnings of an end", body(b"\r\n--" * (MEBIBYTE * 5 // 2), MULTIPART), REFUSED),
        Attack("S13", "a form of 5 million fields", body(b"a&" * (MEBIBYTE * 5 - 10) + b"a=1", FORM), REFUSED),
        Attack("S13", "10 MiB of pluses", body(b"a=" + b"+" * (MEBIBYTE * 10 - 10) + b"1", FORM), right(413)),
        Attack("S12", "bytes above ASCII in a key header", body(b"{}", b"Idempotency-Key: \xff\xfe"), right(202, 400)),
    ]
