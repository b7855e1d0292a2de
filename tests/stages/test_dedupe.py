"""dedupe: the primary key, then the secondary; what cannot be told is held, never guessed."""

from __future__ import annotations

from typing import Any

from pipeline.engine.outcome import DeadLetter, Forward, Outcome
from pipeline.store import accounts, connectors
from pipeline.store.database import Database
from schemas.connector import ConnectorSettings
from stages.dedupe import dedupe
from stages.upsert import upsert
from tests.support.events import ACCOUNT, mapped, results, run

PHONE = "+919611795983"
EMAIL = "asha@example.com"


def match_of(outcome: Outcome) -> dict[str, Any]:
    assert isinstance(outcome, Forward), outcome
    match: dict[str, Any] = outcome.event.data["match"]
    return match


async def lead(database: Database, **fields: str) -> str:
    [result] = await results(upsert, database, mapped(dict(fields)))
    return str(result["lead"])


async def test_the_primary_key_finds_the_lead(database: Database) -> None:
    known = await lead(database, phone=PHONE)
    [outcome] = await run(dedupe, database, mapped({"phone": PHONE, "email": "other@example.com"}))
    assert match_of(outcome) == {"lead": known, "by": "phone"}


async def test_the_secondary_key_finds_it_where_the_primary_does_not(database: Database) -> None:
    known = await lead(database, email=EMAIL)
    [with_phone, without] = await run(
        dedupe, database, mapped({"phone": PHONE, "email": EMAIL}), mapped({"email": EMAIL})
    )
    assert match_of(with_phone) == match_of(without) == {"lead": known, "by": "email"}


async def test_a_stranger_matches_nobody(database: Database) -> None:
    event = mapped({"phone": PHONE, "email": EMAIL})
    [outcome] = await run(dedupe, database, event)
    assert match_of(outcome) == {"lead": None, "by": None}
    assert "match" not in event.data


async def test_a_second_number_is_found_in_the_space_of_the_first(database: Database) -> None:
    [owner] = await results(upsert, database, mapped({"phone": PHONE}, also=[["phone", "+14155550100"]]))
    [outcome] = await run(dedupe, database, mapped({"phone": "+14155550100"}))
    assert match_of(outcome) == {"lead": owner["lead"], "by": "phone"}


async def test_two_keys_that_name_two_leads_are_a_conflict(database: Database) -> None:
    one, two = await lead(database, phone=PHONE), await lead(database, email=EMAIL)
    [held] = await run(dedupe, database, mapped({"phone": PHONE, "email": EMAIL}))
    assert isinstance(held, DeadLetter)
    assert held == DeadLetter(
        f"phone names lead {one}, email names lead {two}",
        "conflict",
        field="email",
        value=EMAIL,
        rule="the search keys of an event must name one lead",
    )


async def test_an_event_without_a_key_names_field_value_and_rule(database: Database) -> None:
    settings = ConnectorSettings(name="web", preset="generic-json")
    connector = (await connectors.apply(database, ACCOUNT, settings)).id
    event = mapped({"name": "Asha"}, connector=connector)
    event = event.evolve(data={**event.data, "lead": {"phone": "junk"}, "keys": {"search": [], "also": []}})
    held, passed = await run(dedupe, database, event, mapped({"phone": PHONE}))
    assert isinstance(held, DeadLetter) and isinstance(passed, Forward)
    assert (held.kind, held.field, held.value) == ("rejected", "phone", "junk")
    assert held.rule == "an event needs a valid search key"
    why = "phone: it identifies nobody"
    assert held.reason == f"no valid value in phone or email, so no lead can be found or made for this event ({why})"


async def test_accounts_never_find_each_others_leads(database: Database) -> None:
    other = await accounts.create(database, "other")
    await lead(database, phone=PHONE)
    [outcome] = await run(dedupe, database, mapped({"phone": PHONE}, account=other))
    assert match_of(outcome) == {"lead": None, "by": None}


async def test_an_empty_batch_is_no_trouble(database: Database) -> None:
    assert await run(dedupe, database) == []
