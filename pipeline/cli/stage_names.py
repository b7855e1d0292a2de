"""Names of stages on the command line. In: what was typed. Out: nothing, or wrong use, before a server is asked."""

from __future__ import annotations

from pipeline.cli.session import WrongUse, clear_errors


def known(*names: str | None) -> None:
    """See that each is the name of a stage; None: it was not given. Ends the command as wrong use, with the nearest."""
    given = [name for name in names if name is not None]
    if not given:
        return
    from pipeline.daemon.core import topology_of
    from pipeline.engine.topology import UnknownStage
    from pipeline.settings import load

    with clear_errors():
        try:
            topology_of(load()).check(given)
        except UnknownStage as error:
            raise WrongUse(str(error)) from error
