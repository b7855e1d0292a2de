"""Try before you save: the real door and stages, what they would do field by field, and nothing written."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import orjson
import pytest

from pipeline.daemon.core import STAGES
from pipeline.engine.stage import discover
from pipeline.engine.topology import Topology
from pipeline.ingress.charset import ASSUMED
from pipeline.operations import trying
from pipeline.operations.changes import FieldChange
from pipeline.operations.compare import compare
from pipeline.operations.connectors import drafted, parsed
from pipeline.operations.errors import Invalid
from pipeline.operations.trying import Trial, sent, try_body
from pipeline.store import rehearsal
from pipeline.store.database import Database
from schemas.connector import Connector
from tests.support.events import ACCOUNT
from tests.support.forms import FORM, MULTIPART, of_fields
from tests.support.journalled import JSON, TOPOLOGY, saved, through

WEB = {
    "name": "web",
    "preset": "generic-json",
    "default_country": "IN",
    "fields": [{"name": "budget", "label": "Budget", "type": "number"}],
    "map": [
        {"from": "city", "to": "lead.city", "default": "Pune"},
        {"from": "budget", "to": "lead.budget"},
    ],
}
ASHA = {"event_id": "1", "phone": "09811122233", "email": "asha@example.com", "name": "Asha Rao", "city": "Agra"}

NAMED = ("lead.budget", "lead.city", "lead.email", "lead.name", "lead.phone")
OWN_STAGES = '''"""Two stages of one's own, spliced in: one that promises, one that does not."""
from pipeline.engine.outcome import Forward
from pipeline.engine.stage import stage


@stage(after="map", before="dedupe", effects="database")
async def promising(batch, tools):
    await tools.database.execute("INSERT INTO account (name) VALUES ('by a stage')")
    return [Forward(event.evolve(notes=(*event.notes, "promising was here"))) for event in batch]


@stage(after="promising", before="dedupe")
async def silent(batch, tools):
    raise AssertionError("must not be run for show")


@stage(after="silent", before="dedupe", effects="none")
async def lying(batch, tools):
    {lie}
    return [Forward(event) for event in batch]
