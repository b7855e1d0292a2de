"""Requests made from the OpenAPI document, right and wrong: no 5xx, and no answer that the document does not name."""

from __future__ import annotations

import re
from pathlib import Path

from tests.api.conftest import World
from tests.support.fuzz import fuzz

EXAMPLES = 2  # of each route; `make fuzz` tries many


async def test_the_answers_are_those_of_the_document(world: World, tmp_path: Path) -> None:
    printed = await fuzz(world.api, tmp_path, phases="fuzzing", examples=EXAMPLES, seed=20261122)
    found = re.search(r"Tested: (\d+)", printed)
    assert found is not None and int(found[1]) > 60, printed
