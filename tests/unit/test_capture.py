"""Real events as test cases: nobody's data is left in them, they end as the real ones did, and they run without a
database."""

from __future__ import annotations

import asyncio
import json
import tomllib
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from pipeline.operations.capture import capture
from pipeline.operations.cases import outcome_of, run_all
from pipeline.operations.errors import Invalid, NotFound
from pipeline.operations.fakes import WORD
from pipeline.operations.scrub import identifying, scrubbed
from pipeline.store import fields
from pipeline.store.database import Database
from schemas.cutting import events_in, redacted
from schemas.fields import Field
from schemas.normal.email import emails_in
from schemas.normal.phone import read_phone
from schemas.presets import presets
from tests.support.chain import ARRIVED, connector_of
from tests.support.command import here
from tests.support.events import ACCOUNT
from tests.support.journalled import saved, through

PEOPLE: list[dict[str, Any]] = [
    {
        "event_id": "4711-9f",
        "name": "Asha Rao",
        "phone": "098111 22233",
        "phone2": "+91-98111-22233",
        "email": "asha.rao@corp.example.in",
        "city": "Pune",
        "message": "Asha here, call 98111 22233 or write to ASHA.RAO@corp.example.in; Rao family",
        "home": {"line": "12 Hill Road", "lat": 18.520431},
        "tags": ["vip", "asha"],
        "aadhaar": 123456789012,
        "occurred_at": "2026-07-31T11:03:50+05:30",
        "newsletter": True,
        "score": 7,
    },
    {"name": "आशा राव", "mobile": 919811122233, "email": "not an address", "phone": "0000000000", "id": 5},
    {"first_name": "ASHA", "last_name": "rao", "phone": "+1 (415) 555-2671", "email": None, "city": ""},
]
SECRETS = ("asha", "rao", "1122233", "corp.example", "hill", "123456789012", "4711", "आशा", "5552671", "18.52")

DEPLOYED = Path(__file__).parents[2] / "deploy" / "examples"
EXAMPLES = [
    pytest.param(base, example, id=f"{base.name}: {example.name}")
    for base in presets().values()
    for example in base.example
]


@pytest.mark.parametrize("person", PEOPLE)
def test_nothing_of_anybody_is_left_and_the_shape_is(person: dict[str, Any]) -> None:
    connector = connector_of("generic-json", {"default_country": "IN"})
    fake = scrubbed(person, connector, Random(7))
    text = orjson.dumps(fake).decode().casefold().replace(" ", "").replace("-", "")
    assert not [secret for secret in SECRETS if secret in text], text
    assert list(fake) == list(person)
    assert [type(value) for value in fake.values()] == [type(value) for value in person.values()]
    for name in ("phone", "phone2", "mobile"):
        if name in person:
            before, after = read_phone(str(person[name]), "IN"), read_phone(str(fake[name]), "IN")
            assert (before.valid, before.region) == (after.valid, after.region)
    if "phone2" in person:
        assert read_phone(fake["phone"], "IN").e164 == read_phone(fake["phone2"], "IN").e164
        assert fake["phone"][:3] == "098" and fake["phone2"][:5] == "+91-9"  # written as it was
        assert fake["email"].casefold() in fake["message"].casefold()
        assert fake["name"].split()[0].casefold() in fake["message"].casefold()
        assert fake["name"].split()[0].casefold() == fake["tags"][1].casefold()
        assert (fake["score"], fake["newsletter"], fake["occurred_at"]) == (7, True, person["occurred_at"])
    assert fake != scrubbed(person, connector, Random(8))
    assert not identifying(person, connector) & identifying(fake, connector)


def test_several_values_in_one_text_are_all_replaced_and_blank_words_stay() -> None:
    connector = connector_of("generic-json", {"default_country": "IN"})
    person = {
        "phone": "98111 22233 / 98111 22244",
        "mobile": "p:+91_9811122255",
        "email": "Asha Rao <asha@corp.example.in>, rao@corp.example.in",
        "city": "N/A",
        "message": '"null"',
    }
    fake = scrubbed(person, connector, Random(7))
    text = orjson.dumps(fake).decode().casefold()
    assert not [secret for secret in ("asha", "rao", "22233", "22244", "22255", "corp.") if secret in text], text
    assert (fake["city"], fake["message"]) == ("N/A", '"null"')
    phone = read_phone(fake["phone"], "IN")
    assert phone.valid and len(phone.others) == 1
    assert len(emails_in(fake["email"])) == 2
    assert not identifying(person, connector) & identifying(fake, connector)


