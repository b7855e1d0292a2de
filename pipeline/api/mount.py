"""The API in a process. In: its open parts. Out: routes for the HTTP server, and a pool of the API's own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache

import orjson
from aiohttp import web

from pipeline.api.answer import JSON, failed
from pipeline.api.handle import Api
from pipeline.api.openapi import document
from pipeline.api.page import SERVED, page
from pipeline.api.rate import Rate
from pipeline.api.route import BASE
from pipeline.api.routes import table
from pipeline.daemon.core import Core
from pipeline.store.database import Database

ANY = r"[\s\S]*"  # a path may hold line ends, too
POOL = 3  # connections; the ingress has its own
PATIENCE = 10.0  # seconds that a call waits for the database


@asynccontextmanager
async def mounted(core: Core) -> AsyncIterator[Sequence[web.RouteDef]]:
    """What is served below `/api` while the context lasts; nothing, where the settings switch it off."""
    if not core.settings.api:
        yield []
        return
    database = await Database.open(str(core.settings.database_url), size=POOL, timeout=PATIENCE, ask=False)
    try:
        yield routes(Api(table(), core, database, Rate(core.settings.api_rate)))
    finally:
        await database.close()


def routes(api: Api) -> list[web.RouteDef]:
    """`/api/v1/…`, the document and its page."""

    async def openapi(_: web.Request) -> web.StreamResponse:
        made = await asyncio.to_thread(_described)  # beside the loop: it takes longer than an event may wait
        return web.Response(body=made, headers={"Content-Type": JSON, "Cache-Control": "no-cache"})

    async def nothing(_: web.Request) -> web.StreamResponse:
        return failed(404, "no call has this path; /api/docs lists the paths")

    return [
        web.route("*", rf"{BASE}/{{rest:{ANY}}}", api.handle),
        web.get("/api/openapi.json", openapi),
        *(web.get(path, page) for path in SERVED),
        web.route("*", rf"/api{{rest:(/{ANY})?}}", nothing),
    ]


def _described() -> bytes:
    """The document as it is served, made by the first who asks for it."""
    with _DESCRIBING:
        return _document()


@cache
def _document() -> bytes:
    return orjson.dumps(document(table(), "/"))


_DESCRIBING = threading.Lock()  # the others wait for the first
