"""What a person does at a running installation: post events, wait for their end, look at leads and at the journal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import aiohttp
import orjson

from pipeline.store import journal
from pipeline.store.database import Database
from tests.support.daemon import Leadpipe
from tests.support.until import PROCESSES, until

WAIT = "?wait=60"
_numbers = count(1)


def fresh_email() -> str:
    """An address that nobody has yet."""
    return f"person{next(_numbers)}@example.com"


def fresh_phone() -> str:
    """An Indian mobile number that nobody has yet, in E.164."""
    return f"+9198452{next(_numbers):05d}"


@dataclass
class Desk:
    """An installation, its webhook URLs by connector, and the API with an administrator's key."""

    leadpipe: Leadpipe
    session: aiohttp.ClientSession
    key: str
    urls: Mapping[str, str] = field(default_factory=dict)

    async def send(
        self,
        connector: str,
        body: bytes,
        content_type: str | None = "application/json",
        query: str = WAIT,
        **headers: str,
    ) -> tuple[int, Any]:
        """Post these bytes; status and decoded answer. What the door cannot take just now comes again."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if content_type is not None:
            sent["Content-Type"] = content_type
        skip = () if content_type is not None else ("Content-Type",)
        answered: list[tuple[int, Any]] = []

        async def taken() -> bool:
            url = f"{self.urls[connector]}{query}"
            async with self.session.post(url, data=body, headers=sent, skip_auto_headers=skip) as answer:
                answered.append((answer.status, orjson.loads(await answer.read())))
            return answered[-1][0] != 503

        await until(taken, "an answer", PROCESSES)
        status, answer = answered[-1]
        if isinstance(answer, dict) and any("finished" in result for result in answer.get("results", ())):
            answer["results"] = await self._looked_up(answer["ids"])
        return status, answer

    async def _looked_up(self, ids: list[str]) -> list[dict[str, Any]]:
        """What became of events whose sender is not told, by the journal."""
        database = await Database.open(self.leadpipe.environment["LEADPIPE_DATABASE_URL"], size=1)
        try:
            found = await journal.results_of(database, ids)
        finally:
            await database.close()
        return [{"id": id, "event_id": id, **found.get(id, {"outcome": "pending"})} for id in ids]

    async def post(self, connector: str, document: Any, **headers: str) -> dict[str, Any]:
        """Post one event and wait for its end; its result, with its id."""
        body = document if isinstance(document, bytes) else orjson.dumps(document)
        status, answer = await self.send(connector, body, **headers)
        assert status == 200, answer
        [result] = answer["results"]
        return dict(result)

    async def ask(self, path: str, method: str = "GET", body: Any = None) -> Any:
        """Call the API below /api/v1; the answer must be a success."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        data = None if body is None else orjson.dumps(body)
        async with self.session.request(
            method, f"{self.leadpipe.base}/api/v1{path}", data=data, headers=headers
        ) as answer:
            text = await answer.text()
            assert answer.status < 300, (path, answer.status, text)
            return orjson.loads(text)

    async def fields(self, lead: str) -> dict[str, Any]:
        """The fields of a lead."""
        return dict((await self.ask(f"/leads/{lead}"))["fields"])

    async def lead(self, lead: str) -> dict[str, Any]:
        """A lead, whole."""
        return dict(await self.ask(f"/leads/{lead}"))

    async def row(self, event: str) -> dict[str, Any]:
        """The journal row of an event."""
        return dict(await self.ask(f"/journal/{event}"))


def set_up(leadpipe: Leadpipe, connectors: Mapping[str, str]) -> Leadpipe:
    """Put these connectors in force, by name what their files say below the name, and start everything."""
    folder = leadpipe.folder / "connectors"
    folder.mkdir()
    for name, settings in connectors.items():
        (folder / f"{name}.toml").write_text(f'name = "{name}"\n{settings}')
    files = [str(file) for file in sorted(folder.glob("*.toml"))]
    leadpipe.urls |= {row["name"]: row["url"] for row in leadpipe.json("connector", "apply", *files)["entries"]}
    leadpipe.start("up")
    leadpipe.ready()
    return leadpipe


def key_of(leadpipe: Leadpipe) -> str:
    """A new key of an administrator."""
    return leadpipe.run("key", "create", "--user", "desk@example.com", "--name", f"desk-{next(_numbers)}").strip()


@asynccontextmanager
async def desk_of(leadpipe: Leadpipe, key: str) -> AsyncIterator[Desk]:
    """A desk at this installation, which must run."""
    async with aiohttp.ClientSession() as session:
        yield Desk(leadpipe, session, key, leadpipe.urls)
