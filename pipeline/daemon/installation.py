"""The data folder of an installation. In: a folder. Out: held by one `up` alone, and known as that of this process.

The lock is the kernel's: it ends with its process, however that ends. What is written into the file says who has it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import orjson

from pipeline.settings import Settings, address

NAME: Final = "leadpipe.lock"  # in the data folder; open in every process that listens for this installation


class InUse(RuntimeError):
    """The data folder is another one's; the message names the process and the folder, and says what to do."""


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Be the only `up` on the data folder, which is made if need be. Raises InUse, before anything is changed."""
    with _opened(settings.data_dir) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InUse(_refusal(settings, _said(file))) from None
        os.ftruncate(file, 0)
        os.pwrite(file, orjson.dumps({"pid": os.getpid(), "command": "leadpipe up"}), 0)
        try:
            yield
        finally:
            os.ftruncate(file, 0)


@contextmanager
def belonging(data_dir: Path) -> Iterator[None]:
    """Have the file of the data folder open, so that others see which installation this process is of."""
    with _opened(data_dir):
        yield


@contextmanager
def _opened(data_dir: Path) -> Iterator[int]:
    data_dir.mkdir(parents=True, exist_ok=True)
    file = os.open(data_dir / NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield file
    finally:
        os.close(file)


def _said(file: int) -> dict[str, Any]:
    """What the one that has the lock wrote; nothing, in the moment before it has written."""
    try:
        said = orjson.loads(os.pread(file, 4096, 0))
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def _refusal(settings: Settings, said: dict[str, Any]) -> str:
    who = f"process {said['pid']} ({said['command']})" if "pid" in said else "another process"
    where = address(settings.http_host, settings.http_port)
    return (
        f"{who} runs on the data folder {settings.data_dir.resolve()}, so this one does not start, and cannot listen on"
        f" {where}; end that process, or set LEADPIPE_DATA_DIR and LEADPIPE_HTTP_PORT for an installation beside it"
    )
