"""The secrets behind the door: missing, broken, one of several, of another account, of a connector that is gone."""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog

from pipeline.ingress.authentication.guards import AGAIN
from pipeline.secrets.seal import Seals, new_key
from tests.support.guarding import (
    GITHUB,
    OLD,
    SECRET,
    Time,
    github,
    guarded,
    guards,
)
from tests.support.ingress import open_door


async def test_a_secret_that_is_missing_is_a_503_and_said_once_until_it_is_there(tmp_path: Path) -> None:
    file, clock = tmp_path / "secret", Time()
    auth = {**GITHUB, "secrets": [f"file:{file}"]}
    async with open_door(
        guards=guards(clock=clock), t=guarded(auth), logs=guarded({**auth, "mode": "log"}, id=8)
    ) as door:
        with structlog.testing.capture_logs() as lines:
            for _ in range(3):
                clock.now += AGAIN
                status, problem, headers = await door.post(b"{}", **github(b"{}"))
                assert (status, problem["title"], headers["Retry-After"]) == (503, "Unavailable", "30")
                assert str(file) not in str(problem)
            assert (await door.post(b"{}", "logs", **github(b"{}")))[0] == 202
        missing = [line for line in lines if line["event"] == "secret missing"]
        assert [line["connector"] for line in missing] == ["site", "site"]  # of two connectors, once each
        assert "No such file" in str(missing[0]["problems"])
        file.write_text(SECRET + "\n")
        assert (await door.post(b"{}", **github(b"{}")))[0] == 503
        clock.now += AGAIN
        assert (await door.post(b"{}", **github(b"{}")))[0] == 202
        file.write_text(OLD)
        assert (await door.post(b"{}", **github(b"{}")))[0] == 202
        clock.now += AGAIN
        assert (await door.post(b"{}", **github(b"{}")))[0] == 401
        assert (await door.post(b"{}", **github(b"{}", OLD)))[0] == 202


@pytest.mark.parametrize("reference", ["env:NOTHING", "env:EMPTY", "stored:nothing", "file:/tmp", "file:/dev/zero"])
async def test_of_two_secrets_one_that_is_there_is_enough_for_whom_it_vouches(reference: str) -> None:
    async with open_door(guards=guards(), t=guarded({**GITHUB, "secrets": [reference, "env:NEW"]})) as door:
        assert (await door.post(b"{}", **github(b"{}")))[0] == 202
        assert (await door.post(b"{}", **github(b"{}", OLD)))[0] == 503  # the other one might have vouched for it
        assert (await door.post(b"{}"))[0] == 401


async def test_stored_secrets_open_for_their_account_and_name_alone() -> None:
    seals = Seals(f"{new_key()},{(old := new_key())}")
    before = Seals(old)
    stored = {
        (1, "mine"): seals.seal(SECRET.encode(), 1, "mine"),
        (1, "before"): before.seal(SECRET.encode(), 1, "before"),
        (1, "moved"): seals.seal(SECRET.encode(), 1, "mine"),
        (1, "theirs"): seals.seal(SECRET.encode(), 2, "theirs"),
        (1, "lost"): Seals(new_key()).seal(SECRET.encode(), 1, "lost"),
        (1, "cut"): seals.seal(SECRET.encode(), 1, "cut")[:-1],
        (1, "nothing"): b"",
    }
    names = {name: guarded({**GITHUB, "secrets": [f"stored:{name}"]}, id=id) for id, (_, name) in enumerate(stored)}
    async with open_door(guards=guards(seals=seals, stored=stored), **names) as door:
        statuses = {name: (await door.post(b"{}", name, **github(b"{}")))[0] for name in names}
    assert {name for name, status in statuses.items() if status == 202} == {"mine", "before"}
    assert set(statuses.values()) == {202, 503}


async def test_of_connectors_that_are_gone_no_secret_is_kept() -> None:
    names = {7: "site", 8: "site"}
    kept = guards(known=lambda: names)
    async with open_door(guards=kept, t=guarded(GITHUB), other=guarded(GITHUB, id=8)) as door:
        for token in ("t", "other"):
            assert (await door.post(b"{}", token, **github(b"{}")))[0] == 202
        del names[7]
        door.catalog.by["other"] = guarded(GITHUB, id=8)
        assert (await door.post(b"{}", "other", **github(b"{}")))[0] == 202
        assert list(kept._guards) == [8]
