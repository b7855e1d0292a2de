"""Whatever a mapping writes itself, every key of an event comes from its document."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.connector import Connector, ConnectorSettings
from schemas.event import Event
from schemas.key_source import MADE_UP, made_up
from schemas.mapper import mapper
from schemas.presets import preset
from schemas.reader import reader
from schemas.rejected import Rejected
from tests.support.chain import event_of

NOW = datetime(2026, 7, 5, 8, tzinfo=UTC)
FIELDS = [{"name": "pan", "label": "PAN", "unique": True}, {"name": "number", "label": "No.", "type": "number"}]
FIELDS[1]["unique"] = True
WRITTEN: dict[str, list[Any]] = {
    "phone": ["+919845011221", "+919845011222"],
    "email": ["a@example.com", "B@example.com"],
    "pan": ["X1", "x2", "word"],
    "number": [7, 8],
    "external_id": ["ID-1"],
}
SENT = st.sampled_from(["+919845099991", "c@example.com", "Y1", "9", "", None, "N/A", "word", "other"])


@st.composite
def rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows to fields that identify, which write something of their own in each of the ways that there are."""
    name = draw(st.sampled_from(sorted(WRITTEN)))
    value, other = draw(st.sampled_from(WRITTEN[name])), draw(st.sampled_from(WRITTEN[name]))
    to: dict[str, Any] = {"to": f"lead.{name}"}
    ways: list[dict[str, Any]] = [
        {"transforms": [{"constant": value}]},
        {"from": name, "transforms": [{"constant": value}]},
        {"from": name, "default": value},
        {"from": name, "transforms": [{"look_up": {"word": value, "other": value}}]},
        {"from": name, "transforms": [{"look_up": {"n/a": value}}]},
        {"transforms": [{"constant": value}], "when": {"kind": "a"}},
        {"transforms": [{"constant": value}], "fill": True},
    ]
    first: list[dict[str, Any]] = [{**to, "from": name}] if draw(st.booleans()) else []
    return [*first, {**to, **draw(st.sampled_from(ways))}, {**to, "from": name, "default": other}]


DOCUMENTS = st.dictionaries(st.sampled_from([*WRITTEN, "kind"]), SENT | st.just("a"))


@given(st.lists(rows(), min_size=1, max_size=3), DOCUMENTS, st.sampled_from(["keep", "clear"]))
@settings(deadline=None)
def test_no_key_is_what_the_mapping_wrote(rows: list[Any], document: dict[str, Any], blank: Any) -> None:
    by_field = {row["to"]: each for each in rows for row in each}
    said = ConnectorSettings(
        name="a",
        preset="generic-json",
        blank=blank,
        fields=FIELDS,
        map=[row for each in by_field.values() for row in each],
        further_keys=["pan", "number"],
    )
    connector = Connector(1, 1, 1, said, preset("generic-json"))
    assert list(made_up(connector))
    event: Event = event_of(document, 1)
    reading = reader(connector)(event.raw, NOW)
    try:
        mapped = mapper(connector)(reading.document, NOW, reading.sent)
    except Rejected:  # words in a number field
        return
    sent = {str(value).casefold().lstrip("+") for value in document.values() if value}
    for _, key in [*mapped.data["keys"]["search"], *mapped.data["keys"]["also"]]:
        assert key.lstrip("+") in sent, (key, document)


@pytest.mark.parametrize(("sent", "keys"), [("word", []), ("Other", []), ("Y1", [["pan", "y1"]])])
def test_of_a_look_up_of_before_only_what_it_makes_up_is_no_key(sent: str, keys: list[list[str]]) -> None:
    row = {"from": "pan", "to": "lead.pan", "transforms": [{"look_up": {"word": "X", "other": "x"}}]}
    said = ConnectorSettings(name="a", preset="generic-json", fields=FIELDS[:1], map=[row], primary_key="pan")
    mapped = mapper(Connector(1, 1, 1, said, preset("generic-json")))({"pan": sent}, NOW)
    assert mapped.data["keys"]["search"] == keys
    assert [note for note in mapped.notes if MADE_UP in note] == ([] if keys else [f"lead.pan: {MADE_UP}"])
