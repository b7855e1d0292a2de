"""Transforms: what each makes of a value, as rows of a connector's mapping use them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.mapper import Mapped, mapper
from schemas.mapping import MapRow
from schemas.normal.values import ValueRejected
from schemas.transforming import UNLISTED
from tests.support.chain import connector_of

ARRIVED = datetime(2026, 8, 10, 12, tzinfo=UTC)
MISSING = object()


def mapped(
    transforms: list[Any], value: Any, to: str = "lead.notes", paths: Any = "a", document: Any = None, **settings: Any
) -> Mapped:
    row = {"to": to, "from": paths, "transforms": transforms}
    connector = connector_of("generic-json", {"map": [row], "time_zone": "Asia/Kolkata", **settings})
    return mapper(connector)({"a": value} if document is None else document, ARRIVED)


@pytest.mark.parametrize(
    ("transforms", "value", "made"),
    [
        (["trim"], " a \t b\u00a0c ", "a b c"),
        (["lower"], "ÀB c", "àb c"),
        (["title"], "ASHA rao-sharma", "Asha Rao-Sharma"),
        (["title"], "d'souza o’brien it's", "D'Souza O’Brien It's"),
        (["title"], "ǆ 3rd ÉMILE", "Ǆ 3Rd Émile"),
        (["strip_tags"], "<p>I want <b>5</b> &amp; more<br>now</p>", "I want 5 & more\nnow"),
        (["strip_tags"], "<br>", MISSING),
        (["first"], "x", "x"),
        ([{"split_name": "first"}], "Asha Rao Sharma", "Asha"),
        ([{"split_name": "last"}], " Asha  Rao   Sharma ", "Rao Sharma"),
        ([{"split_name": "last"}], "Asha", MISSING),
        ([{"join": "-"}], ["a", 1, None, "", "b"], "a-1-b"),
        ([{"join": ", "}, "lower"], "A", "a"),
        ([{"split_name": "last"}, {"join": "+"}], ["Asha", "Ravi"], MISSING),
        ([{"look_up": {"W": "web", "1": "one", "true": "yes"}}], "w", "web"),
        ([{"look_up": {"W": "web", "1": "one", "true": "yes"}}], 1, "one"),
        ([{"look_up": {"W": "web", "1": "one", "true": "yes"}}], True, "yes"),
        (["trim", "lower", {"look_up": {"a b": "AB"}}], " A  B ", "AB"),
        ([{"look_up": {"x": " y "}}, "trim"], "X", "y"),
        ([{"date_format": "%d/%m/%Y"}], "05/06/2026", "2026-06-05T00:00:00"),
        ([{"date_format": "%d.%m.%y %H:%M"}], "5.6.26 7:08", "2026-06-05T07:08:00"),
        ([{"date_format": "%d %b %Y %z"}], "05 Jun 2026 +0530", "2026-06-04T18:30:00+00:00"),
        ([{"constant": "yes"}], "whatever", "yes"),
        ([{"constant": "yes"}], "", MISSING),
        (["indian_pincode"], "Plot 12345678, Pune 411 001", "411001"),
        (["indian_pincode"], "PO Box 12", MISSING),
        (["lower"], 12.0, "12"),
        (["lower"], True, "true"),
        (["title"], ["ASHA", "rao"], "Asha, Rao"),
    ],
)
def test_a_transform_makes(transforms: list[Any], value: Any, made: Any) -> None:
    lead = mapped(transforms, value).data["lead"]
    assert lead == ({} if made is MISSING else {"notes": made})


@pytest.mark.parametrize(
    ("transforms", "document", "made"),
    [
        ([], {"a": "", "b": "B", "c": "C"}, "B"),
        (["first"], {"b": "B"}, "B"),
        (["trim", {"join": " "}, "title"], {"a": " ASHA ", "b": None, "c": "rao"}, "Asha Rao"),
        ([{"join": ", "}], {"a": ["x", "y"], "c": "z"}, "x, y, z"),
        (["trim", {"join": " / "}], {"a": [" x", "", None, "y  z"], "c": "w "}, "x / y z / w"),
        ([{"look_up": {"w": "web"}}, {"join": "+"}], {"a": ["W", "x"]}, "web+x"),
        ([{"join": ""}], {"a": "", "b": None}, None),
        ([{"split_name": "last"}], {"a": "Asha", "b": "Asha Rao"}, "Rao"),  # the next path, where one gives nothing
        ([{"look_up": {"x": ""}}], {"a": "x", "b": "y"}, "y"),
    ],
)
def test_several_paths(transforms: list[Any], document: dict[str, Any], made: str | None) -> None:
    lead = mapped(transforms, None, paths=["a", "b", "c"], document=document, blank="clear").data["lead"]
    assert lead == {"notes": made}


@pytest.mark.parametrize(
    ("transforms", "value", "rule"),
    [
        ([{"date_format": "%d/%m/%Y"}], "31/02/2026", "written as %d/%m/%Y"),
        ([{"date_format": "%d/%m/%Y"}], 5, "written as %d/%m/%Y"),
        ([{"look_up": {"A": "x"}, "strict": True}], "b", "takes one of: A"),
        (["lower"], {"x": 1}, "'lower' takes one value"),
        (["title"], [[1]], "'title' takes one value"),
        ([{"join": " "}], [{"x": 1}], "'join' takes one value"),
        ([{"split_name": "first"}], {"x": 1}, "'split_name' takes one value"),
    ],
)
def test_what_a_transform_cannot_take_is_rejected_with_the_field(transforms: list[Any], value: Any, rule: str) -> None:
    with pytest.raises(ValueRejected) as caught:
        mapped(transforms, value)
    assert caught.value.field == "lead.notes"
    assert rule in caught.value.rule
    assert caught.value.value


def test_what_comes_out_is_a_value_of_the_field() -> None:
    assert mapped(
        [{"date_format": "%d/%m/%Y %H:%M"}],
        "05/06/2026 10:00",
        "lead.birth",
        fields=[{"name": "birth", "label": "Birth", "type": "datetime"}],
    ).data["lead"] == {"birth": "2026-06-05T04:30:00Z"}
    assert mapped([{"look_up": {"hot": 90}}], "Hot", "lead.score").data["lead"] == {"score": 90}
    with pytest.raises(ValueRejected, match="number"):
        mapped(["title"], "ten", "lead.score")


def test_an_unlisted_value_stays_and_is_noted_and_may_still_identify() -> None:
    made = mapped([{"look_up": {"x": "9811122244"}}], "+919811122233", "lead.phone")
    assert made.notes == (f"lead.phone: {UNLISTED}",)
    assert made.data["keys"]["search"] == [["phone", "+919811122233"]]


@pytest.mark.parametrize(
    "transforms", [[{"constant": 1, "join": "x"}], [{}], [1], ["Trim"], [{"split_name": "middle"}], [["trim"]], [None]]
)
def test_what_is_no_transform_is_refused(transforms: list[Any]) -> None:
    with pytest.raises(ValidationError):
        MapRow(**{"to": "lead.notes", "from": "a", "transforms": transforms})


def test_transforms_are_written_as_they_were_read() -> None:
    transforms = ["trim", {"join": ", "}, {"look_up": {"a": 1, "b": True, "c": 1.5}, "strict": True}, {"constant": "x"}]
    row = MapRow(**{"to": "lead.notes", "from": "a", "transforms": transforms})
    assert row.model_dump(mode="json", by_alias=True, exclude_unset=True)["transforms"] == transforms
