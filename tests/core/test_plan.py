from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest

from gateway.core import plan, policy
from gateway.core.case import (
    Attempt,
    AttemptState,
    Case,
    Contact,
    EntryKind,
    FunctionState,
    PushState,
)
from gateway.core.clinic import Branch, ConfirmationSettings, DetailsSettings, ReminderSettings
from gateway.core.events import DueTimeReached
from gateway.core.model import CallResult, Channel, Function, Purpose, Reason, Status
from tests.core.strategies import (
    CREATED,
    DAY,
    HOUR,
    MINUTE,
    NOON,
    OTHER_NUMBER,
    START,
    a_branch,
    a_call,
    a_case,
    a_contact,
    a_draft,
    a_person,
    a_push,
    a_visit,
    an_attempt,
    by_message,
    happen,
    told,
    wrote,
)

S = AttemptState
CLOSED = FunctionState(CREATED)
TEN = NOON - 2 * HOUR  # 10:00 of the day before
CLOSING = NOON + 8 * HOUR
DETAILS, CONFIRMATION, REMINDER = Function


def only(function: Function, *attempts: Attempt, **changes: object) -> Case:
    """Return a case of which only one function is open."""
    closed = {other.value: CLOSED for other in Function if other is not function}
    return a_case(attempts=attempts, attempts_made=len(attempts), **{**closed, **changes})


def look(
    case: Case,
    now: datetime = NOON,
    contact: Contact | None = None,
    branch: Branch | None = None,
) -> Case:
    return happen(case, DueTimeReached(), contact, branch=branch, now=now)[0]


def planned(case: Case) -> list[tuple[Channel, datetime | None]]:
    return [(a.channel, a.not_before) for a in case.attempts if a.state is S.PLANNED]


# When a function is looked at


@pytest.mark.rule("D-1", "D-3", "Z-2")
@pytest.mark.parametrize(
    ("now", "wanted", "due"),
    [
        (CREATED, [(Channel.WHATSAPP, None)], START - 2 * HOUR),
        (CREATED + 10 * HOUR, [], CREATED + 18 * HOUR),  # 22:00: at 06:00 next day
    ],
)
def test_details_go_at_once_or_when_hours_open(
    now: datetime, wanted: list[object], due: datetime
) -> None:
    case = look(only(DETAILS), now)
    assert planned(case) == wanted
    assert case.due == due


@pytest.mark.rule("C-1", "G-3")
def test_confirmation_waits_for_its_day_and_hour() -> None:
    assert look(only(CONFIRMATION), TEN - MINUTE).due == TEN
    assert planned(look(only(CONFIRMATION), TEN)) == [(Channel.CALL, None)]


@pytest.mark.rule("R-1", "R-2")
def test_the_reminder_waits_for_opening() -> None:
    early = a_visit(start=START - 6.5 * HOUR)  # 08:00
    case = look(only(REMINDER, snapshot=early), early.start - 2 * HOUR - MINUTE)
    assert case.due == early.start - 2 * HOUR
    case = look(
        only(REMINDER, snapshot=replace(early, start=early.start - HOUR)), early.start - 3 * HOUR
    )
    assert case.due == early.start - 2 * HOUR  # 06:00
    assert planned(case) == []


@pytest.mark.rule("D-3", "R-2", "Z-3", "Z-4", "Z-5", "G-9", "D-5")
@pytest.mark.parametrize(
    ("case", "now", "reasons"),
    [
        (only(DETAILS, appeared_at=CREATED + 10 * HOUR), NOON, ["outside_hours"]),
        (only(DETAILS, appeared_at=START - HOUR), START - HOUR, ["too_late"]),
        (only(DETAILS, adopted=True), NOON, ["adopted"]),
        (only(DETAILS), START - 2 * HOUR, ["missed_hours"]),
        (only(CONFIRMATION), CLOSING, ["missed_hours"]),
        (only(CONFIRMATION, booking=2, booking_since=CLOSING), CLOSING, ["too_late"]),
        (
            only(CONFIRMATION, snapshot=a_visit(status=Status.CONFIRMED)),
            CLOSING,
            ["status"],
        ),
        (only(REMINDER), START, ["missed_hours"]),
        (only(REMINDER, snapshot=a_visit(club=True)), START, ["club", "missed_hours"]),
        (
            only(REMINDER, appeared_at=START - HOUR, snapshot=a_visit(club=True)),
            START - HOUR,
            ["club", "too_late"],
        ),
    ],
)
def test_a_function_that_cannot_be_done_is_closed_with_its_reasons(
    case: Case, now: datetime, reasons: list[str]
) -> None:
    after = look(case, now)
    assert told(after, EntryKind.SKIP) == [{"reasons": reasons}]
    assert after.due is None


