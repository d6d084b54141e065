from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from gateway.core import policy
from gateway.core.case import (
    Account,
    AttemptState,
    Case,
    Contact,
    EntryKind,
    FunctionState,
    Learnt,
    Notice,
    PushState,
)
from gateway.core.decide import decide, is_calling, new_contact, number_of
from gateway.core.events import (
    AccountLinked,
    AppointmentChanged,
    AppointmentRemoved,
    CallEnded,
    DueTimeReached,
    Failure,
    LineGranted,
    MessageAccepted,
    MessageFailed,
    MessageLost,
    MessageReceipt,
    PushAccepted,
    PushConflicted,
    PushFailed,
    PushRefused,
    Receipt,
    SlotGranted,
)
from gateway.core.model import (
    CallResult,
    Channel,
    Function,
    Purpose,
    Reason,
    Source,
    Status,
)
from tests.core.strategies import (
    CREATED,
    DAY,
    HOUR,
    MINUTE,
    NOON,
    NUMBER,
    OTHER_NUMBER,
    START,
    a_branch,
    a_call,
    a_case,
    a_contact,
    a_person,
    a_push,
    a_visit,
    an_attempt,
    asked,
    by_message,
    happen,
    recorded,
    settings_of,
    to_number,
    told,
    wrote,
)

S = AttemptState
CLOSED = FunctionState(CREATED)


def states(case: Case) -> list[tuple[str, ...] | None]:
    """Return the reasons of each closed function; None: it is open."""
    found = [case.function(function) for function in Function]
    return [tuple(s.reasons) if s.closed_at else None for s in found]


# Snapshots


def test_a_first_snapshot_is_recorded_and_joins_its_number() -> None:
    case, contact = recorded()
    assert (case.number, case.booking, case.version) == (NUMBER, 1, 0)
    assert told(case, EntryKind.SNAPSHOT) == [
        {"start": START.isoformat(), "status": "unconfirmed", "moved": False, "adopted": False}
    ]
    assert contact is not None
    assert contact.visits == ("A-1",)


@pytest.mark.rule("G-7", "Z-13")
def test_a_visit_without_a_mobile_number_has_no_contact() -> None:
    visit = a_visit(patient=a_person(phones=("+74951234567",)))
    case, contact = recorded(visit)
    assert (case.number, contact) == (None, None)
    assert number_of(visit, "RU") is None


@pytest.mark.rule("Z-1")
@pytest.mark.parametrize(("now", "details"), [(NOON, ("adopted",)), (START, ())])
def test_an_adopted_visit_gets_no_details(now: datetime, details: tuple[str, ...]) -> None:
    branch = a_branch(connected_at=CREATED + DAY)
    case, _ = recorded(branch=branch, now=now)
    assert case.adopted
    assert states(case)[0] == details
    if now == START:
        assert states(case) == [(), (), ()]
        assert told(case, EntryKind.SKIP) == []


@pytest.mark.rule("Z-2")
@pytest.mark.parametrize(
    ("up_since", "appeared_at"), [(None, NOON), (CREATED, NOON), (CREATED + MINUTE, None)]
)
def test_a_visit_appears_when_it_is_seen_unless_the_gateway_was_down(
    up_since: datetime | None, appeared_at: datetime | None
) -> None:
    event = AppointmentChanged(a_visit(), up_since)
    case, _ = decide(None, a_contact(), event, settings_of(), NOON)
    assert case is not None
    assert case.appeared_at == appeared_at


def test_the_same_snapshot_again_is_nothing_new() -> None:
    case, contact = happen(asked(), DueTimeReached())
    again = happen(case, AppointmentChanged(case.snapshot), contact)
    assert again[0] is case or again[0] == replace(case, journal=())


@pytest.mark.rule("C-17", "D-2", "T-2", "Z-5")
def test_a_move_begins_a_new_booking() -> None:
    old = asked(details=CLOSED, confirmation=CLOSED)
    moved = a_visit(start=START + DAY)
    case, _ = happen(old, AppointmentChanged(moved))
    assert (case.booking, case.booking_since) == (2, NOON)
    assert states(case) == [(), None, None]
    assert told(case, EntryKind.SNAPSHOT)[0]["moved"] is True


