"""Two installations on one machine: neither touches what the other has, and each refusal names who was there first."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.acceptance.conftest import Install
from tests.support.daemon import Leadpipe
from tests.support.ports import free_port
from tests.support.until import until_blocking


@pytest.fixture(scope="module")
def first(install: Install) -> Leadpipe:
    """An `up` that was there before."""
    leadpipe = install("postgresql")
    leadpipe.start("up")
    leadpipe.ready()
    return leadpipe


@pytest.fixture
def second(first: Leadpipe, tmp_path: Path) -> Iterator[Leadpipe]:
    """Another data folder, with the first one's database and port."""
    yield from beside(first, tmp_path, LEADPIPE_DATA_DIR=str(tmp_path / "data"))


def beside(leadpipe: Leadpipe, folder: Path, **settings: str) -> Iterator[Leadpipe]:
    port = int(settings.get("LEADPIPE_HTTP_PORT", leadpipe.port))
    one = Leadpipe(folder, {**leadpipe.environment, **settings}, port)
    try:
        yield one
    finally:
        one.stop()


def refusal(leadpipe: Leadpipe, *arguments: str) -> str:
    """The line with which a process ends."""
    return leadpipe.run(*arguments, code=1).splitlines()[-1]


def metrics(leadpipe: Leadpipe) -> set[str]:
    return {file.name for file in (data(leadpipe) / "metrics").iterdir()}


def data(leadpipe: Leadpipe) -> Path:
    return Path(leadpipe.environment["LEADPIPE_DATA_DIR"])


def test_a_second_up_on_the_same_data_folder_is_refused_and_touches_nothing(first: Leadpipe) -> None:
    measured = metrics(first)
    for port in (first.port, free_port()):
        again = replace(first, environment={**first.environment, "LEADPIPE_HTTP_PORT": str(port)})
        told = refusal(again, "up")
        assert f"process {first.processes[0].pid} (leadpipe up)" in told
        assert str(data(first)) in told and "LEADPIPE_DATA_DIR" in told
    assert measured and metrics(first) >= measured
    first.ready()


def test_the_same_data_folder_by_another_name_is_the_same(first: Leadpipe, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(data(first))
    again = replace(first, environment={**first.environment, "LEADPIPE_DATA_DIR": str(tmp_path / "link")})
    assert f"process {first.processes[0].pid} (leadpipe up)" in refusal(again, "up")


@pytest.mark.parametrize("command", ["up", "ingress"])
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost"])
def test_a_port_of_another_installation_is_refused_by_name(
    first: Leadpipe, second: Leadpipe, command: str, host: str
) -> None:
    second.environment = {**second.environment, "LEADPIPE_HTTP_HOST": host}
    told = refusal(second, command)
    assert f"cannot listen on {host}:{first.port}: address already in use" in told
    assert "(leadpipe ingress" in told and f"process {first.processes[0].pid}, leadpipe up" in told
    assert str(data(first)) in told and "LEADPIPE_HTTP_PORT" in told
    assert not (data(second) / "metrics").exists()
    [child] = [each for each in psutil.Process(first.processes[0].pid).children() if "ingress" in each.cmdline()]
    assert f"process {child.pid} " in told


def test_a_stage_process_does_not_serve_its_metrics_there(first: Leadpipe) -> None:
    told = refusal(first, "work", "notify", "--port", str(first.port))
    assert f"cannot listen on 127.0.0.1:{first.port}" in told and "(leadpipe ingress" in told and "--port" in told


def test_an_ingress_of_the_same_installation_shares_the_port(first: Leadpipe, tmp_path: Path) -> None:
    for one in beside(first, tmp_path):
        one.start("ingress")
        until_blocking(lambda one=one: '"listening"' in one.log(), "a second ingress")
        assert one.stop() == [0]
    first.ready()


def test_a_port_of_ip_version_6_is_no_different(first: Leadpipe, tmp_path: Path) -> None:
    address = {"LEADPIPE_HTTP_HOST": "::1", "LEADPIPE_HTTP_PORT": str(free_port())}
    for there in beside(first, tmp_path, **address, LEADPIPE_DATA_DIR=str(tmp_path / "there")):
        process = there.start("ingress")
        until_blocking(lambda there=there: '"listening"' in there.log(), "an ingress")
        for host in ("::1", "::"):
            later = {**address, "LEADPIPE_DATA_DIR": str(tmp_path / "later"), "LEADPIPE_HTTP_HOST": host}
            told = refusal(replace(there, environment={**there.environment, **later}), "ingress")
            assert f"cannot listen on [{host}]:{address['LEADPIPE_HTTP_PORT']}" in told
            assert f"process {process.pid} (leadpipe ingress)" in told and str(tmp_path / "there") in told


def test_a_program_that_is_none_of_ours_is_named_without_its_arguments(second: Leadpipe) -> None:
    secret = "--password=canary-password"
    serve = (
        "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); s.accept()"
    )
    with subprocess.Popen([sys.executable, "-c", serve, secret], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        port = other.stdout.readline().strip()
        second.environment = {**second.environment, "LEADPIPE_HTTP_PORT": port}
        for command in (["up"], ["ingress"], ["work", "notify", "--port", port]):
            told = refusal(second, *command)
            assert (
                f"cannot listen on 127.0.0.1:{port}" in told
                and f"process {other.pid} ({psutil.Process(other.pid).name()})" in told
            )
            assert "canary" not in told
        other.kill()


def test_of_several_that_begin_at_once_one_gets_the_port(first: Leadpipe, tmp_path: Path) -> None:
    port = free_port()
    shared = {**first.environment, "LEADPIPE_HTTP_PORT": str(port)}
    folders = [tmp_path / name for name in ("a", "b", "c")]
    many = [Leadpipe(folder, {**shared, "LEADPIPE_DATA_DIR": str(folder / "data")}, port) for folder in folders]
    for one in many:
        one.folder.mkdir()
        one.start("ingress")

    def settled() -> bool:
        ended = [one for one in many if one.processes[0].poll() is not None]
        return len(ended) == 2 and any('"listening"' in one.log() for one in many)

    until_blocking(settled, "one of three")
    [winner] = [one for one in many if one.processes[0].poll() is None]
    for one in many:
        if one is not winner:
            assert f"process {winner.processes[0].pid} (leadpipe ingress)" in one.log()
            assert one.stop() == [1]
    assert winner.stop() == [0]
