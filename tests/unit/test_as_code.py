"""Connectors as files: one text for what says the same, and nothing lost on the way."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st

from pipeline.operations.as_code import canonical, to_toml
from pipeline.operations.connectors import parsed
from pipeline.operations.differences import differences
from pipeline.operations.json_schema import connector_schema
from pipeline.operations.toml import written
from schemas.joined import Joined
from schemas.presets import preset
from schemas.settings import ConnectorSettings
from schemas.standard import STANDARD
from tests.support.settings import documents, settings

EXAMPLES = sorted((Path(__file__).parents[2] / "deploy/examples").glob("*.toml"))
SCHEMA = jsonschema_rs.validator_for(connector_schema())
SLOW = how(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
VALUE: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.text(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False), st.booleans()
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


class InForce(Joined):
    """What settings and their preset make together, unchecked."""

    def __init__(self, said: ConnectorSettings) -> None:
        self.settings, self.preset, self.fields = said, preset(said.preset), STANDARD

    def everything(self) -> dict[str, Any]:
        rows: dict[str, list[Any]] = {}
        for row in self.rows:
            rows.setdefault(row.to, []).append(row)
        names = ("keys", "lead_behaviour", "activity_behaviour", "blank", "zone", "locale", "required", "id_paths")
        return {name: getattr(self, name) for name in (*names, "source_fields")} | {"rows": rows}


@given(st.dictionaries(st.text(), VALUE, max_size=4))
@how(max_examples=100, deadline=None)
def test_toml_says_what_it_was_given(document: dict[str, Any]) -> None:
    assert tomllib.loads(written(document)) == document


@given(settings())
@SLOW
def test_an_export_that_is_applied_is_exported_to_the_same_bytes(said: ConnectorSettings) -> None:
    text = to_toml(said)
    again = parsed(tomllib.loads(text))
    assert to_toml(again) == text
    assert canonical(again) == canonical(said) and not differences(canonical(said), canonical(again))
    assert InForce(again).everything() == InForce(said).everything()


@given(documents())
@SLOW
def test_the_json_schema_takes_what_the_models_take(document: dict[str, Any]) -> None:
    said = tomllib.loads(to_toml(ConnectorSettings(**document)))
    assert [error.message for error in SCHEMA.iter_errors(said)] == []
    assert [error.message for error in SCHEMA.iter_errors(orjson.loads(orjson.dumps(document)))] == []


def test_the_schema_offers_names_and_refuses_others() -> None:
    for file in EXAMPLES:
        assert SCHEMA.is_valid(tomllib.loads(file.read_text())), file
    right = {"name": "a", "preset": "generic-json", "map": [{"from": "x", "to": "lead.city"}]}
    for wrong in (
        {"preset": "nothing"},
        {"colour": "red"},
        {"default_country": "in"},
        {"map": [{"from": "x", "to": "city"}]},
        {"sync": {"lead": "never"}},
        {"map": [{"from": "x", "to": "lead.city", "transforms": ["upper"]}]},
    ):
        assert SCHEMA.is_valid(right) and not SCHEMA.is_valid({**right, **wrong}), wrong


def test_what_the_preset_says_anyway_is_left_out() -> None:
    said = parsed(
        {
            "name": "web",
            "preset": "generic-json",
            "enabled": True,
            "primary_key": "phone",
            "secondary_key": "email",
            "time_zone": "UTC",
            "blank": "clear",
            "sync": {"lead": "capture"},
            "notify": {"user": "sam@example.com", "enabled": True},
            "map": [
                {"to": "lead.budget", "from": ["budget", "price"], "when": {"country": "IN"}, "default": 0},
                {"to": "lead.note", "transforms": [{"constant": 'a "quoted"\nline'}]},
            ],
        }
    )
    assert to_toml(said) == (
        'name = "web"\n'
        'preset = "generic-json"\n'
        'blank = "clear"\n'
        "\n"
        "[notify]\n"
        'user = "sam@example.com"\n'
        "\n"
        "[[map]]\n"
        'from = ["budget", "price"]\n'
        'to = "lead.budget"\n'
        "default = 0\n"
        'when = { country = "IN" }\n'
        "\n"
        "[[map]]\n"
        'to = "lead.note"\n'
        'transforms = [{ constant = "a \\"quoted\\"\\nline" }]\n'
    )
    assert to_toml(said, "./connector.schema.json").startswith("#:schema ./connector.schema.json\n\nname =")


def test_differences_name_the_row_and_its_member() -> None:
    old = {
        "name": "a",
        "sync": {"lead": "create"},
        "map": [{"to": "lead.x", "from": "a"}, {"to": "lead.y", "from": "b"}],
    }
    new = {
        "name": "a",
        "sync": {"lead": "update"},
        "map": [
            {"to": "lead.y", "from": "b", "default": 1},
            {"to": "lead.x", "from": "a"},
            {"to": "lead.x", "from": "c"},
        ],
    }
    assert [(each.place, each.kind, each.old, each.new) for each in differences(old, new)] == [
        ("sync.lead", "changed", "create", "update"),
        ("map lead.y.default", "added", None, 1),
        ("map lead.x (2)", "added", None, {"to": "lead.x", "from": "c"}),
        ("map", "moved", ["lead.x", "lead.y"], ["lead.y", "lead.x"]),
    ]
    assert differences(old, old) == []
    assert [each.kind for each in differences({"enabled": True}, {"enabled": 1})] == ["changed"]
