"""When a question is asked by phone, and when the next call follows (rules C-2, C-5, C-6, Z-13)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.core import cascade
from gateway.core.case import UNDER_WAY, Attempt, AttemptState, Case
from gateway.core.draft import Draft
from gateway.core.model import CallResult, Function, Purpose
from gateway.core.moments import Window

RETRIED_RESULTS = frozenset({CallResult.NO_ANSWER, CallResult.BUSY, CallResult.UNREACHABLE})
"""Rule C-6: only these call results are tried again."""


@dataclass(frozen=True, slots=True)
class Phone:
    """Wants a call, not before a moment."""

    not_before: datetime | None


def ended_at(case: Case) -> datetime | None:
    """When the last call of the present booking ended, if there was one."""
    calls = _ended(case)
    return calls[-1].ended_at if calls else None


def is_on_the_phone(case: Case) -> bool:
    """Tell whether a call is under way, be it about an earlier booking."""
    return any(a.is_call and a.state in UNDER_WAY for a in case.attempts)


def next_call(draft: Draft, window: Window) -> Phone | None:
    """Return the call that asks the question next, or None when it is the message's turn."""
    settings = draft.branch.confirmation
    calls = _ended(draft.case)
    tried_messages = cascade.attempts_of(draft.case, Function.CONFIRMATION, Purpose.CONFIRMATION)
    if calls and any(a.tries for a in tried_messages):
        return None  # the fallback has begun; it is not turned back into a call
    not_before = None
    if calls:
        last = calls[-1]
        if last.result not in RETRIED_RESULTS or len(calls) >= settings.call_attempts:
            return None
        not_before = (last.ended_at or draft.now) + settings.attempt_gap
        if not_before >= window.latest:
            return None
    return Phone(_after_gap(draft, not_before))


def _ended(case: Case) -> list[Attempt]:
    return [
        a
        for a in case.attempts
        if a.is_call and a.booking == case.booking and a.state is AttemptState.ENDED
    ]


def _after_gap(draft: Draft, not_before: datetime | None) -> datetime | None:
    """Not closer to the last call of the same number than the gap (rules C-5, Z-13)."""
    contact = draft.contact
    if not_before is not None and not_before <= draft.now:
        not_before = None
    if contact is None or contact.call_ended_at is None:
        return not_before
    free_at = contact.call_ended_at + draft.branch.confirmation.call_gap
    if free_at <= draft.now:
        return not_before
    return max(free_at, not_before) if not_before else free_at