'''


async def tried(database: Database, connector: Connector, document: Any, **options: Any) -> list[Trial]:
    return await try_body(database, TOPOLOGY, connector, JSON, orjson.dumps(document), **options)


async def everything(database: Database) -> dict[str, str]:
    """What every table holds. Where a sequence stands is no matter: a rollback leaves a gap in its numbers."""
    tables = await database.fetch(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'public' AND c.relkind = 'r' ORDER BY 1"
    )
    found = {}
    for row in tables:
        rows = await database.fetch(f"SELECT t::text AS row FROM {row['relname']} AS t ORDER BY 1")
        found[row["relname"]] = hashlib.sha256("\n".join(each["row"] for each in rows).encode()).hexdigest()
    return found


def by_field(trial: Trial) -> dict[str, FieldChange]:
    return {f"{change.record}.{change.field}": change for change in trial.changes}


async def test_somebody_new_and_the_same_once_more(database: Database) -> None:
    web = await saved(database, WEB)
    before = await everything(database)
    moved = {"phone": "09811122233", "city": "Delhi", "budget": 5}
    first, second = await tried(
        database,
        web,
        [{**ASHA, "occurred_at": "2026-03-01T12:00:00Z"}, {**moved, "occurred_at": "2026-03-01T12:00:01Z"}],
    )
    assert (first.outcome, second.outcome) == ("created", "updated")
    assert first.match == {"lead": None, "by": None, "value": None}
    assert [step.stage for step in first.steps] == list(TOPOLOGY.stages)
    assert [step.outcome for step in first.steps] == ["forward"] * 4 + ["not run"] * 2
    assert first.steps[0].data is not None and first.steps[0].data["source"]["phone"] == "+919811122233"
    assert first.steps[3].data is not None and first.steps[3].data["result"]["outcome"] == "created"
    city = by_field(second)["lead.city"]
    assert (city.old, city.new, city.how, city.effect) == ("Agra", "Delhi", "sent", "changed")
    assert second.match is not None and second.match["lead"] is not None
    assert await everything(database) == before


async def test_field_by_field_what_would_change_and_by_which_row(database: Database) -> None:
    web = await saved(database, WEB)
    await through(database, web, [{**ASHA, "occurred_at": "2026-03-01T12:00:00Z"}])
    before = await everything(database)
    [trial] = await tried(
        database,
        web,
        {"email": "ASHA@example.com", "mobile": "98111 22244", "name": "Asha Rao", "budget": "7", "city": None},
    )
    assert (trial.outcome, trial.match and trial.match["by"], trial.match and trial.match["value"]) == (
        "updated",
        "email",
        "asha@example.com",
    )
    changes = by_field(trial)
    assert {name: (c.old, c.new, c.how, c.effect) for name, c in changes.items() if name in NAMED} == {
        "lead.budget": (None, 7, "sent", "set"),
        "lead.city": ("Agra", "Agra", "default", "kept"),
        "lead.email": ("asha@example.com", "asha@example.com", "sent", "same"),
        "lead.name": ("Asha Rao", "Asha Rao", "sent", "same"),
        "lead.phone": ("+919811122233", "+919811122244", "sent", "changed"),
    }
    assert changes["lead.budget"].row == {
        "of": "connector",
        "row": 2,
        "from": "budget",
        "to": "lead.budget",
        "default": None,
        "path": "budget",
    }
    assert changes["lead.name"].row is not None and changes["lead.name"].row["of"] == "preset"
    [late] = await tried(
        database, web, {"email": "asha@example.com", "city": "Goa", "occurred_at": "2020-01-01T00:00:00Z"}
    )
    assert (late.outcome, by_field(late)["lead.city"].effect) == ("unchanged", "kept")
    assert await everything(database) == before


async def test_an_event_that_would_die_names_field_value_and_rule(database: Database) -> None:
    web = await saved(database, WEB)
    before = await everything(database)
    bad, good = await tried(database, web, [{**ASHA, "budget": "maybe"}, {"phone": "09811122233"}])
    assert (bad.outcome, good.outcome) == ("failed", "created")
    assert bad.failure is not None and bad.changes == []
    assert (bad.failure["field"], bad.failure["value"]) == ("lead.budget", "maybe")
    assert "number" in bad.failure["rule"] and bad.failure["stage"] == [*TOPOLOGY.stages][1]
    [nobody] = await tried(database, web, {"name": "who?"})
    assert nobody.outcome == "failed" and nobody.failure is not None and "key" in nobody.failure["rule"]
    for refused in (b"{", b'"text"', b""):
        if refused:
            with pytest.raises(Invalid, match="the ingress would refuse this with 400"):
                await try_body(database, TOPOLOGY, web, JSON, refused)
    assert await everything(database) == before


@pytest.mark.parametrize(
    ("content_type", "body", "notes"),
    [
        (FORM, b"phone=%2B91+98111+22277&name=Jos%E9", (ASSUMED,)),
        (f"{FORM}; charset=iso-8859-1", b"phone=%2B91+98111+22277&name=Jos%E9", ()),
        ("text/plain", b"phone=+919811122277&name=Jos%C3%A9", ()),
        ("", '{"phone": "09811122277", "name": "José"}'.encode("cp1252"), (ASSUMED,)),
        (MULTIPART, of_fields([("phone", "09811122277"), ("name", "José")]), ()),
    ],
)
async def test_a_body_is_tried_as_the_door_would_take_it(
    database: Database, content_type: str, body: bytes, notes: tuple[str, ...]
) -> None:
    web = await saved(database, WEB)
    [trial] = await try_body(database, TOPOLOGY, web, {"Content-Type": content_type}, body)
    assert trial.outcome == "created"
    assert (by_field(trial)["lead.phone"].new, by_field(trial)["lead.name"].new) == ("+919811122277", "José")
    assert trial.notes == notes


def test_a_body_that_is_given_as_text_is_sent_in_the_charset_that_is_named() -> None:
    assert sent("é", "") == sent("é", "application/json") == sent("é", "text/plain; charset=us-ascii") == "é".encode()
    assert sent("é – €", "application/json; charset=iso-8859-1") == "é – €".encode("cp1252")
    assert sent("镕", f"{FORM}; charset=gb2312") == "镕".encode("gb18030")  # GB 2312 itself has no such sign
    for content_type, status in (
        ("text/plain; charset=koi8-r", 400),
        ("text/plain; charset=klingon", 415),
        ("image/png", 415),
    ):
        with pytest.raises(Invalid, match=f"the ingress would refuse this with {status}"):
            sent("山", content_type)


async def test_a_draft_is_tried_in_place_of_what_is_in_force_also_one_of_a_new_name(database: Database) -> None:
    await saved(database, WEB)
    before = await everything(database)
    for name in ("web", "brand-new"):
        own = [{"name": "tier", "label": "Tier"}]
        document = {**WEB, "name": name, "fields": own, "map": [{"from": "plan", "to": "lead.tier"}]}
        draft = await drafted(database, ACCOUNT, parsed(document))
        [trial] = await tried(database, draft, {**ASHA, "plan": "gold"})
        assert by_field(trial)["lead.tier"].new == "gold"
    nothing = await drafted(database, ACCOUNT, parsed({**WEB, "sync": {"lead": "update"}}))
    [trial] = await tried(database, nothing, ASHA)
    assert trial.outcome == "dropped" and trial.reason is not None and "only updates" in trial.reason
    with pytest.raises(Invalid, match="no field 'nowhere'"):
        await drafted(database, ACCOUNT, parsed({**WEB, "map": [{"from": "x", "to": "lead.nowhere"}]}))
    assert await everything(database) == before


async def test_what_took_effect_before_does_nothing_unless_it_is_tried_anew(database: Database) -> None:
    web = await saved(database, WEB)
    await through(database, web, [ASHA])
    [again] = await tried(database, web, ASHA)
    assert again.before and again.changes == []
    [anew] = await tried(database, web, ASHA, anew=True)
    assert not anew.before and anew.outcome == "unchanged" and anew.match and anew.match["by"] == "phone"


async def test_stages_of_ones_own_run_if_they_promise_and_liars_are_caught(database: Database, tmp_path: Path) -> None:
    web = await saved(database, WEB)
    (tmp_path / "own.py").write_text(OWN_STAGES.format(lie="pass"))
    topology = Topology.of(discover(STAGES, [tmp_path]))
    before = await everything(database)
    [trial] = await try_body(database, topology, web, JSON, orjson.dumps(ASHA))
    assert trial.outcome == "created" and "promising was here" in trial.notes
    assert {step.stage for step in trial.steps if step.outcome == "not run"} >= {"silent"}
    assert await everything(database) == before
    (tmp_path / "own.py").write_text(OWN_STAGES.format(lie="await tools.database.execute('DELETE FROM account')"))
    topology = Topology.of(discover(STAGES, [tmp_path]))
    draft = await drafted(database, ACCOUNT, parsed({**WEB, "default_country": "US"}))
    await through(database, web, [ASHA])
    before = await everything(database)
    with pytest.raises(Invalid, match="stage 'lying' writes"):
        await compare(database, topology, web, draft)
    assert await everything(database) == before


async def test_a_try_and_the_real_chain_do_not_hold_each_other_up(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both want the same new person at once; the try lets go, and what is real is kept."""
    monkeypatch.setattr(rehearsal, "LOCK_WAIT", "60s")  # whoever holds a lock may be on a machine that stalls
    web = await saved(database, WEB)
    trials, _ = await asyncio.gather(
        asyncio.gather(*(tried(database, web, [ASHA, {**ASHA, "event_id": "2"}]) for _ in range(2))),
        through(database, web, [ASHA]),
    )
    assert {trial.outcome for each in trials for trial in each} <= {"created", "updated", "unchanged"}
    assert await database.fetchval("SELECT count(*) FROM lead") == 1


async def test_what_takes_too_long_is_taken_back(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = await saved(database, WEB)
    slow = OWN_STAGES.format(lie="import asyncio; await asyncio.sleep(3600)")
    (tmp_path / "own.py").write_text(slow)
    monkeypatch.setattr(trying, "LONGEST", 0.5)
    before = await everything(database)
    with pytest.raises(Invalid, match="it took longer than"):
        await try_body(database, Topology.of(discover(STAGES, [tmp_path])), web, JSON, orjson.dumps(ASHA))
    assert await everything(database) == before
    assert await database.execute("INSERT INTO account (name) VALUES ('the pool is whole')") == "INSERT 0 1"


async def test_keys_that_name_two_leads_are_told_as_the_conflict_that_they_would_be(database: Database) -> None:
    web = await saved(database, WEB)
    await through(database, web, [ASHA, {"phone": "09811122244", "email": "ben@example.com"}])
    before = await everything(database)
    [trial] = await tried(database, web, {"phone": "09811122233", "email": "ben@example.com"})
    assert trial.outcome == "failed" and trial.failure is not None and trial.failure["kind"] == "conflict"
    assert trial.reason is not None and "phone" in trial.reason and "email" in trial.reason
    assert await everything(database) == before
