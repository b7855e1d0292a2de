"""From a reference to the secret. In: `env:NAME`, `file:/path`, `stored:name`. Out: its bytes, or what is missing."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from pipeline.secrets.seal import SealError, Seals

LARGEST = 16 * 1024  # bytes
Stored = Callable[[int, str], bytes | None]  # the sealed secret of an account and a name, if there is one


class Unresolved(Exception):
    """There is no such secret here now; the message says what to do, and holds no secret."""


class Secrets:
    """Finds secrets. `stored` hands out what the database holds, sealed."""

    def __init__(self, seals: Seals, stored: Stored, environment: Mapping[str, str] = os.environ) -> None:
        self._seals = seals
        self._stored = stored
        self._environment = environment

    def value(self, reference: str, account: int) -> bytes:
        """The secret, never empty. Raises Unresolved."""
        kind, _, name = reference.partition(":")
        match kind:
            case "env":
                value = self._environment.get(name, "").encode("utf-8", "surrogateescape")
                missing = (
                    f"{reference}: the variable is not set, or empty; set it for the ingress, and restart the ingress"
                )
            case "file":
                value = _content(reference, Path(name))
                missing = f"{reference}: the file is empty"
            case _:
                value = self._opened(reference, account, name)
                missing = f"{reference}: the secret is empty; set it again with `leadpipe secret set {name}`"
        if not value:
            raise Unresolved(missing)
        return value

    def problem(self, reference: str, account: int) -> str | None:
        """What keeps this reference from leading to a secret, and what to do; None: nothing."""
        try:
            self.value(reference, account)
        except Unresolved as error:
            return str(error)
        return None

    def _opened(self, reference: str, account: int, name: str) -> bytes:
        sealed = self._stored(account, name)
        if sealed is None:
            raise Unresolved(f"{reference}: the account has no such secret; set it with `leadpipe secret set {name}`")
        try:
            return self._seals.open(sealed, account, name)
        except SealError as error:
            raise Unresolved(f"{reference}: {error}") from None


def _content(reference: str, path: Path) -> bytes:
    """The file's bytes without the line end after them. A device or a pipe, which might never end, is not read."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Unresolved(f"{reference}: it is not a regular file")
            value = file.read(LARGEST + 1)
    except OSError as error:
        raise Unresolved(f"{reference}: {error.strerror or type(error).__name__}") from None
    if len(value) > LARGEST:
        raise Unresolved(f"{reference}: the file is larger than {LARGEST} bytes")
    return value.removesuffix(b"\n").removesuffix(b"\r")


def _without_waiting(name: str, flags: int) -> int:
    """A pipe that nobody writes to would hold up whoever opens it."""
    return os.open(name, flags | os.O_NONBLOCK)
