"""What an answer does: to the visit, to the schedule, and what the patient is told.

An answer changes at most one status and only while its own question stands; everything else is
told the true state (rules C-4, C-10, C-17, Z-8).
"""

from __future__ import annotations

from datetime import datetime

from gateway.core import attention, opt_out, policy
from gateway.core.cascade import can_reach
from gateway.core.case import (
    OPEN_PUSHES,
    AttemptState,
    Case,
    EntryKind,
    Pending,
    PushState,
    StatusPush,
)
from gateway.core.draft import Draft
from gateway.core.events import PatientChose, PatientWrote
from gateway.core.evolve import evolve
from gateway.core.hours import local_day
from gateway.core.learnt import forget
from gateway.core.model import (
    STATUS_OF_ANSWER,
    Answer,
    Channel,
    Function,
    Purpose,
    Source,
    Status,
)
from gateway.core.reply import Meaning

STATE = "state"
"""Wording key of "what is true now"; resolved when the message leaves, so it is true then."""

CONFLICT = "acknowledgement.conflict"
"""Wording key of "your answer did not count": the schedule had changed meanwhile (rule S-2)."""

ANSWER_OF_MEANING: dict[Meaning, Answer] = {
    Meaning.CONFIRM: Answer.CONFIRM,
    Meaning.RESCHEDULE: Answer.RESCHEDULE,
    Meaning.CANCEL: Answer.CANCEL,
    Meaning.REPEAT: Answer.REPEAT,
}

UNCLEAR_MAX = 1
"""How many unclear answers in a row are answered; the next one goes to the staff (rule C-13)."""


_NOT_ASKED = frozenset({AttemptState.PLANNED, AttemptState.WITHDRAWN, AttemptState.FAILED})
"""States of a message that certainly did not arrive, unless a try of it was lost."""


def was_asked(case: Case, booking: int) -> bool:
    """Tell whether the confirmation of a booking has been asked in any way."""
    return any(
        a.function is Function.CONFIRMATION
        and a.purpose is Purpose.CONFIRMATION
        and a.booking == booking
        and (a.lost or a.state not in _NOT_ASKED)
        for a in case.attempts
    )


def question_open(case: Case, now: datetime) -> bool:
    """Tell whether the case waits for the patient's answer (rules C-11, C-17)."""
    return (
        not case.removed
        and case.status is Status.UNCONFIRMED
        and now < case.snapshot.start
        and case.closed_question != case.booking
        and was_asked(case, case.booking)
    )


def state_about(case: Case, now: datetime) -> str:
    """Return the wording key of the visit's true state."""
    if case.removed:
        return "state.removed"
    if now >= case.snapshot.start:
        return "state.begun"
    return f"state.{case.status.value}"


def why_not(
    case: Case, answer: Answer, source: Source, now: datetime, *, booking: int, asked: bool
) -> str | None:
    """Return why an answer changes nothing, or None when it applies."""
    if case.removed:
        return "removed"
    if booking not in (0, case.booking):
        return "moved"
    if now >= case.snapshot.start:
        return "begun"
    status = case.status
    from_page = source in (Source.LINK, Source.APP)
    if from_page and status is Status.CONFIRMED and answer is not Answer.CONFIRM:
        return None
    if status is not Status.UNCONFIRMED:
        return "status"
    if from_page:
        return None
    if case.closed_question == case.booking:
        return "closed"
    return None if asked else "no_question"


def apply_answer(
    draft: Draft, answer: Answer, source: Source, *, raw: str, booking: int, asked: bool
) -> bool:
    """Apply a clear answer or note why not; return whether the status changes (rule S-1).

    `booking` is the booking it was given for, 0 for the present one. `asked` tells that the
    answer belongs to a message or question of ours, which an unasked remark does not.
    """
    case = draft.case
    why = why_not(case, answer, source, draft.now, booking=booking, asked=asked)
    note_answer(draft, source, raw, answer, applied=why is None, why=why)
    if why is not None:
        return False
    made = case.pushes_made + 1
    draft.case = evolve(case, pushes_made=made)
    push = StatusPush(
        id=str(made),
        booking=case.booking,
        start=case.snapshot.start,
        answer=answer,
        before=case.status,
        after=STATUS_OF_ANSWER[answer],
        source=source,
        evidence=raw,
        at=draft.now,
    )
    draft.put_push(push)
    attention.settle(draft, "answer", attention.ANSWERED)
    return True


def note_answer(
    draft: Draft,
    source: Source,
    raw: str,
    answer: Answer | None,
    *,
    applied: bool,
    why: str | None,
    of_contact: bool = False,
) -> None:
    """Write an answer into the timeline with its raw text or key (rule G-5)."""
    draft.note(
        EntryKind.ANSWER,
        {
            "source": source.value,
            "raw": raw,
            "answer": answer.value if answer else None,
            "applied": applied,
            "why": why,
        },
        None if of_contact or not draft.has_case else Function.CONFIRMATION,
        of_contact=of_contact,
    )


