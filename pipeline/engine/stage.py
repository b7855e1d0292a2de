"""The unit of extension: a stateless async function over a batch, declared by a decorator and found by its folder."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from pipeline.engine.outcome import Outcome
from schemas.event import Event

StageFunction = Callable[[Sequence[Event], Any], Awaitable[list[Outcome]]]
Effects = Literal["none", "database", "any"]


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the chain.

    `run(batch, tools)` returns one outcome per event, in the same order. It may be called again with the same
    events (a batch that raises is halved, a frame can be delivered twice), so its effects must be idempotent and
    it must not change an event in place. `after` names the stage that feeds it (none: it is fed by the
    ingress); `before` splices it in front of a stage that is fed by the same one; `hears_ends` adds to its
    input every event that ended early, as a dead letter or dropped, in a stage before it; what it forwards of
    these goes on to the stages behind it like any other event.

    `effects` is what the stage promises of its doings beside the outcomes. `none`: it changes nothing anywhere.
    `database`: it changes nothing but through `tools.database`, whose transactions it neither commits nor rolls back
    by hand, so that taking the transaction back undoes it whole. `any`: nothing is promised, and the stage is never
    run for show (`connector try`, `connector compare`).
    """

    name: str
    run: StageFunction
    after: str | None = None
    before: str | None = None
    hears_ends: bool = False
    effects: Effects = "any"


def stage(
    *,
    after: str | None = None,
    before: str | None = None,
    hears_ends: bool = False,
    name: str | None = None,
    effects: Effects = "any",
) -> Callable[[StageFunction], Stage]:
    """Declare the decorated function a stage, named as the function unless `name` says otherwise."""

    def declare(run: StageFunction) -> Stage:
        return Stage(name or run.__name__, run, after, before, hears_ends, effects)

    return declare


def discover(package: str, directories: Iterable[Path] = ()) -> list[Stage]:
    """Every stage declared in a module of `package` and in a `*.py` file of the extra `directories`.

    Raises ImportError, which names the file, for one that does not import. Two stages of one name are both
    found: which of them was meant is not guessed here, the topology refuses them.
    """
    modules = [*_modules_of(importlib.import_module(package)), *(_load(file) for file in _files(directories))]
    found = {id(value): value for module in modules for value in vars(module).values() if isinstance(value, Stage)}
    return list(found.values())


def _modules_of(package: ModuleType) -> Iterable[ModuleType]:
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        yield importlib.import_module(f"{package.__name__}.{info.name}")


def _files(directories: Iterable[Path]) -> Iterable[Path]:
    for directory in directories:
        if not directory.is_dir():
            raise NotADirectoryError(f"stage directory {str(directory)!r} does not exist")
        yield from sorted(directory.glob("*.py"))


def _load(file: Path) -> ModuleType:
    name = f"leadpipe_stage_{file.stem}_{hashlib.sha256(str(file).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and typing look their module up there
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ImportError(f"stage file {str(file)!r} does not import: {type(error).__name__}: {error}") from error
    return module
