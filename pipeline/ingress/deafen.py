"""A listening socket that hears no new client. In: one of several on a port. Out: the same, deaf to the first packet.

The kernel gives a connection to one of the sockets on a port when its SYN arrives, and never to another. A packet
filter on the socket drops SYNs; the client sends it again after a second, by when another process is asked.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
from typing import Final

import structlog

log = structlog.get_logger(__name__)

SO_ATTACH_FILTER = 26  # Linux; `socket` has no name for it
FLAGS, SYN, ACK = 13, 0x02, 0x10  # where TCP's header has its flags, and two of them


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One `struct sock_filter` of classic BPF."""
    return struct.pack("=HBBI", code, if_true, if_false, value)


_LOAD_BYTE, _AND, _JUMP_IF_EQUAL, _RETURN = 0x30, 0x54, 0x15, 0x06
DROP_SYN: Final = b"".join(
    [
        _instruction(_LOAD_BYTE, FLAGS),
        _instruction(_AND, SYN | ACK),  # the answer to a handshake's second packet has ACK: that one comes in
        _instruction(_JUMP_IF_EQUAL, SYN, if_true=0, if_false=1),
        _instruction(_RETURN, 0),
        _instruction(_RETURN, 0xFFFFFFFF),
    ]
)


def deafen(listening: socket.socket) -> bool:
    """Whether it hears no new client from now on; False if no other process can listen on its port, or off Linux."""
    if sys.platform != "linux" or not listening.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT):
        return False
    program = ctypes.create_string_buffer(DROP_SYN, len(DROP_SYN))
    given = struct.pack("HP", len(DROP_SYN) // 8, ctypes.addressof(program))
    try:
        listening.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, given)
    except OSError as error:  # a sandbox may forbid it; then a few connections may be reset
        log.warning("closing a port without a packet filter", error=str(error))
        return False
    return True