@pytest.mark.rule("H-1", "Z-3")
def test_no_channel_is_a_reason() -> None:
    case = look(only(DETAILS), CREATED, branch=a_branch(channels=(Channel.PUSH,)))
    assert case.details.reasons == (Reason.NO_CHANNEL,)


@pytest.mark.rule("G-1", "Z-3")
def test_a_function_switched_off_says_nothing() -> None:
    off = a_branch(
        details=DetailsSettings(enabled=False),
        confirmation=ConfirmationSettings(enabled=False),
        reminder=ReminderSettings(enabled=False),
    )
    case = look(a_case(), branch=off)
    assert (case.details.closed_at, case.details.reasons) == (NOON, ())
    assert case.due == CLOSING  # it may be switched on again until then
    case = look(case, CLOSING, branch=off)
    assert case.confirmation.closed_at == CLOSING
    case = look(case, START, branch=off)
    assert case.reminder.closed_at == START
    assert told(case, EntryKind.SKIP) == []


@pytest.mark.rule("H-5")
@pytest.mark.parametrize("state", [S.STARTED, S.ACCEPTED])
def test_what_was_sent_is_not_sent_again(state: AttemptState) -> None:
    case = look(only(CONFIRMATION, an_attempt(state=state)))
    assert planned(case) == []
    assert case.confirmation.closed_at is None


@pytest.mark.rule("H-3")
def test_what_is_planned_for_a_closed_function_is_dropped() -> None:
    case = only(CONFIRMATION, an_attempt(state=S.PLANNED, tries=0), confirmation=CLOSED)
    assert look(case).attempts == ()


# Answers and what follows them


@pytest.mark.rule("C-17", "C-10")
def test_an_answered_question_is_asked_no_more() -> None:
    call = a_call(result=CallResult.ANSWER)
    confirmed = a_push(not_before=None)
    case = look(only(CONFIRMATION, call, pushes=(confirmed,), pushes_made=1))
    assert planned(case) == []
    failed = an_attempt(state=S.FAILED)
    visit = a_visit(status=Status.CONFIRMED)
    taken = a_push(state=PushState.ACCEPTED)
    answered = only(CONFIRMATION, failed, snapshot=visit, pushes=(taken,), pushes_made=1)
    assert told(look(answered), EntryKind.SKIP) == []
    by_staff = look(only(CONFIRMATION, failed, snapshot=visit))
    assert told(by_staff, EntryKind.SKIP) == [{"reasons": ["status"]}]
    assert planned(by_staff) == []


# The reschedule link


def asked_to_move(*more: Attempt, **changes: object) -> Case:
    call = a_call(result=CallResult.ANSWER, about="call.reschedule")
    visit = a_visit(status=Status.RESCHEDULE_REQUESTED)
    return only(CONFIRMATION, call, *more, snapshot=visit, confirmation=CLOSED, **changes)


@pytest.mark.rule("C-7", "Z-7")
def test_key_2_brings_the_link_at_any_hour() -> None:
    case = look(asked_to_move(), CLOSING + HOUR)
    assert planned(case) == [(Channel.WHATSAPP, None)]
    link = case.attempts[-1]
    assert (link.purpose, link.after_call) == (Purpose.RESCHEDULE_LINK, True)
    assert look(case, CLOSING + HOUR).attempts == case.attempts


LINK = an_attempt(
    id="2", state=S.PLANNED, tries=0, purpose=Purpose.RESCHEDULE_LINK, after_call=True
)


@pytest.mark.rule("C-7", "H-3")
@pytest.mark.parametrize(
    ("case", "now", "contact"),
    [
        (asked_to_move(LINK), START, None),
        (asked_to_move(LINK), NOON, a_contact(opted_out_at=NOON)),
        (replace(asked_to_move(LINK), snapshot=a_visit(status=Status.CANCELLED)), NOON, None),
        (replace(asked_to_move(LINK), removed=True), NOON, None),
    ],
)
def test_a_link_that_is_of_no_use_any_more_is_dropped(
    case: Case, now: datetime, contact: Contact | None
) -> None:
    assert planned(look(case, now, contact)) == []


