"""Test cases of connectors, run without a database. In: a connector's file, and what lies in `<name>.tests` beside it.
Out: for each case, what came otherwise.

A case is an event, or a whole body, and what it must become: normal form and mapping, as the workers do them. The
worked examples of a preset are cases of it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import orjson
from pydantic import Field as Attribute
from pydantic import ValidationError, model_validator

from pipeline.ingress.content import encoded
from pipeline.ingress.door import cut
from pipeline.ingress.limits import Limits
from pipeline.ingress.refusal import Refusal, malformed
from pipeline.operations.checking import problems_of
from pipeline.operations.connectors import BadConnector, parsed, parsed_file
from pipeline.operations.errors import Invalid
from schemas import words
from schemas.connector import Connector
from schemas.cutting import events_in, producer_id, redacted
from schemas.fields import AS_SENT, RecordFields
from schemas.joined import with_declared
from schemas.mapper import mapper
from schemas.normal.values import ValueRejected
from schemas.preset import Expected, Preset
from schemas.presets import preset
from schemas.presets import presets as shipped
from schemas.reader import reader
from schemas.settings import ConnectorSettings
from schemas.standard import STANDARD
from schemas.strict import Strict

ARRIVED = datetime(2026, 8, 10, 12, 0, tzinfo=UTC)  # where a case does not say when it came
NOTHING = object()


class Expect(Expected):
    """What one event must become. `cleared` names fields that become null; those of a call as `call.status`."""

    required: list[str] = Attribute(default=[], description="Lead fields that a new lead would need and lacks.")


class Case(Strict):
    """One test case: an event as the journal keeps it, or a body as the source sends it."""

    name: str = Attribute(min_length=1)
    about: str = ""
    received_at: datetime = ARRIVED
    event: str | None = None
    body: str | None = None
    content_type: str = "application/json"
    connector: dict[str, Any] = Attribute(default={}, description="Settings that differ from the file's.")
    expect: list[Expect]

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.event is None) == (self.body is None):
            raise ValueError("a case needs either `event` or `body`")
        if self.received_at.tzinfo is None:
            raise ValueError("`received_at` needs an offset, such as Z")
        return self


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One place that came otherwise. `event` counts from 1; None stands for nothing."""

    event: int
    place: str
    expected: Any
    got: Any


@dataclass(frozen=True, slots=True)
class Ran:
    """One case and what came of it; no mismatches and no trouble: it passed."""

    connector: str
    case: str
    file: str | None
    mismatches: list[Mismatch] = field(default_factory=list)
    trouble: str | None = None

    @property
    def passed(self) -> bool:
        return not self.mismatches and self.trouble is None


def run_all(paths: Sequence[Path], *, presets: bool = False, fields: RecordFields = STANDARD) -> Iterator[Ran]:
    """Every case of connectors' files, or of all those in folders, and the worked examples of their presets.

    `presets`: the worked examples of all presets that ship. The account is taken to have these `fields` and those that
    any of the files brings along.
    """
    read: list[tuple[Path, ConnectorSettings]] = []
    for file in (file for path in paths for file in (sorted(path.glob("*.toml")) if path.is_dir() else [path])):
        try:
            settings = parsed_file(file)
        except BadConnector as error:
            yield Ran(file.stem, "the file", str(file), trouble=str(error))
            continue
        read.append((file, settings))
        fields = with_declared(fields, settings)
    for file, settings in read:
        yield from _run_file(file, settings, fields)
    used = {settings.preset for _, settings in read}
    for name, base in shipped().items():
        if presets or name in used:
            yield from run_examples(base)


def _run_file(file: Path, settings: ConnectorSettings, fields: RecordFields) -> Iterator[Ran]:
    if problems := problems_of(settings, fields):
        yield Ran(settings.name, "the file", str(file), trouble="\n".join(map(str, problems)))
        return
    for beside in sorted(file.with_name(f"{settings.name}.tests").glob("*.toml")):
        yield _ran_file(beside, settings, fields)


def run_examples(base: Preset) -> Iterator[Ran]:
    """Every worked example of a preset."""
    for example in base.example:
        case = Case(name=example.name, body=example.body, expect=[Expect(**e.model_dump()) for e in example.expect])
        settings = parsed({"name": "example", "preset": base.name, **example.connector})
        yield _ran(case, settings, STANDARD, base.name, None)


def run_case(case: Case, connector: Connector) -> list[Mismatch]:
    """What comes otherwise than the case says."""
    try:
        raws = _raws(case, connector)
    except Refusal as refusal:
        got = f"the ingress refuses it: {refusal.detail}"
        wanted = case.expect[0].rejected if len(case.expect) == 1 else None
        return [] if wanted is not None and wanted in got else [Mismatch(1, "rejected", wanted, got)]
    if len(raws) != len(case.expect):
        return [Mismatch(0, "number of events", len(case.expect), len(raws))]
    return [
        found
        for number, (raw, expected) in enumerate(zip(raws, case.expect, strict=True), 1)
        for found in _mismatches(number, _wanted(expected, case), _got(connector, raw, case.received_at), expected)
    ]


def _derived(record: str, name: str) -> bool:
    """Whether a value follows from another one: the number as it was sent, and the zone that it is in."""
    return (record == "lead" and name.endswith(AS_SENT)) or (record, name) == ("defaults", "time_zone")


