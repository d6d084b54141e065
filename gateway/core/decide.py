"""The decision: a pure, total function from what is known and what happened to what is next.

`decide` returns the next case and contact and nothing else. The effects it wants are inside
them: attempts and status changes in state `started` are to be carried out once the commit is
done, planned ones wait for their grant, and `due` says when to look again.
"""

from __future__ import annotations

from datetime import datetime

from gateway.core import (
    accounts,
    answers,
    attention,
    leases,
    phoning,
    plan,
    policy,
    push_outcomes,
    pushing,
    reconciling,
    rescheduling,
    sending,
    snapshots,
)
from gateway.core.case import UNDER_WAY, AttemptState, Case, Contact
from gateway.core.draft import Draft, Settings
from gateway.core.events import (
    AccountEnded,
    AccountLinked,
    AppointmentChanged,
    AppointmentRemoved,
    AttentionDone,
    CallAnswered,
    CallEnded,
    CallLost,
    CallNotPlaced,
    CallPlaced,
    DialogueMoved,
    DueTimeReached,
    Event,
    KeyPressed,
    LineGranted,
    MessageAccepted,
    MessageFailed,
    MessageHeld,
    MessageLost,
    MessageReceipt,
    MoveEnded,
    PatientChose,
    PatientWrote,
    PushAccepted,
    PushConflicted,
    PushFailed,
    PushRefused,
    SlotGranted,
    TimeChosen,
)
from gateway.core.evolve import evolve
from gateway.core.model import Appointment
from gateway.core.phone import contact_number

__all__ = ["Settings", "decide", "new_contact", "number_of"]


def decide(
    case: Case | None,
    contact: Contact | None,
    event: Event,
    settings: Settings,
    now: datetime,
) -> tuple[Case | None, Contact | None]:
    """Return what follows. The same event again, or one that no longer fits, changes nothing.

    `case` is None for a first snapshot and for what concerns a number alone; `contact` is that
    of the case's number, or None when the patient has no number.
    """
    draft = Draft(case, contact, settings, now)
    if isinstance(event, AppointmentChanged):
        snapshots.changed(draft, event.snapshot, event.up_since)
    elif case is None:
        _number_event(draft, event)
        return draft.finish()
    else:
        _case_event(draft, event)
    if not draft.of_other_number:
        reconciling.reconcile(draft)
    rescheduling.reconcile(draft)
    look = plan.advance(draft)
    if isinstance(event, SlotGranted):
        sending.start_message(draft)
    elif isinstance(event, LineGranted):
        phoning.start_call(draft)
    phoning.free_finished_call(draft)
    _set_due(draft, look)
    return draft.finish()


def new_contact(clinic: str, number: str, branch: str) -> Contact:
    """Return a contact of which nothing is known yet."""
    return Contact(clinic=clinic, number=number, branch=branch)


def number_of(snapshot: Appointment, country: str) -> str | None:
    """Return the number that would be contacted for a snapshot (rule G-7)."""
    return contact_number(snapshot.patient.contact_person.phones, country)[0]


def _case_event(draft: Draft, event: Event) -> None:
    match event:
        case AppointmentRemoved():
            snapshots.removed(draft)
        case PatientWrote():
            answers.patient_wrote(draft, event)
        case PatientChose():
            answers.patient_chose(draft, event)
        case TimeChosen() | MoveEnded():
            _move_event(draft, event)
        case PushAccepted() | PushConflicted() | PushRefused() | PushFailed():
            push_outcomes.push_answered(draft, event)
        case CallAnswered() | KeyPressed() | CallEnded() | CallNotPlaced():
            _call_event(draft, event)
        case CallPlaced() | CallLost() | DialogueMoved():
            _provider_call_event(draft, event)
        case _:
            _message_event(draft, event)


def _call_event(draft: Draft, event: CallAnswered | KeyPressed | CallEnded | CallNotPlaced) -> None:
    match event:
        case CallAnswered():
            phoning.call_answered(draft, event)
        case KeyPressed():
            phoning.key_pressed(draft, event)
        case CallEnded():
            phoning.call_ended(draft, event)
        case CallNotPlaced():
            phoning.call_not_placed(draft, event)


