"""A refused request once more at the door. In: its row, and its connector as it is now. Out: its events, or why not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, NamedTuple

from aiohttp.hdrs import CONTENT_TYPE
from multidict import CIMultiDict

from pipeline.ingress.door import cut
from pipeline.ingress.identity import HEADERS
from pipeline.ingress.limits import Limits
from pipeline.ingress.refusal import Refusal
from pipeline.ingress.request_keys import reused
from pipeline.operations.errors import InUse, Invalid, Problem
from pipeline.store.request_keys import Claim
from schemas.connector import Connector
from schemas.event import Event

MISSING: Final[Mapping[str, str]] = {
    "unread": "its body was not read to the end",
    "compressed": "its body was compressed in a way that Leadpipe does not read, so it was not kept",
    "secret": "its body may hold a secret that could not be taken out, so it was not kept",
}
STEP = timedelta(microseconds=1)


class Admitted(NamedTuple):
    """What a refused request brings now: its events, and what its producer's key stands for with them."""

    id: int
    events: list[Event]
    claim: Claim | None


def admitted(row: Mapping[str, Any], connector: Connector, limits: Limits) -> Admitted:
    """The events of a refused request. Raises InUse if there is nothing to send, Invalid where the door refuses still.

    A key counts that its producer gave it, if whoever sent it proved who they are; else the request is its own key.
    """
    check_whole(row)
    own = not row["key"] or not row["proven"]  # an empty key, or one in no readable bytes, names nothing
    headers = CIMultiDict({CONTENT_TYPE: row["content_type"]} if row["content_type"] else {})
    headers[HEADERS[0] if own else row["key_header"]] = f"refused-{row['uid']}" if own else row["key"]
    try:
        if not connector.settings.enabled:
            raise Refusal(403, "Connector disabled", f"connector {connector.name} is disabled; enable it first")
        found = cut(connector, headers, row["body"], limits, row["signed_key"])
    except Refusal as refusal:
        raise still_refused(row["id"], refusal) from refusal
    events = [event.evolve(received_at=row["refused_at"] + at * STEP) for at, event in enumerate(found.events)]
    return Admitted(row["id"], events, None if own and row["signed_key"] is None else found.claim)


def check_whole(row: Mapping[str, Any]) -> None:
    """Raises InUse if not all of the request's body is kept."""
    again = "its source must send it again"
    if row["body"] is None:
        raise InUse(f"refused request {row['id']} cannot be sent: {MISSING[row['missing']]}; {again}")
    if row["truncated"]:
        kept = f"of its {row['size']:,} bytes only the first {len(row['body']):,} are kept"
        raise InUse(f"refused request {row['id']} cannot be sent: {kept}; {again}")


def still_refused(id: int, refusal: Refusal | None = None) -> Invalid:
    """Why a request cannot be sent in; without a refusal: its key was used for another body since."""
    refusal = refusal or reused()
    problem = Problem("body", f"{refusal.title}: {refusal.detail}", stored=True)  # its detail may quote the body
    return Invalid(f"refused request {id} would be refused again with {refusal.status}", [problem])
