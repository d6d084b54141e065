"""What happens to messages: start, acceptance, failure, receipts (rules H-1 to H-4)."""

from __future__ import annotations

from gateway.core import learnt, policy
from gateway.core.accounts import push_gone
from gateway.core.answers import CONFLICT, STATE, state_about
from gateway.core.attempts import move, note_attempt, ready
from gateway.core.case import REACHED, Attempt, AttemptEvent, AttemptState, EntryKind, next_state
from gateway.core.draft import Draft
from gateway.core.events import (
    Failure,
    MessageAccepted,
    MessageFailed,
    MessageHeld,
    MessageReceipt,
    Receipt,
)
from gateway.core.evolve import evolve
from gateway.core.model import Channel, Purpose
from gateway.core.opt_out import refused_at_provider
from gateway.core.retries import next_try, pause_after
from gateway.core.wording import compose

_RECEIPT_EVENT: dict[Receipt, AttemptEvent] = {
    Receipt.SENT: AttemptEvent.ACCEPT,
    Receipt.DELIVERED: AttemptEvent.DELIVER,
    Receipt.READ: AttemptEvent.READ,
    Receipt.FAILED: AttemptEvent.FAIL,
}


def start_message(draft: Draft) -> None:
    """Use one granted slot: answers to the patient first, then what was planned (rule Z-7)."""
    waiting = [a for a in draft.attempts if not a.is_call and ready(a, draft)]
    if not waiting:
        return
    attempt = min(waiting, key=lambda a: (not a.is_free, int(a.id)))
    about = _true_about(draft, attempt)
    content = compose(
        draft.settings.texts,
        about,
        attempt.channel,
        branch=draft.branch,
        snapshot=draft.case.snapshot if draft.has_case else None,
        booking=attempt.booking,
        choices=attempt.choices,
    )
    started = evolve(
        attempt,
        state=next_state(attempt.state, AttemptEvent.START),
        started_at=draft.now,
        first_try_at=attempt.first_try_at or draft.now,
        tries=attempt.tries + 1,
        not_before=None,
        content=content,
        code="" if attempt.code in policy.HELD_CODES else attempt.code,
    )
    draft.put(started)
    if started.purpose is Purpose.CONFIRMATION:
        _begin_question(draft)
    note_attempt(draft, started, text=content.text)


def _begin_question(draft: Draft) -> None:
    """A new question has not been misunderstood yet (rule C-13)."""
    if draft.contact is not None and draft.contact.unclear:
        draft.contact = evolve(draft.contact, unclear=0)


def _true_about(draft: Draft, attempt: Attempt) -> str:
    """Words about the visit's state are chosen when they leave, so that they are true then."""
    if attempt.about == STATE:
        return state_about(draft.case, draft.now)
    if attempt.about == CONFLICT and draft.case.removed:
        return state_about(draft.case, draft.now)
    return attempt.about


def _message(draft: Draft, attempt_id: str) -> Attempt | None:
    """Return the message that a provider speaks of; nothing of an untried one has left us."""
    attempt = draft.attempt(attempt_id)
    if attempt is None or attempt.is_call:
        return None
    untried = attempt.state is AttemptState.PLANNED and not attempt.tries
    return None if untried else attempt


def message_accepted(draft: Draft, event: MessageAccepted) -> None:
    """The provider took the message: it is charged now (rule T-3)."""
    attempt = _message(draft, event.attempt)
    if attempt is None:
        return
    if event.provider_id and attempt.provider_id is None:
        attempt = draft.put(evolve(attempt, provider_id=event.provider_id))
    moved = move(attempt, AttemptEvent.ACCEPT)
    if moved is not None:
        _took(draft, moved)


def _took(draft: Draft, attempt: Attempt) -> None:
    """Write an acceptance: charge it, remember its link."""
    attempt = draft.put(draft.charge(attempt))
    has_link = attempt.content is not None and attempt.content.link is not None
    if has_link and draft.has_case and attempt.booking > draft.case.link_booking:
        draft.case = evolve(draft.case, link_booking=attempt.booking)
    note_attempt(draft, attempt)


def message_failed(draft: Draft, event: MessageFailed) -> None:
    """The provider did not take the message (rules H-1, H-2)."""
    attempt = _message(draft, event.attempt)
    if attempt is None or attempt.state not in (AttemptState.STARTED, AttemptState.UNKNOWN):
        return
    attempt = evolve(attempt, code=event.code)
    if event.failure is Failure.TEMPORARY:
        again = next_try(draft, attempt, pause_after(attempt, event.retry_after_s))
        if again is not None:
            moved = evolve(
                attempt, state=next_state(attempt.state, AttemptEvent.POSTPONE), not_before=again
            )
            draft.put(moved)
            note_attempt(draft, moved, retry_at=again.isoformat())
            return
    _give_up(draft, attempt, event.failure)