def _provider_call_event(draft: Draft, event: CallPlaced | CallLost | DialogueMoved) -> None:
    match event:
        case CallPlaced():
            phoning.call_placed(draft, event)
        case CallLost():
            phoning.call_lost(draft, event)
        case DialogueMoved():
            phoning.dialogue_moved(draft, event)


def _message_event(draft: Draft, event: Event) -> None:
    """What happens to a message or to what waits for the staff, of a case or of a number."""
    match event:
        case MessageAccepted():
            sending.message_accepted(draft, event)
        case MessageFailed():
            sending.message_failed(draft, event)
        case MessageLost():
            sending.message_lost(draft, event.attempt)
        case MessageHeld():
            sending.message_held(draft, event)
        case AttentionDone():
            attention.done(draft, event)
        case MessageReceipt():
            sending.message_receipt(draft, event)
        case _:
            pass


def _move_event(draft: Draft, event: TimeChosen | MoveEnded) -> None:
    """What the schedule tells of a moved visit is applied like any snapshot (rule P-3)."""
    if isinstance(event, TimeChosen):
        rescheduling.time_chosen(draft, event)
    elif rescheduling.is_open(draft.case, event.move):
        if event.removed:
            snapshots.removed(draft)
        elif event.newest is not None:
            snapshots.changed(draft, event.newest)
        rescheduling.move_ended(draft, event)


def _number_event(draft: Draft, event: Event) -> None:
    """What happens to a number alone: its messages, its notices, and unknown senders."""
    if draft.contact is None:
        return
    match event:
        case PatientWrote():
            answers.patient_wrote(draft, event)
        case AccountLinked():
            accounts.linked(draft, event)
        case AccountEnded():
            accounts.ended(draft, event)
        case DueTimeReached():
            phoning.free_overdue_call(draft)
        case PushAccepted() | PushConflicted() | PushRefused() | PushFailed():
            push_outcomes.notice_answered(draft, event)
        case _:
            _message_event(draft, event)
    reconciling.reconcile(draft)
    plan.fall_silent(draft)
    pushing.start_notices(draft)
    if isinstance(event, SlotGranted):
        sending.start_message(draft)
    _set_contact_due(draft)


# -- when to look again -------------------------------------------------------------------------


def _set_due(draft: Draft, look: datetime | None) -> None:
    """An attempt that has just been started is looked at again when its lease ends."""
    case = draft.case
    for attempt in case.attempts:
        if attempt.state in UNDER_WAY:
            look = leases.sooner(look, leases.look_of(attempt))
    look = leases.sooner(look, rescheduling.lease_end(case))
    due = _in_future(look, draft.now)
    if due != case.due:
        draft.case = evolve(case, due=due)
    contact = draft.contact
    if contact is not None and (
        contact.notices or contact.attempts or contact.waiting or contact.due
    ):
        pushing.start_notices(draft)
        _set_contact_due(draft)


def _in_future(due: datetime | None, now: datetime) -> datetime | None:
    """A look that changed nothing must not be repeated at once, over and over."""
    return now + policy.LOOK_AGAIN if due is not None and due <= now else due


def _set_contact_due(draft: Draft) -> None:
    contact = draft.known_contact
    released = tuple(
        evolve(a, not_before=None)
        if a.state is AttemptState.PLANNED and a.not_before and a.not_before <= draft.now
        else a
        for a in contact.attempts
    )
    if released != contact.attempts:
        contact = draft.contact = evolve(contact, attempts=released)
    look = pushing.next_push_at(contact.notices)
    for attempt in contact.attempts:
        look = leases.sooner(look, leases.look_of(attempt))
    if contact.waiting:
        look = leases.sooner(look, phoning.call_over_at(contact))
    due = _in_future(look, draft.now)
    if due != contact.due:
        draft.contact = evolve(contact, due=due)