def outcome_of(connector: Connector, raw: str, received_at: datetime) -> Expect:
    """What an event becomes, as a case says it: without what follows from the rest."""
    got = _got(connector, raw, received_at)
    if got["rejected"] is not None:
        return Expect(id=got["id"], rejected=got["rejected"])
    for record in ("lead", "defaults"):
        got[record] = {name: value for name, value in got[record].items() if not _derived(record, name)}
    at = got["occurred_at"]
    records = {kind: got[kind] for kind in ("lead", "call", "activity")}
    cleared = [
        name if kind == "lead" else f"{kind}.{name}"
        for kind, values in records.items()
        for name, value in (values or {}).items()
        if value is None
    ]
    kept = {
        kind: None if values is None else {name: value for name, value in values.items() if value is not None}
        for kind, values in records.items()
    }
    return Expect(
        id=got["id"],
        occurred_at=None if at == received_at else at.isoformat().replace("+00:00", "Z"),
        lead=kept["lead"] or {},
        cleared=cleared,
        defaults=got["defaults"],
        call=kept["call"],
        activity=kept["activity"],
        keys=got["keys"],
        required=got["required"],
    )


def _ran_file(file: Path, settings: ConnectorSettings, fields: RecordFields) -> Ran:
    try:
        case = Case(**tomllib.loads(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        found = error.errors(include_url=False)
        trouble = "\n".join(f"{'.'.join(map(str, each['loc']))}: {words.told(each, Case)}" for each in found)
        return Ran(settings.name, file.stem, str(file), trouble=trouble)
    except (OSError, TypeError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return Ran(settings.name, file.stem, str(file), trouble=str(error))
    return _ran(case, settings, fields, settings.name, str(file))


def _ran(case: Case, settings: ConnectorSettings, fields: RecordFields, name: str, file: str | None) -> Ran:
    try:
        if case.connector:
            said = settings.model_dump(mode="json", by_alias=True, exclude_unset=True)
            settings = parsed({**said, **case.connector})
        connector = Connector(1, 1, 1, settings, preset(settings.preset), fields)
        return Ran(name, case.name, file, run_case(case, connector))
    except (Invalid, ValueError, LookupError) as error:
        return Ran(name, case.name, file, trouble=str(error))


def _raws(case: Case, connector: Connector) -> list[str]:
    """The events of a case, as the door makes them."""
    if case.event is not None:
        return [orjson.dumps(orjson.loads(case.event)).decode()]
    body = encoded(str(case.body), case.content_type)
    try:
        return [event.raw for event in cut(connector, {"Content-Type": case.content_type}, body, Limits()).events]
    except Refusal:
        return _raws_beyond_the_door(body, connector)


def _raws_beyond_the_door(body: bytes, connector: Connector) -> list[str]:
    """What the door refuses as no event, for the rules behind it to reject; what is no JSON is refused for good."""
    try:
        found = events_in(orjson.loads(body), connector.preset.door)
    except orjson.JSONDecodeError:
        raise malformed("Malformed JSON", "the body is not JSON") from None
    return [orjson.dumps(redacted(each, connector.preset.door)[0]).decode() for each in found]


def _got(connector: Connector, raw: str, received_at: datetime) -> dict[str, Any]:
    said: dict[str, Any] = {"id": producer_id(orjson.loads(raw), connector.id_paths), "rejected": None}
    try:
        reading = reader(connector)(raw, received_at)
        data = mapper(connector)(reading.document, received_at, reading.sent).data
    except ValueRejected as rejection:
        return said | {"rejected": str(rejection)}
    return said | {
        "occurred_at": reading.occurred_at or received_at,
        "lead": data["lead"],
        "defaults": data["defaults"],
        "call": data.get("call"),
        "activity": data.get("activity"),
        "keys": data["keys"]["search"],
        "required": data.get("required", []),
    }


def _wanted(expected: Expect, case: Case) -> dict[str, Any]:
    records: dict[str, Any] = {"lead": {**expected.lead}, "call": expected.call, "activity": expected.activity}
    for name in expected.cleared:
        record, _, member = name.rpartition(".")
        records[record or "lead"] = {**(records[record or "lead"] or {}), member: None}
    at = expected.occurred_at
    return {
        "id": expected.id,
        "occurred_at": case.received_at if at is None else datetime.fromisoformat(at),
        **records,
        "defaults": expected.defaults,
        "keys": expected.keys,
        "required": expected.required,
    }


def _mismatches(number: int, wanted: Mapping[str, Any], got: Mapping[str, Any], expected: Expect) -> Iterator[Mismatch]:
    if got["id"] != wanted["id"]:
        yield Mismatch(number, "id", wanted["id"], got["id"])
    if expected.rejected is not None or got["rejected"] is not None:
        if got["rejected"] is None or expected.rejected is None or expected.rejected not in got["rejected"]:
            yield Mismatch(number, "rejected", expected.rejected, got["rejected"])
        return
    for name in ("occurred_at", "keys", "required"):
        if got[name] != wanted[name]:
            yield Mismatch(number, name, wanted[name], got[name])
    for record in ("lead", "defaults", "call", "activity"):
        if (got[record] is None) != (wanted[record] is None):
            yield Mismatch(number, record, wanted[record], got[record])
            continue
        before, after = wanted[record] or {}, got[record] or {}
        for member in dict.fromkeys((*before, *after)):
            if member not in before and _derived(record, member):
                continue  # a case may speak of it, and need not
            if before.get(member, NOTHING) != after.get(member, NOTHING):
                yield Mismatch(number, f"{record}.{member}", before.get(member), after.get(member))
