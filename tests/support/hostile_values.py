"""Values that break programs, by where they are put. In: a place. Out: texts for a path or a query, JSON for a body.

Each is a thing that a client, a typing error or an attacker sends: ids in forms that some readers take, times at both
ends of the calendar, numbers beyond 64 bits, characters that databases refuse, documents nested without end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

ID = "0198c6a1-7b5e-7c3a-9f00-123456789abc"
IDS = (
    f"{{{ID}}}",
    f"urn:uuid:{ID}",
    ID.upper(),
    ID.replace("-", ""),
    f"{{{ID.replace('-', '')}}}",
    f"{ID}-",
    ID[:-1],
    f" {ID} ",
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
)
TIMES = (
    "0001-01-01T00:00:00+14:00",
    "0001-01-01T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "-0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59-14:00",
    "9999-12-31T23:59:59.999999Z",
    "10000-01-01T00:00:00Z",
    "2016-12-31T23:59:60Z",
    "2026-02-30T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:00:00+99:99",
    "2026-01-01T00:00:00",
    "2026-W01-1",
    "1e400",
    "infinity",
    "-infinity",
    "99999999999999d",
    "7d",
)
NUMBERS = (
    "-1",
    "0",
    "-0",
    "2147483648",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "9" * 400,
    "1.5",
    "1e3",
    "0x10",
    "1_000",
    "+1",
    "NaN",
    "inf",
    "\u0661\u0662",  # digits, and none that JSON knows
)
TEXTS = (
    "",
    " ",
    ".",
    "..",
    "null",
    "true",
    "[]",
    "{}",
    "%",
    "\\",
    "'; DROP TABLE lead; --",
    "a\r\nSet-Cookie: b",
    "\u202e\u0000",
    "\ud83e".encode("utf-8", "surrogatepass").decode("latin-1"),
    "a" * 5_000,
    "(a+)+$",
)
CURSORS = (
    *(f"{time} {id}" for time in TIMES[:10] for id in (ID, f"{{{ID}}}")),
    f"{ID}",
    "2026-01-01T00:00:00+00:00",
    f"2026-01-01T00:00:00 {ID}",
    f"2026-01-01T00:00:00+00:00  {ID}",
    "eyJ0IjogMX0",
    "AAAA",
    "====",
)
# as they stand in a URL: what no quoting makes
RAW = ("%", "%zz", "%00", "%ff%fe", "%c0%af", "%ed%a0%80", "%2e%2e%2f", "%0d%0aX:%20y", "%F0%9F", "+", "%u0041")
EVERY_TEXT = (*IDS, *TIMES, *NUMBERS, *TEXTS, *CURSORS)


def in_a_url() -> Iterator[str]:
    """Each as it stands in a path or a query."""
    yield from RAW
    yield from (quote(text, safe="") for text in EVERY_TEXT)


def in_a_body() -> Iterator[Any]:
    """Each as a member of a JSON document; lone surrogates and NaN are none that orjson writes, see `documents`."""
    yield from (None, True, -1, 0, 2**31, 2**63 - 1, 2**63, 2**64 - 1, -(2**63), 1.5, 1e308, [], {}, [None], {"": None})
    yield from (*IDS[:3], *TIMES[:6], *NUMBERS[2:8], *TEXTS)
    yield from (deep(90), ["x"] * 1_000, {"x": "y" * 1_000})


def documents() -> Iterator[bytes]:
    """Whole bodies that are no JSON, or hardly any."""
    yield from (b"", b" ", b"null", b"[]", b"0", b'""', b"NaN", b'{"a":NaN}', b'{"a":1e999}', b"{", b"[" * 10_000)
    yield b'{"a":' * 10_000 + b"1" + b"}" * 10_000
    yield from (b'{"name":"\\ud800"}', b'{"name":"\\u0000"}', b'{"\\u0000":1}', b'{"a":"\xff"}', b"\xef\xbb\xbf{}")
    yield from (b'{"a":%b}' % (b"9" * 5_000), b'{"a":18446744073709551616}', b'{"a":1,"a":2}', "{}".encode("utf-16"))


def deep(levels: int) -> Any:
    """A document of so many levels."""
    made: Any = "x"
    for level in range(levels):
        made = [made] if level % 2 else {"x": made}
    return made
