"""Port numbers for test processes that run side by side.

Programs such as SIPp and the line cards want to be told their ports. A block of ports belongs to
the process that holds the lock of the block's file, so two test runs on one machine never meet;
blocks lie below the range from which the kernel takes ephemeral ports (32768-60999).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FIRST = 11_000
LAST = 32_000
SIZE = 700
"""Enough for 12 line cards (12 SIP ports, 12 x 32 RTP ports) and the peers of one test."""


@dataclass
class Block:
    """Consecutive ports that are ours; `take` hands them out once each."""

    first: int
    end: int

    def take(self, count: int = 1, *, even: bool = False) -> int:
        """Return the first of `count` free ports in a row; RTP wants an even one."""
        at = self.first + (self.first % 2 if even else 0)
        if at + count > self.end:
            raise RuntimeError("the block of ports is used up")
        self.first = at + count
        return at


@contextlib.contextmanager
def block_of_ports(pieces: int = 1) -> Iterator[Block]:
    """Hold so many times SIZE ports in a row on 127.0.0.1 that no other test process uses."""
    folder = Path(tempfile.gettempdir()) / "callahead-test-ports"
    folder.mkdir(exist_ok=True)
    for first in range(FIRST, LAST - pieces * SIZE, SIZE):
        end = first + pieces * SIZE
        with contextlib.ExitStack() as locks:
            if all(_is_ours(folder / str(at), locks) for at in range(first, end, SIZE)) and all(
                map(_is_free, range(first, end))
            ):
                yield Block(first, end)
                return
    raise RuntimeError("no block of free ports")


def _is_ours(path: Path, locks: contextlib.ExitStack) -> bool:
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    locks.callback(os.close, file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def is_bound(port: int, *, stream: bool = False) -> bool:
    """Tell whether a program of this machine listens at a port."""
    table = Path("/proc/net/tcp" if stream else "/proc/net/udp").read_text().splitlines()[1:]
    return any(
        line.split()[1].endswith(f":{port:04X}") and (not stream or line.split()[3] == "0A")
        for line in table
    )
