"""A visit as the schedule tells it: first sight, changes and its end (rules Z-1 to Z-3, C-17)."""

from __future__ import annotations

from datetime import datetime

from gateway.core import answers, attention, plan, policy, rescheduling
from gateway.core.case import AttemptState, Case, EntryKind, FunctionState
from gateway.core.draft import Draft
from gateway.core.evolve import evolve
from gateway.core.model import Appointment, Function, Reason, Status
from gateway.core.phone import contact_number
from gateway.core.suppression import reasons_against


def changed(draft: Draft, snapshot: Appointment, up_since: datetime | None = None) -> None:
    """Take what the schedule tells of a visit, seen before or not.

    `up_since` is as in `AppointmentChanged`.
    """
    if not draft.has_case:
        _record(draft, snapshot, up_since)
        return
    case = draft.case
    before = case.snapshot
    if snapshot == before and not case.removed:
        return
    moved, known = snapshot.start != before.start, case.status
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
    by_patient = moved and rescheduling.moved(draft)
    if moved or snapshot.status is not known:
        attention.settle(draft, "schedule")
    if moved or snapshot.status is not before.status:
        answers.settle_pushes(draft, moved=moved, by_patient=by_patient)
    settled = before.status is Status.UNCONFIRMED and snapshot.status is not before.status
    if settled and answers.was_asked(draft.case, draft.case.booking):
        draft.case = evolve(draft.case, closed_question=draft.case.booking)
    _join_contact(draft)


def _after_return(state: FunctionState) -> FunctionState:
    """What was closed only because the visit was gone is open again when it is back."""
    return FunctionState() if Reason.REMOVED in state.reasons else state


def _snapshot_note(snapshot: Appointment, *, moved: bool) -> dict[str, str | bool]:
    return {
        "branch": snapshot.branch,
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


def removed(draft: Draft) -> None:
    """Gone from the schedule: open functions close, open questions too (rules C-17, Z-3)."""
    if draft.case.removed:
        return
    draft.case = evolve(draft.case, removed=True)
    draft.note(EntryKind.REMOVED, {})
    attention.settle(draft, "schedule")
    answers.settle_pushes(draft, moved=False)  # what did not come true is no reason
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
