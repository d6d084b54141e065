"""What happens to messages and calls: start, acceptance, failure, receipts, endings."""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.core import cascade, policy
from gateway.core.answers import CONFLICT, STATE, apply_answer, state_about
from gateway.core.case import (
    UNDER_WAY,
    Attempt,
    AttemptEvent,
    AttemptState,
    Contact,
    EntryKind,
    IllegalTransition,
    JournalValue,
    Learnt,
    next_state,
)
from gateway.core.draft import Draft
from gateway.core.events import (
    CallAnswered,
    CallEnded,
    CallLost,
    CallNotPlaced,
    CallPlaced,
    DialogueMoved,
    Failure,
    KeyPressed,
    MessageAccepted,
    MessageFailed,
    MessageReceipt,
    Receipt,
)
from gateway.core.evolve import evolve
from gateway.core.hours import closing_of, is_open, local_day
from gateway.core.model import Answer, CallResult, Channel, Purpose, Source
from gateway.core.moments import window_of
from gateway.core.plan import lease_end
from gateway.core.wording import compose

_RECEIPT_EVENT: dict[Receipt, AttemptEvent] = {
    Receipt.SENT: AttemptEvent.ACCEPT,
    Receipt.DELIVERED: AttemptEvent.DELIVER,
    Receipt.READ: AttemptEvent.READ,
    Receipt.FAILED: AttemptEvent.FAIL,
}


def move(attempt: Attempt, event: AttemptEvent) -> Attempt | None:
    """Return the attempt after an event, or None when the table does not allow it (rule H-4)."""
    try:
        return evolve(attempt, state=next_state(attempt.state, event))
    except IllegalTransition:
        return None


def note_attempt(draft: Draft, attempt: Attempt, **more: JournalValue) -> None:
    """Write where a message or call stands into the timeline."""
    data: dict[str, JournalValue] = {
        "attempt": attempt.id,
        "channel": attempt.channel.value,
        "purpose": attempt.purpose.value,
        "to": attempt.to,
        "state": attempt.state.value,
        "started_at": attempt.started_at.isoformat() if attempt.started_at else None,
        "try": attempt.tries,
        **more,
    }
    if attempt.code:
        data["code"] = attempt.code
    kind = EntryKind.CALL if attempt.is_call else EntryKind.MESSAGE
    draft.note(kind, data, attempt.function, booking=attempt.booking)


def ready(attempt: Attempt, draft: Draft) -> bool:
    """Tell whether a planned attempt may leave now."""
    return attempt.state is AttemptState.PLANNED and (
        attempt.not_before is None or attempt.not_before <= draft.now
    )


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


def start_call(draft: Draft) -> None:
    """Use one granted line, unless the number is on another call (rules C-5, Z-13)."""
    contact = draft.contact
    waiting = [a for a in draft.case.attempts if a.is_call and ready(a, draft)]
    if not waiting or contact is None:
        return
    if contact.calling not in (None, draft.case.id) and not is_call_over(contact, draft.now):
        if draft.case.id not in contact.waiting:
            draft.contact = evolve(contact, waiting=(*contact.waiting, draft.case.id))
        return
    attempt = waiting[0]
    started = evolve(
        attempt,
        state=next_state(attempt.state, AttemptEvent.START),
        started_at=draft.now,
        first_try_at=attempt.first_try_at or draft.now,
        tries=1,
    )
    draft.put(started)
    draft.contact = evolve(contact, calling=draft.case.id, called_at=draft.now)
    note_attempt(draft, started)


def _message(draft: Draft, attempt_id: str) -> Attempt | None:
    """Return the message that a provider speaks of; nothing of an untried one has left us."""
    attempt = draft.attempt(attempt_id)
    if attempt is None or attempt.is_call:
        return None
    untried = attempt.state is AttemptState.PLANNED and not attempt.tries
    return None if untried else attempt


def _call(draft: Draft, attempt_id: str) -> Attempt | None:
    attempt = draft.attempt(attempt_id)
    return attempt if attempt is not None and attempt.is_call else None


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
        again = _next_try(draft, attempt, event.retry_after_s)
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
    if failure is Failure.IMPOSSIBLE and attempt.channel is not Channel.PUSH:
        _learn(draft, attempt.channel)
    note_attempt(draft, failed)


