"""The stage `normalize`: from what a source sent to a document in normal form."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engine.outcome import DeadLetter, Forward, Outcome
from pipeline.ingress.charset import ASSUMED
from schemas.normal.time import NEVER, TWICE
from schemas.presets import presets
from schemas.reader import AHEAD
from stages.map import map_fields
from stages.normalize import normalize
from stages.noted import NOTES
from tests.support.chain import ARRIVED, StubCatalog, connector_of, event_of, event_of_raw, outcome_of, tools_with

GENERIC = connector_of("generic-json", {"default_country": "IN", "time_zone": "Asia/Kolkata"})


def forwarded(outcome: Outcome) -> Any:
    assert isinstance(outcome, Forward), outcome
    return outcome.event


async def test_values_at_typed_paths_become_normal_and_the_rest_stays() -> None:
    document = {
        "phone": "098111 22233",
        "email": " Asha@Example.com ",
        "occurred_at": "2026-07-31 11:03:50",
        "name": "  Asha ",
        "blank": "",
        "null": None,
        "n": 1.5,
        "deep": [{"x ": " y "}],
    }
    event = forwarded(await outcome_of(normalize, event_of(document), GENERIC))
    assert event.data == {
        "source": {
            "phone": "+919811122233",
            "email": "asha@example.com",
            "occurred_at": "2026-07-31T05:33:50Z",
            "name": "Asha",
            "blank": "",
            "null": None,
            "n": 1.5,
            "deep": [{"x ": "y"}],
        },
        "sent": {"+919811122233": "098111 22233"},
    }
    assert event.occurred_at == datetime(2026, 7, 31, 5, 33, 50, tzinfo=UTC)
    assert event.notes == ()


async def test_the_kind_is_that_of_the_preset() -> None:
    call = connector_of("leadsquared-call-log", {"required": []})
    assert forwarded(await outcome_of(normalize, event_of({"a": 1}), call)).kind == "call"


async def test_what_cannot_be_read_stays_for_its_field_to_judge() -> None:
    document = {"phone": "+91-1111111111", "email": "none", "timestamp": "soon"}
    event = forwarded(await outcome_of(normalize, event_of(document), GENERIC))
    assert event.data["source"] == document
    assert event.occurred_at == ARRIVED
    assert len(event.notes) == 1
    assert "timestamp" in event.notes[0]


@pytest.mark.parametrize("value", ["1970-01-01 05:30:00", "0001-01-01T00:00:00", 0])
async def test_a_time_that_means_none_is_missing_and_the_next_path_counts(value: Any) -> None:
    document = {"occurred_at": value, "timestamp": "2026-07-31T05:33:50Z"}
    event = forwarded(await outcome_of(normalize, event_of(document), GENERIC))
    assert event.data["source"] == {"timestamp": "2026-07-31T05:33:50Z"}
    assert event.occurred_at == datetime(2026, 7, 31, 5, 33, 50, tzinfo=UTC)
    assert "occurred_at" in event.notes[0]


@pytest.mark.parametrize("ahead", ["2026-08-12 00:00:00", "2026-08-10T18:00:00Z", "2026-08-10T12:00:00.000001Z"])
async def test_nothing_happens_after_it_has_arrived(ahead: str) -> None:
    event = forwarded(await outcome_of(normalize, event_of({"occurred_at": ahead}), GENERIC))
    assert event.occurred_at == ARRIVED
    assert event.notes == (f"occurred_at: {AHEAD}",)


@pytest.mark.parametrize("at", ["2026-08-10T12:00:00Z", "2026-08-10T11:59:59.999999Z"])
async def test_a_time_up_to_the_arrival_is_believed(at: str) -> None:
    event = forwarded(await outcome_of(normalize, event_of({"occurred_at": at}), GENERIC))
    assert (event.occurred_at, event.notes) == (datetime.fromisoformat(at), ())


async def test_when_a_record_was_made_judges_no_update() -> None:
    old = "2020-01-01T00:00:00Z"
    for source, connector in (({"created_at": old}, GENERIC), ({"CreatedOn": old}, connector_of("leadsquared-lead"))):
        event = forwarded(await outcome_of(normalize, event_of(source), connector))
        assert (event.occurred_at, event.notes) == (ARRIVED, ())


async def test_a_connector_names_the_paths_and_the_format_of_its_times() -> None:
    own = {"occurred_at": ["when", "meta.at"], "occurred_format": "%d.%m.%y %H.%M", "time_zone": "Asia/Kolkata"}
    connector = connector_of("generic-json", own)
    for document in ({"when": "05.07.26 14.05"}, {"meta": {"at": "05.07.26 14.05"}}, {"when": "2026-07-05 14:05"}):
        event = forwarded(await outcome_of(normalize, event_of(document), connector))
        assert (event.occurred_at, event.notes) == (datetime(2026, 7, 5, 8, 35, tzinfo=UTC), ())
    event = forwarded(await outcome_of(normalize, event_of({"occurred_at": "2020-01-01"}), connector))
    assert event.occurred_at == ARRIVED


@pytest.mark.parametrize("type", ["datetime", "text"])  # read as a typed path, or only to say when it happened
@pytest.mark.parametrize(
    ("written", "meant", "note", "kind"),
    [
        ("2025-11-02 01:30:00", datetime(2025, 11, 2, 5, 30, tzinfo=UTC), TWICE, "local_time_twice"),
        ("2025-03-09 02:30:00", datetime(2025, 3, 9, 7, 30, tzinfo=UTC), NEVER, "local_time_never"),
    ],
)
async def test_a_local_time_that_is_none_or_two_is_noted_and_counted(
    type: str, written: str, meant: datetime, note: str, kind: str
) -> None:
    sources = [{"path": "occurred_at", "type": type}]
    connector = connector_of("generic-json", {"time_zone": "America/New_York", "source_fields": sources})
    before = NOTES.labels(kind)._value.get()
    event = forwarded(await outcome_of(normalize, event_of({"occurred_at": written}), connector))
    assert (event.occurred_at, event.notes) == (meant, (f"occurred_at: {note}",))
    assert NOTES.labels(kind)._value.get() == before + 1


async def test_what_the_door_noted_stays_and_is_counted_once() -> None:
    before = NOTES.labels("charset_guessed")._value.get()
    arrived = event_of({"email": "nobody"}).evolve(notes=(ASSUMED,))
    for event in (arrived, arrived.evolve(replay=1)):
        read = forwarded(await outcome_of(normalize, event, GENERIC))
        assert read.notes[0] == ASSUMED
    assert NOTES.labels("charset_guessed")._value.get() == before + 1


async def test_nul_is_removed_wherever_it_hides() -> None:
    raw = r'{"na\u0000me":"As\u0000ha","list":["\u0000"],"back":"\\u0000","pct":"%00x"}'
    event = forwarded(await outcome_of(normalize, event_of_raw(raw), connector_of("leadsquared-lead")))
    assert event.data["source"] == {"name": "Asha", "list": [""], "back": "\\u0000", "pct": "x"}


@pytest.mark.parametrize(
    "raw", ["[]", "1", '"text"', "null", "[1]", "{", "", '{"a":NaN}', '"\\ud800"', "[" * 200 + "]" * 200]
)
async def test_what_is_no_object_is_rejected(raw: str) -> None:
    outcome = await outcome_of(normalize, event_of_raw(raw), GENERIC)
    assert isinstance(outcome, DeadLetter)
    assert (outcome.kind, outcome.field) == ("rejected", "event")
    assert outcome.rule


async def test_absurd_depth_is_rejected() -> None:
    outcome = await outcome_of(normalize, event_of_raw('{"a":' * 900 + "1" + "}" * 900), GENERIC)
    assert isinstance(outcome, DeadLetter)
    assert "deeper" in str(outcome.rule)


async def test_an_unknown_connector_is_named_and_the_others_pass() -> None:
    outcomes = await normalize.run([event_of({"a": 1}), event_of({"a": 1}, connector=99)], tools_with(GENERIC))
    assert isinstance(outcomes[0], Forward)
    assert isinstance(outcomes[1], DeadLetter)
    assert (outcomes[1].field, outcomes[1].value) == ("connector", "99")


async def test_a_disabled_connector_still_finishes_what_it_took() -> None:
    connector = connector_of("generic-json", {"enabled": False})
    assert isinstance(await outcome_of(normalize, event_of({"a": 1}), connector), Forward)


async def test_one_look_up_per_connector_and_batch() -> None:
    tools = tools_with(GENERIC, connector_of("leadsquared-lead", id=8))
    await normalize.run([event_of({"a": n}, connector=7 + n % 2) for n in range(100)], tools)
    assert isinstance(tools.catalog, StubCatalog)
    assert sorted(tools.catalog.looked) == [7, 8]


async def test_a_new_revision_is_read_by_its_own_settings() -> None:
    for zone, hour in (("Asia/Kolkata", 0), ("UTC", 5)):
        for revision in (1, 2):
            connector = connector_of("generic-json", {"time_zone": zone}, revision=revision)
            event = forwarded(await outcome_of(normalize, event_of({"timestamp": "2026-07-31 05:33:50"}), connector))
            assert event.occurred_at.hour == hour


async def test_the_event_that_came_in_is_left_as_it_was() -> None:
    event = event_of({"phone": "098111 22233"})
    first = await outcome_of(normalize, event, GENERIC)
    assert event.data == {}
    assert await outcome_of(normalize, event, GENERIC) == first


NAMES = sorted({path.split(".")[0] for preset in presets().values() for row in preset.map for path in row.paths})
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(
        ["", "\0", "%00", "%2b919811122233", "+91-1111111111", "Inbound", "Outbound", "P", "1970-01-01 05:30:00"]
    ),
)
members = st.sampled_from(
    [*NAMES, "After", "Before", "Current", "Fields", "LeadPropertyList", "Attribute", "Key", "Value"]
)
json = st.recursive(
    values,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(members | st.text(max_size=4), inner, max_size=8),
    max_leaves=30,
)


@pytest.mark.parametrize("preset", list(presets()))
@given(document=json)
async def test_any_document_is_forwarded_or_rejected_by_a_rule(preset: str, document: Any) -> None:
    connector = connector_of(preset, {"default_country": "IN", "blank": "clear", "required": []})
    tools = tools_with(connector)
    [outcome] = await normalize.run([event_of(document)], tools)
    if isinstance(outcome, Forward):
        _check_storable(outcome.event.data)
        [outcome] = await map_fields.run([outcome.event], tools)
    if isinstance(outcome, Forward):
        _check_storable(outcome.event.data)
        for space, value in [*outcome.event.data["keys"]["search"], *outcome.event.data["keys"]["also"]]:
            assert space
            assert value
    else:
        assert isinstance(outcome, DeadLetter)
        assert outcome.kind == "rejected"
        assert outcome.field
        assert outcome.rule


def _check_storable(data: dict[str, Any]) -> None:
    assert b"\\u0000" not in orjson.dumps(data).replace(b"\\\\", b"")