@pytest.mark.rule("H-3")
def test_what_was_planned_for_the_old_booking_or_number_is_dropped() -> None:
    planned = an_attempt(state=S.PLANNED, tries=0)
    ack = an_attempt(id="2", state=S.PLANNED, purpose=Purpose.ACKNOWLEDGEMENT, about="state")
    case = a_case(attempts=(planned, ack), attempts_made=2, details=CLOSED)
    moved, _ = happen(case, AppointmentChanged(a_visit(start=START + DAY)))
    assert [a.id for a in moved.attempts] == ["2"]
    called = a_visit(patient=a_person(phones=(OTHER_NUMBER,)))
    other = new_contact("zdorovie", OTHER_NUMBER, "lenina")
    renumbered, _ = happen(case, AppointmentChanged(called), other)
    assert not {"1", "2"} & {a.id for a in renumbered.attempts}


@pytest.mark.rule("Z-3", "C-17")
def test_a_removed_visit_closes_what_was_not_tried() -> None:
    case, contact = happen(asked(), AppointmentRemoved())
    assert case.removed
    assert states(case) == [("removed",), None, ("removed",)]
    assert case.due is None
    again, _ = happen(case, AppointmentRemoved(), contact)
    assert told(again, EntryKind.REMOVED) == []


@pytest.mark.rule("Z-3")
def test_a_visit_removed_after_its_start_is_not_explained() -> None:
    case, _ = happen(a_case(), AppointmentRemoved(), now=START)
    assert told(case, EntryKind.SKIP) == []


def test_a_visit_that_comes_back_is_taken_up_again() -> None:
    case, contact = happen(a_case(details=CLOSED), AppointmentRemoved())
    back, _ = happen(case, AppointmentChanged(case.snapshot), contact)
    assert not back.removed
    assert back.booking == 1
    assert states(back) == [(), None, None]


@pytest.mark.rule("S-2")
def test_a_status_set_by_the_staff_is_held_against_the_answer() -> None:
    case = a_case(pushes=(a_push(),), pushes_made=1)
    after, _ = happen(case, AppointmentChanged(a_visit(status=Status.CANCELLED)))
    assert after.pushes[0].state is PushState.CONFLICT


def test_a_number_remembers_its_newest_visits() -> None:
    full = a_contact(visits=tuple(f"B-{n}" for n in range(policy.VISITS_KEPT)), branch="")
    _, contact = happen(None, AppointmentChanged(a_visit()), full)
    assert len(contact.visits) == policy.VISITS_KEPT
    assert contact.visits[-1] == "A-1"
    assert contact.branch == "lenina"


# Status changes on their way


def pushed(**changes: object) -> Case:
    return a_case(
        pushes=(a_push(**changes),),
        pushes_made=1,
        details=CLOSED,
        confirmation=CLOSED,
        reminder=CLOSED,
    )


@pytest.mark.rule("S-1")
def test_an_accepted_change_is_the_schedules_status() -> None:
    case, _ = happen(pushed(), PushAccepted("1"))
    assert case.snapshot.status is Status.CONFIRMED
    assert told(case, EntryKind.STATUS) == [
        {"from": "unconfirmed", "to": "confirmed", "source": "whatsapp"}
    ]
    assert happen(case, PushAccepted("1"))[0].pushes == case.pushes


@pytest.mark.rule("S-1")
def test_a_published_change_waits_for_the_clinic() -> None:
    published = a_push(state=PushState.PUBLISHED, not_before=None)
    behind = a_push(id="2", state=PushState.PENDING, tries=0, not_before=None)
    case = replace(pushed(), pushes=(published, behind))
    case, _ = happen(case, DueTimeReached())
    assert (case.pushes, case.due) == ((published, behind), None)
    assert happen(case, PushAccepted("1"))[0].pushes[1].state is PushState.STARTED


@pytest.mark.rule("S-1")
def test_a_refused_change_is_for_the_staff() -> None:
    case, _ = happen(pushed(), PushRefused("1", "gone"))
    assert case.pushes[0].state is PushState.REFUSED
    assert told(case, EntryKind.NEEDS_ATTENTION) == [{"why": "status_refused", "code": "gone"}]


