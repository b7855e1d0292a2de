"""One JSON document a line. In: UTF-8. Out: the documents with the numbers of their lines, or a Refusal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

from pipeline.ingress.looks import BLANK
from pipeline.ingress.refusal import Refusal, malformed, too_large
from pipeline.ingress.strict_json import json_of

_LINE: Final = re.compile(rb"[^ \t\r\n][^\n]*")


def json_lines(body: bytes, most: int) -> list[tuple[Any, int]]:
    """Each document and its line, from 1; raises Refusal, also of more than `most`."""
    found: list[tuple[Any, int]] = []
    for number, line in _numbered(body):
        if len(found) == most:
            raise too_large(f"more than {most} events in one request", line=number)
        try:
            found.append((json_of(line), number))
        except Refusal as refusal:
            raise malformed(refusal.title, f"line {number}: {refusal.detail}", line=number) from None
    return found


def are_lines(body: bytes) -> bool:
    """Whether the first line is a document by itself and others follow; a document set over lines is not."""
    first, _, rest = body.strip(BLANK).partition(b"\n")
    if not rest.strip(BLANK):
        return False
    try:
        return isinstance(orjson.loads(first), dict | list)
    except orjson.JSONDecodeError:
        return False


def _numbered(body: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, found one by one: a body may be ten million line ends."""
    number, counted = 1, 0
    for line in _LINE.finditer(body):
        number += body.count(b"\n", counted, line.start())
        counted = line.start()
        yield number, line.group()
