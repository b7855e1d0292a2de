"""The rules of the house, read from the source: imports go one way, names stay in their room, files stay small."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "pipeline", "stages")
LONGEST = 400  # lines

# From the ground up. A module belongs to the longest name that fits; it may import its own row and the rows above it.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("schemas",),
    ("pipeline.engine",),
    ("pipeline.store",),
    ("pipeline.tools", "pipeline.lookup", "pipeline.secrets"),
    ("stages",),
    ("pipeline.transport",),
    ("pipeline.ingress", "pipeline.settings"),
    ("pipeline.daemon",),
    ("pipeline.operations",),
    ("pipeline.api",),
    ("pipeline.cli",),
)
ONLY_IN = {
    "aio_pika": ("pipeline.transport",),
    "aiormq": ("pipeline.transport",),
    "pamqp": ("pipeline.transport",),
    "asyncpg": ("pipeline.store", "pipeline.transport"),
}
VENDORS = re.compile(
    r"leadsquared|indiamart|exotel|twilio|knowlarity|ozonetel|myoperator|servetel|justdial|salesforce|hubspot|zoho"
    r"|magicbricks|99acres|housing\.com|facebook|knowlarity|slashrtc|mcube|freshsales",
    re.IGNORECASE,
)
DOORS = {
    ("pipeline.store.database", "sql"),
    ("pipeline.store.migrate", "migration.sql"),
    ("pipeline.ingress.short", "request"),  # aiohttp prepares answers
}
STATEMENTS = {"execute", "executemany", "fetch", "fetchrow", "fetchval", "cursor", "prepare"}
NAMESAKES = {
    ("pipeline.daemon.embedded", "log"),  # the file that the private server logs to
    ("pipeline.operations.people", "notify"),  # the setting
}
PARTITIONS = "pipeline.store.partitions"
CLAUSES = {"where.add", "Where"}
PEERS = ROOT / "tests/bench/peers"  # they have an environment of their own
NOT_IMPORTED = {"tzdata"}  # the standard library finds it by itself


@cache
def files() -> tuple[Path, ...]:
    return tuple(sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py")))


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(), str(file))


@cache
def nodes(file: Path) -> tuple[ast.AST, ...]:
    """Every node of a file: each rule looks at all of them, and the walk is what takes the time."""
    return tuple(ast.walk(tree(file)))


@cache
def module(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def within(name: str, room: str) -> bool:
    return name == room or name.startswith(f"{room}.")


@cache
def layer(name: str) -> int | None:
    """The row of a module; None for the bare package `pipeline`, which holds the version alone."""
    return next((row for row, rooms in enumerate(LAYERS) for room in rooms if within(name, room)), None)


@cache
def imports(file: Path) -> tuple[tuple[int, str], ...]:
    """Every module that a file imports, anywhere in it, with its line."""
    return tuple(_imports(file))


def _imports(file: Path) -> Iterator[tuple[int, str]]:
    for node in nodes(file):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno} imports by a relative name"
            for alias in node.names:  # `from pipeline import cli` imports a module, not a name in one
                whole = f"{node.module}.{alias.name}"
                yield node.lineno, whole if whole in modules() else str(node.module)


@cache
def modules() -> frozenset[str]:
    return frozenset(module(file) for file in files())


@cache
def strings(file: Path) -> tuple[ast.Constant, ...]:
    """Every string of a file that is not a docstring."""
    return tuple(_strings(file))


def _strings(file: Path) -> Iterator[ast.Constant]:
    documents = {
        id(node.body[0].value)
        for node in nodes(file)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in nodes(file):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            yield node


def place(file: Path, line: int = 1) -> str:
    return f"{file.relative_to(ROOT)}:{line}"


def test_every_module_has_its_layer() -> None:
    homeless = [name for name in modules() if layer(name) is None and name != "pipeline"]
    assert not homeless


def test_imports_go_one_way() -> None:
    wrong = [
        f"{place(file, line)} {module(file)} imports {imported}"
        for file in files()
        for line, imported in imports(file)
        if imported.split(".")[0] in PACKAGES
        and (own := layer(module(file))) is not None
        and (other := layer(imported)) is not None
        and other > own
    ]
    assert not wrong


def test_no_modules_import_each_other_in_a_circle() -> None:
    ahead = {module(file): {name for _, name in imports(file)} & modules() for file in files()}
    done: set[str] = set()
    while free := {name for name, needs in ahead.items() if name not in done and needs <= done | {name}}:
        done |= free
    assert not sorted(set(ahead) - done)


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_stays_in_its_room(library: str) -> None:
    wrong = [
        f"{place(file, line)} imports {imported}"
        for file in files()
        for line, imported in imports(file)
        if within(imported, library) and not any(within(module(file), room) for room in ONLY_IN[library])
    ]
    assert not wrong


def test_no_code_names_a_vendor() -> None:
    """A vendor lives in its preset file; prose may name one as the source of a fact, code and strings may not."""
    wrong = []
    for file in files():
        if module(file).split(".")[0] == "stages":
            continue
        names = [(node.lineno, node.id) for node in nodes(file) if isinstance(node, ast.Name)]
        names += [(node.lineno, node.attr) for node in nodes(file) if isinstance(node, ast.Attribute)]
        names += [
            (node.lineno, node.name)
            for node in nodes(file)
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        names += [(node.lineno, str(node.value)) for node in strings(file)]
        wrong += [f"{place(file, line)} {text[:60]!r}" for line, text in names if VENDORS.search(text)]
        if VENDORS.search(file.name):
            wrong.append(place(file))
    assert not wrong


def test_the_machine_names_no_stage() -> None:
    """No string in `pipeline` is a shipped stage's name, whatever that stage is called."""
    shipped = {
        node.name
        for file in files()
        if within(module(file), "stages")
        for node in tree(file).body
        if isinstance(node, ast.AsyncFunctionDef)
        and any(isinstance(d, ast.Call) and getattr(d.func, "id", "") == "stage" for d in node.decorator_list)
    }
    wrong = [
        f"{place(file, node.lineno)} {node.value!r}"
        for file in files()
        if within(module(file), "pipeline")
        for node in strings(file)
        if node.value in shipped and (module(file), node.value) not in NAMESAKES
    ]
    assert not wrong