def test_members_that_are_called_after_people_are_renamed() -> None:
    connector = connector_of("generic-json", {"default_country": "IN"})
    document = {"asha@example.in": 1, "+919811122233": {"seen": "asha@example.in, 098111 22233"}, "plain": 2}
    assert identifying(document, connector) == {"asha@example.in", "+919811122233"}
    fake = scrubbed(document, connector, Random(7))
    address, number, plain = fake
    assert plain == "plain" and address.endswith("@example.com") and number.startswith("+9198")
    assert fake[number]["seen"].startswith(f"{address}, 0") and not {*document} & {address, number}
    assert not identifying(document, connector) & identifying(fake, connector)


@pytest.mark.parametrize(("base", "example"), EXAMPLES)
def test_every_example_ends_the_same_with_stand_ins(base: Any, example: Any) -> None:
    """Whatever the vendor's shape: pairs, wrappers, escapes. A rule on the very value may tell, and none here does."""
    connector = connector_of(base.name, example.connector)
    for event in events_in(orjson.loads(example.body), base.door):
        clean, _ = redacted(event, base.door)
        if not isinstance(clean, dict | list):
            continue
        real = outcome_of(connector, orjson.dumps(clean).decode(), ARRIVED)
        fake = outcome_of(connector, orjson.dumps(scrubbed(clean, connector, Random(1))).decode(), ARRIVED)
        assert (real.rejected is None) == (fake.rejected is None), (real, fake)
        assert [space for space, _ in real.keys] == [space for space, _ in fake.keys]
        assert [sorted(each or {}) for each in (real.lead, real.call, real.activity)] == [
            sorted(each or {}) for each in (fake.lead, fake.call, fake.activity)
        ]
        assert real.occurred_at == fake.occurred_at


def test_the_cases_of_the_shipped_examples_pass() -> None:
    ran = list(run_all([DEPLOYED], presets=True))
    assert {each.connector for each in ran if each.file} == {"website"} and len(ran) == 1 + len(EXAMPLES)
    assert [each for each in ran if not each.passed] == []


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False), st.text()),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=12,
    ).filter(lambda value: isinstance(value, dict)),
    st.integers(),
)
@how(max_examples=100, deadline=None)
def test_any_document_can_be_scrubbed(document: dict[str, Any], seed: int) -> None:
    for name in ("generic-json", "leadsquared-lead"):
        fake = scrubbed(document, connector_of(name), Random(seed))
        assert list(fake) == list(document)


async def test_a_captured_event_is_a_case_that_passes_until_the_mapping_changes(
    database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "web.toml"
    file.write_text('name = "web"\npreset = "generic-json"\ndefault_country = "IN"\n')
    live = await saved(database, {"name": "web", "preset": "generic-json", "default_country": "IN"})
    ids = await through(database, live, [*PEOPLE, {"email": "a@example.com", "score": "many"}])
    for number, id in enumerate(ids):
        captured = await capture(database, ACCOUNT, id, f"person-{number}")
        assert captured.faithful, captured
        case = tmp_path / captured.path
        case.parent.mkdir(exist_ok=True)
        case.write_text(captured.toml)
        assert not {*SECRETS} & {*map(str.casefold, WORD.findall(captured.toml))}, captured.toml
    ran = [each for each in run_all([tmp_path]) if each.file is not None]
    assert [each.case for each in ran] == ["person-0", "person-1", "person-2", "person-3"]
    assert all(each.passed for each in ran), ran
    assert list(run_all([file])) == list(run_all([tmp_path]))

    file.write_text(f'{file.read_text()}\n[[map]]\nfrom = "city"\nto = "lead.state"\n')
    failed = [each for each in run_all([tmp_path]) if not each.passed]
    assert [(each.case, [m.place for m in each.mismatches]) for each in failed] == [("person-0", ["lead.state"])]
    with pytest.raises(NotFound):
        await capture(database, ACCOUNT, "no-such-event")
    with pytest.raises(Invalid, match="the name becomes a file's"):
        await capture(database, ACCOUNT, ids[0], "../../etc/passwd")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json; charset=iso-8859-1", '{"name": "Zoë"}'),
        ("application/x-www-form-urlencoded; charset=shift_jis", "name=Zo%c3%ab"),
        ("text/plain", "name=Zoë"),
    ],
)
def test_a_body_of_a_case_is_sent_as_its_content_type_says(tmp_path: Path, content_type: str, body: str) -> None:
    (tmp_path / "web.toml").write_text('name = "web"\npreset = "generic-json"\n')
    case = tmp_path / "web.tests" / "one.toml"
    case.parent.mkdir()
    name = "Zoﾃｫ" if "shift_jis" in content_type else "Zoë"
    case.write_text(
        f"name = \"one\"\ncontent_type = '{content_type}'\nbody = '{body}'\n[[expect]]\nlead = {{name = '{name}'}}\n"
    )
    [ran] = [each for each in run_all([tmp_path]) if each.file is not None]
    assert ran.passed, ran


