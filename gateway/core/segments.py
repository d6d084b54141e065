"""How many parts an SMS takes (rule H-6).

GSM 03.38: 160 septets, or 153 in each of several parts; a character of the extension table
takes two. Any other character turns the whole message into UCS-2: 70 units of UTF-16, or 67 in
each of several parts. A part never ends inside an escape or a surrogate pair.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = "\f^{}\\[~]|€"

_IN_GSM = re.compile(f"[{re.escape(_BASIC + _EXTENSION)}]*").fullmatch
_LAST_OF_ONE_UNIT = "\uffff"

_GSM_SINGLE, _GSM_PART = 160, 153
_UCS_SINGLE, _UCS_PART = 70, 67


@dataclass(frozen=True, slots=True)
class Segments:
    """Length of an SMS.

    `per_segment` is how many of its units fit into one part of it; `left` how many more units it
    can take without another part.
    """

    count: int
    encoding: Literal["GSM-7", "UCS-2"]
    units: int
    per_segment: int
    left: int


def sms_segments(text: str) -> Segments:
    """Return how many parts the text takes; an empty text still takes one."""
    if _IN_GSM(text):
        units = len(text) + sum(map(text.count, _EXTENSION))
        if units <= _GSM_SINGLE:
            return Segments(1, "GSM-7", units, _GSM_SINGLE, _GSM_SINGLE - units)
        wide = (char in _EXTENSION for char in text) if units > len(text) else None
        count, left = _parts(units, wide, _GSM_PART)
        return Segments(count, "GSM-7", units, _GSM_PART, left)
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2
    if units <= _UCS_SINGLE:
        return Segments(1, "UCS-2", units, _UCS_SINGLE, _UCS_SINGLE - units)
    wide = (char > _LAST_OF_ONE_UNIT for char in text) if units > len(text) else None
    count, left = _parts(units, wide, _UCS_PART)
    return Segments(count, "UCS-2", units, _UCS_PART, left)


def _parts(units: int, wide: Iterable[bool] | None, part: int) -> tuple[int, int]:
    """Return how many parts are filled, and what is free in the last one.

    `wide` tells which characters take two units, None that none does.
    """
    if wide is None:
        return -(-units // part), -units % part
    count, room = 0, 0
    for is_wide in wide:
        width = 2 if is_wide else 1
        if width > room:
            count, room = count + 1, part
        room -= width
    return count, room
