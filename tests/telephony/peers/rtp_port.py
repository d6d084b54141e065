"""One RTP socket of a test phone: records what comes with the kernel's time, sends at its pace."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.telephony.peers.audio import Samples
from tests.telephony.peers.rtp import (
    PACKET_MS,
    PCMA,
    SILENT,
    Packet,
    Slot,
    Stream,
    heard_in,
    unpack,
)

_SO_TIMESTAMPNS = 35  # <asm-generic/socket.h>; Python has no name for it
_BURST = 64


@dataclass(frozen=True, slots=True)
class Arrival:
    """A packet and when the kernel took it in, in nanoseconds since the epoch."""

    at_ns: int
    packet: Packet


class RtpPort:
    """Sends a packet every 20 ms as telephones do: what is queued, else silence."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = _even_socket()
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.port: int = self._socket.getsockname()[1]
        self.talks = True
        self.delay_s: Callable[[], float] | None = None
        """How long the network keeps the next packet; None: not at all."""
        self.copies = 1
        """How many of each packet the network delivers."""
        self._raw: list[tuple[int, bytes]] = []
        self._queue: deque[tuple[Slot, asyncio.Future[int] | None]] = deque()
        self._stream = Stream(ssrc=self.port)
        self._target: tuple[str, int] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._awaited: tuple[int, asyncio.Future[None]] | None = None
        self._next = 0.0
        self._loop.add_reader(self._socket, self._receive)

    def start(self, host: str, port: int) -> None:
        """Send to this address from now on."""
        self._target = (host, port)
        if self._timer is None:
            self._next = self._loop.time()
            self._tick()

    def send(self, slots: Sequence[Slot]) -> asyncio.Future[int]:
        """Queue slots; the result is when the first of them left, in ns since the epoch."""
        left = self._loop.create_future()
        first = next(number for number, slot in enumerate(slots) if not slot.lost)
        for number, slot in enumerate(slots):
            self._queue.append((slot, left if number == first else None))
        return left

    def send_raw(self, data: bytes) -> None:
        """Send a datagram at once."""
        if self._target is not None:
            self._socket.sendto(data, self._target)

    def restart(self) -> None:
        """Go on as another sender: another source, other numbers, other times."""
        self._stream = Stream(ssrc=self.port + 1, sequence=61_000, timestamp=900_000_000)

    def close(self) -> None:
        """Stop and let go of the port."""
        if self._timer is not None:
            self._timer.cancel()
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._socket.close()

    @property
    def count(self) -> int:
        """How many packets have come."""
        return len(self._raw)

    async def reaches(self, count: int) -> None:
        """Wait until so many packets have come in all."""
        if self.count < count:
            self._awaited = (count, self._loop.create_future())
            await self._awaited[1]

    def arrivals(self, since: int = 0) -> list[Arrival]:
        """Return what came, in order; `since` leaves out as many as had come before."""
        return [Arrival(at_ns, unpack(data)) for at_ns, data in self._raw[since:]]

    def heard(self, since: int = 0) -> Samples:
        """Return the sound that came."""
        return heard_in([arrival.packet for arrival in self.arrivals(since)])

    def _tick(self) -> None:
        slot, left = self._queue.popleft() if self._queue else (SILENT, None)
        packet = self._stream.next(slot)
        if not slot.lost and (self.talks or slot.payload_type != PCMA or slot is not SILENT):
            if left is not None and not left.done():
                left.set_result(time.time_ns())
            for _ in range(self.copies):
                self._out(packet.pack())
        self._next += PACKET_MS / 1000
        self._timer = self._loop.call_at(self._next, self._tick)

    def _out(self, data: bytes) -> None:
        if self.delay_s is None:
            self.send_raw(data)
        else:
            self._loop.call_later(self.delay_s(), self._late, data)

    def _late(self, data: bytes) -> None:
        if self._socket.fileno() >= 0:
            self.send_raw(data)

    def _receive(self) -> None:
        for _ in range(_BURST):
            try:
                data, ancillary, _, _ = self._socket.recvmsg(2048, 64)
            except BlockingIOError:
                return
            except ConnectionRefusedError:
                continue  # ICMP: the other side has closed its port, as after a BYE
            seconds, nanoseconds = struct.unpack_from("@ll", ancillary[0][2])
            self._raw.append((seconds * 1_000_000_000 + nanoseconds, data))
            if self._awaited is not None and self.count >= self._awaited[0]:
                if not self._awaited[1].done():
                    self._awaited[1].set_result(None)
                self._awaited = None


def _even_socket() -> socket.socket:
    """Return a socket at an even port: RTCP goes to the odd one above (RFC 3550, section 11)."""
    while True:
        found = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        found.bind(("127.0.0.1", 0))
        if found.getsockname()[1] % 2 == 0:
            return found
        found.close()