@pytest.mark.rule("S-3")
@pytest.mark.parametrize(("tries", "seconds"), [(0, 5), (1, 5), (2, 10), (5, 60), (99, 60)])
def test_a_change_that_failed_is_offered_again_and_again(tries: int, seconds: int) -> None:
    again = NOON + timedelta(seconds=seconds)
    case, _ = happen(pushed(tries=tries), PushFailed("1", "down"))
    assert (case.pushes[0].state, case.pushes[0].not_before) == (PushState.PENDING, again)
    assert case.due == again
    assert told(case, EntryKind.PUSH) == [{"push": "1", "try": tries, "code": "down"}]
    twice, _ = happen(case, PushFailed("1", "down"))
    assert told(twice, EntryKind.PUSH) == []
    after, _ = happen(case, DueTimeReached(), now=again)
    assert (after.pushes[0].state, after.pushes[0].tries) == (PushState.STARTED, tries + 1)


@pytest.mark.rule("S-2", "Z-11")
@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"status": Status.CANCELLED}, PushState.CONFLICT),
        ({"status": Status.CONFIRMED}, PushState.SETTLED),
        ({"start": START + DAY}, PushState.CONFLICT),
        ({"duration_s": 60}, PushState.PENDING),
        ({}, PushState.PENDING),
    ],
)
def test_the_newest_snapshot_decides_about_a_conflict(
    changes: dict[str, object], state: PushState
) -> None:
    case, _ = happen(pushed(), PushConflicted("1", a_visit(**changes)))
    assert case.pushes[0].state is state


@pytest.mark.rule("S-2")
def test_a_conflict_about_a_status_known_before_is_not_offered_for_ever() -> None:
    case = replace(pushed(), snapshot=a_visit(status=Status.ARRIVED))
    after, _ = happen(case, PushConflicted("1", case.snapshot))
    assert after.pushes[0].state is PushState.CONFLICT


@pytest.mark.rule("S-2")
def test_a_conflict_about_a_visit_that_is_gone_removes_it() -> None:
    case, _ = happen(pushed(), PushConflicted("1", None))
    assert case.removed
    assert case.pushes[0].state is PushState.CONFLICT


def test_an_unknown_change_is_left_alone() -> None:
    case = pushed(not_before=NOON + HOUR)
    assert happen(replace(case, due=NOON + HOUR), PushAccepted("9"))[0].pushes == case.pushes


# What happens to a number alone


@pytest.mark.rule("C-9")
def test_an_account_is_linked_and_forgotten() -> None:
    known = a_contact(learnt=(Learnt(Channel.MAX, NOON + DAY),))
    linked = to_number(known, AccountLinked(Channel.MAX, "m1"))
    assert linked.accounts == (Account(Channel.MAX, "m1"),)
    assert linked.learnt == ()
    assert to_number(linked, AccountLinked(Channel.MAX, "m1")) is linked
    assert to_number(linked, AccountLinked(Channel.MAX, None)).accounts == ()


def opted_out() -> Contact:
    return to_number(a_contact(), wrote("стоп"))


def back(contact: Contact) -> Contact:
    """Return a contact as it is read back from a store."""
    return replace(contact, journal=(), wake=())


@pytest.mark.rule("C-15", "S-3")
@pytest.mark.parametrize(
    ("event", "state"),
    [
        (PushAccepted("1"), PushState.ACCEPTED),
        (PushRefused("1"), PushState.REFUSED),
        (PushConflicted("1", None), PushState.REFUSED),
        (PushFailed("1"), PushState.PENDING),
        (PushAccepted("9"), PushState.STARTED),
    ],
)
def test_the_schedule_answers_a_notice(event: PushAccepted, state: PushState) -> None:
    contact = to_number(back(opted_out()), event)
    assert contact.notices[0].state is state
    if state is not PushState.STARTED:
        assert to_number(contact, event).notices == contact.notices


@pytest.mark.rule("S-3")
def test_notices_go_one_after_another() -> None:
    contact = back(to_number(back(opted_out()), wrote("старт")))
    assert [n.state for n in contact.notices] == [PushState.STARTED, PushState.PENDING]
    contact = to_number(contact, PushAccepted("1"))
    assert [n.state for n in contact.notices] == [PushState.ACCEPTED, PushState.STARTED]


@pytest.mark.rule("S-3", "Z-9")
def test_a_notice_that_failed_is_offered_again_in_time() -> None:
    contact = to_number(back(opted_out()), PushFailed("1"))
    again = contact.notices[0].not_before
    assert again == NOON + policy.PUSH_PAUSES[0]
    assert contact.due == again
    assert to_number(contact, DueTimeReached(), now=again).notices[0].tries == 2


