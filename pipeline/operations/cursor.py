"""Where a page of a list ends. In: the list's name and what its last row is ordered by. Out: a text without meaning.

The text goes into `next` of a page, and comes back as `after`. It holds a checksum, so that a text that was cut,
changed, or taken from another list is told from the end of a page. It is no secret, and opens nothing: whoever brings
one sees what they may see anyway.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import orjson

LONGEST: Final = 300  # characters
PATTERN: Final = r"^[A-Za-z0-9_-]+$"
RULE: Final = "is not the end of a page; give the `next` of the page before as it is, or leave it out to begin anew"
CHECK = 5  # bytes of the checksum
LARGEST_ID = 2**63 - 1
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# What pages ended with in the version before; a client that is between two pages when that is replaced goes on.
FORMER: Final = {
    "connectors": re.compile(r"(?!)"),
    "leads": re.compile(UUID),
    "journal": re.compile(rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9:.]+(?:Z|[+-][0-9:]+) {UUID}"),
}
AN_ID: Final = re.compile(r"[0-9]{1,19}")


def packed(of: str, *at: str | int) -> str:
    """The end of a page of this list: a text that is safe in a URL and in a shell, at most LONGEST characters."""
    said = orjson.dumps(at)
    return base64.urlsafe_b64encode(_check(of, said) + said).rstrip(b"=").decode()


def unpacked(of: str, text: str) -> Sequence[str | int]:
    """What `packed` was given for the same list. ValueError (RULE) for anything else."""
    if FORMER.get(of, AN_ID).fullmatch(text):
        return [_former(of, text)]
    try:
        if len(text) > LONGEST or not text.isascii():
            raise ValueError(RULE)
        whole = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        check, said = whole[:CHECK], whole[CHECK:]
        if check != _check(of, said) or packed(of, *orjson.loads(said)) != text:
            raise ValueError(RULE)
        at: list[str | int] = orjson.loads(said)
        return at
    except (binascii.Error, orjson.JSONDecodeError, TypeError) as error:
        raise ValueError(RULE) from error


def _former(of: str, text: str) -> str | int:
    """The end of a page as the version before gave it: the id of the last row, or the journal's time and id."""
    if of in FORMER:
        return text
    if int(text) > LARGEST_ID:
        raise ValueError(f"{RULE}; an id is less than or equal to {LARGEST_ID}")
    return int(text)


def _check(of: str, said: bytes) -> bytes:
    return blake2b(said, digest_size=CHECK, person=of.encode()[:16]).digest()
