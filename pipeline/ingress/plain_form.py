"""Forms that are sent as plain text, or as nothing in particular. In: bytes. Out: names and values, if it is one.

Two kinds come so: what scripts write as `name=value&…` and name no type for; and forms of browsers with
`enctype="text/plain"`, a line `name=value` a field, in which nothing is escaped (HTML standard §4.10.21.8). A value
there may go on over lines. What only has an equals sign somewhere, such as a letter or an address, is none.
"""

from __future__ import annotations

import re
from typing import Final

from pipeline.ingress.form import FORM_FIELDS, Pairs, urlencoded
from pipeline.ingress.looks import FORM_BEGINS
from pipeline.ingress.refusal import malformed

LINES = 10_000

_LINE: Final = re.compile(rb"([^\s=&<>\"\0][^=&<>\"\0\t]{0,199})=(.*)", re.DOTALL)  # a name may have blanks here
_NEXT: Final = re.compile(rb"&[^\s=&<>\"]{1,200}=")
_ADDRESS: Final = b"://"


def form_in(body: bytes) -> Pairs | None:
    """Names and values of the form that a body is; None: it is none. Raises Refusal."""
    stripped = body.strip(b"\r\n")
    first = stripped.partition(b"\n")[0].removesuffix(b"\r")
    if _field(first) is None:
        return None
    if stripped.count(b"\n") >= LINES:
        raise malformed("Malformed form", f"the form has more than {LINES} lines")
    lines = [line.removesuffix(b"\r") for line in stripped.split(b"\n")]
    if _is_by_lines(lines, ended=body.endswith(b"\r\n")):
        pairs = _by_lines(lines)
    elif FORM_BEGINS.match(first):
        pairs = urlencoded(body)
    else:
        return None
    return pairs if any(value.strip(b"= \t\r\n") for _, value in pairs) else None


def _is_by_lines(lines: list[bytes], *, ended: bool) -> bool:
    """Whether each line is a field: where all look so, or where the first at least is not several. `ended`: as browsers
    end the last one."""
    if len(lines) == 1:
        return ended and not _NEXT.search(lines[0])
    return None not in map(_field, lines) or not _NEXT.search(lines[0])


def _field(line: bytes) -> tuple[bytes, bytes] | None:
    found = _LINE.fullmatch(line)
    return None if found is None or _ADDRESS in found[1] else (found[1], found[2])


def _by_lines(lines: list[bytes]) -> Pairs:
    """A field a line; a line without a name goes on with the value before it."""
    found: list[tuple[bytes, list[bytes]]] = []
    for line in lines:
        field = _field(line)
        if field is None:
            found[-1][1].append(line)
        else:
            found.append((field[0], [field[1]]))
    if len(found) > FORM_FIELDS:
        raise malformed("Malformed form", f"the form has more than {FORM_FIELDS} fields")
    return [(name, b"\n".join(values)) for name, values in found]
