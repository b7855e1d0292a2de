"""A TCP proxy between a client and a server, for tests. In: a port. Out: another port, whose connections can be hurt.

It passes, delays, throttles, swallows (half-open: nothing comes through and nobody is told), refuses, and resets.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Proxy:
    """Passes bytes both ways until told otherwise. `target` may be changed: new connections go there."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self.target = target
        self.delay = 0.0  # seconds, each way
        self.jitter = 0.0  # seconds at most, added at random
        self.bandwidth: float | None = None  # bytes a second, each way of each connection
        self.refusing = False  # new connections are reset at once
        self._writers: set[asyncio.StreamWriter] = set()
        self._passing = asyncio.Event()
        self._passing.set()

    def cut(self) -> None:
        """Reset every connection, now; new ones are passed."""
        for writer in list(self._writers):
            raw = writer.get_extra_info("socket")
            if raw is not None:
                with suppress(OSError):
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST instead of FIN
            writer.transport.abort()

    def swallow(self) -> None:
        """From now on nothing comes through, and nobody is told."""
        self._passing.clear()

    def heal(self) -> None:
        """Pass everything at full speed again; what was swallowed comes through now."""
        self.delay = self.jitter = 0.0
        self.bandwidth = None
        self.refusing = False
        self._passing.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.refusing:
                raise ConnectionRefusedError
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        loop = asyncio.get_running_loop()
        chunks: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(64)
        sending = asyncio.create_task(self._send(chunks, writer))
        try:
            with suppress(ConnectionError):
                while data := await reader.read(65536):
                    late = self.delay + (random.uniform(0, self.jitter) if self.jitter else 0.0)
                    await chunks.put((loop.time() + late, data))
        finally:
            await chunks.put((loop.time(), b""))
            with suppress(ConnectionError):
                await sending
            self._writers.discard(writer)
            writer.close()

    async def _send(self, chunks: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        """Write each chunk when it is due."""
        loop = asyncio.get_running_loop()
        gone = False
        while True:
            due, data = await chunks.get()
            if not data:
                return
            if gone:
                continue
            if (ahead := due - loop.time()) > 0:
                await asyncio.sleep(ahead)
            await self._passing.wait()
            if self.bandwidth is not None:
                await asyncio.sleep(len(data) / self.bandwidth)
            try:
                writer.write(data)
                await writer.drain()
            except ConnectionError:
                gone = True


@asynccontextmanager
async def proxied(port: int) -> AsyncIterator[Proxy]:
    """A proxy in front of a local port."""
    proxy = Proxy(port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.heal()
        proxy.cut()
        await server.wait_closed()
