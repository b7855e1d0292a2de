"""Commands that look at the whole: stages, audit."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import answer, stage_names
from pipeline.cli.options import AsJson, OwnJson, Since
from pipeline.cli.session import broker, database, play
from pipeline.cli.times import moment

if TYPE_CHECKING:
    from pipeline.operations.audit import Audit
    from pipeline.operations.queues import Queues
    from pipeline.settings import Settings


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (stages, audit):
        app.command()(command)


def stages(
    names: Annotated[list[str] | None, typer.Argument(help="Names of stages; left out: all of them.")] = None,
    json: AsJson = False,
) -> None:
    """Show the depth, age, rate, consumers and dead letters of each stage."""
    stage_names.known(*(names or ()))
    from pipeline.cli import show
    from pipeline.operations.queues import look

    async def run(settings: Settings) -> Queues:
        async with database(settings) as opened, broker(settings) as chain:
            return await look(opened, chain, names=names or ())

    seen = play(run)
    if json:
        from pipeline.api.routes.stages import Stages

        answer.print_answer(Stages.model_validate(seen))
        return
    show.lines(
        ("stage", "ready", "in hand", "oldest s", "events/s", "consumers", "dead", "undrained"),
        ((s.stage, s.ready, s.in_hand, s.oldest_s, s.rate, s.consumers, s.dead, s.undrained) for s in seen.stages),
        below=(s.waiting and f"waits: {s.waiting}" for s in seen.stages),
    )
    rungs = ", ".join(f"{rung.partition('.')[2]} {frames}" for rung, frames in seen.rungs.items())
    show.console.print(
        f"\nretry ladder: {rungs}\nready, undrained, ladder: frames in the broker; in hand: events; dead: dead letters",
        markup=False,
    )
    for spool in seen.spools:
        show.console.print(
            f"spool: {spool['events']:,} events, {spool['bytes']:,} bytes in {spool['path']} on {spool['host']}, the"
            f" oldest for {spool['oldest_s']:g} s, last heard of {spool['heard_s']:g} s ago",
            markup=False,
        )


def audit(
    since: Since = None,
    patience: Annotated[float, typer.Option(help="Seconds to wait for events that are still under way.", min=0)] = 30.0,
    json: OwnJson = False,
) -> None:
    """Prove that everything accepted is in the journal, or name what is missing. Exit code 1 if something is."""
    from pipeline.cli import show
    from pipeline.operations.audit import audit as run_audit

    start = moment(since, "--since") or datetime(2000, 1, 1, tzinfo=UTC)

    async def run(settings: Settings) -> Audit:
        async with database(settings) as opened, broker(settings) as chain:
            return await run_audit(opened, chain, start, patience)

    found = play(run)
    if json:
        show.as_json({**asdict(found), "balanced": found.balanced})
    else:
        show.pairs({**asdict(found.balance), "examples": None})
        for example in found.balance.examples:
            show.copyable(f"  missing: {example['event_id']}, received {show.moment(example['received_at'])} UTC")
        print()
        print(verdict(found))
    if found.final and not found.balanced:
        raise typer.Exit(1)


def verdict(found: Audit) -> str:
    """The audit in one sentence."""
    balance = found.balance
    if found.balanced:
        return f"balanced: each of {balance.accepted:,} accepted events is in the journal, once"
    if not found.final:
        return f"{balance.missing:,} accepted events are still under way; run this again"
    return f"NOT balanced: {balance.missing:,} events are missing, {balance.double:,} are in the journal twice"
