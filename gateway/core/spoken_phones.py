"""Phones in texts that are to be spoken: where one stands, and the groups in which it is read."""

from __future__ import annotations

import re
from typing import Final

from phonenumbers import NumberParseException, PhoneNumberFormat, format_number, parse

PHONE: Final = re.compile(
    r"""(?<![\w+(])(?:
      \+\d[\d ()-]{5,20}\d                                            # +7 343 300-00-00
    | [78][ -]?\(?\d{3,5}\)?[ -]?\d{1,3}[ -]?\d\d[ -]?\d\d            # 8 (343) 300-00-00
    | \(\d{3,5}\)[ ]?\d{1,3}[ -]?\d\d[ -]?\d\d                        # (343) 300-00-00
    | \d{3}[ -]\d{3}-\d\d-\d\d | \d{3}-\d\d-\d\d | \d{3}-\d{3}-\d{4} | \d\d-\d\d-\d\d
    )(?![\w-]|[.,:]\d)""",
    re.VERBOSE,
)
"""What looks like a phone; `phone_groups` has the last word."""

_DIGITS_OF_WHOLE: Final = 11
_DIGITS: Final = range(6, 16)  # E.164 allows 15
_GROUPS: Final = {4: (2, 2), 5: (3, 2), 6: (2, 2, 2), 7: (3, 2, 2), 10: (3, 3, 2, 2),
                  11: (1, 3, 3, 2, 2)}  # fmt: skip


def phone_groups(text: str) -> list[str] | None:
    """Return the groups of digits in which the phone is read aloud, None if it is no phone."""
    digits = re.sub(r"\D", "", text)
    if len(digits) not in _DIGITS:
        return None
    plain = not re.search(r"\d\D+\d", text)
    if plain and text.startswith("+"):
        text = _international(text)
    elif plain and len(digits) != _DIGITS_OF_WHOLE:
        return None
    return [piece for group in re.findall(r"\d+", text) for piece in _split(group)]


def _international(text: str) -> str:
    try:
        return format_number(parse(text), PhoneNumberFormat.INTERNATIONAL)
    except NumberParseException:
        return text


def _split(group: str) -> list[str]:
    """Return a long group in the lengths in which people say it."""
    if len(group) <= 3:
        return [group]
    lengths = _GROUPS.get(len(group), (3,) * (len(group) // 3 + 1))
    pieces, start = [], 0
    for length in lengths:
        pieces.append(group[start : start + length])
        start += length
    return [piece for piece in pieces if piece]
