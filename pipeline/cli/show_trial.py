"""Trials, comparisons and test runs as people read them. In: what the operations found. Out: lines and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from pipeline.cli import show

if TYPE_CHECKING:
    from pipeline.operations.cases import Ran
    from pipeline.operations.changes import FieldChange
    from pipeline.operations.compare import Comparison
    from pipeline.operations.trying import Trial

MARKS = {"forward": "✓", "dead letter": "✗", "drop": "–", "retry": "↻"}


def show_trial(trial: Trial, title: str, *, brief: bool) -> None:
    """One event: what each stage added or changed, the lead, and field by field what would change."""
    show.console.print(f"{title}: {trial.outcome}", style="bold", markup=False)
    before: dict[str, Any] = {}
    for step in trial.steps:
        if step.outcome == "not run":
            continue
        why = f": {step.why}" if step.why and trial.failure is None and step.why != trial.reason else ""
        show.copyable(f"  {MARKS[step.outcome]} {step.stage}{why}")
        if step.data is not None and not brief:
            new = {name: value for name, value in step.data.items() if before.get(name) != value}
            text = orjson.dumps(new, default=str, option=orjson.OPT_INDENT_2).decode()
            for line in text.splitlines()[1:-1]:
                show.copyable(f"    {line}")
            before = step.data
    if skipped := [step.stage for step in trial.steps if step.outcome == "not run"]:
        show.copyable(f"  · {', '.join(skipped)}: not run, because they do not declare their effects")
    if trial.failure is not None:
        failure = {name: trial.failure[name] for name in ("field", "value", "rule")}
        if trial.failure["field"] is None or trial.failure["kind"] != "rejected":
            failure = {"kind": trial.failure["kind"], "reason": trial.reason, **failure}
        show.pairs(failure, title=f"  it would fail in {trial.failure['stage']}")
        show_problems(trial.failure["problems"])
    elif trial.reason:
        show.copyable(f"  {trial.reason}")
    if trial.before:
        show.copyable("  this event took effect before; sent again, it changes nothing (see --anew)")
    if trial.match is not None and trial.failure is None:
        match = trial.match
        found = f"{match['lead']}, found by {match['by']} {match['value']}" if match["by"] else "a new lead"
        show.copyable(f"  lead: {found}")
    for note in trial.notes:
        show.copyable(f"  note: {note}")
    if trial.changes:
        show.table(
            ("field", "stored", "would be", "", "because", "by"),
            (_row(change) for change in trial.changes),
        )
    print()


def show_problems(problems: Sequence[Mapping[str, Any]]) -> None:
    """All that the rules have against an event, where it is more than one thing."""
    if problems:
        show.table(
            ("wrong field", "sent as", "value", "rule"),
            ([each[name] for name in ("field", "source", "value", "rule")] for each in problems),
        )


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
        rows = (
            ("outcome" if each.place in (each.live, each.draft) else each.place, _said(each.live), _said(each.draft))
            for each in event.departures
        )
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
        said = row["path"] or ("a constant" if source is None else source if isinstance(source, str) else source[0])
        number = "" if row["row"] is None else f" row {row['row']}"
        by = f"{said} ({row['of'].replace('_', ' ')}{number})"
    because = change.how if change.effect != "kept" else f"{change.how}: {show.plain(change.said)}"
    return f"{change.record}.{change.field}", change.old, change.new, change.effect, because, by


def _said(value: Any) -> str:
    return (
        "nothing" if value is None else value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    )
