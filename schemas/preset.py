"""A preset: the shipped description of a source system. In: `presets/*.toml`. Out: typed, strictly checked models.

A vendor lives in its one file: how its bodies are cut into events, what it wants for an answer, how its values
are to be read, what they map to, and worked examples that prove it.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from schemas.auth import AuthSettings
from schemas.fields import RecordKind
from schemas.mapping import MapRow
from schemas.normal.locale import DateOrder
from schemas.scheme import Echo
from schemas.settings import Sync
from schemas.source_field import SourceField
from schemas.strict import Strict, time_zone


class Answer(Strict):
    """One HTTP answer. `{reason}` in a text of the body stands for what went wrong."""

    status: int = Field(ge=200, le=599)
    body: dict[str, Any]


class Reply(Strict):
    """What the vendor must be told, where that is not Leadpipe's own `202` with ids."""

    accepted: Answer
    refused: Answer  # malformed or too large: sending it again will not help
    unavailable: Answer  # could not be made durable: not accepted


class Door(Strict):
    """What the ingress must know of a source.

    `events`: where events lie in a body; the first path that holds an object or a list counts, `$` is the body
    itself, a list there is many events; what stands beside them goes with each, see `schemas.beside`. `pairs`: a list
    of attribute/value pairs is one event and not many. `form`: the name of a form field that holds the body as JSON.
    `id`: the paths, in the event, that together are the producer's own id of it; if one is missing or blank, the event
    has none. `redact`: member names whose values are secrets, besides the ones that are always redacted. `echo`: what
    the source wants sent back when it verifies the URL.
    """

    events: list[str] = ["$"]
    pairs: bool = False
    form: str | None = None
    id: list[str] = []
    redact: list[str] = []
    reply: Reply | None = None
    echo: Echo | None = None


class Source(Strict):
    """How the values of one event are to be read.

    `unwrap`: the first of these members that is an object is the event itself; what stands beside it stays, see
    `schemas.beside`. `pairs`: attribute/value pairs, as the event itself (`$`) or in lists under these members, become
    members. `objects`: lists of such pairs under these members become objects there. `percent_decode`: texts carry
    percent escapes. `time_zone`: the IANA zone of naive times. `required`: the paths that must hold something, else the
    event is rejected. `occurred_at`: the paths, in order, that say when it happened; never when its record was made.
    `date_order`: how it writes dates that more than one order fits. `lead_id`: the paths that may name the lead by its
    id here, which then goes before every key. `fields`: what the source sends, with labels, and with types where values
    are to be normalised. `html`: the paths that hold HTML; it becomes plain text.
    """

    unwrap: list[str] = []
    pairs: list[str] = []
    objects: list[str] = []
    percent_decode: bool = False
    time_zone: str = "UTC"
    required: list[str] = []
    occurred_at: list[str] = []
    date_order: DateOrder | None = None
    lead_id: list[str] = []
    fields: list[SourceField] = []
    html: list[str] = []

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        return time_zone(value)


class Expected(Strict):
    """What an example's event must become."""

    id: str | None = None  # the producer's id
    occurred_at: str | None = None  # none: the time of arrival
    lead: dict[str, Any] = {}
    cleared: list[str] = []  # the lead's fields that become null, which TOML cannot say
    defaults: dict[str, Any] = {}
    call: dict[str, Any] | None = None
    activity: dict[str, Any] | None = None
    keys: list[list[str]] = []  # to search by
    rejected: str | None = None  # part of the reason, where the rules must reject it


class Example(Strict):
    """A worked example: a JSON body as the vendor sends it, settings that differ, and the events it must give."""

    name: str
    body: str
    connector: dict[str, Any] = {}
    expect: list[Expected]


class Preset(Strict):
    """One source system.

    `auth`: what a connector's own `[auth]` may leave out. `steps`: how the webhook URL gets into the source, for a
    person; `{url}` stands for it, `{address}` for the same without its https://.
    """

    name: str
    title: str
    about: str
    kind: RecordKind
    primary_key: str = "phone"
    secondary_key: str | None = "email"
    blank: Literal["keep", "clear"] = "keep"
    sync: Sync = Sync()
    steps: list[str] = []
    auth: AuthSettings | None = None
    door: Door = Door()
    source: Source = Source()
    map: list[MapRow] = []
    example: list[Example] = []
