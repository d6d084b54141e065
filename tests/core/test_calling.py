"""Calls of the confirmation: which follows which, when, and when a message takes over."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from gateway.core import calling
from gateway.core.case import Attempt, AttemptState, Case, Contact, FunctionState
from gateway.core.clinic import Branch, ConfirmationSettings
from gateway.core.events import DueTimeReached
from gateway.core.model import CallResult, Channel, Function
from gateway.core.moments import window_of
from tests.core.strategies import (
    CREATED,
    HOUR,
    MINUTE,
    NOON,
    WITH_APP,
    a_branch,
    a_call,
    a_case,
    a_contact,
    a_draft,
    a_person,
    a_visit,
    an_attempt,
    happen,
)

S = AttemptState
CLOSED = FunctionState(CREATED)
CLOSING = NOON + 8 * HOUR
CALLED = {"details": CLOSED, "reminder": CLOSED}


def asking(*attempts: Attempt, **changes: object) -> Case:
    """Return a case of which only the confirmation is open."""
    return a_case(attempts=attempts, attempts_made=len(attempts), **{**CALLED, **changes})


def look(
    case: Case,
    now: datetime = NOON,
    contact: Contact | None = None,
    branch: Branch | None = None,
) -> Case:
    return happen(case, DueTimeReached(), contact, branch=branch, now=now)[0]


def planned(case: Case) -> list[tuple[Channel, datetime | None]]:
    return [(a.channel, a.not_before) for a in case.attempts if a.state is S.PLANNED]


@pytest.mark.rule("C-6")
@pytest.mark.parametrize(
    ("result", "attempts", "expected"),
    [
        (CallResult.NO_ANSWER, 1, (Channel.WHATSAPP, None)),
        (CallResult.NO_ANSWER, 2, (Channel.CALL, NOON + 16 * MINUTE)),
        (CallResult.BUSY, 2, (Channel.CALL, NOON + 16 * MINUTE)),
        (CallResult.UNREACHABLE, 2, (Channel.CALL, NOON + 16 * MINUTE)),
        (CallResult.REJECTED, 2, (Channel.WHATSAPP, None)),
        (CallResult.MACHINE, 2, (Channel.WHATSAPP, None)),
        (CallResult.HANGUP, 2, (Channel.WHATSAPP, None)),
        (CallResult.NO_ANSWER_KEY, 2, (Channel.WHATSAPP, None)),
    ],
)
def test_a_call_without_an_answer_is_followed_by_another_or_a_message(
    result: CallResult, attempts: int, expected: tuple[Channel, datetime | None]
) -> None:
    branch = a_branch(confirmation=ConfirmationSettings(call_attempts=attempts))
    case = look(asking(a_call(result=result)), NOON + MINUTE, branch=branch)
    assert planned(case) == [expected]
    assert case.attempts[-1].after_call is (expected[0] is not Channel.CALL)


@pytest.mark.rule("C-6", "Z-6")
def test_a_second_call_that_would_be_too_late_is_a_message() -> None:
    branch = a_branch(confirmation=ConfirmationSettings(call_attempts=2))
    ended = CLOSING - 15 * MINUTE
    call = a_call(result=CallResult.BUSY, ended_at=ended)
    assert planned(look(asking(call), ended, branch=branch)) == [(Channel.WHATSAPP, None)]
    waiting = look(asking(a_call(result=CallResult.BUSY)), NOON + 16 * MINUTE, branch=branch)
    assert planned(waiting) == [(Channel.CALL, None)]


@pytest.mark.rule("C-6", "Z-6")
def test_a_push_follows_a_call_after_a_minute() -> None:
    visit = a_visit(patient=a_person(app=WITH_APP))
    call = a_call(result=CallResult.NO_ANSWER)
    case = look(asking(call, snapshot=visit), NOON + MINUTE)
    assert planned(case) == [(Channel.PUSH, NOON + 2 * MINUTE)]
    assert case.due == NOON + 2 * MINUTE
    assert planned(look(case, NOON + 2 * MINUTE)) == [(Channel.PUSH, None)]


@pytest.mark.rule("C-2", "C-6")
def test_a_fallback_that_has_begun_is_not_turned_back_into_a_call() -> None:
    call = a_call(result=CallResult.BUSY)
    failed = an_attempt(id="2", state=S.FAILED)
    branch = a_branch(confirmation=ConfirmationSettings(call_attempts=3))
    assert planned(look(asking(call, failed), branch=branch)) == [(Channel.SMS, None)]


@pytest.mark.rule("C-5", "Z-13")
@pytest.mark.parametrize(
    ("ago", "not_before"), [(MINUTE, NOON + MINUTE), (2 * MINUTE, None), (HOUR, None)]
)
def test_calls_of_a_number_keep_their_gap(ago: timedelta, not_before: datetime | None) -> None:
    contact = a_contact(call_ended_at=NOON - ago)
    assert planned(look(asking(), contact=contact)) == [(Channel.CALL, not_before)]


@pytest.mark.rule("C-5")
def test_a_planned_call_moves_with_the_gap() -> None:
    case = look(asking())
    gap = look(case, contact=a_contact(call_ended_at=NOON))
    assert planned(gap) == [(Channel.CALL, NOON + 2 * MINUTE)]
    assert [a.id for a in gap.attempts] == [a.id for a in case.attempts]


@pytest.mark.rule("C-5", "C-6")
def test_the_gap_of_a_second_call_is_the_later_of_both() -> None:
    branch = a_branch(confirmation=ConfirmationSettings(call_attempts=2))
    call = a_call(result=CallResult.BUSY)
    contact = a_contact(call_ended_at=NOON + 15 * MINUTE)
    case = look(asking(call), NOON + 15 * MINUTE, contact, branch)
    assert planned(case) == [(Channel.CALL, NOON + 17 * MINUTE)]


@pytest.mark.rule("C-6")
def test_a_call_that_found_no_line_keeps_its_pause() -> None:
    waiting = a_call(
        state=S.PLANNED, tries=0, ended_at=None, code="no_line", not_before=NOON + MINUTE
    )
    assert planned(look(asking(waiting))) == [(Channel.CALL, NOON + MINUTE)]


@pytest.mark.rule("C-5", "C-17")
def test_a_call_about_the_old_booking_is_waited_for() -> None:
    call = a_call(state=S.TALKING, ended_at=None)
    case = asking(call, booking=2, booking_since=NOON)
    assert planned(look(case)) == []


def test_the_end_of_the_last_call_counts_for_its_own_booking_only() -> None:
    first, second = a_call(id="1"), a_call(id="2", ended_at=NOON + HOUR)
    assert calling.ended_at(asking()) is None
    assert calling.ended_at(asking(first, second)) == NOON + HOUR
    assert calling.ended_at(asking(first, second, booking=2)) is None


@pytest.mark.parametrize(
    ("attempt", "busy"),
    [
        (a_call(state=S.STARTED), True),
        (a_call(state=S.TALKING, booking=9), True),
        (a_call(state=S.UNKNOWN), True),
        (a_call(), False),
        (a_call(state=S.PLANNED), False),
        (an_attempt(state=S.STARTED), False),
    ],
)
def test_who_is_on_the_phone(attempt: Attempt, busy: bool) -> None:
    assert calling.is_on_the_phone(asking(attempt)) is busy


@pytest.mark.rule("C-6")
def test_a_call_that_ended_without_a_time_counts_from_now() -> None:
    branch = a_branch(confirmation=ConfirmationSettings(call_attempts=2))
    draft = a_draft(asking(a_call(result=CallResult.BUSY, ended_at=None)), branch=branch)
    window = window_of(Function.CONFIRMATION, draft.case, branch)
    assert calling.next_call(draft, window) == calling.Phone(
        draft.now + branch.confirmation.attempt_gap
    )
