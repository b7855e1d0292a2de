"""What `--json` prints. In: a route of the API and what it is asked. Out: what it answers, as REST does.

The route is called in this process, so a list is the same list, in the same pages and with the same members.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, get_type_hints

from pipeline.cli.session import acting, clear_errors, database, play

if TYPE_CHECKING:
    from pydantic import BaseModel

    from pipeline.settings import Settings
    from pipeline.store.database import Database

Work = Callable[..., Awaitable["BaseModel"]]


def print_route(account: str, work: Work, given: Mapping[str, Any] | None = None, /, **parts: Any) -> None:
    """Print what a route answers the command line's user. `given`: its query, None left out; `parts`: of its path."""
    print_answer(asked(account, work, given, **parts))


def asked(account: str, work: Work, given: Mapping[str, Any] | None = None, /, **parts: Any) -> BaseModel:
    """What a route answers. What is wrong with the query ends the command as wrong use."""

    async def run(settings: Settings) -> BaseModel:
        from pipeline.api.call import Call

        async with database(settings) as opened:
            actor = await acting(opened, account)
            call = Call(actor, _core(settings, opened), opened)
            return await work(call, **parts, **_query(work, given))

    return play(run)


def print_answer(model: BaseModel) -> None:
    """Print a model of the API as the API would answer it."""
    import sys

    import orjson

    document = orjson.loads(model.model_dump_json(by_alias=True))
    sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n")


def page_end(of: str, rows: Any, limit: int, by: str = "id") -> None:
    """Say on standard error how a list goes on, where it may."""
    from pipeline.api.listing import next_page

    more(next_page(of, rows, limit, by))


def more(next: str | None) -> None:
    """Say on standard error how a list goes on; None: this was the last page."""
    from pipeline.cli import show

    if next is not None:
        show.messages.print(f"more: --after {next}", markup=False, soft_wrap=True)


def page_after(of: str, text: str | None) -> Any:
    """What `--after` stands for in this list; None: from its beginning. Anything else is wrong use."""
    from pipeline.operations.cursor import unpacked
    from pipeline.operations.errors import Invalid, Problem

    if text is None:
        return None
    with clear_errors():
        try:
            return unpacked(of, text)[0]
        except ValueError as error:
            raise Invalid("the options are not valid", [Problem("after", f"{text!r} {error}", text)]) from error


def _query(work: Work, given: Mapping[str, Any] | None) -> dict[str, Any]:
    from pydantic import ValidationError

    from pipeline.api.read import problems_of
    from pipeline.operations.errors import Invalid

    if given is None:
        return {}
    model: type[BaseModel] = get_type_hints(work, include_extras=True)["query"]
    try:
        return {"query": model.model_validate({name: value for name, value in given.items() if value is not None})}
    except ValidationError as error:
        raise Invalid("the options are not valid", problems_of(error, model)) from None


def _core(settings: Settings, opened: Database) -> Any:
    from pipeline.daemon.core import Core, broker_url, topology_of
    from pipeline.store.catalog import Catalog
    from pipeline.transport import transport_for

    transport = transport_for(broker_url(settings), settings.broker_prefix)  # not opened: lists ask no broker
    return Core(settings, opened, Catalog(opened), topology_of(settings), transport)
