"""Providers' numbers as contacts are named."""

from __future__ import annotations

import re

from gateway.core.phone import normalise_number

_RUSSIAN_MOBILE = re.compile(r"\+79[0-9]{9}")


def as_stored(number: str) -> str:
    """Return a provider's number as contacts are named. A Russian mobile one comes in that form
    already, and to read it anew would cost as much as to read its visit."""
    if _RUSSIAN_MOBILE.fullmatch(number):
        return number
    return normalise_number(number, "") or number
