"""Twilio's words for how a call went, and what its REST errors mean.

Call statuses    https://www.twilio.com/docs/voice/api/call-resource
Error codes      https://www.twilio.com/docs/api/errors
SIP responses    RFC 3261, 21; RFC 8197 (607)
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

from gateway.core.model import CallResult

UNDER_WAY = frozenset({"queued", "initiated", "ringing", "in-progress"})
"""Statuses of a call that is not over."""

ENDS: Mapping[str, CallResult] = {
    "completed": CallResult.HANGUP,  # somebody had picked up
    "busy": CallResult.BUSY,
    "no-answer": CallResult.NO_ANSWER,
    "failed": CallResult.FAILED,
    "canceled": CallResult.FAILED,  # taken back by hand, in Twilio's console
}

MACHINES = frozenset(
    {"machine_start", "machine_end_beep", "machine_end_silence", "machine_end_other", "fax"}
)
"""What `AnsweredBy` says when no person picked up; `human` and `unknown` are spoken to."""

_SIP: Mapping[int, CallResult] = {
    404: CallResult.UNREACHABLE,
    410: CallResult.UNREACHABLE,
    480: CallResult.UNREACHABLE,  # the phone is off or without a network
    484: CallResult.UNREACHABLE,
    486: CallResult.BUSY,
    600: CallResult.BUSY,
    603: CallResult.REJECTED,
    604: CallResult.UNREACHABLE,
    607: CallResult.REJECTED,
}
"""What the far end said; more exact than Twilio's own `busy` and `failed`."""

_BAD_NUMBER = frozenset({13224, 21211, 21214, 21217})


def result_of(
    status: str, *, answered_by: str = "", sip: int | None = None, code: int | None = None
) -> CallResult | None:
    """Return how a call ended; None while it is under way. Raises KeyError for other words.

    `sip` is the far end's last response, `code` Twilio's own error code.
    """
    if status in UNDER_WAY:
        return None
    result = ENDS[status]
    if status == "completed":
        return CallResult.MACHINE if answered_by in MACHINES else result
    if status in ("busy", "failed"):
        if code in _BAD_NUMBER:
            return CallResult.UNREACHABLE
        return _SIP.get(sip, result) if sip is not None else result
    return result


class Refusal(Enum):
    """What it means that a call was not created."""

    NUMBER = auto()
    """This number cannot be called."""
    LATER = auto()
    """Nothing was placed; the same request may succeed later."""
    OPERATOR = auto()
    """Nothing was placed, and nothing will be until somebody changes a setting."""
    UNKNOWN = auto()
    """It may have been placed all the same."""


def refusal_of(http_status: int, code: int | None) -> Refusal:
    """Return what an answer to "create a call" means that is not 201.

    `code` is that of Twilio's error document, None where the body was no such document: then a
    proxy on the way may have spoken after the request had gone through.
    """
    if code in _BAD_NUMBER:
        return Refusal.NUMBER
    if http_status == 429 or (http_status == 503 and code is not None):
        return Refusal.LATER
    if 400 <= http_status < 500 and http_status != 408:
        return Refusal.OPERATOR
    # 2xx without a call, a redirect, 408, 500, 502, 504: the call may exist.
    return Refusal.UNKNOWN
