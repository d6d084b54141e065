"""Links of patients' pages and payloads of buttons (rules P-2, U-7)."""

from __future__ import annotations

import hmac
import re

from gateway.core.clinic import Branch
from gateway.core.model import Answer

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32 in lower case: without i, l, o and u, nothing can be misread."""

_PAIRS = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_PAIR_BITS = 10

TOKEN_BITS = 80
TOKEN_LENGTH = 2 * TOKEN_BITS // _PAIR_BITS

_SHIFTS = tuple(range(TOKEN_BITS - _PAIR_BITS, -1, -_PAIR_BITS))

_PAYLOAD = re.compile(rf"v1\.({'|'.join(Answer)})\.([1-9][0-9]{{0,8}})\.(.{{1,256}})", re.DOTALL)


def link_token(secret: bytes, clinic: str, appointment: str, booking: int) -> str:
    """Return the token of a booking's page: 16 lower-case letters and digits, 80 bits.

    It is always the same for the same booking, and nobody without the secret can make it.
    """
    booking_of = f"{len(clinic)}:{clinic}:{len(appointment)}:{appointment}:{booking}"
    digest = hmac.digest(secret, booking_of.encode("utf-8", "surrogatepass"), "sha256")
    number = int.from_bytes(digest[: TOKEN_BITS // 8], "big")
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])


def link_of(branch: Branch, appointment_id: str, booking: int) -> str:
    """Return the address of a booking's page."""
    return branch.link_base + link_token(branch.link_secret, branch.clinic, appointment_id, booking)


def button_payload(answer: Answer, booking: int, appointment: str) -> str:
    """Return what a button sends back when it is tapped."""
    return f"v1.{answer.value}.{booking}.{appointment}"


def read_payload(text: str) -> tuple[Answer, int, str] | None:
    """Return answer, booking and appointment of a payload, or None if it is not one of ours."""
    found = _PAYLOAD.fullmatch(text)
    if found is None:
        return None
    answer, booking, appointment = found.groups()
    return Answer(answer), int(booking), appointment
