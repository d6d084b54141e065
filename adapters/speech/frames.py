"""The worker's wire format: frames of a length, a kind and a body, over a pair of pipes.

    frame     4 bytes length of what follows, big endian · 1 byte kind · body
    gateway → worker
      O       options of the library, JSON object; once, first
      S       a sentence: 4 bytes number · JSON [text, language]
    worker → gateway
      R       ready: the library is loaded; body empty
      A       audio: 4 bytes number · 4 bytes rate · samples, mono s16 little endian
      E       error: 4 bytes number (0 while loading) · code

The number of an answer is that of its sentence: an answer to another one would be another
patient's name.
"""

from __future__ import annotations

import struct
from typing import Final

OPTIONS: Final = b"O"
SENTENCE: Final = b"S"
READY: Final = b"R"
AUDIO: Final = b"A"
ERROR: Final = b"E"

FRAME_BYTES_MAX: Final = 32 << 20
"""Garbage read as a length must not become a request for memory; five minutes at 48 kHz fit."""

LENGTH: Final = struct.Struct(">I")
NUMBER: Final = struct.Struct(">I")
NUMBER_AND_RATE: Final = struct.Struct(">II")


class BadFrame(ValueError):
    """What was read is no frame of this protocol."""


def frame(kind: bytes, body: bytes = b"") -> bytes:
    """Return a whole frame."""
    return LENGTH.pack(len(body) + 1) + kind + body


def size_of(head: bytes) -> int:
    """Return how many bytes follow the first four; raise `BadFrame`."""
    (size,) = LENGTH.unpack(head)
    if not 0 < size <= FRAME_BYTES_MAX:
        raise BadFrame
    return int(size)


def numbered(body: bytes) -> tuple[int, bytes]:
    """Return the number that a body begins with, and the rest; raise `BadFrame`."""
    if len(body) < NUMBER.size:
        raise BadFrame
    return int(NUMBER.unpack_from(body)[0]), body[NUMBER.size :]


def audio(body: bytes) -> tuple[int, int, bytes]:
    """Return number, rate and samples of an audio body; raise `BadFrame`."""
    if len(body) < NUMBER_AND_RATE.size or len(body) % 2:
        raise BadFrame
    number, rate = NUMBER_AND_RATE.unpack_from(body)
    return int(number), int(rate), body[NUMBER_AND_RATE.size :]
