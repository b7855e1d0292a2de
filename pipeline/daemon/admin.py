"""What a stage process tells an orchestrator, on a port of its own: `/healthz`, `/readyz`, `/metrics`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from pipeline.daemon.core import Core
from pipeline.daemon.ports import listening_on
from pipeline.engine.runner import Runner
from pipeline.ingress import metrics, reply
from pipeline.ingress.health import OK, Health


async def serve_admin(core: Core, runners: Sequence[Runner], port: int) -> None:
    """Serve until cancelled. Ready means: broker and database answer, and no stage waits for the world to mend."""
    health = Health.of(core.transport, core.topology, core.database, core.catalog)
    server = web.AppRunner(_app(health, runners), access_log=None)
    await server.setup()
    try:
        with listening_on(core.settings.http_host, port, "set LEADPIPE_HTTP_HOST and --port to what is free"):
            await web.TCPSite(server, core.settings.http_host, port).start()
        await asyncio.Event().wait()
    finally:
        await server.cleanup()
        await health.stop()


def _app(health: Health, runners: Sequence[Runner]) -> web.Application:
    async def healthz(_: web.Request) -> web.Response:
        return reply.respond(200, {"alive": True})

    async def readyz(_: web.Request) -> web.Response:
        ready, checks = await health.report()
        checks |= {runner.stage.name: runner.consumer.waiting or OK for runner in runners}
        ready = ready and all(answer == OK for answer in checks.values())
        return reply.respond(200 if ready else 503, {"ready": ready, "checks": checks})

    async def exposition(_: web.Request) -> web.Response:
        return web.Response(body=metrics.exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", exposition)])
    return app
