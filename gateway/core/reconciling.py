"""Attempts whose worker died or whose outcome nobody told (rule G-6)."""

from __future__ import annotations

from gateway.core import phoning, sending
from gateway.core.case import UNDER_WAY, Attempt, AttemptState, EntryKind
from gateway.core.draft import Draft
from gateway.core.events import CallEnded, Failure, MessageFailed
from gateway.core.evolve import evolve
from gateway.core.leases import lease_end, look_up_at
from gateway.core.model import CallResult


def reconcile(draft: Draft) -> None:
    """Look after attempts whose worker died or whose outcome is unknown (rule G-6)."""
    for attempt in draft.attempts:
        if attempt.state not in UNDER_WAY:
            continue
        attempt = _looked_up(draft, attempt)
        end = lease_end(attempt)
        if end is None or end > draft.now:
            continue
        if attempt.is_call:
            phoning.call_ended(draft, CallEnded(attempt.id, CallResult.FAILED, attempt.keys))
        elif attempt.state is AttemptState.STARTED:
            sending.message_lost(draft, attempt.id)
        else:
            _try_again(draft, attempt)


def _looked_up(draft: Draft, attempt: Attempt) -> Attempt:
    """Have the provider asked about a call of which nothing was heard for a while."""
    at = look_up_at(attempt)
    if at is None or at > draft.now:
        return attempt
    return draft.put(evolve(attempt, looked_at=draft.now))


def _try_again(draft: Draft, attempt: Attempt) -> None:
    """No receipt came in time, so the provider does not have the message."""
    draft.note(
        EntryKind.RECONCILE,
        {"attempt": attempt.id, "outcome": "no_receipt"},
        attempt.function,
    )
    sending.message_failed(draft, MessageFailed(attempt.id, Failure.TEMPORARY, "no_receipt"))