async def test_the_commands_capture_and_test(database: Database, database_url: str, tmp_path: Path) -> None:
    environment = {"LEADPIPE_DATABASE_URL": database_url, "HOME": str(tmp_path)}
    (tmp_path / "web.toml").write_text('name = "web"\npreset = "generic-json"\ndefault_country = "IN"\n')
    live = await saved(database, {"name": "web", "preset": "generic-json", "default_country": "IN"})
    [id] = await through(database, live, PEOPLE[:1])
    ask = ["connector", "capture", id, "--name", "asha", "--into", str(tmp_path)]
    assert (await asyncio.to_thread(here, ask, environment))[0] == 0
    code, _, err = await asyncio.to_thread(here, ask, environment)
    assert code == 1 and "is there already" in err
    without = {"LEADPIPE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "HOME": str(tmp_path)}
    code, out, _ = await asyncio.to_thread(here, ["connector", "test", str(tmp_path)], without)
    assert code == 0 and "ok   web: asha" in out and " 0 failed" in out
    code, out, _ = await asyncio.to_thread(here, ["connector", "test"], without)
    assert code == 0 and f"{len(EXAMPLES)} passed, 0 failed" in out
    case = tmp_path / "web.tests" / "asha.toml"
    case.write_text(case.read_text().replace("score = 7", "score = 8"))
    (tmp_path / "bad.toml").write_text('name = "bad"\npreset = "generic-json"\nprimary_key = "city"\n')
    code, out, _ = await asyncio.to_thread(here, ["connector", "test", str(tmp_path)], without)
    assert code == 1 and "FAIL web: asha" in out and "lead.score" in out and "FAIL bad: the file" in out
    code, out, _ = await asyncio.to_thread(here, ["connector", "test", str(tmp_path), "--json"], without)
    failed = [each for each in json.loads(out) if not each["passed"]]
    assert code == 1 and [each["connector"] for each in failed] == ["bad", "web"]
    assert failed[1]["mismatches"] == [{"event": 1, "place": "lead.score", "expected": 8, "got": 7}]


async def test_cases_run_with_an_accounts_own_fields(database: Database, database_url: str, tmp_path: Path) -> None:
    environment = {"LEADPIPE_DATABASE_URL": database_url, "HOME": str(tmp_path)}
    await fields.put(database, ACCOUNT, "lead", Field(name="budget", label="Budget", type="number"))
    file = tmp_path / "web.toml"
    file.write_text('name = "web"\npreset = "generic-json"\n\n[[map]]\nfrom = "budget"\nto = "lead.budget"\n')
    live = await saved(database, tomllib.loads(file.read_text()))
    [id] = await through(database, live, [{"email": "asha@example.com", "budget": "45000"}])
    ask = ["connector", "capture", id, "--name", "asha", "--into", str(tmp_path)]
    assert (await asyncio.to_thread(here, ask, environment))[0] == 0
    code, _, err = await asyncio.to_thread(here, ["connector", "test", str(file)], environment)
    assert code == 1 and "--account NAME" in err
    code, out, _ = await asyncio.to_thread(here, ["connector", "test", str(file), "--account", "default"], environment)
    assert code == 0 and "ok   web: asha" in out
