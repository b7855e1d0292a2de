"""What keeps settings from being saved: every problem at once, each with its row."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.checking import parse
from schemas.fields import Field
from schemas.mapping import MapRow
from schemas.presets import presets
from schemas.problem import BadSettings
from schemas.settings import ConnectorSettings
from schemas.source_field import SourceField
from tests.support.chain import choices

FIELDS: list[dict[str, Any]] = [
    *choices(["Home", "Car"], {"Car": ["Sedan"]}),
    {"name": "pan", "label": "PAN", "unique": True},
]
SOURCES = [
    {"path": "agent", "label": "Agent"},
    {"path": "flag", "type": "boolean"},
    {"path": "when", "type": "datetime"},
    {"path": "mail", "type": "email"},
    {"path": "tel", "type": "phone"},
    {"path": "took", "type": "duration"},
    {"path": "count", "type": "number"},
]


def refused(*rows: dict[str, Any], **others: Any) -> list[str]:
    document = {"name": "a", "preset": "generic-json", "fields": FIELDS, "source_fields": SOURCES, "map": [*rows]}
    try:
        parse({**document, **others})
    except BadSettings as bad:
        return [str(problem) for problem in bad.problems]
    return []


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"to": "lead.produt", "from": "a"}, ["no field 'produt'", "did you mean 'product'"]),
        ({"to": "lead.score", "from": "flag"}, ["flag is a boolean", "a number field"]),
        ({"to": "lead.phone", "from": "mail"}, ["mail is an email", "a phone field"]),
        ({"to": "lead.do_not_call", "from": "when"}, ["when is a datetime", "a boolean field"]),
        ({"to": "lead.email", "from": "tel"}, ["tel is a phone"]),
        ({"to": "lead.score", "from": ["x", "flag"]}, ["flag is a boolean"]),
        ({"to": "lead.score", "from": "x", "transforms": [{"date_format": "%d/%m/%Y"}]}, ["a time", "a number field"]),
        ({"to": "lead.email", "from": "x", "transforms": [{"split_name": "last"}]}, ["part of a name"]),
        ({"to": "lead.city", "from": "when", "transforms": [{"date_format": "%d/%m/%Y"}]}, ["when", "source_fields"]),
        ({"to": "lead.score", "from": "x", "default": "many"}, ["its default is 'many'", "number field takes"]),
        ({"to": "lead.score", "transforms": [{"constant": True}]}, ["its constant is 'True'"]),
        ({"to": "lead.score", "from": "x", "transforms": [{"look_up": {"A": 1, "B": "two"}}]}, ["look-up of 'B'"]),
        ({"to": "lead.product", "from": "x", "default": "Boat"}, ["'Boat'", "one of: Home, Car"]),
        ({"to": "lead.phone", "from": "x", "default": "12"}, ["not a valid phone number"]),
        ({"to": "lead.phone", "from": "x", "default": "9.19845E+11"}, ["digits were lost"]),
        ({"to": "lead.phone", "from": "x", "default": "+919811122233, +919811122244"}, ["'+919811122233' alone"]),
        ({"to": "lead.phone", "from": "x", "default": "+919811122233 ext. 12"}, ["'+919811122233' alone"]),
        ({"to": "lead.email", "from": "x", "default": "a@example.com b@example.com"}, ["'a@example.com' alone"]),
        ({"to": "lead.score", "from": "x", "default": "N/A"}, ["its default is 'N/A'", "counts as blank"]),
        (
            {"to": "lead.score", "from": "x", "transforms": [{"look_up": {"A": "--"}}]},
            ["look-up of 'A'", "counts as blank"],
        ),
        ({"to": "lead.product", "from": "x", "default": "none"}, ["its default is 'none'", "counts as blank"]),
        ({"to": "lead.city", "from": "x", "key": True}, ["city is not unique", "email", "pan"]),
        ({"to": "lead.city", "from": "a..b"}, ["'a..b' is not a path"]),
        ({"to": "lead.city", "from": " a"}, ["' a' is not a path"]),
        ({"to": "lead.city", "from": "$.a"}, ["leave out the $."]),
        ({"to": "lead.city", "from": "agent.city"}, ["nothing lies at 'agent.city'", "agent holds one value"]),
        ({"to": "lead.city", "from": "x", "when": {"agent.city": "Pune"}}, ["nothing lies at 'agent.city'"]),
        ({"to": "lead.city", "from": "x", "when": {"flag": ["1", "Y"]}}, ["condition on flag", "write 'true'"]),
        ({"to": "lead.city", "from": "x", "when": {"count": "05"}}, ["condition on count", "write '5'"]),
        ({"to": "lead.city", "from": "x", "when": {"kind": " A"}}, ["condition on kind", "white space"]),
        ({"to": "lead.city", "from": "x", "when": {"kind": []}}, ["at least one value"]),
        ({"to": "lead.city", "from": "x", "transforms": [{"look_up": {"a ": "b"}}]}, ["'a ' can never match"]),
        ({"to": "lead.city", "from": "flag", "transforms": [{"look_up": {"1": "b"}}]}, ["'1' can never", "'true'"]),
        ({"to": "lead.model", "from": "x"}, ["depend on product", "map lead.product too"]),
        ({"to": "lead.city", "from": "x", "transforms": ["titel"]}, ["no transform is called 'titel'", "'title'"]),
        ({"to": "lead.city", "from": "x", "transforms": ["join"]}, ["needs a parameter"]),
        ({"to": "lead.city", "from": "x", "transforms": [{"trim": True}]}, ["takes no parameter"]),
        ({"to": "lead.city", "from": "x", "transforms": [{"date_format": "%H:%M"}]}, ["does not name a day"]),
        ({"to": "lead.city", "from": "x", "transforms": [{"look_up": {"A": "1", "a": "2"}}]}, ["differ only by case"]),
        ({"to": "lead.city", "transforms": ["trim"]}, ["needs `from`"]),
        ({"to": "lead.city", "from": []}, ["needs a path"]),
        ({"to": "lead.city", "form": "x"}, ["form"]),
    ],
)
def test_one_problem_is_one_sentence_that_names_the_row(row: dict[str, Any], told: list[str]) -> None:
    [problem] = refused({"to": "lead.name", "from": "n"}, row)
    assert problem.startswith(f"map row 2 (to {row['to']})")
    assert all(part in problem for part in told), problem


@pytest.mark.parametrize(
    "row",
    [
        {"to": "lead.do_not_call", "from": "count"},  # 1 and 0
        {"to": "lead.score", "from": "took"},
        {"to": "lead.notes", "from": ["flag", "when", "tel"]},
        {"to": "lead.phone", "from": "count"},
        {"to": "lead.score", "from": "flag", "transforms": [{"look_up": {"true": 1, "false": 0}}]},
        {"to": "lead.score", "from": "flag", "transforms": [{"constant": 5}]},
        {"to": "lead.city", "from": "agent"},
        {"to": "lead.city", "from": "x", "when": {"flag": ["true", "1"]}},
        {"to": "lead.city", "from": "x", "when": {"flag": "unknown"}},  # what cannot be read stays as it was sent
        {"to": "lead.city", "from": "x", "when": {"tel": ""}},
        {"to": "lead.pan", "from": "x", "key": True, "transforms": ["trim"]},
        {"to": "lead.nothing", "from": "a..b", "on": False},
        {"to": "lead.product", "from": "x", "default": "hOME"},
    ],
)
def test_what_may_fit_can_be_saved(row: dict[str, Any]) -> None:
    assert refused(row) == []


@pytest.mark.parametrize(
    ("first", "second", "hidden"),
    [
        ({"transforms": [{"constant": "X"}]}, {"from": "b"}, True),
        ({"transforms": [{"constant": "X"}]}, {"from": "b", "when": {"k": "1"}}, True),
        ({"transforms": [{"constant": "X"}], "when": {"k": "1"}}, {"from": "b"}, False),
        ({"transforms": [{"constant": "X"}], "when": {"k": ["1", "2"]}}, {"from": "b", "when": {"k": "1"}}, True),
        ({"transforms": [{"constant": "X"}], "when": {"k": "1"}}, {"from": "b", "when": {"k": ["1", "2"]}}, False),
        ({"from": ["a", "b"]}, {"from": "b"}, True),
        ({"from": "a"}, {"from": ["a", "b"]}, False),
        ({"from": "a", "transforms": ["indian_pincode"]}, {"from": "a"}, False),
        ({"from": "a"}, {"transforms": [{"constant": "X"}]}, False),
        ({"from": "a"}, {"from": "a", "default": "X"}, False),
        ({"transforms": [{"constant": "X"}], "on": False}, {"from": "b"}, False),
    ],
)
def test_a_row_that_never_counts_is_told_together_with_the_one_before_it(
    first: dict[str, Any], second: dict[str, Any], hidden: bool
) -> None:
    problems = refused({"to": "lead.city", **first}, {"to": "lead.city", **second})
    first_of_them = "map row 1 (to lead.city) comes first, and has a value whenever this row has"
    assert problems == (
        [f"map row 2 (to lead.city): it never takes effect: {first_of_them}; take one of the two out"] if hidden else []
    )


def test_all_problems_are_told_at_once_with_the_numbers_that_the_rows_have_in_the_file() -> None:
    problems = refused(
        {"to": "lead.city", "from": "x", "transforms": ["trimm"]},
        {"to": "lead.city", "from": "agent.x"},
        {"to": "person.city", "from": "x"},
        {"to": "lead.score", "from": "flag"},
        default_country="India",
        further_keys=["nothing"],
    )
    assert [problem.partition(":")[0] for problem in problems] == [
        "default_country",
        "map row 1 (to lead.city), transforms",
        "map row 3 (to person.city), to",
        "map row 2 (to lead.city)",
        "map row 4 (to lead.score)",
        "further_keys 1",
    ]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"primary_key": "city"}, "primary_key: 'city' is not unique"),
        ({"secondary_key": "nothing"}, "secondary_key: 'nothing' is not a field of leads"),
        ({"further_keys": ["pan", "score"]}, "further_keys 2: 'score' is not unique"),
        ({"preset": "generic-jsn"}, "preset: no preset is called 'generic-jsn'; did you mean 'generic-json'"),
        ({"fields": [{"name": "score", "label": "Score"}]}, "fields row 1 (score): the account has this field already"),
        ({"fields": [FIELDS[1]]}, "fields row 1 (model): model: its parent 'product' must be a dropdown"),
        ({"fields": [FIELDS[2], FIELDS[2]]}, "fields: the field 'pan' is there twice"),
        ({"fields": [{"name": "x", "label": "X", "type": "dropdown"}]}, "fields row 1 (x): a dropdown needs `options`"),
        ({"fields": [{"name": "x", "label": "X", "type": "date", "unique": True}]}, "a date field cannot be unique"),
        ({"source_fields": [{"path": "a..b"}]}, "source_fields row 1 (a..b): 'a..b' is not a path"),
        (
            {"source_fields": [{"path": "a", "type": "dropdown"}]},
            "source_fields row 1 (a), type: type dropdown is for fields of records",
        ),
        ({"required": ["agent.x"]}, "required: nothing lies at 'agent.x'"),
        ({"sync": {"lead": "off"}}, "sync.lead: must be 'capture', 'create', 'update' or 'nothing', and not 'off'"),
        ({"access": {"roles": ["viewer"], "user_field": "is_sales"}}, "access: access is opened either by"),
        ({"time_zone": "Asia/Bombay City"}, "time_zone: 'Asia/Bombay City' is not an IANA time zone"),
        ({"map": None}, "map: must be a list"),
        ({"colour": "red"}, "colour: is not known here; the names are access, auth, blank, blank_words, date_order"),
        ({"default_cuntry": "IN"}, "default_cuntry: is not known here; did you mean 'default_country'?"),
        ({"sync": {"activty": "off"}}, "sync.activty: is not known here; did you mean 'activity'?"),
        ({"map": [{"to": "lead.city", "form": "x", "from": "x"}]}, "form: is not known here; did you mean 'from'?"),
        ({"map": [{"to": "lead.city", "from": "x", "transforms": [{"look_up": {}}]}]}, "look_up: must not be empty"),
        ({"map": [{"to": "lead.city", "from": "x", "on": 3}]}, "map row 1 (to lead.city), on: must be true or false"),
        ({"lead_source": "x" * 201}, "lead_source: must have at most 200 characters"),
        ({"auth": {"scheme": "token", "tolerance": 0}}, "auth.tolerance: must be at least 1"),
        ({"primary_key": "Phone No"}, "primary_key: takes lower-case letters"),
        ({"name": "Web site"}, "name: takes lower-case letters, digits and hyphens, and not 'Web site'"),
        ({"map": [{"to": "leads.city", "from": "x"}]}, "such as lead.phone, and not 'leads.city'"),
        ({"source_fields": [{"label": "Town"}]}, "source_fields row 1, path: is missing, and required"),
        ({"auth": {"scheme": "header", "header": "hunter 2"}}, "an HTTP header, such as X-Api-Key"),
        (
            {"map": [{"to": f"lead.{name}", "from": "x", "on": False} for name in ("phone", "email")]},
            "map: no row maps a search key (phone, email)",
        ),
    ],
)
def test_what_is_wrong_beside_the_mapping_names_its_place(changes: dict[str, Any], told: str) -> None:
    found = refused(**changes)
    assert len(found) == 1 and told in found[0], found


def test_what_ships_can_be_saved() -> None:
    for preset in presets().values():
        parse({"name": "a", "preset": preset.name})
        for example in preset.example:
            parse({"name": "a", "preset": preset.name, **example.connector})


def test_an_editor_finds_a_sentence_for_every_setting() -> None:
    schema = ConnectorSettings.model_json_schema()
    models = {"the settings": schema, **schema["$defs"]}
    assert [
        f"{model}.{name}"
        for model, told in models.items()
        for name, setting in told.get("properties", {}).items()
        if not setting.get("description")
    ] == []


json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
attributes = sorted({*MapRow.model_fields, *Field.model_fields, *SourceField.model_fields, "from"})
rows = st.dictionaries(st.sampled_from(attributes), json, max_size=4)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(sorted(ConnectorSettings.model_fields)),
        json
        | st.lists(
            rows
            | rows.map(lambda row: {"to": "lead.phone", "from": "a", **row})
            | rows.map(lambda row: {"name": "pan", "label": "PAN", **row})
            | rows.map(lambda row: {"path": "a.b", **row}),
            max_size=4,
        ),
        max_size=4,
    ),
    st.booleans(),
)
def test_any_document_is_settings_or_has_problems_that_name_a_place(document: dict[str, Any], named: bool) -> None:
    whole = {**({"name": "a", "preset": "generic-json"} if named else {}), **document}
    try:
        parse(whole)
    except BadSettings as bad:
        assert bad.problems
        assert all(problem.place and problem.message for problem in bad.problems)
