"""Capture files of RTP for SIPp's `play_pcap_audio` (libpcap's format, Ethernet, IPv4, UDP).

SIPp sends the UDP payloads at the file's pace to the negotiated port; the addresses in the file
are of no consequence. Each file has its own SSRC and numbers: SIPp's own samples share theirs, and
a second one in the same call is dropped as a repetition of the first.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

from tests.telephony.peers.rtp import PACKET_MS, Slot, Stream

_FILE = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1)
_ETHERNET = bytes(12) + b"\x08\x00"
_PORT = 6000


def write_pcap(path: Path, slots: Sequence[Slot]) -> Path:
    """Write the slots as a capture, those that are lost left out, and return its path."""
    number = zlib.crc32(str(path).encode())
    stream = Stream(ssrc=number, sequence=number & 0x7FFF, timestamp=number & 0x7FFFFFFF)
    packets = [(at * PACKET_MS, slot.lost, stream.next(slot)) for at, slot in enumerate(slots)]
    records = [_record(at_ms, packet.pack()) for at_ms, lost, packet in packets if not lost]
    path.write_bytes(_FILE + b"".join(records))
    return path


def _record(at_ms: int, payload: bytes) -> bytes:
    udp = struct.pack("!HHHH", _PORT, _PORT, 8 + len(payload), 0) + payload
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1"
    )
    frame = _ETHERNET + head[:10] + struct.pack("!H", _checksum(head)) + head[12:] + udp
    seconds, milliseconds = divmod(at_ms, 1000)
    return struct.pack("<IIII", seconds, milliseconds * 1000, len(frame), len(frame)) + frame


def _checksum(head: bytes) -> int:
    total = sum(struct.unpack("!10H", head))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
