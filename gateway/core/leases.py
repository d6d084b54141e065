"""When what is under way has to be looked after: leases of attempts (rule G-6)."""

from __future__ import annotations

from datetime import datetime

from gateway.core import policy
from gateway.core.case import UNDER_WAY, Attempt, AttemptState


def sooner(one: datetime | None, other: datetime | None) -> datetime | None:
    """Return the earlier of two moments, of which either may be missing."""
    if one is None or (other is not None and other < one):
        return other
    return one


def look_of(attempt: Attempt) -> datetime | None:
    """When a planned attempt may go, or one under way has to be reconciled."""
    if attempt.state is AttemptState.PLANNED:
        return attempt.not_before
    if attempt.state not in UNDER_WAY:
        return None
    return sooner(lease_end(attempt), look_up_at(attempt))


def look_up_at(attempt: Attempt) -> datetime | None:
    """When a provider is asked how its call went; None: not (any more).

    It is asked once more when the lease has ended, be it long ago because nobody ran (rule G-6).
    """
    if not attempt.is_call or attempt.provider_id is None or attempt.started_at is None:
        return None
    asked_at = attempt.looked_at or attempt.started_at
    if asked_at >= attempt.started_at + policy.CALL_LEASE:
        return None
    return asked_at + policy.CALL_LOOK_EVERY


def lease_end(attempt: Attempt) -> datetime | None:
    """When an attempt under way has waited long enough for its outcome."""
    if attempt.state is AttemptState.UNKNOWN:
        return attempt.not_before
    if attempt.started_at is None:
        return None
    lease = policy.CALL_LEASE if attempt.is_call else policy.SEND_LEASE
    end = attempt.started_at + lease
    if attempt.looked_at is not None:
        end = max(end, attempt.looked_at + policy.CALL_LOOK_WAIT)
    return end
