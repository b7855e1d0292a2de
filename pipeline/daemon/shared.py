"""A share in something that its last user ends. In: a file to lock. Out: whether anybody else has a share.

A share is a lock of the kernel's: it ends with the process, however that ends, so nobody is counted who is gone.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class Share:
    """One user's share; several may have one at a time, also in one process."""

    def __init__(self, file: Path) -> None:
        """Wait until nobody holds the file alone, and have a share. Raises OSError."""
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def is_last(self) -> bool:
        """Whether nobody else has a share; nobody gets one then until `close`. Of several that ask, one is the last."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Give the share up."""
        os.close(self._descriptor)