def test_every_file_says_in_its_first_line_what_it_is() -> None:
    silent = [
        place(file)
        for file in files()
        if file.read_text().strip() and not (ast.get_docstring(tree(file)) or "").split("\n")[0].strip()
    ]
    assert not silent


def test_every_file_is_small() -> None:
    assert not [
        f"{place(file)} has {n} lines" for file in files() if (n := len(file.read_text().splitlines())) > LONGEST
    ]


def test_sql_is_never_put_together_with_values() -> None:
    """A statement is text, or a constant of the module, or text around constants; values travel as parameters.

    Two doors are open: the pool's methods hand on the `sql` of their callers, which are held to this, and a
    migration is a shipped file. Partitions have names that no parameter can carry, made of a day. A `where` is a
    `Where`, whose own conditions are held to the same.
    """
    wrong = [
        f"{place(file, call.lineno)} {ast.unparse(call.args[0])[:80]}"
        for file in files()
        for call in nodes(file)
        if isinstance(call, ast.Call) and call.args
        if (isinstance(call.func, ast.Attribute) and call.func.attr in STATEMENTS) or ast.unparse(call.func) in CLAUSES
        if not _is_constant(call.args[0], constants(tree(file)))
        if (module(file), ast.unparse(call.args[0])) not in DOORS and module(file) != PARTITIONS
    ]
    assert not wrong


@cache
def constants(source: ast.Module) -> frozenset[str]:
    """The names that a module binds or imports at its top level."""
    bound = [node for node in source.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    targets = [target for node in bound for target in (node.targets if isinstance(node, ast.Assign) else [node.target])]
    names = {target.id for target in targets if isinstance(target, ast.Name)}
    names |= {alias.asname or alias.name for n in source.body if isinstance(n, ast.ImportFrom) for alias in n.names}
    return frozenset(names)


def _is_constant(sql: ast.expr, names: frozenset[str]) -> bool:
    match sql:
        case ast.Constant():
            return True
        case ast.Name(id=name):
            return name in names or name in ("where", "most", "condition")
        case ast.JoinedStr(values=parts):
            return all(_is_constant(part, names) for part in parts)
        case ast.FormattedValue(value=value):
            return _is_constant(value, names)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _is_constant(left, names) and _is_constant(right, names)
        case ast.Attribute(value=ast.Name(id=name), attr=constant):
            return name in names and constant.isupper()  # a constant of an imported module
        case ast.Subscript(value=ast.Name(id=name)):
            return name in names  # a statement out of a table of constant ones
        case _:
            return False


def declared(*where: str) -> set[str]:
    """The names of the distributions that a list of requirements in pyproject.toml asks for."""
    found = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for name in where:
        found = found[name]
    return {normal(re.split(r"[^A-Za-z0-9._-]", requirement)[0]) for requirement in found}


def normal(name: str) -> str:
    """The name of a distribution as the registry compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def third_party(sources: Iterable[Path]) -> dict[str, str]:
    """The distributions that files import, each with one place that does."""
    owners, own = packages_distributions(), {*PACKAGES, "tests"}
    used = {}
    for file in sources:
        for line, imported in imports(file):
            package = imported.split(".")[0]
            if package not in own and package not in sys.stdlib_module_names:
                used[normal(owners[package][0])] = place(file, line)
    return used


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    used, asked_for = third_party(files()), declared("dependencies")
    assert {name: where for name, where in used.items() if name not in asked_for} == {}
    assert asked_for - used.keys() == NOT_IMPORTED


def test_what_the_tests_import_is_declared() -> None:
    sources = [file for file in (ROOT / "tests").rglob("*.py") if PEERS not in file.parents]
    missing = third_party(sources).keys() - declared("dependencies") - declared("optional-dependencies", "dev")
    assert missing == set()
