"""The installations that run on this machine for this user. In: an `up` that begins. Out: what other commands find.

Each `up` has a file in `$XDG_STATE_HOME/leadpipe/running` (XDG Base Directory Specification; `~/.local/state` if unset)
for as long as it runs. A process is known by its number and the moment of its start: one that has been given the
number of another is not taken for it. What it was told is read from the process itself, so that no secret is stored.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson
import structlog

from pipeline.settings import PREFIX, Settings, SettingsError, load

log = structlog.get_logger(__name__)
PATHS: Final = ("LEADPIPE_CONFIG", "LEADPIPE_DATA_DIR")  # settings that may be relative to where the process began


@dataclass(frozen=True)
class Running:
    """An `up` that runs."""

    pid: int
    born: str
    data_dir: Path

    def __str__(self) -> str:
        return f"process {self.pid} (leadpipe up) in {self.data_dir}"

    def settings(self) -> Settings:
        """The settings that it was given; where they cannot be read, those of its data folder alone."""
        import psutil

        try:
            process = psutil.Process(self.pid)
            settings = load(_told(process.environ(), Path(process.cwd())))
            dirs = [Path(process.cwd()) / each for each in settings.stage_dirs]
        except (psutil.Error, OSError, SettingsError) as error:
            log.debug("settings of the running installation not read", pid=self.pid, error=str(error))
            return Settings(data_dir=self.data_dir)
        return settings.model_copy(update={"data_dir": self.data_dir, "stage_dirs": dirs})


@contextmanager
def registered(data_dir: Path) -> Iterator[None]:
    """Be found by other commands while this lasts. Where the file cannot be written, nobody finds this process."""
    me = os.getpid()
    file = None
    try:
        folder = place()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = folder / f"{me}.json"
        new = file.with_suffix(".new")
        new.write_bytes(orjson.dumps({"pid": me, "born": born(me), "data_dir": str(data_dir.resolve())}))
        new.rename(file)
    except (OSError, RuntimeError) as error:  # RuntimeError: this user has no home
        log.info("commands in other folders will not find this installation", reason=str(error))
    try:
        yield
    finally:
        if file is not None:
            with suppress(OSError):
                file.unlink(missing_ok=True)


def running() -> list[Running]:
    """Every `up` that runs, by data folder. Files of those that have ended are removed."""
    try:
        files = sorted(place().glob("*.json"))
    except (OSError, RuntimeError):
        return []
    found = []
    for file in files:
        one = _read(file)
        if one is not None and born(one.pid) == one.born:
            found.append(one)
        else:
            with suppress(OSError):
                file.unlink(missing_ok=True)
    return sorted(found, key=lambda one: one.data_dir)


def place(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of these files. Raises RuntimeError where this user has no home."""
    return base("XDG_STATE_HOME", ".local/state", environment) / "leadpipe" / "running"


def base(variable: str, otherwise: str, environment: Mapping[str, str] = os.environ) -> Path:
    """A base directory: as the variable says, unless that is not absolute (XDG says to ignore it then), or at home."""
    said = Path(environment.get(variable, ""))
    return said if said.is_absolute() else Path.home() / otherwise


def born(pid: int) -> str | None:
    """When a process began, as a word that no other process of this number has; None if there is none."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()  # its name may hold anything
        return None if words[0] == "Z" else f"{boot}/{words[19]}"  # field 22 of proc_pid_stat(5), in clock ticks
    except (FileNotFoundError, ProcessLookupError):
        return _born_elsewhere(pid) if not Path("/proc/self/stat").exists() else None


def _born_elsewhere(pid: int) -> str | None:
    """The same where there is no /proc."""
    import psutil

    try:
        return f"{psutil.Process(pid).create_time():.2f}"
    except psutil.NoSuchProcess:
        return None


def _read(file: Path) -> Running | None:
    """What a file says; None for one that is not of ours."""
    try:
        said = orjson.loads(file.read_bytes())
        return Running(int(said["pid"]), str(said["born"]), Path(said["data_dir"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _told(environment: Mapping[str, str], cwd: Path) -> dict[str, str]:
    """The settings among the variables of a process, with paths as seen from anywhere."""
    ours = {name: value for name, value in environment.items() if name.startswith(PREFIX)}
    return {name: str(cwd / value) if name in PATHS else value for name, value in ours.items()}
