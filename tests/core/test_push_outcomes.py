"""What the schedule says to changes and notices."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.core.case import EntryKind, FunctionState, PushState
from gateway.core.events import (
    DueTimeReached,
    PushAccepted,
    PushConflicted,
    PushFailed,
    PushRefused,
)
from gateway.core.model import Status
from tests.core.strategies import (
    CREATED,
    DAY,
    HOUR,
    NOON,
    START,
    a_push,
    a_visit,
    happen,
    to_number,
    told,
)
from tests.core.support import back, opted_out, pushed

CLOSED = FunctionState(CREATED)


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
    [said] = told(case, EntryKind.NEEDS_ATTENTION)
    assert (said["why"], said["code"], said["answer"]) == ("status_refused", "gone", "confirm")


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
