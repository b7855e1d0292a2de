"""Why a server cannot be used. In: its URL, and the error that its client met. Out: what is wrong, and what to do.

It is said in words: which server, at which host and port, never a password. Where the error does not tell, it is asked
what listens there, within seconds: PostgreSQL, RabbitMQ, an HTTP server, anything that speaks TLS, or nobody.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from typing import Final, NamedTuple
from urllib.parse import parse_qs, unquote

DATABASE, BROKER = "LEADPIPE_DATABASE_URL", "LEADPIPE_BROKER_URL"
POSTGRESQL, RABBITMQ = "PostgreSQL", "RabbitMQ"
PORTS: Final = {"postgresql": 5432, "postgres": 5432, "amqp": 5672, "amqps": 5671}
URL: Final = re.compile(
    r"(?P<scheme>\w+)://(?:(?P<user>.*)@)?(?P<hosts>[^/?]*)(?:/(?P<path>[^?]*))?(?:\?(?P<query>.*))?"
)
PATIENCE = 1.5  # seconds that each question to an unknown server may take
ASK_TLS = bytes.fromhex("0000000804d2162f")  # PostgreSQL's SSLRequest: it answers S or N, and nobody else does
ASK_HTTP = b"GET / HTTP/1.0\r\n\r\n"
TLS_ALERT = b"\x15\x03"

# What the clients' errors mean, by the names of their classes: their libraries are known to their own rooms alone.
PASSWORD: Final = {"InvalidPasswordError", "AuthenticationError", "ProbableAuthenticationError"}
NO_ENTRY: Final = {"InvalidAuthorizationSpecificationError"}
NO_DATABASE: Final = {"InvalidCatalogNameError"}
NO_RIGHT: Final = {"InsufficientPrivilegeError", "ChannelAccessRefused"}
BUSY: Final = {"CannotConnectNowError", "TooManyConnectionsError", "AdminShutdownError", "CrashShutdownError"}


class Trouble(NamedTuple):
    """What is wrong, and what to do."""

    found: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.found}; {self.remedy}"


class Server(NamedTuple):
    """A server as its URL names it. `hosts` is empty where it listens on a socket in a folder."""

    kind: str
    setting: str
    where: str
    hosts: tuple[tuple[str, int], ...]
    user: str
    name: str  # the database, or the virtual host
    tls: bool  # the URL asks for it

    @property
    def shown(self) -> str:
        return f"{self.kind} at {self.where}" if self.hosts else f"{self.kind} in {self.where}"


def server_of(url: str, setting: str) -> Server:
    """The server that a URL names. `setting`: which one the URL is of."""
    match = URL.fullmatch(url)
    scheme, hosts, path, query = "", "", "", {}
    user = ""
    if match is not None:
        scheme, hosts, path = match["scheme"].lower(), match["hosts"], match["path"] or ""
        query, user = parse_qs(match["query"] or ""), (match["user"] or "").partition(":")[0]
    kind = RABBITMQ if scheme.startswith("amqp") else POSTGRESQL
    named = tuple(_host(each, PORTS.get(scheme, 5432)) for each in hosts.split(",") if each)
    folder = (query.get("host") or [""])[0]
    if not named and not folder:
        named = (("localhost", PORTS.get(scheme, 5432)),)
    where = folder or ", ".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in named)
    tls = scheme == "amqps" or (query.get("sslmode") or [""])[0] in ("require", "verify-ca", "verify-full")
    name = unquote(path) or ("/" if kind == RABBITMQ else unquote(user))
    return Server(kind, setting, where, () if folder else named, unquote(user), name, tls)


async def trouble(server: Server, error: BaseException) -> Trouble:
    """What this error of its client means, and what to do about it."""
    chain = list(_chain(error))
    names = {type(each).__name__ for each in chain}
    text = " ".join(str(each) for each in chain)
    told = _refused_us(server, names, text) or _not_there(server, chain, text)
    return told or await _who_listens(server, chain, text)


def _refused_us(server: Server, names: set[str], text: str) -> Trouble | None:
    """The server itself said why."""
    correct = f"correct {server.setting}"
    who = f"the user {server.user!r}"
    if names & NO_ENTRY and "no encryption" in text:
        return Trouble(f"{server.shown} takes {who} only over TLS", f"add sslmode=require to {server.setting}")
    if names & PASSWORD:
        return Trouble(f"{server.shown} refuses {who}: the user or the password is wrong", correct)
    if names & NO_ENTRY:
        return Trouble(f"{server.shown} does not know {who}, or does not let them in from here", correct)
    if names & NO_DATABASE:
        return Trouble(f"{server.shown} has no database {server.name!r}", f"create it, or {correct}")
    if "OpenOk" in text:  # it took the password, and then did not open what the URL names
        vhost = f"the virtual host {server.name!r}"
        return Trouble(
            f"{server.shown} has no virtual host {server.name!r}, or {who} may not use it",
            f"create {vhost} and give {who} rights on it, or {correct}",
        )
    if names & NO_RIGHT:
        what = re.search(r"permission denied[^()\n]*|(?:configure|write|read) access to [^()\n]*? refused", text)
        return Trouble(
            f"{who} lacks a right at {server.shown}: {what[0] if what else 'it does not say which'}", "grant it"
        )
    if names & BUSY:
        return Trouble(
            f"{server.shown} is starting or stopping, or has no free connection", "wait a moment, or look at its log"
        )
    return None


def _not_there(server: Server, chain: list[BaseException], text: str) -> Trouble | None:
    """Nobody is at the other end, or the name leads nowhere."""
    start = f"start it, or correct {server.setting}"
    if any(isinstance(each, socket.gaierror) for each in chain):
        hosts = ", ".join(repr(host) for host, _ in server.hosts)
        return Trouble(f"{server.shown}: the host name {hosts} is not known here", f"correct {server.setting}")
    if any(isinstance(each, ConnectionRefusedError) for each in chain) or "[Errno 111]" in text:
        return Trouble(f"{server.shown}: nothing listens there", start)
    if any(isinstance(each, FileNotFoundError) for each in chain):
        return Trouble(f"{server.shown}: no server runs there", f"{start}; `leadpipe up` runs a private one")
    if any(isinstance(each, ssl.SSLCertVerificationError) for each in chain):
        return Trouble(
            f"{server.shown}: its certificate is not trusted here", "install the certificate's authority here"
        )
    if any(getattr(each, "errno", None) in (101, 113) for each in chain):
        return Trouble(f"{server.shown}: there is no route to it", f"check the network, or correct {server.setting}")
    return None


async def _who_listens(server: Server, chain: list[BaseException], text: str) -> Trouble:
    """Ask what is there."""
    correct = f"correct {server.setting}"
    there = await listener(*server.hosts[0]) if server.hosts else None
    other = RABBITMQ if server.kind == POSTGRESQL else POSTGRESQL
    if there == server.kind and server.tls and ("SSL" in text or "ssl" in text):
        plain = "amqp://" if server.kind == RABBITMQ else "sslmode=prefer"
        return Trouble(
            f"{server.shown} does not speak TLS on this port", f"name its TLS port, or use {plain}: {correct}"
        )
    if there == "TLS" and not server.tls:
        secure = "amqps://" if server.kind == RABBITMQ else "sslmode=require"
        return Trouble(f"{server.where} takes only TLS", f"use {secure} in {server.setting}, or name its other port")
    if there in (other, "HTTP"):
        what = f"{other}" if there == other else "an HTTP server"
        return Trouble(f"{what} listens at {server.where}, not {server.kind}", correct)
    if there == "silent" or (there is None and any(isinstance(each, TimeoutError) for each in chain)):
        slow = f"{server.shown} does not answer in time"
        return Trouble(slow, f"check whether it is overloaded or stopped, or {correct}")
    if there is None and server.hosts:
        return Trouble(f"{server.shown}: nothing listens there", f"start it, or {correct}")
    if there == "other":
        return Trouble(f"something other than {server.kind} listens at {server.where}", correct)
    return Trouble(f"{server.shown} cannot be used: {_last(chain)}", f"look at its log, or {correct}")


async def listener(host: str, port: int) -> str | None:
    """Who listens there: PostgreSQL, RabbitMQ, HTTP, TLS, other, silent (it takes a connection and says nothing).

    None: nobody.
    """
    for question in (ASK_TLS, ASK_HTTP):
        answer = await _asked(host, port, question)
        if answer is None:
            return None
        if question == ASK_TLS and answer in (b"S", b"N"):
            return POSTGRESQL
        for begins, kind in ((b"AMQP", RABBITMQ), (b"HTTP/", "HTTP"), (b"<", "HTTP"), (TLS_ALERT, "TLS")):
            if answer.startswith(begins):
                return kind
        if answer:
            return "other"
    return "silent"


async def _asked(host: str, port: int, question: bytes) -> bytes | None:
    """The first bytes of an answer; none: it said nothing. None: nobody is there."""
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(question)
            return await reader.read(64)
    except TimeoutError:
        return b"" if writer is not None else None
    except OSError:
        return None if writer is None else b""
    finally:
        if writer is not None:
            writer.close()
            with suppress(OSError, TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), PATIENCE)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it."""
    each: BaseException | None = error
    while each is not None:
        yield each
        each = each.__cause__ or each.__context__


def _last(chain: list[BaseException]) -> str:
    """What the client said, without the names of its language."""
    said = next((str(each) for each in reversed(chain) if str(each)), "it does not say why")
    return (
        re.sub(r"\[Errno -?\d+\] ?|\b\w+(?:Error|Exception)\b:? ?|_ssl\.c:\d+", "", said).strip() or "no reason given"
    )


def _host(text: str, default: int) -> tuple[str, int]:
    host, port = text, ""
    if match := re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(\d*))?", text):
        host, port = match[1].strip("[]"), match[2] or ""
    return unquote(host) or "localhost", int(port) if port else default