@pytest.mark.rule("C-7")
def test_a_link_that_no_channel_takes_is_not_sent() -> None:
    assert planned(look(asked_to_move(), branch=a_branch(channels=()))) == []


@pytest.mark.rule("C-7", "H-5")
@pytest.mark.parametrize("state", [S.STARTED, S.ACCEPTED])
def test_one_link_is_enough(state: AttemptState) -> None:
    assert planned(look(asked_to_move(replace(LINK, state=state)))) == []


@pytest.mark.rule("Z-6", "D-3")
def test_a_message_that_is_tried_again_waits_for_opening() -> None:
    retry = an_attempt(
        state=S.PLANNED, function=DETAILS, purpose=Purpose.DETAILS, not_before=CREATED + 10 * HOUR
    )
    case = look(only(DETAILS, retry), CREATED + 10 * HOUR)  # 22:00
    assert planned(case) == [(Channel.WHATSAPP, CREATED + 18 * HOUR)]


# Small parts


@pytest.mark.rule("D-2")
def test_what_counts_as_tried() -> None:
    details = an_attempt(function=DETAILS, purpose=Purpose.DETAILS)
    assert plan.was_tried(a_case(attempts=(details,), booking=2), DETAILS)
    assert not plan.was_tried(a_case(attempts=(an_attempt(),), booking=2), CONFIRMATION)
    fresh = an_attempt(state=S.PLANNED, tries=0)
    assert not plan.was_tried(a_case(attempts=(fresh,)), CONFIRMATION)
    assert plan.was_tried(a_case(attempts=(replace(fresh, tries=1),)), CONFIRMATION)


@pytest.mark.rule("C-15", "Z-9")
def test_whoever_has_not_opted_out_is_still_answered() -> None:
    ack = an_attempt(state=S.PLANNED, purpose=Purpose.ACKNOWLEDGEMENT)
    draft = a_draft(a_case(attempts=(ack,)), a_contact())
    plan.fall_silent(draft)
    assert draft.attempts == (ack,)
    without = a_draft(a_case(attempts=(ack,)))
    plan.fall_silent(without)
    assert without.attempts == (ack,)


@pytest.mark.rule("C-8", "D-4")
def test_without_a_call_the_message_goes_first() -> None:
    assert planned(look(only(CONFIRMATION), branch=by_message())) == [(Channel.WHATSAPP, None)]


@pytest.mark.rule("C-1", "Z-6")
def test_a_start_before_opening_is_opening() -> None:
    branch = a_branch(confirmation=ConfirmationSettings(start=time(7)))
    assert look(only(CONFIRMATION), TEN - 2 * HOUR, branch=branch).due == TEN - HOUR


def test_days_pass() -> None:
    assert look(only(CONFIRMATION), NOON - DAY).due == TEN


@pytest.mark.rule("C-16", "G-4", "G-6")
def test_an_answer_while_only_a_retry_waits_is_decided_once() -> None:
    """The retry is forgotten with the answer; the reason is kept at once and never again."""
    retry = an_attempt(state=S.PLANNED, provider_id=None, not_before=NOON + timedelta(minutes=5))
    asked = a_case(attempts=(retry,), attempts_made=1, pushes=(a_push(),), pushes_made=1)
    case, _ = happen(asked, DueTimeReached(), branch=by_message())
    assert case.confirmation.reasons == (Reason.STATUS,)
    again, _ = happen(case, DueTimeReached(), branch=by_message())
    assert again.confirmation == case.confirmation
    assert not again.journal


@pytest.mark.rule("C-15", "G-7")
def test_a_number_that_the_visit_no_longer_has_does_not_speak_for_it() -> None:
    """It has opted out, then answers all the same: its answer counts, its refusal does not."""
    visit = a_visit(patient=a_person(phones=(OTHER_NUMBER,)))
    case = a_case(visit, attempts=(an_attempt(),), attempts_made=1)
    old = a_contact(opted_out_at=NOON)
    after, _ = happen(case, wrote("1"), old, branch=by_message())
    assert after.status is Status.CONFIRMED
    assert after.reminder.closed_at is None
    assert after.due == NOON + policy.LOOK_AGAIN
    own = a_contact(number=OTHER_NUMBER)
    looked, _ = happen(after, DueTimeReached(), own, branch=by_message(), now=NOON + MINUTE)
    assert looked.reminder.closed_at is None