@pytest.mark.rule("C-15", "T-3")
def test_the_acknowledgement_of_a_number_is_sent_like_any_other() -> None:
    contact = to_number(back(opted_out()), SlotGranted())
    assert contact.attempts[0].state is S.STARTED
    taken = to_number(back(contact), MessageAccepted("1", "w"))
    assert (taken.attempts[0].state, taken.attempts[0].price) == (S.ACCEPTED, None)
    assert to_number(taken, MessageReceipt("1", Receipt.READ)).attempts[0].state is S.READ
    lost = to_number(back(contact), MessageLost("1"))
    assert lost.attempts[0].state is S.UNKNOWN
    later = to_number(back(contact), MessageFailed("1", Failure.TEMPORARY))
    assert later.attempts[0].not_before == NOON + MINUTE
    assert later.due == NOON + MINUTE
    released = to_number(back(later), DueTimeReached(), now=NOON + MINUTE)
    assert released.attempts[0].not_before is None


@pytest.mark.parametrize("event", [DueTimeReached(), AppointmentRemoved(), LineGranted()])
def test_what_concerns_nobody_changes_nothing(event: DueTimeReached) -> None:
    assert decide(None, None, event, settings_of(), NOON) == (None, None)
    contact = a_contact()
    assert decide(None, contact, event, settings_of(), NOON) == (None, contact)


def test_an_event_of_numbers_changes_no_case() -> None:
    case, _ = happen(pushed(), DueTimeReached())
    assert happen(case, AccountLinked(Channel.MAX, "m"))[0].attempts == case.attempts


# When to look again


@pytest.mark.rule("G-6")
def test_the_next_look_is_never_now_or_before() -> None:
    case, _ = happen(pushed(not_before=NOON - HOUR), PushAccepted("9"))
    assert case.due is not None
    assert case.due > NOON


@pytest.mark.rule("C-5", "G-6")
def test_a_number_is_freed_when_its_call_was_ended_under_another_number() -> None:
    contact = a_contact(calling="A-1", called_at=NOON, waiting=("A-2",))
    case = a_case(attempts=(a_call(),), attempts_made=1)
    _, freed = happen(case, DueTimeReached(), contact)
    assert freed.calling is None
    assert freed.wake == (("A-2", NOON + 2 * MINUTE),)


def test_a_call_under_way_keeps_its_number() -> None:
    call = a_call(state=S.STARTED, ended_at=None)
    assert is_calling(call)
    assert not is_calling(a_call())
    contact = a_contact(calling="A-1", called_at=NOON)
    case = a_case(attempts=(call,), attempts_made=1)
    assert happen(case, DueTimeReached(), contact)[1].calling == "A-1"
    renumbered = a_visit(patient=a_person(phones=(OTHER_NUMBER,)))
    other = new_contact("zdorovie", OTHER_NUMBER, "lenina")
    after, other = happen(case, AppointmentChanged(renumbered), other)
    ended, other = happen(after, CallEnded("1", CallResult.NO_ANSWER), other)
    assert other.calling is None
    assert ended.attempts[0].state is S.ENDED


@pytest.mark.rule("Z-9")
def test_notices_are_looked_after_by_the_visits_too() -> None:
    notice = Notice(id="1", allowed=False, evidence="стоп", source=Source.SMS, at=NOON)
    _, contact = happen(a_case(), DueTimeReached(), a_contact(notices=(notice,)))
    assert contact.notices[0].state is PushState.STARTED


@pytest.mark.rule("G-1", "D-4")
def test_a_slot_sends_details_at_once() -> None:
    case, _ = happen(a_case(), SlotGranted(), now=CREATED)
    assert [(a.purpose, a.state) for a in case.attempts] == [(Purpose.DETAILS, S.STARTED)]


@pytest.mark.rule("G-1", "C-2")
def test_a_changed_method_holds_at_once() -> None:
    case = a_case(details=CLOSED, reminder=CLOSED)
    case, contact = happen(case, DueTimeReached())
    assert [a.channel for a in case.attempts] == [Channel.CALL]
    case, _ = happen(case, DueTimeReached(), contact, branch=by_message())
    assert [a.channel for a in case.attempts] == [Channel.WHATSAPP]


@pytest.mark.rule("C-16", "G-4")
def test_a_status_of_the_staff_closes_the_confirmation_with_its_reason() -> None:
    case, _ = happen(a_case(a_visit(status=Status.CONFIRMED), details=CLOSED), DueTimeReached())
    assert states(case)[1] == (Reason.STATUS,)
