"""Key presses as telephones send them: named events in RTP (RFC 4733)."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import replace
from enum import Enum, auto

from tests.telephony.peers.rtp import PACKET_SAMPLES, SILENT, Slot

KEYS = "0123456789*#ABCD"
_END_TIMES = 3  # "the sender SHOULD send the last packet three times", RFC 4733, section 2.5.1.4


class Style(Enum):
    """How senders differ."""

    NORMAL = auto()
    """A packet every 20 ms with a growing duration, the last one three times."""
    FIXED_DURATION = auto()
    """Gateways that know the length beforehand: every packet carries the whole duration."""
    NO_START = auto()
    """The packets of the first 60 ms are lost, that with the marker among them."""
    END_ONLY = auto()
    """Only the three end packets are sent."""
    HALF_LOST = auto()
    """Every second packet is lost, from the first on."""


def press(
    key: str,
    style: Style = Style.NORMAL,
    *,
    payload_type: int = 101,
    length_ms: int = 160,
    volume: int = 10,
) -> list[Slot]:
    """Return the slots of one key press of `length_ms`, a multiple of 20."""
    count = length_ms // 20
    durations = [PACKET_SAMPLES * (number + 1) for number in range(count)]
    durations += [durations[-1]] * (_END_TIMES - 1)
    slots = []
    for number, duration in enumerate(durations):
        is_end = number >= count - 1
        shown = durations[-1] if style is Style.FIXED_DURATION else duration
        event = struct.pack("!BBH", KEYS.index(key), volume | (0x80 if is_end else 0), shown)
        slots.append(Slot(payload_type, event, behind=number * PACKET_SAMPLES, marker=number == 0))
    return [_styled(slot, number, count, style) for number, slot in enumerate(slots)]


def _styled(slot: Slot, number: int, count: int, style: Style) -> Slot:
    """Return a slot as this kind of sender, or this kind of network, lets it pass."""
    if style is Style.END_ONLY:
        # Never sent at all: what goes out instead is silence, and the first packet is marked.
        return SILENT if number < count - 1 else replace(slot, marker=number == count - 1)
    if style is Style.NO_START:
        return replace(slot, lost=number < 3)
    if style is Style.HALF_LOST:
        return replace(slot, lost=number % 2 == 0)
    return slot


def presses(
    keys: Iterable[str],
    style: Style = Style.NORMAL,
    *,
    payload_type: int = 101,
    length_ms: int = 160,
    gap_ms: int = 120,
) -> list[Slot]:
    """Return several presses with silence between them."""
    gap = [SILENT] * (gap_ms // 20)
    slots: list[Slot] = []
    for key in keys:
        one = press(key, style, payload_type=payload_type, length_ms=length_ms)
        slots += (gap if slots else []) + one
    return slots