def patient_chose(draft: Draft, event: PatientChose) -> None:
    """A button on the page or in the app; acknowledged there, not by message (rule C-12)."""
    case = draft.case
    if event.id and any(seen.split("\x1f")[0] == event.id for seen in case.seen):
        return
    booking = event.booking
    if booking is None:
        booking = case.link_booking if event.source is Source.LINK else case.booking
    if event.source is Source.LINK and booking == 0:
        note_answer(
            draft, event.source, event.answer.value, event.answer, applied=False, why="no_link"
        )
        outcome = "no_link"
    else:
        why = why_not(case, event.answer, event.source, draft.now, booking=booking, asked=True)
        apply_answer(
            draft,
            event.answer,
            event.source,
            raw=event.answer.value,
            booking=booking,
            asked=True,
        )
        outcome = why or "applied"
    seen = (*draft.case.seen, f"{event.id}\x1f{outcome}")[-policy.SEEN_KEPT :]
    draft.case = evolve(draft.case, seen=seen)


def outcome_of(case: Case, event_id: str) -> str | None:
    """Return what came of a `PatientChose`: `applied`, or why it changed nothing."""
    for seen in case.seen:
        name, _, outcome = seen.partition("\x1f")
        if name == event_id:
            return outcome
    return None


def patient_wrote(draft: Draft, event: PatientWrote) -> None:
    """A message from a patient's number (rules C-10 to C-15, U-7, Z-8 to Z-12)."""
    contact = draft.contact
    if contact is None or event.id in contact.seen:
        return
    heard = tuple(item for item in contact.heard_at if item[0] is not event.channel)
    draft.contact = evolve(
        contact,
        seen=(*contact.seen, event.id)[-policy.SEEN_KEPT :],
        heard_at=(*heard, (event.channel, draft.now)),
    )
    forget(draft, event.channel, contact.number)
    if event.pressed is None and event.reading.meaning is Meaning.OPT_OUT:
        _opt_out(draft, event)
    elif event.pressed is None and _opts_in(draft, event):
        _opt_in(draft, event)
    elif not draft.has_case:
        _without_case(draft, event)
    else:
        _about_case(draft, event)


def _opts_in(draft: Draft, event: PatientWrote) -> bool:
    opted_out = draft.contact is not None and draft.contact.opted_out_at is not None
    return (opted_out or event.by_provider) and event.reading.meaning is Meaning.OPT_IN


def tell(
    draft: Draft,
    event: PatientWrote,
    purpose: Purpose,
    about: str,
    *,
    choices: tuple[tuple[str, datetime, str], ...] = (),
    despite_opt_out: bool = False,
) -> None:
    """Plan a free answer on the channel on which the patient wrote (rules C-12, Z-7)."""
    contact = draft.contact
    silent = contact is not None and contact.opted_out_at is not None
    if silent and not despite_opt_out:
        return
    draft.plan(
        purpose,
        event.channel,
        Function.CONFIRMATION if draft.has_case else None,
        about=about,
        choices=choices,
        reply_to=event.provider_id if draft.has_case else None,
        to=contact.number if contact is not None else None,
    )


def _opt_out(draft: Draft, event: PatientWrote) -> None:
    """Recorded, told to the schedule, acknowledged once (rules C-15, Z-9)."""
    _note_for_number(draft, event, None, "opt_out")
    is_news = opt_out.refuse(draft, Source(event.channel.value), event.raw)
    if is_news and not event.by_provider:
        _tell_number(draft, event, "acknowledgement.opt_out")


def _opt_in(draft: Draft, event: PatientWrote) -> None:
    """Undone; a provider that took the word itself has answered it already."""
    _note_for_number(draft, event, None, "opt_in")
    if draft.known_contact.opted_out_at is not None:
        opt_out.allow(draft, Source(event.channel.value), event.raw)
    if not event.by_provider:
        _tell_number(draft, event, "acknowledgement.opt_in")


def _note_for_number(draft: Draft, event: PatientWrote, answer: Answer | None, why: str) -> None:
    note_answer(
        draft,
        Source(event.channel.value),
        event.raw,
        answer,
        applied=False,
        why=why,
        of_contact=True,
    )


def _tell_number(draft: Draft, event: PatientWrote, about: str) -> None:
    """Plan an answer that belongs to the number, not to a visit."""
    contact = draft.known_contact
    number = Draft(None, contact, draft.settings, draft.now)
    tell(number, event, Purpose.ACKNOWLEDGEMENT, about, despite_opt_out=True)
    draft.contact = number.contact