def _learn(draft: Draft, channel: Channel) -> None:
    """Remember that the number has no account on the channel (rule H-1)."""
    contact = draft.contact
    if contact is None or channel is Channel.SMS:
        return
    kept = tuple(item for item in contact.learnt if item.channel is not channel)
    news = Learnt(channel, draft.now + policy.LEARNT_FOR)
    draft.contact = evolve(contact, learnt=(*kept, news))


def _next_try(draft: Draft, attempt: Attempt, retry_after_s: int | None) -> datetime | None:
    """When a temporary failure is tried again; None hands over to the next channel (Z-6)."""
    now = draft.now
    pause = policy.RETRY_PAUSES[min(attempt.tries, len(policy.RETRY_PAUSES)) - 1]
    if retry_after_s is not None:
        pause = max(pause, timedelta(seconds=retry_after_s))
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


def message_lost(draft: Draft, attempt_id: str) -> None:
    """Nobody knows whether it got through: wait for receipts (rule G-6)."""
    attempt = _message(draft, attempt_id)
    moved = move(attempt, AttemptEvent.LOSE) if attempt is not None else None
    if moved is None:
        return
    until = draft.now + policy.RECEIPT_WAIT
    draft.put(evolve(moved, not_before=until))
    draft.note(
        EntryKind.RECONCILE,
        {"attempt": moved.id, "outcome": "unknown", "waits_until": until.isoformat()},
        moved.function,
    )


def message_receipt(draft: Draft, event: MessageReceipt) -> None:
    """A provider's report moves a message forward or not at all (rule H-4)."""
    attempt = _message(draft, event.attempt)
    if attempt is None:
        return
    if event.provider_id and attempt.provider_id is None:
        attempt = draft.put(evolve(attempt, provider_id=event.provider_id))
    moved = move(attempt, _RECEIPT_EVENT[event.receipt])
    if moved is None:
        return
    if attempt.state is AttemptState.UNKNOWN:
        draft.note(
            EntryKind.RECONCILE,
            {"attempt": attempt.id, "outcome": event.receipt.value},
            attempt.function,
        )
    if event.receipt is Receipt.FAILED:
        _undelivered(draft, evolve(attempt, code=event.code), event.failure)
    elif attempt.price is None and not attempt.is_free:
        _took(draft, moved)  # the receipt overtook the send's own response
    else:
        draft.put(moved)
        note_attempt(draft, moved)


def _undelivered(draft: Draft, attempt: Attempt, failure: Failure) -> None:
    """Accepted, then reported as not delivered: the charge is reversed (rule T-3)."""
    attempt = draft.reverse(attempt)
    _give_up(draft, attempt, failure)


def call_answered(draft: Draft, event: CallAnswered) -> None:
    """Somebody picked up: a call with a price is charged now (rule Z-14)."""
    attempt = _call(draft, event.attempt)
    moved = move(attempt, AttemptEvent.PICK_UP) if attempt is not None else None
    if moved is not None:
        moved = draft.put(draft.charge(moved))
        note_attempt(draft, moved)


def call_placed(draft: Draft, event: CallPlaced) -> None:
    """The provider has a name for the call, by which it can be asked about it."""
    attempt = _call(draft, event.attempt)
    if attempt is not None and attempt.provider_id is None:
        draft.put(evolve(attempt, provider_id=event.provider_id))


def call_lost(draft: Draft, event: CallLost) -> None:
    """Nobody knows whether the phone rings: it is not dialled again (rule G-6)."""
    attempt = _call(draft, event.attempt)
    end = lease_end(attempt) if attempt is not None else None
    if attempt is None or end is None or attempt.state is not AttemptState.STARTED:
        return
    draft.note(
        EntryKind.RECONCILE,
        {
            "attempt": attempt.id,
            "outcome": "unknown",
            "code": event.code,
            "waits_until": end.isoformat(),
        },
        attempt.function,
    )


_MAY_STILL_ANSWER = frozenset({CallResult.HANGUP, CallResult.FAILED, CallResult.NO_ANSWER_KEY})
"""Results that the news of a key may correct: a provider's callbacks come in any order, and the
end of a call may be told before the key that was pressed just then."""


def key_pressed(draft: Draft, event: KeyPressed) -> None:
    """A key that answers, committed before it is acknowledged (rule C-4)."""
    attempt = _call(draft, event.attempt)
    if attempt is None or not _may_answer(attempt, draft.now):
        return
    applied = apply_answer(
        draft, event.answer, Source.CALL, raw=event.key, booking=attempt.booking, asked=True
    )
    wants_link = applied and event.answer is Answer.RESCHEDULE
    about = "call.reschedule" if wants_link else attempt.about
    draft.put(evolve(attempt, result=CallResult.ANSWER, about=about))


