"""When a message that did not get through is tried again, and when the next channel takes over."""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.core import cascade, policy
from gateway.core.case import Attempt
from gateway.core.draft import Draft
from gateway.core.hours import closing_of, is_open, local_day
from gateway.core.model import Purpose
from gateway.core.moments import window_of


def pause_after(attempt: Attempt, retry_after_s: int | None) -> timedelta:
    """Return the pause before a message is tried again: the next longer one, or the provider's."""
    pause = policy.RETRY_PAUSES[min(attempt.tries, len(policy.RETRY_PAUSES)) - 1]
    return max(pause, timedelta(seconds=retry_after_s or 0))


def next_try(draft: Draft, attempt: Attempt, pause: timedelta) -> datetime | None:
    """When a temporary failure is tried again; None hands over to the next channel (Z-6)."""
    now = draft.now
    first = attempt.first_try_at or now
    if attempt.is_free or attempt.function is None:
        return now + pause if now + pause <= first + policy.RETRY_FOR else None
    if cascade.is_last_channel(attempt, draft.case, draft.contact, draft.branch, now):
        return now + pause
    hand_over = first + policy.RETRY_FOR
    limit = _limit(draft, attempt)
    if limit is not None:
        hand_over = min(hand_over, limit - policy.HAND_OVER_BEFORE)
    if now >= hand_over:
        return None
    return min(now + pause, hand_over)


def _limit(draft: Draft, attempt: Attempt) -> datetime | None:
    """Closing time or the latest useful moment, whichever is first."""
    if attempt.function is None or attempt.purpose is Purpose.RESCHEDULE_LINK:
        return None  # rule Z-7: it goes at any hour
    window = window_of(attempt.function, draft.case, draft.branch)
    zone = draft.branch.timezone
    if not is_open(window.hours, draft.now, zone):
        return window.latest
    return min(window.latest, closing_of(window.hours, local_day(draft.now, zone), zone))
