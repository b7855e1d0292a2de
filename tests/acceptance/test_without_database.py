"""An ingress that starts while PostgreSQL is away: it accepts for the connectors it knew last, and nothing is lost."""

from __future__ import annotations

import asyncio
import hmac
import stat
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from pipeline.ingress.known import NAME
from pipeline.secrets.seal import new_key
from tests.chaos.postgres import ChaosPostgres
from tests.support.daemon import Leadpipe, installed
from tests.support.until import until_blocking

SECRET = "a-secret-of-the-marketplace"  # pragma: allowlist secret
URL = "postgresql://leadpipe:before@db.example.com/leadpipe"
SIGNED = """
name = "signed"
preset = "generic-json"
[auth]
scheme = "github"
secrets = ["stored:signed"]
"""


@pytest.fixture
def server() -> Iterator[ChaosPostgres]:
    """A PostgreSQL of this test's own, which it may stop."""
    with tempfile.TemporaryDirectory(prefix="leadpipe-away-") as folder:
        server = ChaosPostgres(Path(folder))
        server.init()
        server.start()
        asyncio.run(server.prepare())
        try:
            yield server
        finally:
            server.stop()


def posted(url: str, document: object, secret: str | None = None, **more: str) -> int:
    """The status that a POST is answered with; 0: nobody listens."""
    body = orjson.dumps(document)
    headers = {"Content-Type": "application/json", **more}
    if secret is not None:
        headers["X-Hub-Signature-256"] = f"sha256={hmac.digest(secret.encode(), body, 'sha256').hex()}"
    try:
        request = urllib.request.Request(url, body, headers)  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - loopback
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def test_an_ingress_started_without_the_database_accepts_and_everything_is_journalled(
    server: ChaosPostgres, tmp_path: Path
) -> None:
    """The database is the broker here, so that nothing but the disk is left to accept with."""
    with installed(tmp_path, server.url, secret_key=new_key()) as leadpipe:
        _without_database(leadpipe, server)


def _without_database(leadpipe: Leadpipe, server: ChaosPostgres) -> None:
    assert SECRET not in "".join(leadpipe.ran("secret", "set", "signed", stdin=f"{SECRET}\n"))
    signed = leadpipe.folder / "signed.toml"
    signed.write_text(SIGNED)
    [row] = leadpipe.json("connector", "apply", str(signed))["entries"]
    urls = {**leadpipe.apply("website"), "signed": row["url"]}
    known = leadpipe.folder / "data" / NAME

    leadpipe.start("ingress")
    leadpipe.ready()
    assert posted(urls["website"], {"email": "first@example.com"}) == 202
    until_blocking(lambda: known.exists() and b'"signed"' in known.read_bytes(), "the file of what is known")
    assert leadpipe.stop() == [0]

    content = known.read_bytes()
    assert stat.S_IMODE(known.stat().st_mode) == 0o600
    for hidden in (SECRET, *(url.rpartition("/")[2] for url in urls.values())):
        assert hidden.encode() not in content

    server.stop()
    leadpipe.start("ingress")
    until_blocking(
        lambda: posted(urls["website"], {"email": "second@example.com"}) == 202, "a 202 without the database"
    )
    for at in range(20):
        assert posted(urls["website"], [{"email": f"{at}-{each}@example.com"} for each in range(5)]) == 202
    for key in ("a", "b", "c"):  # a replay, with something new about it each time, takes effect once
        assert posted(urls["signed"], {"email": "signed@example.com"}, SECRET, **{"Idempotency-Key": key}) == 202
    assert posted(urls["signed"], {"email": "unsigned@example.com"}) == 401
    assert posted(urls["signed"], {"email": "unsigned@example.com"}, "guess") == 401
    assert posted(f"{leadpipe.base}/in/nobodys-token", {}) == 503  # it may exist: who could tell?

    server.start()
    leadpipe.start("work", "normalize", "map", "dedupe", "upsert", "log", "notify")
    assert leadpipe.audited(103)["balance"]["journalled"] == 103
    found = leadpipe.json("journal", "list", "--limit", "1000")["items"]
    assert {row["outcome"] for row in found} == {"created"}
    until_blocking(lambda: posted(f"{leadpipe.base}/in/nobodys-token", {}) == 404, "a 404 for nobody's token")

    url = leadpipe.run("connector", "url", "website", "--rotate", "--keep", "1h").strip()
    until_blocking(lambda: posted(url, {"email": "new-url@example.com"}) == 202, "the new URL in force")
    assert posted(urls["website"], {"email": "old-url@example.com"}) == 202
    until_blocking(lambda: known.read_bytes() != content, "the file replaced")
    log = leadpipe.log()
    assert "beginning without the database" in log
    for hidden in (SECRET, *(each.rpartition("/")[2] for each in (url, *urls.values()))):
        assert hidden not in log


def test_a_file_that_was_harmed_is_not_used(tmp_path: Path) -> None:
    from pipeline.ingress import known
    from pipeline.store.catalog import Known
    from pipeline.store.tokens import Digest
    from tests.support.ingress import connector

    assert known.load(tmp_path, URL) is None
    site = connector(own={"preset": "generic-json"})
    for version in (3, 4):
        known.save(tmp_path, URL, Known(version, [site], [Digest(7, b"\x01" * 32, None)], {(1, "a"): b"sealed"}))
    assert [each.name for each in tmp_path.iterdir()] == [NAME]
    back = known.load(tmp_path, URL)
    assert back is not None
    assert (back.version, back.tokens, back.secrets) == (-1, [Digest(7, b"\x01" * 32, None)], {(1, "a"): b"sealed"})
    [again] = back.connectors
    assert (again.id, again.account, again.revision, again.settings) == (7, 1, 3, site.settings)
    assert again.fields == site.fields
    assert known.load(tmp_path, URL.replace("before", "after"))  # the password is no part of where it is
    for other in (URL.replace("db.", "db2."), URL + "2", "postgresql:///leadpipe?host=/run"):
        assert known.load(tmp_path, other) is None
    whole = (tmp_path / NAME).read_bytes()
    for harmed in (
        b"",
        whole[:-1],
        whole[1:],
        whole.replace(b" 1 ", b" 2 ", 1),
        whole.replace(b'"tokens"', b'"tokenz"'),
        b"\n",
    ):
        (tmp_path / NAME).write_bytes(harmed)
        assert known.load(tmp_path, URL) is None
