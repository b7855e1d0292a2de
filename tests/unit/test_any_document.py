"""Any document that the door takes goes through any mapping that can be saved, and ends in a way that is named."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.engine.outcome import DeadLetter, Forward
from pipeline.store.text import storable
from schemas.checking import parse
from schemas.connector import Connector
from schemas.event import Event
from schemas.presets import preset
from schemas.problem import BadSettings
from stages.map import map_fields
from stages.normalize import normalize
from tests.support.chain import choices, tools_with

NAMES = ("a", "b", "name", "phone", "email", "when", "list", "deep")
PATHS = (*NAMES, "deep.a", "list.0", "list.0.b", "deep.deep.a", "$", "0")
TEXTS = (
    "", " ", "x", "Asha Rao", "+919811122233", "99999 99999", "Asha@Example.com", "2026-07-31 05:33:50", "31/07/2026",
    "1785476030000", "0001-01-01", "12", "1e9", "yes", "Car", "SUV", "<b>x</b>", "%2b91", "\u0661\u0662",
    "\ud7ff", "é" * 300, "2 min 5 sec", "0", "true", "\\u0000", "Pune 411 001", "a\tb\nc",
)  # fmt: skip
FIELDS: list[dict[str, Any]] = [
    *({"name": f"f_{type}", "label": type, "type": type} for type in ("number", "boolean", "date", "datetime", "user")),
    *({"name": f"f_{type}", "label": type, "type": type} for type in ("duration", "phone", "email", "text")),
    {"name": "u_text", "label": "U", "unique": True, "junk": ["x"]},
    {"name": "u_number", "label": "U", "type": "number", "unique": True, "required": True},
    *choices(["Car", "Bike"], {"Car": ["SUV"]}),
]
TARGETS = [
    *(f"lead.{field['name']}" for field in FIELDS),
    *("lead.phone", "lead.email", "lead.name", "lead.time_zone", "lead.country", "lead.external_id"),
    *("call.call_id", "call.started_at", "call.duration_s", "call.customer_number", "activity.subject"),
]

values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(TEXTS)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), inner),
    max_leaves=12,
)
pairs = st.lists(st.fixed_dictionaries({"Attribute": st.sampled_from(NAMES), "Value": values}), min_size=1, max_size=4)
documents = st.dictionaries(st.sampled_from(NAMES), values) | values | pairs

transforms = st.lists(
    st.sampled_from(["trim", "lower", "title", "strip_tags", "first", "indian_pincode"])
    | st.sampled_from([{"join": ", "}, {"split_name": "first"}, {"split_name": "last"}, {"constant": "Car"}])
    | st.sampled_from([{"constant": 7}, {"constant": False}, {"date_format": "%d/%m/%Y"}, {"date_format": "%y%j %z"}])
    | st.builds(
        lambda table, strict: {"look_up": table, "strict": strict},
        st.dictionaries(st.sampled_from(["x", "12", "yes", "true"]), st.sampled_from(["Car", 5, True, ""]), min_size=1),
        st.booleans(),
    ),
    max_size=3,
)
rows = st.fixed_dictionaries(
    {
        "to": st.sampled_from(TARGETS),
        "from": st.sampled_from(PATHS) | st.lists(st.sampled_from(PATHS), min_size=1, max_size=3),
        "transforms": transforms,
    },
    optional={
        "default": st.sampled_from(["Car", "SUV", 5, True, "2026-07-31", "a@example.com"]),
        "when": st.dictionaries(st.sampled_from(PATHS), st.sampled_from(TEXTS) | st.lists(st.sampled_from(TEXTS))),
        "key": st.booleans(),
        "on": st.booleans(),
    },
) | st.fixed_dictionaries(
    {"to": st.sampled_from(TARGETS), "transforms": st.just([{"constant": "12"}])},
    optional={"fill": st.booleans(), "when": st.dictionaries(st.sampled_from(PATHS), st.sampled_from(TEXTS))},
)
source_fields = st.fixed_dictionaries(
    {"path": st.sampled_from(PATHS), "type": st.sampled_from(["text", "phone", "datetime", "number", "email"])}
)
configurations = st.fixed_dictionaries(
    {
        "preset": st.sampled_from(["generic-json", "leadsquared-lead", "indiamart-push", "leadsquared-call-log"]),
        "map": st.lists(rows, max_size=8),
    },
    optional={
        "source_fields": st.lists(source_fields, max_size=3, unique_by=lambda field: field["path"]),
        "blank": st.sampled_from(["keep", "clear"]),
        "default_country": st.sampled_from(["IN", "US"]),
        "time_zone": st.sampled_from(["Asia/Kolkata", "America/New_York", "Africa/Monrovia"]),
        "required": st.just([]),
        "further_keys": st.lists(st.sampled_from(["u_text", "u_number", "phone"]), max_size=2),
        "sync": st.fixed_dictionaries({"activity": st.sampled_from(["off", "capture"])}),
    },
)  # fmt: skip


def connector_of(configuration: dict[str, Any]) -> Connector | None:
    """A connector of these settings, after the rows that cannot be saved are taken out, as a person would."""
    document = {"name": "any", "fields": FIELDS, **configuration}
    for _ in range(len(document["map"]) + 1):
        try:
            made = parse(document)
            return Connector(7, 1, 1, made, preset(made.preset))
        except BadSettings as bad:
            wrong = {problem.row for problem in bad.problems if problem.row}
            if not wrong:
                return None
            kept = [row for number, row in enumerate(document["map"], 1) if number not in wrong]
            document = {**document, "map": kept}
    return None


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(configurations, st.lists(documents, min_size=1, max_size=3))
async def test_any_document_goes_through_any_mapping(configuration: dict[str, Any], posted: list[Any]) -> None:
    connector = connector_of(configuration)
    if connector is None:
        return
    tools = tools_with(connector)
    for document in posted:
        raw = json.dumps(document)
        event = Event("e-1", 1, 7, "lead", datetime(2026, 8, 10, 12, tzinfo=UTC), raw)
        for stage in (normalize, map_fields):
            [outcome] = await stage.run([event], tools)
            if isinstance(outcome, DeadLetter):
                assert outcome.kind == "rejected"
                assert outcome.field and outcome.rule and outcome.value is not None and outcome.reason
                break
            assert isinstance(outcome, Forward)
            event = outcome.event
            assert orjson.loads(orjson.dumps(storable(event.data))) == storable(event.data)
