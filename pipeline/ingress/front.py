"""What is at `/`, and at paths where nothing is. In: a request. Out: a page that leads on, or why not (RFC 9457).

The page is the same for everybody: it holds nothing of any account, and no setting but whether the API is served here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from aiohttp import web

from pipeline.ingress import reply
from pipeline.ingress.refusal import Refusal

ANY: Final = r"[\s\S]*"  # a path may hold line ends, too
POLICY: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-cache",
}
LOOKING: Final = ("GET", "HEAD")
METHODS: Final[Mapping[str, Sequence[str]]] = {
    "/": LOOKING,
    "/healthz": LOOKING,
    "/readyz": LOOKING,
    "/metrics": LOOKING,
}
WEBHOOK: Final = ("GET", "HEAD", "OPTIONS", "POST")
PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Leadpipe</title>
<link rel="icon" href="data:,">
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 42rem; margin: 2rem auto; padding: 0 1rem }
:root { color-scheme: light dark }
code { font-size: .9em }
</style>
</head>
<body>
<h1>Leadpipe</h1>
<p>Leadpipe takes in leads, calls and sales events from other systems, and makes of them one record per person.</p>
<h2>On this port</h2>
<ul>
@API@<li><a href="/healthz">/healthz</a>: whether this process is alive.</li>
<li><a href="/readyz">/readyz</a>: whether it takes events, and what is wrong if it does not.</li>
<li><a href="/metrics">/metrics</a>: metrics for Prometheus.</li>
<li><code>POST /in/TOKEN</code>: where sources send events. Each connector has such a URL of its own.</li>
</ul>
<h2>First steps</h2>
<ol>
<li><code>leadpipe preset list</code> lists the systems that Leadpipe knows.</li>
<li><code>leadpipe connector apply FILE</code> puts a connector in force.</li>
<li><code>leadpipe connector url NAME --steps</code> says where its URL belongs in the source.</li>
<li><code>leadpipe journal list</code> shows what came in, and what became of it.</li>
<li><code>leadpipe check</code> says what is wrong with the installation, and what to do.</li>
</ol>
<p>The guide is <code>docs/connectors.md</code> of the source code; <code>docs/walkthrough.md</code> is an example from
beginning to end. <code>leadpipe --help</code> lists all commands.</p>
</body>
</html>
"""
OF_API: Final = """<li><a href="/api/docs">/api/docs</a>: the administration API, to read and to try.</li>
<li><a href="/api/openapi.json">/api/openapi.json</a>: the same as an OpenAPI document.</li>
"""


def routes(*, with_api: bool) -> Sequence[web.RouteDef]:
    """The page at `/`, and what answers wherever nothing else does; they go after all other routes."""
    page = PAGE.replace("@API@", OF_API if with_api else "").encode()

    async def front(_: web.Request) -> web.StreamResponse:
        return web.Response(body=page, content_type="text/html", charset="utf-8", headers=POLICY)

    return [web.get("/", front), web.route("*", f"/{{rest:{ANY}}}", nowhere)]


async def nowhere(request: web.Request) -> web.StreamResponse:
    """405 with `Allow` where the path has other methods, else 404."""
    allowed: Sequence[str] = METHODS.get(request.path, ())
    if request.path.startswith("/in/") and len(request.path.split("/")) == 3 and request.path != "/in/":
        allowed = WEBHOOK
    if allowed:
        told = ", ".join(allowed)
        refusal = Refusal(405, "Method not allowed", f"this path takes only {told}", headers={"Allow": told})
    else:
        where = "webhook URLs begin with /in/, API URLs with /api/v1/; the page at / lists what this port serves"
        refusal = Refusal(404, "Not found", f"there is nothing at this path: {where}")
    return reply.refused(None, refusal)
