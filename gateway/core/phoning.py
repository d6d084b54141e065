"""What happens to calls: start, answer, keys, endings, and the number that becomes free."""

from __future__ import annotations

from datetime import datetime

from gateway.core import policy
from gateway.core.answers import apply_answer
from gateway.core.attempts import move, note_attempt, ready
from gateway.core.case import (
    UNDER_WAY,
    Attempt,
    AttemptEvent,
    AttemptState,
    Contact,
    EntryKind,
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
    KeyPressed,
)
from gateway.core.evolve import evolve
from gateway.core.leases import lease_end
from gateway.core.model import Answer, CallResult, Source


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


def _call(draft: Draft, attempt_id: str) -> Attempt | None:
    attempt = draft.attempt(attempt_id)
    return attempt if attempt is not None and attempt.is_call else None


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
    if attempt is None:
        return
    provider_id = attempt.provider_id or event.provider_id
    voice = attempt.voice or event.voice  # a callback may have been faster
    if (provider_id, voice) != (attempt.provider_id, attempt.voice):
        draft.put(evolve(attempt, provider_id=provider_id, voice=voice))


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


def free_finished_call(draft: Draft) -> None:
    """A case that no longer calls must not keep its number busy."""
    contact = draft.contact
    if contact is None or contact.calling != draft.case.id:
        return
    if not any(is_calling(a) for a in draft.case.attempts):
        free_number(draft, ended=True)


def free_overdue_call(draft: Draft) -> None:
    """The caller's visit has got another number meanwhile, so its end is not told here."""
    if draft.contact is not None and is_call_over(draft.contact, draft.now):
        free_number(draft, ended=True)


def is_calling(attempt: Attempt) -> bool:
    """Tell whether an attempt is a call that is under way."""
    return attempt.is_call and attempt.state in UNDER_WAY
