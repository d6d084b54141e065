"""Sound and keys of the sandbox's SIP telephones: RTP (RFC 3550), G.711, and RFC 4733 events.

A telephone sends a packet every 20 ms, silence unless a key is down. What it hears it decodes and
hands on at once: on one machine nothing overtakes, so there is no jitter buffer.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

PCMU, PCMA = 0, 8
PACKET_S: Final = 0.02
PACKET_SAMPLES: Final = 160
KEY_PACKETS: Final = 8
"""A key is down for 160 ms, as under a thumb."""

END_TIMES: Final = 3
"""The last packet of a key is sent so often, RFC 4733, section 2.5.1.4."""

GAP_PACKETS: Final = 4
LOUD: Final = 400
"""Of 32,767: above it somebody speaks; the noise of G.711 lies far below."""

_KEYS = "0123456789*#"
_HEADER = struct.Struct("!BBHII")
_EVENT = struct.Struct("!BBH")


def _a_law(code: int) -> int:
    """ITU-T G.711, table 1a: sign, three bits of exponent, four of mantissa; even bits inverted."""
    code ^= 0x55
    exponent, mantissa = (code >> 4) & 7, code & 15
    size = (mantissa << 4) + 8 if exponent == 0 else ((mantissa << 4) + 0x108) << (exponent - 1)
    return size if code & 0x80 else -size


def _mu_law(code: int) -> int:
    """ITU-T G.711, table 2a: all bits inverted, a bias of 33 on 14 bits."""
    code = ~code & 0xFF
    size = ((((code & 15) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84
    return -size if code & 0x80 else size


_LEVELS: Final = {
    PCMA: tuple(_a_law(code) for code in range(256)),
    PCMU: tuple(_mu_law(code) for code in range(256)),
}
_SILENCE: Final = {PCMA: b"\xd5" * PACKET_SAMPLES, PCMU: b"\xff" * PACKET_SAMPLES}


def decoded(payload_type: int, payload: bytes) -> bytes:
    """Return 16-bit little-endian samples; raise `KeyError` for another codec than G.711."""
    levels = _LEVELS[payload_type]
    return struct.pack(f"<{len(payload)}h", *(levels[code] for code in payload))


def is_loud(samples: bytes) -> bool:
    """Tell whether somebody speaks in 16-bit samples."""
    return any(abs(level) > LOUD for (level,) in struct.iter_unpack("<h", samples))


@dataclass(frozen=True, slots=True)
class _Slot:
    """What is sent in 20 ms; `behind`: samples since the key went down."""

    payload_type: int
    payload: bytes
    behind: int = 0
    marker: bool = False


class RtpEnd(asyncio.DatagramProtocol):
    """One telephone's end of the sound. `heard` is told every packet's 16-bit samples."""

    def __init__(self, heard: Callable[[bytes], None]) -> None:
        self._heard = heard
        self._transport: asyncio.DatagramTransport | None = None
        self._target: tuple[str, int] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._codec, self._events = PCMA, 101
        self._queue: deque[_Slot] = deque()
        self._sequence, self._timestamp, self._at = 1, PACKET_SAMPLES, 0.0
        self._newest: int | None = None

    @classmethod
    async def bound(cls, host: str, heard: Callable[[bytes], None]) -> RtpEnd:
        """Return an end that listens at a free port of an address."""
        loop = asyncio.get_running_loop()
        transport, end = await loop.create_datagram_endpoint(
            lambda: cls(heard), local_addr=(host, 0)
        )
        end._transport = transport
        return end

    @property
    def port(self) -> int:
        """Where it listens."""
        if self._transport is None:
            raise AssertionError("an end is bound before it is used")
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    def start(self, host: str, port: int, codec: int, events: int | None) -> None:
        """Send to this address from now on; `events` is the payload type of keys."""
        self._target = (host, port)
        self._codec = codec
        self._events = events if events is not None else self._events
        if self._timer is None:
            self._at = asyncio.get_running_loop().time()
            self._tick()

    def press(self, key: str) -> None:
        """Press a key; raise `ValueError` for one that telephones do not have."""
        number = _KEYS.index(key)
        for count in range(KEY_PACKETS + END_TIMES - 1):
            is_end = count >= KEY_PACKETS - 1
            duration = PACKET_SAMPLES * min(count + 1, KEY_PACKETS)
            event = _EVENT.pack(number, 10 | (0x80 if is_end else 0), duration)
            self._queue.append(_Slot(self._events, event, count * PACKET_SAMPLES, count == 0))
        self._queue.extend([_Slot(self._codec, _SILENCE[self._codec])] * GAP_PACKETS)

    def close(self) -> None:
        """Fall silent and let go of the port."""
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Hear a packet; what is not RTP, comes twice or late, or from elsewhere is dropped."""
        if self._target is None or addr[0] != self._target[0]:
            return
        if len(data) < _HEADER.size or data[0] >> 6 != 2:
            return
        kind, sequence = data[1] & 0x7F, int.from_bytes(data[2:4], "big")
        payload = data[_HEADER.size + 4 * (data[0] & 15) :]
        if kind not in _LEVELS or not self._is_newer(sequence):
            return
        self._newest = sequence
        self._heard(decoded(kind, payload))

    def _is_newer(self, sequence: int) -> bool:
        return self._newest is None or 0 < (sequence - self._newest) & 0xFFFF < 0x8000

    def _tick(self) -> None:
        slot = self._queue.popleft() if self._queue else None
        slot = slot or _Slot(self._codec, _SILENCE[self._codec])
        second = slot.payload_type | (0x80 if slot.marker else 0)
        timestamp = (self._timestamp - slot.behind) & 0xFFFFFFFF
        head = _HEADER.pack(0x80, second, self._sequence & 0xFFFF, timestamp, self.port)
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(head + slot.payload, self._target)
        self._sequence += 1
        self._timestamp += PACKET_SAMPLES
        self._at += PACKET_S
        self._timer = asyncio.get_running_loop().call_at(self._at, self._tick)
