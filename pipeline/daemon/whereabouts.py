"""Which installation is meant. In: the settings in force. Out: those of the installation, or which places have none.

In this order: what LEADPIPE_DATABASE_URL and LEADPIPE_DATA_DIR name; `./var`, where `up` puts its data; the one that
runs on this machine for this user; the user's own, in `$XDG_DATA_HOME/leadpipe` (`~/.local/share` if unset).
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from pipeline.daemon.embedded import is_installed
from pipeline.daemon.running import Running, base, running
from pipeline.settings import Settings, load

HERE = Path("var")
TO_DO = (
    "start one with `leadpipe up`, or set LEADPIPE_DATA_DIR to the data folder of yours, or LEADPIPE_DATABASE_URL to"
    " its database"
)


class Nowhere(LookupError):
    """No installation was found, or more than one; the message lists the places and says what to set."""


class May(Enum):
    """What a command may do where there is no installation."""

    READ = "make nothing"
    SET_UP = "make one in the folder that LEADPIPE_DATA_DIR names"
    MAKE = "make one here"


def in_force(may: May = May.READ) -> Settings:
    """The settings of the installation that is meant. Raises SettingsError, Nowhere."""
    settings = load()
    if settings.database_url is not None:
        return settings
    if "data_dir" in settings.model_fields_set:
        return _at(settings, may)
    if may is May.MAKE:
        return settings if is_installed(HERE) or not is_installed(users()) else _moved(settings, users())
    return _found(settings)


def users() -> Path:
    """The data folder of an installation that is a user's own."""
    try:
        return base("XDG_DATA_HOME", ".local/share") / "leadpipe"
    except RuntimeError:  # this user has no home
        return HERE


def _at(settings: Settings, may: May) -> Settings:
    """The installation in the folder that was named."""
    folder = settings.data_dir.resolve()
    if may is May.MAKE:
        return settings
    if theirs := [one for one in running() if one.data_dir == folder]:
        return _as_it_runs(settings, theirs[0])
    if may is May.SET_UP or is_installed(folder):
        return settings
    raise Nowhere(f"there is no installation in LEADPIPE_DATA_DIR={folder}; {TO_DO}")


def _found(settings: Settings) -> Settings:
    """The installation here, or the one that runs, or the user's."""
    there = running()
    here = [one for one in there if one.data_dir == HERE.resolve()]
    if len(here or there) == 1 and (here or not is_installed(HERE)):
        return _as_it_runs(settings, (here or there)[0])
    if is_installed(HERE):
        return settings
    if there:
        listed = "; ".join(map(str, there))
        raise Nowhere(
            f"more than one installation runs here, and none was named: {listed}; set LEADPIPE_DATA_DIR to the data"
            " folder of the one that you mean"
        )
    if is_installed(users()):
        return _moved(settings, users())
    raise Nowhere(
        f"no installation was found: none is in {HERE.resolve()} or in {users()}, and none runs on this machine for"
        f" this user; {TO_DO}"
    )


def _as_it_runs(settings: Settings, one: Running) -> Settings:
    """What the running process was told, where this one was not told otherwise."""
    own = {name: getattr(settings, name) for name in settings.model_fields_set - {"data_dir"}}
    return one.settings().model_copy(update=own)


def _moved(settings: Settings, folder: Path) -> Settings:
    return settings.model_copy(update={"data_dir": folder})
