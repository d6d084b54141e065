"""What the schedule tells of a visit."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from gateway.core import policy
from gateway.core.case import AttemptState, Case, EntryKind, FunctionState, PushState
from gateway.core.decide import decide, new_contact, number_of
from gateway.core.events import AppointmentChanged, AppointmentRemoved, DueTimeReached
from gateway.core.model import Function, Purpose, Reason, Status
from tests.core.strategies import (
    CREATED,
    DAY,
    MINUTE,
    NOON,
    NUMBER,
    OTHER_NUMBER,
    START,
    a_branch,
    a_case,
    a_contact,
    a_person,
    a_push,
    a_visit,
    an_attempt,
    asked,
    happen,
    recorded,
    settings_of,
    told,
)

S = AttemptState
CLOSED = FunctionState(CREATED)


def states(case: Case) -> list[tuple[str, ...] | None]:
    """Return the reasons of each closed function; None: it is open."""
    found = [case.function(function) for function in Function]
    return [tuple(s.reasons) if s.closed_at else None for s in found]


def test_a_first_snapshot_is_recorded_and_joins_its_number() -> None:
    case, contact = recorded()
    assert (case.number, case.booking, case.version) == (NUMBER, 1, 0)
    assert told(case, EntryKind.SNAPSHOT) == [
        {
            "branch": "lenina",
            "start": START.isoformat(),
            "status": "unconfirmed",
            "moved": False,
            "adopted": False,
        }
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


@pytest.mark.rule("C-16", "G-4")
def test_a_status_of_the_staff_closes_the_confirmation_with_its_reason() -> None:
    case, _ = happen(a_case(a_visit(status=Status.CONFIRMED), details=CLOSED), DueTimeReached())
    assert states(case)[1] == (Reason.STATUS,)
