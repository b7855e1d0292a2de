"""The processes of one Leadpipe, kept running: killed, paused, replaced, and started again as a supervisor would."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.support.daemon import Leadpipe
from tests.support.until import PROCESSES, until

RESTART = 0.2  # seconds until a process that has ended is started again, as a supervisor would
LOOK = 0.02  # seconds between two looks at who has ended
BEGUN = re.compile(r'"event":"(?:working|listening)"')


@dataclass
class Member:
    """One process that is kept running."""

    role: str
    arguments: Sequence[str]
    process: subprocess.Popen[bytes]
    expected: bool = False  # its end was ours


@dataclass
class Crew:
    """The processes of one Leadpipe. One that ends is started again; an end that nobody asked for is noted."""

    leadpipe: Leadpipe
    members: dict[str, Member] = field(default_factory=dict)
    fallen: list[str] = field(default_factory=list)
    kills: int = 0
    refuse_falls: bool = True
    held: bool = False  # start nothing again

    def add(self, role: str, *arguments: str) -> None:
        self.members[role] = Member(role, arguments, self.leadpipe.start(*arguments))

    def roles(self, *, stages: bool = True, ingress: bool = False) -> list[str]:
        return [
            role for role in self.members if (role.startswith("ingress") and ingress) or (stages and "work" in role)
        ]

    def kill(self, role: str) -> None:
        """SIGKILL."""
        member = self.members[role]
        member.expected = True
        self.kills += 1
        member.process.kill()

    def pause(self, role: str) -> None:
        self.members[role].process.send_signal(signal.SIGSTOP)

    def resume(self, role: str) -> None:
        self.members[role].process.send_signal(signal.SIGCONT)

    async def keep(self) -> None:
        """Start again what has ended, until cancelled."""
        while True:
            for member in list(self.members.values()):
                if not self.held and member.process.poll() is not None:
                    await self._again(member)
            await asyncio.sleep(LOOK)

    async def _again(self, member: Member) -> None:
        if not member.expected:
            self.fallen.append(f"{member.role} ended with {member.process.returncode}")
        await asyncio.sleep(RESTART)
        if self.members.get(member.role) is member:
            self.members[member.role] = Member(member.role, member.arguments, self.leadpipe.start(*member.arguments))

    async def replace(self, role: str, *, grace: float = 32.0) -> int:
        """A rolling restart of one process: the next one starts and works, then the old one is asked to drain."""
        old = self.members[role]
        before = self._begun()
        self.members[role] = Member(role, old.arguments, self.leadpipe.start(*old.arguments))
        await until(lambda: self._begun() > before, f"a new {role} at work", PROCESSES)
        old.process.terminate()
        return await asyncio.to_thread(old.process.wait, grace)

    def _begun(self) -> int:
        """How often a process has said that it works."""
        return len(BEGUN.findall(self.leadpipe.log()))
