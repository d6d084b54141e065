"""Why the patient got it, or not: the state of each function, read off the case."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.core.case import Attempt, AttemptState, Case, FunctionState, StatusPush
from gateway.core.clinic import (
    Branch,
    ConfirmationSettings,
    DetailsSettings,
    Hours,
    ReminderSettings,
)
from gateway.core.explain import LANGUAGES, FunctionView, State, explain, text_of
from gateway.core.model import (
    Answer,
    Appointment,
    CallResult,
    Channel,
    Function,
    Person,
    Purpose,
    Reason,
    Source,
    Status,
)

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
VISIT = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
BRANCH = Branch("c", "b", "B", "UTC", "B")
DETAILS, CONFIRMATION, REMINDER = Function


def case(**more: Any) -> Case:
    patient = Person("P-1", phones=("+79161234567",), consent=True)
    visit = Appointment("A-1", "b", VISIT, NOW - timedelta(days=3), patient)
    visit = replace(visit, **more.pop("visit", {}))
    return Case("c", "A-1", "b", visit, NOW - timedelta(days=3), "+79161234567", **more)


def message(
    state: AttemptState, function: Function = CONFIRMATION, **more: Any
) -> tuple[Attempt, ...]:
    values: dict[str, Any] = {"channel": Channel.SMS, "booking": 1, **more}
    purpose = Purpose(function.value)
    attempt = Attempt(
        "1", function=function, purpose=purpose, to="+79161234567", state=state, tries=1, **values
    )
    return (attempt,)


def view(
    of: Case, function: Function = CONFIRMATION, branch: Branch = BRANCH, now: datetime = NOW
) -> FunctionView:
    return explain(of, None, branch, now)[function]


DONE = FunctionState(NOW)
S = AttemptState

STATES = [
    (case(), State.WAITING),
    (case(confirmation=FunctionState(NOW, (Reason.CLUB,))), State.NOT_SENT),
    (
        case(attempts=message(S.FAILED), confirmation=FunctionState(NOW, (Reason.NO_CHANNEL,))),
        State.FAILED,
    ),
    (case(attempts=message(S.STARTED)), State.SENDING),
    (case(attempts=message(S.UNKNOWN)), State.SENDING),
    (case(attempts=message(S.STARTED, channel=Channel.CALL)), State.CALLING),
    (case(attempts=message(S.TALKING, channel=Channel.CALL)), State.CALLING),
    (case(attempts=message(S.ACCEPTED)), State.SENT),
    (case(attempts=message(S.DELIVERED)), State.DELIVERED),
    (case(attempts=message(S.READ)), State.READ),
    (case(attempts=message(S.FAILED)), State.WAITING),
    (case(attempts=message(S.FAILED), confirmation=DONE), State.FAILED),
    (
        case(
            attempts=message(S.ENDED, channel=Channel.CALL, result=CallResult.BUSY),
            confirmation=DONE,
        ),
        State.CALLED,
    ),
    (
        case(attempts=message(S.ENDED, channel=Channel.CALL, result=CallResult.ANSWER)),
        State.ANSWERED,
    ),
    (case(attempts=message(S.DELIVERED, booking=2), booking=1), State.WAITING),
    (case(confirmation=DONE), State.OFF),
]


@pytest.mark.parametrize(("of", "state"), STATES)
def test_the_state_is_read_off_the_case(of: Case, state: State) -> None:
    assert view(of).state is state


@pytest.mark.rule("G-4")
def test_all_reasons_are_kept() -> None:
    reasons = (Reason.CLUB, Reason.NO_CONSENT, Reason.REFUSED)
    found = view(case(confirmation=FunctionState(NOW, reasons)))
    assert found.reasons == reasons
    assert found.next_at is None


def test_an_accepted_answer_is_an_answer_however_it_came() -> None:
    push = StatusPush(
        "1", 1, VISIT, Answer.CONFIRM, Status.UNCONFIRMED, Status.CONFIRMED, Source.LINK, "", NOW
    )
    answered = case(pushes=(push,), confirmation=DONE, attempts=message(S.DELIVERED))
    assert view(answered).state is State.ANSWERED
    assert view(replace(answered, booking=2, confirmation=FunctionState())).state is State.WAITING


def test_details_are_not_repeated_after_a_move() -> None:
    moved = case(attempts=message(S.DELIVERED, DETAILS), details=DONE, booking=2)
    assert view(moved, DETAILS).state is State.DELIVERED


def test_the_best_of_several_attempts_counts() -> None:
    attempts = (*message(S.READ), *message(S.FAILED), *message(S.ACCEPTED))
    assert view(case(attempts=attempts)).state is State.READ


def test_a_switched_off_function_says_so() -> None:
    off = replace(
        BRANCH,
        details=DetailsSettings(enabled=False),
        confirmation=ConfirmationSettings(enabled=False),
        reminder=ReminderSettings(enabled=False),
    )
    views = explain(case(), None, off, NOW)
    assert {found.state for found in views.values()} == {State.OFF}
    assert view(case(confirmation=DONE), branch=off).state is State.OFF


def test_a_visit_that_was_over_when_it_was_first_seen() -> None:
    found = view(case(adopted=True, confirmation=DONE))
    assert (found.state, found.reasons) == (State.NOT_SENT, (Reason.ADOPTED,))


def test_a_visit_that_was_removed_after_its_start() -> None:
    found = view(case(removed=True, confirmation=DONE))
    assert (found.state, found.reasons) == (State.NOT_SENT, (Reason.REMOVED,))


@pytest.mark.parametrize(
    ("function", "next_at"),
    [
        (CONFIRMATION, datetime(2026, 11, 23, 10, 0, tzinfo=UTC)),
        (REMINDER, datetime(2026, 11, 24, 7, 30, tzinfo=UTC)),
        (DETAILS, NOW),
    ],
)
def test_what_waits_tells_until_when(function: Function, next_at: datetime) -> None:
    assert view(case(), function).next_at == next_at


def test_what_waits_for_opening_tells_the_opening() -> None:
    night = datetime(2026, 11, 22, 23, 0, tzinfo=UTC)
    early = replace(
        BRANCH, reminder=ReminderSettings(hours=Hours(NOW.time(), NOW.time().replace(20)))
    )
    assert view(case(), DETAILS, now=night).next_at == night.replace(day=23, hour=6)
    assert view(case(), REMINDER, early, night).next_at == VISIT.replace(hour=8, minute=0)


def test_a_planned_try_tells_its_moment() -> None:
    later = NOW + timedelta(minutes=4)
    assert view(case(attempts=message(S.PLANNED, not_before=later))).next_at == later
    assert view(case(attempts=message(S.PLANNED, not_before=None))).next_at == NOW


def test_reasons_that_would_hold_now_are_told_apart() -> None:
    found = view(case(visit={"club": True, "status": Status.CONFIRMED}))
    assert (found.state, found.reasons) == (State.WAITING, ())
    assert found.would_not_send == (Reason.CLUB, Reason.STATUS)


def test_a_reminder_outside_hours_is_foreseen() -> None:
    late = replace(
        BRANCH, reminder=ReminderSettings(hours=Hours(NOW.time().replace(6), NOW.time().replace(7)))
    )
    found = view(case(), REMINDER, late)
    assert found.would_not_send == (Reason.OUTSIDE_HOURS,)
    assert found.next_at == VISIT - timedelta(hours=2)


def test_a_reminder_that_is_too_late_is_foreseen() -> None:
    found = view(case(visit={"created": VISIT - timedelta(hours=1)}), REMINDER)
    assert found.would_not_send == (Reason.TOO_LATE,)


@pytest.mark.rule("G-4")
@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_words_in_both_languages(reason: Reason) -> None:
    russian, english = (text_of(reason, language) for language in LANGUAGES)
    assert re.fullmatch(r"[А-ЯЁ][^A-Za-z]+\.", russian)
    assert re.fullmatch(r"[A-Z][^А-Яа-я]+\.", english)
    texts = [text_of(other, "ru") for other in Reason]
    assert texts.count(russian) == 1