def _without_case(draft: Draft, event: PatientWrote) -> None:
    """Several open questions, or a number without visits (rules C-11, Z-10, Z-12)."""
    contact = draft.known_contact
    answer = event.pressed or ANSWER_OF_MEANING.get(event.reading.meaning)
    if not event.choices:
        _note_for_number(draft, event, answer, "no_visits")
        zone = draft.branch.timezone
        told = contact.told_at
        if told is None or local_day(told, zone) < local_day(draft.now, zone):
            draft.contact = evolve(contact, told_at=draft.now)
            tell(draft, event, Purpose.ACKNOWLEDGEMENT, "clinic_phone")
        return
    if answer is not None and answer is not Answer.REPEAT:
        # Two different answers to "which visit?" are no clear answer to either.
        differs = contact.pending is not None and contact.pending.answer is not answer
        pending = None if differs else Pending(answer, event.raw, draft.now)
        draft.contact = evolve(contact, pending=pending)
    _note_for_number(draft, event, answer, "which_visit")
    choices = tuple((choice.appointment, choice.start, choice.zone) for choice in event.choices)
    if answer is Answer.REPEAT:
        tell(draft, event, Purpose.CLARIFICATION, "clarification.which_visit", choices=choices)
    else:
        _unclear(draft, event, "clarification.which_visit", choices)


def _unclear(
    draft: Draft,
    event: PatientWrote,
    about: str,
    choices: tuple[tuple[str, datetime, str], ...] = (),
) -> None:
    """Ask once; the second time in a row it is for the staff (rules C-13, Z-10)."""
    contact = draft.known_contact
    draft.contact = evolve(contact, unclear=contact.unclear + 1)
    if contact.unclear < UNCLEAR_MAX:
        tell(draft, event, Purpose.CLARIFICATION, about, choices=choices)
    else:
        attention.unclear_answer(draft, event.raw, is_second=contact.unclear == UNCLEAR_MAX)


def _about_case(draft: Draft, event: PatientWrote) -> None:
    """A message that belongs to one visit."""
    source = Source(event.channel.value)
    answer = event.pressed or ANSWER_OF_MEANING.get(event.reading.meaning)
    if event.settled is not None:
        answer = event.settled.answer
    now = draft.now
    is_open = question_open(draft.case, now)
    booking = event.booking or 0
    stale = booking not in (0, draft.case.booking)
    if answer is Answer.REPEAT:
        note_answer(draft, source, event.raw, answer, applied=False, why="repeat")
        about = "clarification.repeat" if is_open and not stale else STATE
        tell(draft, event, Purpose.CLARIFICATION, about)
        return
    if answer is None:
        note_answer(draft, source, event.raw, None, applied=False, why=event.reading.meaning.value)
        _unclear(draft, event, "clarification.options" if is_open and not stale else STATE)
        return
    contact = draft.known_contact
    if contact.unclear or contact.pending is not None:
        draft.contact = evolve(contact, unclear=0, pending=None)
    attention.clear_answer(draft)
    asked = event.quoted or is_open
    applied = apply_answer(draft, answer, source, raw=event.raw, booking=booking, asked=asked)
    if applied:
        tell(draft, event, Purpose.ACKNOWLEDGEMENT, f"acknowledgement.{answer.value}")
    else:
        moved = stale and not draft.case.removed and now < draft.case.snapshot.start
        tell(draft, event, Purpose.ACKNOWLEDGEMENT, "state.moved" if moved else STATE)


def settle_pushes(draft: Draft, *, moved: bool, by_patient: bool = False) -> None:
    """The schedule changed while answers were on their way to it (rules S-2, Z-11).

    `by_patient`: it is the move that the patient chose, so what was wished before is settled.
    """
    case = draft.case
    for push in case.pushes:
        if push.state not in OPEN_PUSHES:
            continue
        if by_patient:
            draft.put_push(evolve(push, state=PushState.SETTLED, not_before=None))
            continue
        status = case.snapshot.status
        if not moved and not case.removed and status is push.before:
            return  # it still fits; what follows it in line is built on it
        if not moved and not case.removed and status is push.after:
            draft.put_push(evolve(push, state=PushState.SETTLED, not_before=None))
            continue
        draft.put_push(evolve(push, state=PushState.CONFLICT, not_before=None))
        shown = "removed" if case.removed else status.value
        draft.note(
            EntryKind.CONFLICT,
            {
                "answer": push.answer.value,
                "status": shown,
                "source": push.source.value,
                "raw": push.evidence,
            },
            Function.CONFIRMATION,
        )
        _tell_conflict(draft, push)


def _tell_conflict(draft: Draft, push: StatusPush) -> None:
    """The patient is told that the answer did not count (rule S-2)."""
    contact = draft.contact
    if (
        contact is None
        or contact.opted_out_at is not None
        or draft.now >= draft.case.snapshot.start
    ):
        return
    channel = _channel_for_news(draft, push.source)
    if channel is not None:
        draft.plan(
            Purpose.ACKNOWLEDGEMENT,
            channel,
            Function.CONFIRMATION,
            about=CONFLICT,
        )


def _channel_for_news(draft: Draft, source: Source) -> Channel | None:
    """The channel of the answer; from a call, the page or the app, the channel order."""
    if source not in (Source.CALL, Source.LINK, Source.APP):
        return Channel(source.value)
    for channel in draft.branch.channels:
        if can_reach(channel, draft.case, draft.contact, draft.now):
            return channel
    return None
