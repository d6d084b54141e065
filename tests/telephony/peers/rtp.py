"""RTP packets (RFC 3550) and the plans by which test phones send them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np

from tests.telephony.peers.audio import RATE, SILENCE_PCMA, Samples, from_a_law, to_a_law

PCMA = 8
PACKET_MS = 20
PACKET_SAMPLES = RATE * PACKET_MS // 1000
_HEADER = struct.Struct("!BBHII")


@dataclass(frozen=True, slots=True)
class Packet:
    """One RTP packet without extensions."""

    payload_type: int
    sequence: int
    timestamp: int
    payload: bytes
    ssrc: int = 0x5EED
    marker: bool = False

    def pack(self) -> bytes:
        """Return the packet as it goes over the wire."""
        second = self.payload_type | (0x80 if self.marker else 0)
        head = (0x80, second, self.sequence & 0xFFFF, self.timestamp & 0xFFFFFFFF, self.ssrc)
        return _HEADER.pack(*head) + self.payload


def unpack(data: bytes) -> Packet:
    """Read a packet; raise ValueError for what is not RTP."""
    if len(data) < _HEADER.size or data[0] >> 6 != 2:
        raise ValueError("not an RTP packet")
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    start = _HEADER.size + 4 * (first & 15)
    payload = data[start:]
    return Packet(second & 0x7F, sequence, timestamp, payload, ssrc, bool(second & 0x80))


@dataclass(frozen=True, slots=True)
class Slot:
    """What a phone sends in one 20 ms slot; `lost` takes its number but never arrives.

    `behind` is how many samples the time stamp lies behind the slot's own time: every packet of
    a key press carries the time at which the key went down (RFC 4733, section 2.2).
    """

    payload_type: int
    payload: bytes
    behind: int = 0
    marker: bool = False
    lost: bool = False


SILENT = Slot(PCMA, bytes([SILENCE_PCMA]) * PACKET_SAMPLES)


def spoken(samples: Samples) -> list[Slot]:
    """Return the slots that carry a sound in A-law, filled up with silence."""
    whole = -(-len(samples) // PACKET_SAMPLES) * PACKET_SAMPLES
    data = to_a_law(samples).ljust(whole, bytes([SILENCE_PCMA]))
    return [
        Slot(PCMA, data[at : at + PACKET_SAMPLES]) for at in range(0, len(data), PACKET_SAMPLES)
    ]


def lossy(slots: Sequence[Slot], share: float, chance: Random) -> list[Slot]:
    """Return the slots as a bad network lets them pass; something always does."""
    lost = [chance.random() < share for _ in slots]
    lost[len(slots) // 2] = False
    return [replace(slot, lost=gone) for slot, gone in zip(slots, lost, strict=True)]


class Stream:
    """Numbers and times of one outgoing RTP stream."""

    def __init__(self, ssrc: int = 0x5EED, sequence: int = 1000, timestamp: int = 160_000) -> None:
        self._ssrc, self._sequence, self._timestamp = ssrc, sequence, timestamp

    def next(self, slot: Slot) -> Packet:
        """Return the packet for the next slot."""
        packet = Packet(
            slot.payload_type, self._sequence, self._timestamp - slot.behind, slot.payload,
            self._ssrc, slot.marker,
        )  # fmt: skip
        self._sequence += 1
        self._timestamp += PACKET_SAMPLES
        return packet


def heard_in(packets: list[Packet]) -> Samples:
    """Return what a phone with a patient jitter buffer plays: each packet at its time stamp."""
    audio = [packet for packet in packets if packet.payload_type == PCMA]
    if not audio:
        return np.zeros(0, dtype=np.int16)
    start = audio[0].timestamp
    places = [((packet.timestamp - start + 2**31) % 2**32) - 2**31 for packet in audio]
    first = min(places)
    out = np.zeros(max(places) - first + PACKET_SAMPLES, dtype=np.int16)
    for place, packet in zip(places, audio, strict=True):
        samples = from_a_law(packet.payload)
        out[place - first : place - first + len(samples)] = samples[: len(out) - place + first]
    return out
