"""Text keys are compared without regard to case; the migration folds those stored before, and no lead loses its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.store import accounts, fields
from pipeline.store.database import Database
from pipeline.store.field_keys import fold_all
from pipeline.store.ids import new_id
from pipeline.store.migrate import migrate
from schemas.fields import Field
from schemas.key_text import folded, key_text
from tests.support.events import ACCOUNT

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ABCDE8322F", "abcde8322f", True),
        (" ABC\t", "abc", True),
        ("Straße", "STRASSE", True),
        ("ΌΣΟΣ", "όσος", True),
        ("ﬁn", "FIN", True),
        ("\u00a0É", "e\u0301", True),
        ("A B", "AB", False),
        ("A  B", "A B", False),
        ("a-b", "a_b", False),
        ("e", "é", False),
        ("ı", "i", False),  # no language is assumed
    ],
)
def test_what_is_the_same_text(one: str, other: str, same: bool) -> None:
    assert (folded(one) == folded(other)) is same
    assert key_text(one, False) == one.strip()


@given(st.text())
def test_folding_is_final_and_takes_no_account_of_case(text: str) -> None:
    assert folded(folded(text)) == folded(text)
    assert folded(text.casefold()) == folded(text)
    assert folded(f" {text} ") == folded(text)


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_the_short_way_of_plain_text_ends_as_the_long_one(text: str) -> None:
    assert folded(text) == folded(f"{text}é")[:-1].strip() or not text.strip()


async def given_key(database: Database, account: int, space: str, value: str, days: int, *others: UUID) -> UUID:
    """A lead that was made so many days after the first, and its key as an earlier version kept it."""
    lead = UUID(new_id())
    await database.execute(
        "INSERT INTO lead (id, account_id, fields, stamps, created_at, updated_at) VALUES ($1, $2, '{}', '{}', $3, $3)",
        lead,
        account,
        START + timedelta(days=days),
    )
    await database.execute(
        "INSERT INTO identity_key (account_id, space, value, lead_id, others) VALUES ($1, $2, $3, $4, $5)",
        account,
        space,
        value,
        lead,
        list(others) or None,
    )
    return lead


async def keys(database: Database, account: int = ACCOUNT) -> dict[tuple[str, str], tuple[UUID, list[UUID]]]:
    rows = await database.fetch("SELECT * FROM identity_key WHERE account_id = $1", account)
    return {(row["space"], row["value"]): (row["lead_id"], row["others"] or []) for row in rows}


async def test_the_migration_folds_text_keys_and_the_earlier_lead_keeps_what_two_claim(database: Database) -> None:
    await fields.put(database, ACCOUNT, "lead", Field(name="pan", label="PAN", unique=True))
    exact = Field(name="ref", label="Ref", unique=True, case_sensitive=True)
    await fields.put(database, ACCOUNT, "lead", exact)
    later = await given_key(database, ACCOUNT, "pan", "ABC", 2)
    first = await given_key(database, ACCOUNT, "pan", "abc", 1)
    third = await given_key(database, ACCOUNT, "pan", "aBC", 3, later)
    alone = await given_key(database, ACCOUNT, "pan", "Straße", 1)
    of_source = await given_key(database, ACCOUNT, "external_id:7", "8A9F-X", 1)
    kept = await given_key(database, ACCOUNT, "ref", "R-1", 1)
    phone = await given_key(database, ACCOUNT, "phone", "+919845011221", 1)
    other = await accounts.create(database, "other")
    theirs = await given_key(database, other, "pan", "ABC", 1)
    for _ in range(2):  # the second time there is nothing to do
        await database.transaction(fold_all)
        assert await keys(database) == {
            ("pan", "abc"): (first, [later, third]),
            ("pan", "strasse"): (alone, []),
            ("external_id:7", "8a9f-x"): (of_source, []),
            ("ref", "R-1"): (kept, []),
            ("phone", "+919845011221"): (phone, []),
        }
        assert await keys(database, other) == {("pan", "ABC"): (theirs, [])}  # there pan is no field at all


async def test_a_database_of_before_is_folded_as_it_is_migrated(database: Database) -> None:
    await fields.put(database, ACCOUNT, "lead", Field(name="pan", label="PAN", unique=True))
    lead = await given_key(database, ACCOUNT, "pan", "ABC", 1)
    await given_key(database, ACCOUNT, "pan", "ﬃ" * 100, 1)  # folded it is longer than a key may be
    await database.execute("DELETE FROM migration WHERE number = 21")
    assert [migration.number for migration in await migrate(database)] == [21]
    assert await keys(database) == {("pan", "abc"): (lead, [])}


async def test_more_keys_than_a_portion_holds_are_all_folded(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.store.field_keys.UNFOLDED", _in_threes())
    await fields.put(database, ACCOUNT, "lead", Field(name="pan", label="PAN", unique=True))
    leads = [await given_key(database, ACCOUNT, "pan", f"{'Aa'[n % 2]}{n // 2}X", n) for n in range(20)]
    await database.transaction(fold_all)
    found = await keys(database)
    assert found == {("pan", f"a{n}x"): (leads[2 * n], [leads[2 * n + 1]]) for n in range(10)}


def _in_threes() -> str:
    from pipeline.store import field_keys

    return field_keys.UNFOLDED.replace(f"LIMIT {field_keys.PORTION}", "LIMIT 3")


async def test_a_merge_of_before_is_undone_with_its_keys(database: Database) -> None:
    from pipeline.store import merging

    await fields.put(database, ACCOUNT, "lead", Field(name="pan", label="PAN", unique=True))
    winner = await given_key(database, ACCOUNT, "pan", "ABC", 1)
    loser = await given_key(database, ACCOUNT, "pan", "XYZ", 2)
    await merging.merge(database, ACCOUNT, str(winner), str(loser), "a test")
    await database.transaction(fold_all)
    await merging.unmerge(database, ACCOUNT, str(loser), "a test")
    assert await keys(database) == {("pan", "abc"): (winner, []), ("pan", "xyz"): (loser, [])}
