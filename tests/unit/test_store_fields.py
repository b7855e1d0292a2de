"""An account's fields in the store: listed, added, changed with what is stored in them, removed."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.store import accounts, connectors, field_values, fields
from pipeline.store.catalog import Catalog
from pipeline.store.database import Database
from pipeline.store.fields import FieldRefused
from pipeline.store.identity import of_lead
from pipeline.store.ids import new_id
from schemas.connector import ConnectorSettings
from schemas.fields import Field
from schemas.standard import STANDARD
from tests.support.events import ACCOUNT

GRADE = Field(name="grade", label="Grade", type="dropdown", options=["Hot", "Warm"])
PAN = Field(name="pan", label="PAN", unique=True)


async def lead(database: Database, values: dict[str, Any], account: int = ACCOUNT) -> str:
    id = new_id()
    await database.execute(
        "INSERT INTO lead (id, account_id, fields, stamps, created_at, updated_at)"
        " VALUES ($1, $2, $3, '{}', now(), now())",
        id,
        account,
        values,
    )
    return id


async def stored(database: Database, id: str) -> dict[str, Any]:
    values: dict[str, Any] = await database.fetchval("SELECT fields FROM lead WHERE id = $1", id)
    return values


async def origins(database: Database, account: int = ACCOUNT) -> dict[str, str]:
    listed = await fields.list_all(database, account)
    return {f"{each.record}.{each.field.name}": each.origin for each in listed}


async def test_an_account_has_the_standard_fields_and_its_own(database: Database) -> None:
    assert set((await origins(database)).values()) == {"standard"}
    other = await accounts.create(database, "other")
    assert await fields.put(database, ACCOUNT, "lead", GRADE) == "created"
    assert await fields.put(database, ACCOUNT, "lead", GRADE) == "unchanged"
    assert await fields.relabel(database, ACCOUNT, "lead", "phone", "Mobile") == "changed"
    found = await origins(database)
    assert (found["lead.grade"], found["lead.phone"], found["lead.email"]) == ("own", "changed", "standard")
    ours = (await fields.of_account(database, ACCOUNT))["lead"]
    assert (ours["grade"], ours["phone"].label, ours["phone"].space) == (GRADE, "Mobile", "phone")
    assert (await fields.of_account(database, other)) == STANDARD
    with pytest.raises(LookupError):
        await fields.relabel(database, other, "lead", "grade", "X")
    assert await fields.remove(database, other, "lead", "grade") == "no"


async def test_a_standard_field_keeps_its_key_space_when_it_is_changed(database: Database) -> None:
    await fields.put(database, ACCOUNT, "lead", Field(name="phone_alt", label="Other", type="phone", unique=True))
    await fields.put(database, ACCOUNT, "lead", Field(name="external_id", label="Their id", unique=True))
    ours = (await fields.of_account(database, ACCOUNT))["lead"]
    assert (ours["phone_alt"].key_space(7), ours["external_id"].key_space(7)) == ("phone", "external_id:7")


async def test_removing_takes_ones_own_away_and_resets_a_standard_one(database: Database) -> None:
    await fields.put(database, ACCOUNT, "lead", GRADE)
    await fields.relabel(database, ACCOUNT, "lead", "city", "Town")
    assert await fields.remove(database, ACCOUNT, "lead", "grade") == "removed"
    assert await fields.remove(database, ACCOUNT, "lead", "city") == "reset"
    assert await fields.remove(database, ACCOUNT, "lead", "city") == "no"
    assert await fields.of_account(database, ACCOUNT) == STANDARD


async def test_a_change_that_breaks_stored_values_names_ten_of_them_and_how_many(database: Database) -> None:
    await fields.put(database, ACCOUNT, "lead", Field(name="budget", label="Budget"))
    other = await accounts.create(database, "other")
    await lead(database, {"budget": "nobody's"}, other)
    ids = [await lead(database, {"budget": text}) for text in ("12", "7 or 8", *(f"about {n}" for n in range(12)))]
    with pytest.raises(FieldRefused) as caught:
        await fields.put(database, ACCOUNT, "lead", Field(name="budget", label="Budget", type="number"))
    assert caught.value.breaking.count == 13
    assert len(caught.value.breaking.shown) == field_values.SHOWN
    assert all("number field" in rule for _, rule in caught.value.breaking.shown)
    assert "13 stored value(s) do not fit" in str(caught.value) and "3 more" in str(caught.value)
    assert await stored(database, ids[0]) == {"budget": "12"}
    assert (await fields.of_account(database, ACCOUNT))["lead"]["budget"].type == "text"


async def test_a_change_that_all_values_survive_converts_them(database: Database) -> None:
    await fields.put(database, ACCOUNT, "lead", Field(name="budget", label="Budget"))
    ids = [await lead(database, {"budget": text, "city": "Pune"}) for text in ("12", "7.50", "-3", "₹1,50,000")]
    assert await fields.put(database, ACCOUNT, "lead", Field(name="budget", label="B", type="number")) == "changed"
    assert [(await stored(database, id))["budget"] for id in ids] == [12, 7.5, -3, 150000]
    assert await fields.put(database, ACCOUNT, "lead", Field(name="budget", label="B")) == "changed"
    assert await stored(database, ids[0]) == {"budget": "12", "city": "Pune"}


@pytest.mark.parametrize(
    ("type", "text", "rule"),
    [
        ("number", "N/A", "counts as blank"),
        ("phone", "+91 98111 22233 / +91 98111 22244", "more than one value"),
        ("phone", "+91 98111 22233 ext. 12", "more than one value"),
        ("email", "asha@example.com, ravi@example.com", "more than one value"),
    ],
)
async def test_a_change_never_drops_what_is_stored(database: Database, type: str, text: str, rule: str) -> None:
    await fields.put(database, ACCOUNT, "lead", Field(name="other", label="Other"))
    id = await lead(database, {"other": text})
    with pytest.raises(FieldRefused, match=rule):
        await fields.put(database, ACCOUNT, "lead", Field(name="other", label="Other", type=type))
    assert await stored(database, id) == {"other": text}


async def test_only_what_is_in_normal_form_becomes_a_key(database: Database) -> None:
    await fields.put(database, ACCOUNT, "lead", Field(name="other", label="Other", type="phone"))
    for number in ("+919811122233", "+91 98111 22244 (old)", "12345"):  # what was not read when it came
        await lead(database, {"other": number})
    await fields.put(database, ACCOUNT, "lead", Field(name="other", label="Other", type="phone", unique=True))
    keys = await database.fetch("SELECT value FROM identity_key WHERE account_id = $1 AND space = 'other'", ACCOUNT)
    assert [row["value"] for row in keys] == ["+919811122233"]


async def test_an_option_that_is_in_use_stays(database: Database) -> None:
    await fields.put(database, ACCOUNT, "lead", GRADE)
    id = await lead(database, {"grade": "Warm"})
    with pytest.raises(FieldRefused, match=r"1 stored value.*'Warm'.*one of: Hot, Cold"):
        await fields.put(database, ACCOUNT, "lead", GRADE.model_copy(update={"options": ["Hot", "Cold"]}))
    await fields.put(database, ACCOUNT, "lead", GRADE.model_copy(update={"options": ["Hot", "WARM", "Cold"]}))
    assert await stored(database, id) == {"grade": "WARM"}


async def test_a_dependent_dropdown_needs_its_parent_and_legal_pairs(database: Database) -> None:
    model = Field(
        name="model",
        label="Model",
        type="dependent_dropdown",
        parent="grade",
        options_by_parent={"hot": ["A", "B"], "Warm": ["B"]},
    )
    with pytest.raises(FieldRefused, match="its parent 'grade' must be a dropdown"):
        await fields.put(database, ACCOUNT, "lead", model)
    await fields.put(database, ACCOUNT, "lead", GRADE)
    assert await fields.put(database, ACCOUNT, "lead", model) == "created"
    await lead(database, {"grade": "Hot", "model": "A"})
    with pytest.raises(FieldRefused, match="with grade 'Hot' it takes one of: B"):
        less = model.model_copy(update={"options_by_parent": {"Hot": ["B"], "Warm": ["A"]}})
        await fields.put(database, ACCOUNT, "lead", less)
    with pytest.raises(FieldRefused, match="its parent 'grade' must be a dropdown"):
        await fields.remove(database, ACCOUNT, "lead", "grade")
    with pytest.raises(FieldRefused, match="has no option 'Cold'"):
        await fields.put(
            database, ACCOUNT, "lead", model.model_copy(update={"options_by_parent": {"Cold": ["A"], "Hot": ["A"]}})
        )


async def test_a_field_becomes_unique_only_if_no_two_leads_share_a_value(database: Database) -> None:
    plain = PAN.model_copy(update={"unique": False})
    await fields.put(database, ACCOUNT, "lead", plain)
    first, second = [await lead(database, {"pan": text}) for text in ("ABC", "ABC")]
    with pytest.raises(FieldRefused, match="several leads have it") as caught:
        await fields.put(database, ACCOUNT, "lead", PAN)
    assert (caught.value.breaking.shown[0][0], caught.value.breaking.count) == ("ABC", 1)
    assert await of_lead(database, ACCOUNT, first) == []
    await database.execute("UPDATE lead SET merged_into = $1 WHERE id = $2", first, second)
    assert await fields.put(database, ACCOUNT, "lead", PAN) == "changed"
    assert await of_lead(database, ACCOUNT, first) == [("pan", "abc")]
    assert await of_lead(database, ACCOUNT, second) == []
    await fields.put(database, ACCOUNT, "lead", plain)
    assert await of_lead(database, ACCOUNT, first) == []


@pytest.mark.parametrize(("record", "change"), [("call", {"unique": True}), ("activity", {"required": True})])
async def test_only_leads_have_unique_and_required_fields(
    database: Database, record: Any, change: dict[str, Any]
) -> None:
    with pytest.raises(FieldRefused, match="only a lead's field can be unique or required"):
        await fields.put(database, ACCOUNT, record, Field(**{"name": "x", "label": "X", **change}))


async def test_a_connector_brings_its_fields_along_and_holds_on_to_them(database: Database) -> None:
    settings = ConnectorSettings(
        name="web",
        preset="generic-json",
        fields=[{"name": "pan", "label": "PAN", "unique": True}],
        map=[{"from": "pan", "to": "lead.pan", "key": True}],
    )
    applied = await connectors.apply(database, ACCOUNT, settings)
    assert (await fields.of_account(database, ACCOUNT))["lead"]["pan"] == PAN
    assert (await connectors.apply(database, ACCOUNT, settings)).state == "unchanged"
    with pytest.raises(FieldRefused, match="connector web: it brings pan along"):
        await fields.remove(database, ACCOUNT, "lead", "pan")
    with pytest.raises(FieldRefused, match="connector web: 'pan' cannot be a search key"):
        await fields.put(database, ACCOUNT, "lead", PAN.model_copy(update={"unique": False}))
    again = [{"name": "pan", "label": "P", "type": "number"}]
    with pytest.raises(ValueError, match=r"fields row 1 \(pan\): the account has this field already, as text"):
        await connectors.apply(database, ACCOUNT, ConnectorSettings(name="b", preset="generic-json", fields=again))
    [connector] = await connectors.load_all(database)
    assert (connector.id, connector.keys) == (applied.id, ("phone", "email", "pan"))


async def test_the_catalog_hears_of_changed_fields(database: Database) -> None:
    catalog = Catalog(database)
    applied = await connectors.apply(database, ACCOUNT, ConnectorSettings(name="web", preset="generic-json"))
    await catalog.refresh()
    before = await catalog.get(applied.id)
    await fields.put(database, ACCOUNT, "lead", GRADE)
    await catalog.refresh()
    after = await catalog.get(applied.id)
    assert "grade" not in before.fields["lead"] and after.fields["lead"]["grade"] == GRADE
    assert before != after and before.revision == after.revision
