"""A chosen free time: committed first, booked at most once, never guessed about."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from gateway.core import policy
from gateway.core.case import Case, EntryKind, Move, MoveState, PushState
from gateway.core.events import (
    AppointmentChanged,
    AppointmentRemoved,
    DueTimeReached,
    MoveEnded,
    MoveResult,
    PushConflicted,
    TimeChosen,
)
from gateway.core.model import Purpose, Source, Status
from gateway.core.rescheduling import lease_end, open_move, why_not_move
from tests.core.strategies import DAY, HOUR, NOON, START, a_push, a_visit, asked, happen, told

CHOSEN = START + DAY
LATE = NOON + policy.MOVE_LEASE


def choosing(case: Case | None = None, start: datetime = CHOSEN, **more: Any) -> Case:
    """Return the case after a choice, as it is stored."""
    event = TimeChosen("move-1", start, more.pop("booking", 1))
    return replace(happen(case or asked(), event, **more)[0], journal=())


def ended(result: MoveResult, **more: Any) -> MoveEnded:
    return MoveEnded("move-1", result, **more)


BOOKED = ended(MoveResult.BOOKED, newest=a_visit(start=CHOSEN))


@pytest.mark.rule("P-3", "G-6")
def test_a_choice_is_committed_before_the_schedule_is_asked() -> None:
    case, _ = happen(asked(), TimeChosen("move-1", CHOSEN, 1))
    assert case.move == Move("move-1", 1, CHOSEN, NOON)
    assert told(case, EntryKind.MOVE) == [
        {"move": "move-1", "state": "started", "start": CHOSEN.isoformat()}
    ]
    assert (case.snapshot.start, case.status) == (START, Status.UNCONFIRMED)
    assert case.due is not None
    assert case.due <= LATE


@pytest.mark.rule("P-3", "Z-8")
@pytest.mark.parametrize("status", [Status.CONFIRMED, Status.RESCHEDULE_REQUESTED])
def test_who_has_confirmed_or_asked_for_another_time_may_choose_one(status: Status) -> None:
    assert choosing(replace(asked(), snapshot=a_visit(status=status))).move is not None


@pytest.mark.rule("P-2", "P-3")
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"removed": True}, "removed"),
        ({"booking": 2}, "moved"),
        ({"snapshot": a_visit(start=NOON)}, "begun"),
        ({"snapshot": a_visit(status=Status.CANCELLED)}, "status"),
        ({"snapshot": a_visit(status=Status.ARRIVED)}, "status"),
        ({"move": Move("x", 1, CHOSEN, NOON)}, "moving"),
        ({"move": Move("x", 1, CHOSEN, NOON, MoveState.UNKNOWN)}, "moving"),
        ({"move": Move("x", 1, CHOSEN, NOON, MoveState.FAILED)}, None),
    ],
)
def test_a_time_is_chosen_only_for_a_visit_that_stands(changes: Any, why: str | None) -> None:
    case = replace(asked(), **changes)
    assert why_not_move(case, NOON, booking=1) == why
    assert (choosing(case).move == case.move) is (why is not None)


@pytest.mark.parametrize("start", [NOON, NOON - HOUR, START])
def test_a_past_time_or_the_visits_own_is_no_choice(start: datetime) -> None:
    assert choosing(start=start).move is None


@pytest.mark.rule("P-3", "Z-5")
def test_a_booked_time_begins_a_new_booking_like_any_move() -> None:
    case, _ = happen(choosing(), BOOKED)
    assert (case.snapshot.start, case.booking) == (CHOSEN, 2)
    assert case.move is not None
    assert case.move.state is MoveState.BOOKED
    assert [entry["state"] for entry in told(case, EntryKind.MOVE)] == ["booked"]
    assert told(case, EntryKind.NEEDS_ATTENTION) == []
    assert case.pushes == ()


@pytest.mark.rule("P-3", "S-2")
@pytest.mark.parametrize("after", [Status.RESCHEDULE_REQUESTED, Status.CONFIRMED])
def test_what_the_patient_wished_before_is_settled_by_their_own_move(after: Status) -> None:
    """No conflict, and nobody is told that the answer did not count."""
    push = replace(a_push(), after=after, state=PushState.PUBLISHED)
    case, _ = happen(choosing(replace(asked(), pushes=(push,), pushes_made=1)), BOOKED)
    assert [push.state for push in case.pushes] == [PushState.SETTLED]
    assert told(case, EntryKind.CONFLICT) == []
    assert not [a for a in case.attempts if a.purpose is Purpose.ACKNOWLEDGEMENT]


@pytest.mark.rule("P-3")
@pytest.mark.parametrize("result", [MoveResult.TAKEN, MoveResult.UNAVAILABLE])
def test_a_time_that_was_certainly_not_booked_leaves_everything_as_it_was(
    result: MoveResult,
) -> None:
    case, _ = happen(choosing(), ended(result))
    assert case.move is not None
    assert (case.move.state, case.move.why) == (MoveState.FAILED, result.value)
    assert (case.status, case.booking, case.pushes) == (Status.UNCONFIRMED, 1, ())
    assert open_move(choosing(replace(case, journal=()))) is not None, "another may be chosen"


@pytest.mark.rule("P-3", "S-1")
def test_a_refused_move_becomes_a_wish_that_names_the_time() -> None:
    case, _ = happen(choosing(), ended(MoveResult.REFUSED))
    [push] = case.pushes
    assert (push.after, push.source) == (Status.RESCHEDULE_REQUESTED, Source.LINK)
    assert push.evidence.startswith("reschedule 20")
    assert datetime.fromisoformat(push.evidence.split()[1]) == CHOSEN


@pytest.mark.rule("P-3", "S-2")
def test_a_visit_that_changed_meanwhile_is_taken_as_it_is_now() -> None:
    newest = a_visit(status=Status.CANCELLED)
    case, _ = happen(choosing(), ended(MoveResult.CHANGED, newest=newest))
    assert (case.status, case.booking) == (Status.CANCELLED, 1)
    assert case.move is not None
    assert case.move.state is MoveState.FAILED
    case, _ = happen(choosing(), ended(MoveResult.CHANGED, removed=True))
    assert case.removed
    elsewhere = a_visit(start=START + 2 * DAY)
    case, _ = happen(choosing(), ended(MoveResult.CHANGED, newest=elsewhere))
    assert (case.booking, case.move.state if case.move else None) == (2, MoveState.FAILED)


@pytest.mark.rule("P-3", "G-6")
@pytest.mark.parametrize(
    "event",
    [
        ended(MoveResult.UNKNOWN),
        ended(MoveResult.BOOKED),
        ended(MoveResult.BOOKED, newest=a_visit()),
    ],
)
def test_an_unknown_outcome_is_a_wish_and_a_case_for_the_staff(event: MoveEnded) -> None:
    case, _ = happen(choosing(), event)
    assert case.move is not None
    assert case.move.state is MoveState.UNKNOWN
    [attention] = told(case, EntryKind.NEEDS_ATTENTION)
    assert attention["why"] == "move_unknown"
    assert datetime.fromisoformat(str(attention["start"])) == CHOSEN
    assert case.status is Status.RESCHEDULE_REQUESTED
    assert why_not_move(case, NOON, booking=1) == "moving", "nothing else is booked meanwhile"


@pytest.mark.rule("P-3", "G-6")
def test_a_process_that_died_while_booking_leaves_an_unknown_outcome() -> None:
    case = choosing()
    assert lease_end(case) == LATE
    early, _ = happen(case, DueTimeReached(), now=LATE - timedelta(seconds=1))
    assert early.move == case.move
    after, _ = happen(case, DueTimeReached(), now=LATE)
    assert after.move is not None
    assert after.move.state is MoveState.UNKNOWN
    assert after.status is Status.RESCHEDULE_REQUESTED
    again, _ = happen(replace(after, journal=()), DueTimeReached(), now=LATE + HOUR)
    assert told(again, EntryKind.NEEDS_ATTENTION) == [], "told once"


@pytest.mark.rule("G-6")
def test_an_outcome_that_comes_late_still_counts() -> None:
    unknown, _ = happen(choosing(), DueTimeReached(), now=LATE)
    case, _ = happen(replace(unknown, journal=()), BOOKED, now=LATE + HOUR)
    assert (case.booking, case.move.state if case.move else None) == (2, MoveState.BOOKED)
    assert [push.state for push in case.pushes] == [PushState.SETTLED]


@pytest.mark.rule("G-6", "S-2")
def test_the_schedule_itself_tells_that_an_unknown_move_was_booked() -> None:
    """By its own snapshot, or in answer to the wish."""
    unknown, _ = happen(choosing(), ended(MoveResult.UNKNOWN))
    assert [item.why for item in unknown.attention] == ["move_unknown"]
    newest = a_visit(start=CHOSEN)
    for event in (AppointmentChanged(newest), PushConflicted("1", newest)):
        case, _ = happen(replace(unknown, journal=()), event)
        assert (case.booking, case.move.state if case.move else None) == (2, MoveState.BOOKED)
        assert [push.state for push in case.pushes] == [PushState.SETTLED]
        assert told(case, EntryKind.CONFLICT) == []
        assert case.attention == ()


@pytest.mark.rule("G-6")
def test_an_outcome_after_the_schedule_has_spoken_changes_nothing() -> None:
    """Its snapshot may be older than what the schedule has told since."""
    moved, _ = happen(choosing(), AppointmentChanged(a_visit(start=CHOSEN)))
    confirmed = AppointmentChanged(a_visit(start=CHOSEN, status=Status.CONFIRMED))
    case = replace(happen(replace(moved, journal=()), confirmed)[0], journal=())
    after, _ = happen(case, BOOKED)
    assert (after.status, after.booking) == (Status.CONFIRMED, 2)
    assert told(after, EntryKind.MOVE) == []


def test_a_second_choice_while_one_is_under_way_changes_nothing() -> None:
    case = choosing()
    event = TimeChosen("move-2", CHOSEN + HOUR, 1)
    assert happen(case, event)[0].move == case.move
    assert happen(case, MoveEnded("move-2", MoveResult.TAKEN))[0].move == case.move


def test_a_removed_visit_is_not_moved_any_more() -> None:
    gone, _ = happen(choosing(), AppointmentRemoved())
    assert why_not_move(gone, NOON, booking=1) == "removed"
    case, _ = happen(replace(gone, journal=()), ended(MoveResult.UNKNOWN))
    assert case.pushes == ()
