"""The scenarios that every run of the suite plays, small: kills, a broker and a database that come back, poison."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos import on_network, on_processes, on_servers
from tests.chaos.catalogue import SCENARIOS
from tests.chaos.ground import Servers, servers
from tests.chaos.verdict import header, line

SEED = 20_260_301
assert on_network and on_processes and on_servers, "they put themselves on the list"


@pytest.fixture(scope="module")
def ground(request: pytest.FixtureRequest) -> Iterator[Servers]:
    """Servers of the harness' own, which these tests may break."""
    with servers(request.param) as ground:
        yield ground


@pytest.mark.parametrize(
    ("ground", "name"),
    [*(("rabbitmq", name) for name in ("R1", "R5", "R19", "R20")), ("postgres", "R8")],
    indirect=["ground"],
)
async def test_nothing_is_lost_and_nothing_done_twice(ground: Servers, name: str) -> None:
    verdict = await SCENARIOS[name].run(ground, SEED, long=False)
    print(f"\n{header()}\n{line(verdict)}")
    assert verdict.ok, f"seed {SEED}: {line(verdict)}; {verdict}"