def _may_answer(attempt: Attempt, now: datetime) -> bool:
    if attempt.state is AttemptState.ENDED:
        is_fresh = attempt.ended_at is not None and now - attempt.ended_at < policy.CALL_LEASE
        return is_fresh and attempt.result in _MAY_STILL_ANSWER
    if attempt.state not in (AttemptState.STARTED, AttemptState.TALKING):
        return False
    return attempt.result is not CallResult.ANSWER


def dialogue_moved(draft: Draft, event: DialogueMoved) -> None:
    """A provider's call went on; what was heard twice counts once (rule G-6)."""
    call_answered(draft, CallAnswered(event.attempt))
    attempt = _call(draft, event.attempt)
    if attempt is None or attempt.dialogue != event.before:
        return
    is_over = attempt.state is AttemptState.ENDED
    if not is_over and attempt.state is not AttemptState.TALKING:
        return
    result = event.result if event.answer is None and not is_over else attempt.result
    draft.put(evolve(attempt, dialogue=event.after, keys=event.keys, result=result))
    if event.answer is not None:
        key_pressed(draft, KeyPressed(event.attempt, event.keys[-1:], event.answer))


def call_ended(draft: Draft, event: CallEnded) -> None:
    """The call is over; what follows is planned by `advance` (rules C-6, C-7)."""
    attempt = _call(draft, event.attempt)
    moved = move(attempt, AttemptEvent.HANG_UP) if attempt is not None else None
    if moved is None:
        return
    result = moved.result or event.result
    keys = event.keys or moved.keys  # a provider's end of call does not repeat its keys
    moved = evolve(moved, result=result, keys=keys, ended_at=draft.now)
    if event.code:
        moved = evolve(moved, code=event.code)
    draft.put(moved)
    note_attempt(draft, moved, result=result.value, keys=keys)
    _free_own_number(draft, ended=True)


def call_not_placed(draft: Draft, event: CallNotPlaced) -> None:
    """No line or no trunk: not an attempt, it waits while hours stay open (rule C-6)."""
    attempt = _call(draft, event.attempt)
    moved = move(attempt, AttemptEvent.POSTPONE) if attempt is not None else None
    if moved is None:
        return
    draft.put(evolve(moved, not_before=draft.now + policy.LINE_PAUSE, tries=0, code=event.code))
    _free_own_number(draft, ended=False)


def _free_own_number(draft: Draft, *, ended: bool) -> None:
    if draft.contact is not None and draft.contact.calling == draft.case.id:
        free_number(draft, ended=ended)


def call_over_at(contact: Contact) -> datetime | None:
    """When the call to a number is over at the latest; None: it is not being called."""
    return contact.called_at + policy.CALL_LEASE if contact.called_at is not None else None


def is_call_over(contact: Contact, now: datetime) -> bool:
    """Tell whether the number is marked as busy by a call that must have ended long ago."""
    over_at = call_over_at(contact)
    return over_at is not None and over_at <= now


def free_number(draft: Draft, *, ended: bool) -> None:
    """The number may be called again after the gap; wake who waits for it (rule C-5)."""
    contact = draft.known_contact
    at = draft.now + (draft.branch.confirmation.call_gap if ended else policy.LINE_PAUSE)
    draft.contact = evolve(
        contact,
        calling=None,
        called_at=None,
        call_ended_at=draft.now if ended else contact.call_ended_at,
        wake=tuple((appointment, at) for appointment in contact.waiting),
        waiting=(),
    )


def reconcile(draft: Draft) -> None:
    """Look after attempts whose worker died or whose outcome is unknown (rule G-6)."""
    for attempt in draft.attempts:
        if attempt.state not in UNDER_WAY:
            continue
        end = lease_end(attempt)
        if end is None or end > draft.now:
            continue
        if attempt.is_call:
            call_ended(draft, CallEnded(attempt.id, CallResult.FAILED, attempt.keys))
        elif attempt.state is AttemptState.STARTED:
            message_lost(draft, attempt.id)
        else:
            _try_again(draft, attempt)


def _try_again(draft: Draft, attempt: Attempt) -> None:
    """No receipt came in time, so the provider does not have the message."""
    draft.note(
        EntryKind.RECONCILE,
        {"attempt": attempt.id, "outcome": "no_receipt"},
        attempt.function,
    )
    message_failed(draft, MessageFailed(attempt.id, Failure.TEMPORARY, "no_receipt"))
