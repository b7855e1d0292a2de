"""`leadpipe preset`: the source systems that a connector can start from."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pipeline.cli import answer, complete
from pipeline.cli.options import AsJson
from pipeline.cli.session import clear_errors

app = typer.Typer(help="Look at the source systems that a connector can start from.", no_args_is_help=True)


@app.command(name="list")
def list_(json: AsJson = False) -> None:
    """List the presets."""
    from pipeline.cli import show
    from pipeline.operations import presets

    if json:
        from pipeline.api.routes.presets import Presets

        answer.print_answer(Presets.model_validate({"items": presets.page()}))
        return
    show.rows(("name", "kind", "title"), presets.page())


@app.command(name="show")
def show_(
    name: Annotated[str, typer.Argument(help="The preset's name.", autocompletion=complete.presets)],
    json: AsJson = False,
) -> None:
    """Show a preset: its fields, its default mapping, its search keys, how its webhook is set up."""
    from pipeline.cli import show
    from pipeline.operations import presets

    with clear_errors():
        whole = presets.whole(name)
    if json:
        from pipeline.api.routes.presets import WholePresetShown

        answer.print_answer(WholePresetShown.model_validate(whole))
        return
    tables = ("source_fields", "map", "steps")
    show.pairs({what: value for what, value in whole.items() if what not in tables}, title=name)
    _table(whole["source_fields"], ["path", "label", "type"], "source fields")
    _table(whole["map"], ["from", "to", "transforms", "when"], "mapping")
    for number, step in enumerate(whole["steps"], 1):
        show.copyable(f"{number}. {step}")


def _table(rows: list[dict[str, Any]], columns: list[str], title: str) -> None:
    from pipeline.cli import show

    show.table(columns, ([row.get(each) for each in columns] for row in rows), title=title)
