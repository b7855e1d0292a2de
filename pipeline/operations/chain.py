"""What an operation sends events into. In: the open parts of a process. Out: one value that carries them."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.engine.frame import Bounds
from pipeline.engine.topology import Topology
from pipeline.engine.transport import Transport


@dataclass(frozen=True, slots=True)
class Chain:
    """The stages and who feeds whom, the broker between them, and how large its frames may be."""

    topology: Topology
    transport: Transport
    bounds: Bounds
