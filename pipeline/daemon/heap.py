"""The garbage collector of a process that works in batches. In: nothing. Out: far fewer looks at what lives on."""

from __future__ import annotations

import gc

YOUNG = 50_000  # objects more than before until the young are looked at; a batch makes about as many


def calm() -> None:
    """Call first, before what lives as long as the process is loaded.

    What a batch makes is freed by reference counts; cycles are rare. Python's thresholds are those of a small script:
    they look at the live events of a batch hundreds of times, and at every loaded module now and then.
    """
    gc.set_threshold(YOUNG, 20, 50)


def settle() -> None:
    """Call once that is loaded: it will not be looked at again."""
    gc.collect()
    gc.freeze()
