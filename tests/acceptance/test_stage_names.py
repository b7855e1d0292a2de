"""A misspelt stage is wrong use, told with the nearest name, before any database or broker is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import Leadpipe, installed
from tests.support.ports import free_port

STAGES = "normalize, map, dedupe, upsert, log, notify"


@pytest.fixture
def nowhere(tmp_path: Path) -> Iterator[Leadpipe]:
    """An installation whose servers nobody has started."""
    url = f"postgresql://u@127.0.0.1:{free_port()}/x"
    with installed(tmp_path, url, f"amqp://127.0.0.1:{free_port()}/") as leadpipe:
        yield leadpipe


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (("work", "upsrt"), "upsert"),
        (("work", "normalize", "dedup"), "dedupe"),
        (("dead", "list", "--stage", "normalise"), "normalize"),
        (("dead", "list", "--stage", "upsrt", "--json"), "upsert"),
        (("dead", "replay", "--stage", "Upsert"), "upsert"),
        (("dead", "replay", "--all", "--from-stage", "notfy"), "notify"),
        (("dead", "replay", "7", "--from-stage", "dedup"), "dedupe"),
        (("stages", "upsret"), "upsert"),
        (("stages", "map", "normalice", "--json"), "normalize"),
    ],
)
def test_a_misspelt_stage_is_refused_at_once_with_the_nearest(
    nowhere: Leadpipe, arguments: tuple[str, ...], near: str
) -> None:
    _, err = nowhere.ran(*arguments, code=2)
    [line] = err.splitlines()
    assert line.startswith("leadpipe: no stage ") and f"did you mean {near!r}?" in line and STAGES in line


def test_where_no_name_is_near_all_of_them_are_named(nowhere: Leadpipe) -> None:
    [line] = nowhere.run("work", "telephony", code=2).splitlines()
    assert line == f"leadpipe: no stage 'telephony'; the stages are {STAGES}"


def test_a_private_server_is_not_started_for_a_name_that_no_stage_has(tmp_path: Path) -> None:
    with installed(tmp_path, "") as leadpipe:
        environment = {name: value for name, value in leadpipe.environment.items() if name != "LEADPIPE_DATABASE_URL"}
        bare = Leadpipe(tmp_path, environment, leadpipe.port)
        for arguments in (("work", "upsrt"), ("dead", "list", "--stage", "upsrt"), ("stages", "upsrt")):
            assert "did you mean 'upsert'?" in bare.run(*arguments, code=2)
    assert not (tmp_path / "data").exists()