def _give_up(draft: Draft, attempt: Attempt, failure: Failure) -> None:
    failed = evolve(attempt, state=next_state(attempt.state, AttemptEvent.FAIL))
    draft.put(failed)
    if failure is Failure.IMPOSSIBLE and attempt.channel is Channel.PUSH:
        push_gone(draft, attempt)
    elif failure is Failure.IMPOSSIBLE:
        learnt.learn(draft, attempt)
    note_attempt(draft, failed)
    if failure is Failure.OPTED_OUT:
        refused_at_provider(draft, failed)


def message_held(draft: Draft, event: MessageHeld) -> None:
    """Nothing has left: the message is planned again, and no try is counted (rules H-2, H-3, H-7).

    While its sender pauses, it is handed over like one that fails (rule Z-6); what belongs to
    another booking or number by now is forgotten.
    """
    attempt = _message(draft, event.attempt)
    if attempt is None or attempt.started_at != event.started_at:
        return
    if attempt.state not in (AttemptState.STARTED, AttemptState.UNKNOWN):
        return
    again = event.until
    if again is not None and event.paused:
        again = next_try(draft, attempt, again - draft.now)
        if again is None:
            _give_up(draft, evolve(attempt, code=policy.HELD_PAUSED), Failure.TEMPORARY)
            return
    tries = attempt.tries - 1
    held = evolve(
        attempt,
        state=next_state(attempt.state, AttemptEvent.POSTPONE),
        not_before=again,
        tries=tries,
        first_try_at=attempt.first_try_at if tries or event.paused else None,
        code=_held_code(event),
    )
    if _is_stale(draft, held):
        draft.drop(held)
    else:
        draft.put(held)
    note_attempt(draft, held, retry_at=again.isoformat() if again else None)


def _held_code(event: MessageHeld) -> str:
    if event.until is None:
        return ""
    return policy.HELD_PAUSED if event.paused else policy.HELD_BUSY


def _is_stale(draft: Draft, attempt: Attempt) -> bool:
    """Tell whether a message speaks of another booking or to another number than the visit's."""
    if attempt.is_free or not draft.has_case:
        return False
    return attempt.booking != draft.case.booking or attempt.to != draft.case.number


def message_lost(draft: Draft, attempt_id: str) -> None:
    """Nobody knows whether it got through: wait for receipts (rule G-6)."""
    attempt = _message(draft, attempt_id)
    moved = move(attempt, AttemptEvent.LOSE) if attempt is not None else None
    if moved is None:
        return
    until = draft.now + policy.RECEIPT_WAIT
    draft.put(evolve(moved, not_before=until, lost=True))
    draft.note(
        EntryKind.RECONCILE,
        {"attempt": moved.id, "outcome": "unknown", "waits_until": until.isoformat()},
        moved.function,
    )


def message_receipt(draft: Draft, event: MessageReceipt) -> None:
    """A provider's report moves a message forward or not at all (rule H-4)."""
    attempt = _message(draft, event.attempt)
    if attempt is None or _is_of_earlier_try(attempt, event):
        return
    if event.provider_id and attempt.provider_id is None:
        attempt = draft.put(evolve(attempt, provider_id=event.provider_id))
    moved = move(attempt, _RECEIPT_EVENT[event.receipt])
    if moved is None:
        return
    if event.receipt in _HAS_ARRIVED:
        learnt.forget(draft, attempt.channel, attempt.to)
    if attempt.state is AttemptState.UNKNOWN:
        draft.note(
            EntryKind.RECONCILE,
            {"attempt": attempt.id, "outcome": event.receipt.value},
            attempt.function,
        )
    if event.receipt is Receipt.FAILED:
        _undelivered(draft, evolve(attempt, code=event.code, lost=False), event.failure)
    elif attempt.state not in REACHED:
        _took(draft, moved)  # the receipt overtook the send's own response
    else:
        draft.put(moved)
        note_attempt(draft, moved)


_HAS_ARRIVED = frozenset({Receipt.DELIVERED, Receipt.READ})


def _is_of_earlier_try(attempt: Attempt, event: MessageReceipt) -> bool:
    """Tell whether a failure is that of a try whose answer was lost, not of the one that was
    taken since then: this one still stands (rule H-4)."""
    if event.receipt is not Receipt.FAILED or not event.provider_id:
        return False
    return attempt.provider_id not in (None, event.provider_id)


def _undelivered(draft: Draft, attempt: Attempt, failure: Failure) -> None:
    """Accepted, then reported as not delivered: the charge is reversed (rule T-3)."""
    attempt = draft.reverse(attempt)
    _give_up(draft, attempt, failure)
