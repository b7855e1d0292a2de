"""A stage is added by one file: found by its directory, put in its place by what it says of itself."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.engine.stage import Stage, discover
from pipeline.engine.topology import Topology, TopologyError

HEADER = """
from __future__ import annotations
from pipeline.engine.outcome import Forward
from pipeline.engine.stage import stage
"""
SHIPPED = {
    "alpha.py": HEADER + "@stage()\nasync def alpha(batch, tools):\n    return [Forward(event) for event in batch]\n",
    "beta.py": HEADER
    + "from {package}.alpha import alpha as feeder\n\n"
    + "@stage(after='alpha', hears_ends=True)\nasync def beta(batch, tools):\n    return []\n",
}
ADDED = (
    HEADER
    + """
from dataclasses import dataclass

@dataclass
class Colour:
    name: str

@stage(after="alpha", before="beta", name="paint")
async def run(batch, tools):
    return [Forward(event.evolve(data={"colour": Colour("red").name})) for event in batch]
"""
)


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package with two stages."""
    name = f"shipped_{tmp_path.name}".replace("-", "_")
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    for file, source in SHIPPED.items():
        (folder / file).write_text(source.replace("{package}", name))
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield name
    for module in [module for module in sys.modules if module.split(".")[0] == name]:
        del sys.modules[module]


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    """An empty directory for more stages."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    return folder


def test_every_stage_of_the_package_is_found_once(shipped: str) -> None:
    found = discover(shipped)  # beta imports alpha, and so holds it too
    assert sorted(stage.name for stage in found) == ["alpha", "beta"]
    assert {stage.name: (stage.after, stage.hears_ends) for stage in found} == {
        "alpha": (None, False),
        "beta": ("alpha", True),
    }


async def test_a_stage_in_one_file_is_spliced_between_two(shipped: str, plugins: Path) -> None:
    (plugins / "paint.py").write_text(ADDED)
    chain = Topology.of(discover(shipped, [plugins]))
    assert list(chain.stages) == ["alpha", "paint", "beta"]
    assert await chain.stages["paint"].run([], None) == []


def test_two_stages_of_one_name_are_refused_and_not_guessed(shipped: str, plugins: Path) -> None:
    (plugins / "again.py").write_text(SHIPPED["alpha.py"])
    with pytest.raises(TopologyError, match="2 stages have the same name 'alpha'"):
        Topology.of(discover(shipped, [plugins]))


def test_files_of_one_name_in_two_directories_are_two_files(shipped: str, plugins: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (plugins / "extra.py").write_text(ADDED)
    (other / "extra.py").write_text(ADDED.replace("paint", "varnish").replace('"alpha"', '"paint"'))
    assert list(Topology.of(discover(shipped, [plugins, other])).stages) == ["alpha", "paint", "varnish", "beta"]


def test_a_directory_that_is_not_there_is_named(shipped: str, tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match="gone"):
        discover(shipped, [tmp_path / "gone"])


@pytest.mark.parametrize("source", ["def broken(:\n", "import a_module_that_is_not_there\n", "1 / 0\n"])
def test_a_file_that_does_not_import_is_named(shipped: str, plugins: Path, source: str) -> None:
    (plugins / "wrong.py").write_text(source)
    before = set(sys.modules)
    with pytest.raises(ImportError, match=r"wrong\.py.*does not import"):
        discover(shipped, [plugins])
    assert not [name for name in set(sys.modules) - before if "wrong" in name]


def test_a_file_without_a_stage_adds_none(shipped: str, plugins: Path) -> None:
    (plugins / "helpers.py").write_text("RED = 'red'\n")
    assert len(discover(shipped, [plugins])) == 2


def test_the_decorator_names_the_stage_as_its_function(shipped: str) -> None:
    [alpha] = [stage for stage in discover(shipped) if stage.name == "alpha"]
    assert isinstance(alpha, Stage)
    assert alpha.before is None
