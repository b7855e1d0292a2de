"""Forms as browsers send them (HTML standard §4.10.21). In: names and values, and a charset. Out: bodies."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

BOUNDARY = "----WebKitFormBoundaryR4nd0m"
FORM = "application/x-www-form-urlencoded"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"

Pairs = Sequence[tuple[str, str]]


def urlencoded(pairs: Pairs, charset: str = "utf-8") -> bytes:
    """`application/x-www-form-urlencoded`."""
    return urlencode(pairs, encoding=charset).encode()


def by_lines(pairs: Pairs, charset: str = "utf-8") -> bytes:
    """`text/plain`."""
    return "".join(f"{name}={value}\r\n" for name, value in pairs).encode(charset)


def part(name: str, value: bytes, *headers: str, charset: str = "utf-8", more: str = "") -> bytes:
    """One part; `more` follows the name in its Content-Disposition."""
    escaped = name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
    lines = [f'Content-Disposition: form-data; name="{escaped}"{more}', *headers]
    head = "".join(f"{line}\r\n" for line in (f"--{BOUNDARY}", *lines, ""))
    return head.encode(charset) + value + b"\r\n"


def multipart(*parts: bytes) -> bytes:
    """`multipart/form-data`, of parts."""
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def of_fields(pairs: Pairs, charset: str = "utf-8") -> bytes:
    """`multipart/form-data`, of text fields."""
    return multipart(*(part(name, value.encode(charset), charset=charset) for name, value in pairs))


def as_object(pairs: Pairs) -> dict[str, str | list[str]]:
    """The fields as one object, those of one name as a list."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {name: found[0] if len(found) == 1 else found for name, found in values.items()}
