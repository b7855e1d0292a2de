"""The page of the document. In: files that ship with the package. Out: /api/docs, which loads nothing from elsewhere.

The page is Swagger UI; `static/NOTICE` says of which version and under which licence.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from aiohttp import web

# Scripts and styles are files of ours alone; the style sheet holds its few images as data.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
SERVED = {
    "/api/docs": ("page.html", ".html"),
    "/api/docs/page.js": ("page.js", ".js"),
    "/api/docs/swagger-ui.css": ("swagger-ui.css.gz", ".css"),
    "/api/docs/swagger-ui-bundle.js": ("swagger-ui-bundle.js.gz", ".js"),
}


@cache
def _content(name: str) -> bytes:
    """A file that ships with the package, read once: whoever waits for an event should not wait for a disk."""
    return files("pipeline.api").joinpath("static", name).read_bytes()


async def page(request: web.Request) -> web.StreamResponse:
    """One of the files of the page."""
    name, kind = SERVED[request.path]
    body = _content(name)
    headers = {"Cache-Control": "no-cache" if kind == ".html" else "max-age=86400", **HEADERS}
    if name.endswith(".gz"):
        headers["Content-Encoding"] = "gzip"  # every browser takes it; it is kept that way to keep the package small
    return web.Response(body=body, content_type=KINDS[kind], charset="utf-8", headers=headers)
