"""Addresses as RabbitMQ names them. In: an address. Out: its queue, and the exchange and routing key leading there."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.engine.topology import Address, Dead, Rung, Work


@dataclass(frozen=True, slots=True)
class Names:
    """Every name carries `prefix`, so that several instances can share a broker."""

    prefix: str = ""

    @property
    def work(self) -> str:
        """Topic exchange: routing key is the stage."""
        return f"{self.prefix}leadpipe.work"

    @property
    def dead(self) -> str:
        """Direct exchange: routing key is the stage."""
        return f"{self.prefix}leadpipe.dead"

    def rung(self, rung: Rung) -> str:
        """Fanout exchange of one rung. What is published keeps its routing key, the stage, for the way back."""
        return f"{self.prefix}leadpipe.{rung.queue}"

    def queue(self, address: Address) -> str:
        return self.prefix + address.queue

    def route(self, address: Address) -> tuple[str, str]:
        """Exchange and routing key."""
        match address:
            case Work(stage):
                return self.work, stage
            case Dead(stage):
                return self.dead, stage
            case Rung():
                return self.rung(address), address.stage
