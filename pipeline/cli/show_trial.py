"""Trials, comparisons and test runs as people read them. In: what the operations found. Out: lines and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from pipeline.cli import show

if TYPE_CHECKING:
    from pipeline.operations.cases import Ran
    from pipeline.operations.changes import FieldChange
    from pipeline.operations.compare import Comparison
    from pipeline.operations.trying import Trial

MARKS = {"forward": "✓", "dead letter": "✗", "drop": "–", "retry": "↻", "not run": "·"}


def show_trial(trial: Trial, title: str, *, brief: bool) -> None:
    """One event: its stages, the lead, and field by field what would change."""
    show.console.print(f"{title}: {trial.outcome}", style="bold", markup=False)
    for step in trial.steps:
        show.copyable(f"  {MARKS[step.outcome]} {step.stage}{f': {step.why}' if step.why else ''}")
        if step.data is not None and not brief:
            text = orjson.dumps(step.data, default=str, option=orjson.OPT_INDENT_2).decode()
            for line in text.splitlines():
                show.copyable(f"      {line}")
    if trial.failure is not None:
        failure = {name: trial.failure[name] for name in ("field", "value", "rule")}
        show.pairs(failure, title=f"  it would fail in {trial.failure['stage']}")
    elif trial.reason:
        show.copyable(f"  {trial.reason}")
    if trial.before:
        show.copyable("  this event took effect before; sent again, it changes nothing (see --anew)")
    if trial.match is not None and trial.failure is None:
        match = trial.match
        found = f"lead {match['lead']}, found by {match['by']} {match['value']}" if match["by"] else "a new lead"
        show.copyable(f"  lead: {found}")
    for note in trial.notes:
        show.copyable(f"  note: {note}")
    if trial.changes:
        show.table(
            ("field", "stored", "would be", "", "because", "by"),
            (_row(change) for change in trial.changes),
        )
    print()


def show_comparison(found: Comparison) -> None:
    """How many events differ, grouped, and the first few place by place."""
    different = len(found.ids)
    print(f"{found.compared:,} events compared: {found.same:,} the same, {different:,} different")
    for which, outcomes in found.outcomes.items():
        print(f"  {which}: {', '.join(f'{count:,} {outcome}' for outcome, count in outcomes.most_common())}")
    if not different:
        return
    print()
    show.lines(
        ("events", "the draft", "where"),
        ((count, kind, place) for (kind, place), count in found.groups.most_common()),
    )
    for event in found.first:
        title = f"\n{event.id}, received {show.moment(event.received_at)} UTC"
        rows = ((each.place, each.live, each.draft) for each in event.departures)
        show.table(("", "in force", "draft"), rows, title=title)


def show_ran(ran: Ran) -> None:
    """One test case: a line, and what came otherwise."""
    print(f"{'ok  ' if ran.passed else 'FAIL'} {ran.connector}: {ran.case}")
    if ran.passed:
        return
    if ran.file is not None:
        show.copyable(f"     {ran.file}")
    if ran.trouble is not None:
        for line in ran.trouble.splitlines():
            show.copyable(f"     {line}")
    if ran.mismatches:
        show.table(
            ("     event", "place", "expected", "came"),
            ((f"     {each.event}", each.place, _said(each.expected), _said(each.got)) for each in ran.mismatches),
        )


def _row(change: FieldChange) -> tuple[Any, ...]:
    by = None
    if change.row is not None:
        row = change.row
        source = row["from"]
        said = source if isinstance(source, str) else " | ".join(source) if source else "a constant"
        number = "" if row["row"] is None else f" row {row['row']}"
        by = f"{said} ({row['of'].replace('_', ' ')}{number})"
    because = change.how if change.effect != "kept" else f"{change.how}: {show.plain(change.said)}"
    return f"{change.record}.{change.field}", change.old, change.new, change.effect, because, by


def _said(value: Any) -> str:
    return (
        "nothing" if value is None else value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    )
