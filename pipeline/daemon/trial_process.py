"""The child of `pipeline.daemon.trial`: runs stages over the batches that arrive on standard input.

What dies here is seen by the parent and costs nobody else anything.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from typing import BinaryIO

import orjson

from pipeline.daemon.core import topology_of
from pipeline.daemon.logs import configure
from pipeline.engine.frame import event_of
from pipeline.engine.outcome import Outcome, Transient
from pipeline.engine.quarantine import dump_outcome
from pipeline.engine.runner import decide, verdict_on
from pipeline.engine.stage import Stage
from pipeline.settings import Settings
from pipeline.store.catalog import Catalog
from pipeline.store.database import Database
from pipeline.tools import Tools
from schemas.event import Event


class Court:
    """Runs stages; opens the database when it is first needed, and says Transient while that is away."""

    def __init__(self, stages: Mapping[str, Stage], settings: Settings) -> None:
        self._stages = stages
        self._settings = settings
        self._tools: Tools | None = None

    async def decide(self, stage: str, events: Sequence[Event]) -> bytes:
        """The answer to one batch."""
        try:
            tools = self._tools = self._tools or await self._open()
            await tools.catalog.refresh()
            outcomes = await decide(self._stages[stage], events, tools)
        except Transient as error:
            return orjson.dumps({"transient": f"{type(error).__name__}: {error}"})
        return b'{"outcomes":[%b]}' % b",".join(_carried(outcome) for outcome in outcomes)

    async def _open(self) -> Tools:
        database = await Database.open(str(self._settings.database_url), size=2)
        return Tools(database, Catalog(database))


def _carried(outcome: Outcome) -> bytes:
    """The outcome as JSON; one that cannot travel is the verdict on that."""
    try:
        return dump_outcome(outcome)
    except (TypeError, ValueError) as error:
        return dump_outcome(verdict_on(error))


async def serve(source: BinaryIO, answers: BinaryIO) -> None:
    """Answer batch after batch until the input ends."""
    settings = Settings.model_validate_json(_block(source))
    configure(settings.log_level, "trial")
    court = Court(topology_of(settings).stages, settings)
    while body := await asyncio.to_thread(_block, source):
        asked = orjson.loads(body)
        answer = await court.decide(asked["stage"], [event_of(document) for document in asked["events"]])
        try:
            answers.write(len(answer).to_bytes(4, "big") + answer)
            answers.flush()
        except BrokenPipeError:  # the parent is gone
            return


def _block(source: BinaryIO) -> bytes:
    """The next block, or nothing at the end of the input."""
    head = source.read(4)
    return source.read(int.from_bytes(head, "big")) if len(head) == 4 else b""


def main() -> None:
    """`python -m pipeline.daemon.trial_process`."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a stage prints must not get between the answers
    asyncio.run(serve(sys.stdin.buffer, answers))
    os._exit(0)  # without waiting for what a stage has left running


if __name__ == "__main__":
    main()
