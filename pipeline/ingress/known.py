"""What an ingress knew last, on its disk. In: a catalog's knowledge. Out: a file, and the same knowledge at a start.

An ingress that starts while the database is away accepts for these connectors. The file holds settings, fields and
revisions, digests of tokens and sealed secrets: nobody can post with it, and no secret can be read from it without the
key, which lies elsewhere. It is one line that says format and SHA-256, and JSON; it is replaced whole, or not at all.
What it says holds for one database: in another, the same ids are other connectors.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson
import structlog

from pipeline.store.catalog import Catalog, Known
from pipeline.store.tokens import Digest
from schemas.connector import Connector, ConnectorSettings
from schemas.fields import Field, RecordFields
from schemas.presets import preset

log = structlog.get_logger(__name__)

FORMAT: Final = b"leadpipe-connectors 1"
NAME = "connectors.known"
EVERY = 1.0  # seconds between two looks for something new
FROM_FILE: Final = -1  # the version of what the database did not say


class BadFile(ValueError):
    """The file was cut short, changed, or written by another version."""


def load(folder: Path, database_url: str) -> Known | None:
    """What was known last of this database; None: nothing, or the file cannot be used, which is logged."""
    path = folder / NAME
    try:
        return decoded(path.read_bytes(), _place(database_url))
    except FileNotFoundError:
        return None
    except (OSError, BadFile) as error:
        log.warning("the saved copy of the connectors cannot be used", file=str(path), reason=str(error))
        return None


def save(folder: Path, database_url: str, known: Known) -> None:
    """Replace the file; it is on disk, and readable by this user alone, when this returns. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / f".{NAME}.{os.getpid()}"
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(encoded(known, _place(database_url)))
            file.flush()
            os.fsync(file.fileno())
        new.replace(folder / NAME)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def keep(folder: Path, database_url: str, catalog: Catalog) -> None:
    """Keep the file as the catalog is, until cancelled. A disk that takes nothing is tried again."""
    written = FROM_FILE
    trouble = ""
    while True:
        known = catalog.known
        if known.version != written:
            try:
                await asyncio.to_thread(save, folder, database_url, known)
                written, trouble = known.version, ""
            except OSError as error:
                if str(error) != trouble:
                    log.warning("the copy of the connectors could not be saved", folder=str(folder), reason=str(error))
                trouble = str(error)
        await asyncio.sleep(EVERY)


def encoded(known: Known, place: str) -> bytes:
    """The content of the file; `place` stands for the database."""
    shared: dict[bytes, int] = {}  # most connectors of an account have the same fields: they are written once
    connectors = [
        {
            "id": each.id,
            "account": each.account,
            "revision": each.revision,
            "settings": each.settings.model_dump(mode="json", by_alias=True, exclude_unset=True),
            "fields": shared.setdefault(_dumped(each.fields), len(shared)),
        }
        for each in known.connectors
    ]
    document = {
        "database": place,
        "connectors": connectors,
        "fields": [orjson.Fragment(fields) for fields in shared],
        "tokens": [[each.connector, each.digest.hex(), each.valid_until] for each in known.tokens],
        "secrets": [[*place, base64.b64encode(sealed).decode()] for place, sealed in known.secrets.items()],
    }
    body = orjson.dumps(document)
    return b"%b %b\n%b" % (FORMAT, hashlib.sha256(body).hexdigest().encode(), body)


def decoded(content: bytes, place: str) -> Known:
    """What a file says; its version is none of the database's. Raises BadFile."""
    head, _, body = content.partition(b"\n")
    if not head.startswith(FORMAT + b" "):
        raise BadFile("another version of Leadpipe wrote it")
    if head.removeprefix(FORMAT + b" ") != hashlib.sha256(body).hexdigest().encode():
        raise BadFile("it is damaged")
    try:
        document = orjson.loads(body)
        if document["database"] != place:
            raise BadFile("it is about another database")
        fields = [_fields(each) for each in document["fields"]]
        return Known(
            version=FROM_FILE,
            connectors=list(_connectors(document["connectors"], fields)),
            tokens=[Digest(id, bytes.fromhex(hexed), _time(until)) for id, hexed, until in document["tokens"]],
            secrets={(account, name): base64.b64decode(text) for account, name, text in document["secrets"]},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadFile(f"{type(error).__name__}: {error}") from None


def _connectors(rows: list[dict[str, Any]], fields: list[RecordFields]) -> Iterator[Connector]:
    """The connectors; one that this version has no use for is logged and left out, so that it harms no other."""
    for row in rows:
        try:
            settings = ConnectorSettings(**row["settings"])
            yield Connector(
                row["id"], row["account"], row["revision"], settings, preset(settings.preset), fields[row["fields"]]
            )
        except (ValueError, LookupError) as error:
            log.error("connector left out", id=row.get("id"), reason=str(error))


def _place(database_url: str) -> str:
    """What stands for a database: its address, without who asks and with which password."""
    return hashlib.sha256(re.sub(r"//[^/@]*@", "//", database_url, count=1).encode()).hexdigest()


def _dumped(fields: RecordFields) -> bytes:
    told = {
        kind: [field.model_dump(mode="json", exclude_defaults=True) for field in own.values()]
        for kind, own in fields.items()
    }
    return orjson.dumps(told)


def _fields(kinds: Mapping[str, list[dict[str, Any]]]) -> RecordFields:
    return {kind: {field.name: field for field in (Field(**each) for each in own)} for kind, own in kinds.items()}


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
