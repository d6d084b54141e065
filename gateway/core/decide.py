"""The decision: a pure, total function from what is known and what happened to what is next.

`decide` returns the next case and contact and nothing else. The effects it wants are inside
them: attempts and status changes in state `started` are to be carried out once the commit is
done, planned ones wait for their grant, and `due` says when to look again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.core import answers, plan, policy, sending
from gateway.core.case import (
    OPEN_PUSHES,
    UNDER_WAY,
    Account,
    Attempt,
    AttemptState,
    Case,
    Contact,
    EntryKind,
    FunctionState,
    Notice,
    PushState,
    StatusPush,
)
from gateway.core.draft import Draft, Settings
from gateway.core.events import (
    AccountLinked,
    AppointmentChanged,
    AppointmentRemoved,
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
    MessageLost,
    MessageReceipt,
    PatientChose,
    PatientWrote,
    PushAccepted,
    PushConflicted,
    PushFailed,
    PushRefused,
    SlotGranted,
)
from gateway.core.evolve import evolve
from gateway.core.model import Appointment, Function, Reason, Status
from gateway.core.phone import contact_number
from gateway.core.suppression import reasons_against

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
        _changed(draft, event.snapshot, event.up_since)
    elif case is None:
        _number_event(draft, event)
        return draft.finish()
    else:
        _case_event(draft, event)
    sending.reconcile(draft)
    look = plan.advance(draft)
    if isinstance(event, SlotGranted):
        sending.start_message(draft)
    elif isinstance(event, LineGranted):
        sending.start_call(draft)
    _free_finished_call(draft)
    _set_due(draft, look)
    return draft.finish()


def new_contact(clinic: str, number: str, branch: str) -> Contact:
    """Return a contact of which nothing is known yet."""
    return Contact(clinic=clinic, number=number, branch=branch)


def number_of(snapshot: Appointment, country: str) -> str | None:
    """Return the number that would be contacted for a snapshot (rule G-7)."""
    return contact_number(snapshot.patient.contact_person.phones, country)[0]


# -- snapshots ----------------------------------------------------------------------------------


def _changed(draft: Draft, snapshot: Appointment, up_since: datetime | None = None) -> None:
    if not draft.has_case:
        _record(draft, snapshot, up_since)
        return
    case = draft.case
    before = case.snapshot
    if snapshot == before and not case.removed:
        return
    moved = snapshot.start != before.start
    number, reasons = contact_number(snapshot.patient.contact_person.phones, draft.branch.country)
    case = evolve(
        case,
        branch=snapshot.branch,
        snapshot=snapshot,
        number=number,
        phone_reasons=reasons,
        removed=False,
    )
    if draft.case.removed:
        case = evolve(
            case,
            details=_after_return(case.details),
            confirmation=_after_return(case.confirmation),
            reminder=_after_return(case.reminder),
        )
    if moved:
        case = evolve(
            case,
            booking=case.booking + 1,
            booking_since=draft.now,
            confirmation=FunctionState(),
            reminder=FunctionState(),
        )
    draft.case = case
    draft.note(EntryKind.SNAPSHOT, _snapshot_note(snapshot, moved=moved))
    _drop_old_planned(draft)
    if moved or snapshot.status is not before.status:
        answers.settle_pushes(draft, moved=moved)
    settled = before.status is Status.UNCONFIRMED and snapshot.status is not before.status
    if settled and answers.was_asked(draft.case, draft.case.booking):
        draft.case = evolve(draft.case, closed_question=draft.case.booking)
    _join_contact(draft)


def _after_return(state: FunctionState) -> FunctionState:
    """What was closed only because the visit was gone is open again when it is back."""
    return FunctionState() if Reason.REMOVED in state.reasons else state


def _snapshot_note(snapshot: Appointment, *, moved: bool) -> dict[str, str | bool]:
    return {
        "start": snapshot.start.isoformat(),
        "status": snapshot.status.value,
        "moved": moved,
    }


def _record(draft: Draft, snapshot: Appointment, up_since: datetime | None) -> None:
    """First sight of a visit (rules Z-1, Z-2)."""
    branch, now = draft.branch, draft.now
    number, reasons = contact_number(snapshot.patient.contact_person.phones, branch.country)
    adopted = snapshot.created < branch.connected_at
    missed = up_since is not None and snapshot.created < up_since
    begun = adopted and snapshot.start <= now
    closed = FunctionState(now) if begun else FunctionState()
    draft.case = Case(
        clinic=branch.clinic,
        id=snapshot.id,
        branch=snapshot.branch,
        snapshot=snapshot,
        recorded_at=now,
        appeared_at=None if adopted or missed else now,
        number=number,
        phone_reasons=reasons,
        adopted=adopted,
        details=closed,
        confirmation=closed,
        reminder=closed,
    )
    draft.note(EntryKind.SNAPSHOT, {**_snapshot_note(snapshot, moved=False), "adopted": adopted})
    _join_contact(draft)


def _join_contact(draft: Draft) -> None:
    """The number remembers its visits, so that an answer finds them."""
    contact, case = draft.contact, draft.case
    if contact is None or contact.number != case.number or case.id in contact.visits:
        return
    visits = (*contact.visits, case.id)[-policy.VISITS_KEPT :]
    draft.contact = evolve(contact, visits=visits, branch=contact.branch or case.branch)


def _drop_old_planned(draft: Draft) -> None:
    """What was planned for another booking or number has not left the machine: forget it."""
    case = draft.case
    for attempt in case.attempts:
        stale = attempt.booking != case.booking and not attempt.is_free
        if attempt.state is AttemptState.PLANNED and (stale or attempt.to != case.number):
            draft.drop(attempt)


def _removed(draft: Draft) -> None:
    """Gone from the schedule: open functions close, open questions too (rules C-17, Z-3)."""
    if draft.case.removed:
        return
    draft.case = evolve(draft.case, removed=True)
    draft.note(EntryKind.REMOVED, {})
    for function in Function:
        state = draft.case.function(function)
        unsaid = (
            state.closed_at is not None
            or not plan.is_enabled(draft.branch, function)
            or plan.was_sent(draft.case, function)
            or draft.now >= draft.case.snapshot.start
        )
        if not unsaid:
            others = reasons_against(function, draft.case, draft.contact, draft.branch)
            plan.close(draft, function, (Reason.REMOVED, *others))
    answers.settle_pushes(draft, moved=False)


# -- everything else ----------------------------------------------------------------------------


def _case_event(draft: Draft, event: Event) -> None:
    match event:
        case AppointmentRemoved():
            _removed(draft)
        case PatientWrote():
            answers.patient_wrote(draft, event)
        case PatientChose():
            answers.patient_chose(draft, event)
        case PushAccepted() | PushConflicted() | PushRefused() | PushFailed():
            _push_event(draft, event)
        case CallAnswered() | KeyPressed() | CallEnded() | CallNotPlaced():
            _call_event(draft, event)
        case CallPlaced() | CallLost() | DialogueMoved():
            _provider_call_event(draft, event)
        case _:
            _message_event(draft, event)


def _call_event(draft: Draft, event: CallAnswered | KeyPressed | CallEnded | CallNotPlaced) -> None:
    match event:
        case CallAnswered():
            sending.call_answered(draft, event)
        case KeyPressed():
            sending.key_pressed(draft, event)
        case CallEnded():
            sending.call_ended(draft, event)
        case CallNotPlaced():
            sending.call_not_placed(draft, event)


def _provider_call_event(draft: Draft, event: CallPlaced | CallLost | DialogueMoved) -> None:
    match event:
        case CallPlaced():
            sending.call_placed(draft, event)
        case CallLost():
            sending.call_lost(draft, event)
        case DialogueMoved():
            sending.dialogue_moved(draft, event)


def _message_event(draft: Draft, event: Event) -> None:
    """What happens to a message, of a case or of a number; anything else is not about one."""
    match event:
        case MessageAccepted():
            sending.message_accepted(draft, event)
        case MessageFailed():
            sending.message_failed(draft, event)
        case MessageLost():
            sending.message_lost(draft, event.attempt)
        case MessageReceipt():
            sending.message_receipt(draft, event)
        case _:
            pass


PushEvent = PushAccepted | PushConflicted | PushRefused | PushFailed


def _push_event(draft: Draft, event: PushEvent) -> None:
    push = next((p for p in draft.case.pushes if p.id == event.push), None)
    if push is None or push.state not in OPEN_PUSHES:
        return
    match event:
        case PushAccepted():
            _push_accepted(draft, push)
        case PushConflicted():
            _push_conflicted(draft, push, event.newest)
        case PushRefused():
            draft.put_push(evolve(push, state=PushState.REFUSED, not_before=None))
            draft.note(
                EntryKind.NEEDS_ATTENTION,
                {"why": "status_refused", "code": event.code},
                Function.CONFIRMATION,
            )
        case PushFailed() if push.state is PushState.STARTED:
            again = draft.now + _push_pause(push.tries)
            draft.put_push(evolve(push, state=PushState.PENDING, not_before=again))
            draft.note(
                EntryKind.PUSH,
                {"push": push.id, "try": push.tries, "code": event.code},
                Function.CONFIRMATION,
            )


def _push_pause(tries: int) -> timedelta:
    return policy.PUSH_PAUSES[min(max(tries, 1), len(policy.PUSH_PAUSES)) - 1]


def _push_accepted(draft: Draft, push: StatusPush) -> None:
    """The schedule has the new status, so the snapshot has it too (rule S-1)."""
    draft.put_push(evolve(push, state=PushState.ACCEPTED, not_before=None))
    snapshot = evolve(draft.case.snapshot, status=push.after)
    draft.case = evolve(draft.case, snapshot=snapshot)
    draft.note(
        EntryKind.STATUS,
        {"from": push.before.value, "to": push.after.value, "source": push.source.value},
        Function.CONFIRMATION,
    )


def _push_conflicted(draft: Draft, push: StatusPush, newest: Appointment | None) -> None:
    """The newest snapshot decides whether the answer still fits (rule S-2)."""
    again = draft.now + _push_pause(push.tries)
    draft.put_push(evolve(push, state=PushState.PENDING, not_before=again))
    if newest is None:
        _removed(draft)
    else:
        _changed(draft, newest)
        answers.settle_pushes(draft, moved=push.booking != draft.case.booking)


def _number_event(draft: Draft, event: Event) -> None:
    """What happens to a number alone: its messages, its notices, and unknown senders."""
    if draft.contact is None:
        return
    match event:
        case PatientWrote():
            answers.patient_wrote(draft, event)
        case AccountLinked():
            _link_account(draft, event)
        case DueTimeReached():
            _free_overdue_call(draft)
        case PushAccepted() | PushConflicted() | PushRefused() | PushFailed():
            _notice_event(draft, event)
        case _:
            _message_event(draft, event)
    sending.reconcile(draft)
    plan.fall_silent(draft)
    _start_notices(draft)
    if isinstance(event, SlotGranted):
        sending.start_message(draft)
    _set_contact_due(draft)


def _link_account(draft: Draft, event: AccountLinked) -> None:
    contact = draft.contact
    if contact is None or contact.account(event.channel) == event.account:
        return
    kept = tuple(item for item in contact.accounts if item.channel is not event.channel)
    if event.account is not None:
        kept = (*kept, Account(event.channel, event.account))
    learnt = tuple(item for item in contact.learnt if item.channel is not event.channel)
    draft.contact = evolve(contact, accounts=kept, learnt=learnt)


def _notice_event(draft: Draft, event: PushEvent) -> None:
    contact = draft.contact
    notices = contact.notices if contact is not None else ()
    notice = next((n for n in notices if n.id == event.push), None)
    if notice is None or notice.state not in OPEN_PUSHES:
        return
    changed: Notice
    match event:
        case PushAccepted():
            changed = evolve(notice, state=PushState.ACCEPTED, not_before=None)
        case PushConflicted() | PushRefused():
            changed = evolve(notice, state=PushState.REFUSED, not_before=None)
        case _:
            if notice.state is not PushState.STARTED:
                return
            again = draft.now + _push_pause(notice.tries)
            changed = evolve(notice, state=PushState.PENDING, not_before=again)
    draft.put_notice(changed)


def _start_notices(draft: Draft) -> None:
    contact = draft.contact
    for notice in contact.notices if contact is not None else ():
        if notice.state not in OPEN_PUSHES:
            continue
        waiting = notice.not_before is not None and notice.not_before > draft.now
        if notice.state is not PushState.PUBLISHED and not waiting:
            draft.put_notice(plan.started_push(draft, notice))
        return


# -- when to look again -------------------------------------------------------------------------


def _set_due(draft: Draft, look: datetime | None) -> None:
    """An attempt that has just been started is looked at again when its lease ends."""
    case = draft.case
    for attempt in case.attempts:
        if attempt.state in UNDER_WAY:
            look = plan.sooner(look, plan.lease_end(attempt))
    due = _in_future(look, draft.now)
    if due != case.due:
        draft.case = evolve(case, due=due)
    contact = draft.contact
    if contact is not None and (
        contact.notices or contact.attempts or contact.waiting or contact.due
    ):
        _start_notices(draft)
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
    look = plan.next_push_at(contact.notices)
    for attempt in contact.attempts:
        look = plan.sooner(look, plan.look_of(attempt))
    if contact.waiting:
        look = plan.sooner(look, sending.call_over_at(contact))
    due = _in_future(look, draft.now)
    if due != contact.due:
        draft.contact = evolve(contact, due=due)


def _free_finished_call(draft: Draft) -> None:
    """A case that no longer calls must not keep its number busy."""
    contact = draft.contact
    if contact is None or contact.calling != draft.case.id:
        return
    if not any(is_calling(a) for a in draft.case.attempts):
        sending.free_number(draft, ended=True)


def _free_overdue_call(draft: Draft) -> None:
    """The caller's visit has got another number meanwhile, so its end is not told here."""
    if draft.contact is not None and sending.is_call_over(draft.contact, draft.now):
        sending.free_number(draft, ended=True)


def is_calling(attempt: Attempt) -> bool:
    """Tell whether an attempt is a call that is under way."""
    return attempt.is_call and attempt.state in UNDER_WAY
