from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from gateway.core.cascade import (
    Done,
    Exhausted,
    Next,
    Wait,
    attempts_of,
    can_reach,
    is_last_channel,
    next_message,
    overdue_at,
)
from gateway.core.case import (
    Account,
    Attempt,
    AttemptState,
    Case,
    Contact,
    Content,
    EntryKind,
    FunctionState,
    Learnt,
)
from gateway.core.clinic import Branch, Hours, ReminderSettings
from gateway.core.events import (
    AppointmentChanged,
    DueTimeReached,
    Failure,
    MessageAccepted,
    MessageFailed,
    MessageReceipt,
    Receipt,
    SlotGranted,
)
from gateway.core.model import (
    App,
    Appointment,
    CallResult,
    Channel,
    Function,
    Purpose,
    Status,
)
from tests.core.strategies import (
    CREATED,
    DAY,
    HOUR,
    NOON,
    NUMBER,
    OTHER_NUMBER,
    WITH_APP,
    a_branch,
    a_call,
    a_case,
    a_contact,
    a_person,
    a_visit,
    an_attempt,
    by_message,
    happen,
    told,
    wrote,
)

S = AttemptState
PUSH, WHATSAPP, SMS = Channel.PUSH, Channel.WHATSAPP, Channel.SMS
Step = Next | Wait | Done | Exhausted


def step(
    *attempts: Attempt,
    app: App = WITH_APP,
    contact: Contact | None = None,
    order: tuple[Channel, ...] = (PUSH, WHATSAPP, SMS),
    call_ended_at: datetime | None = None,
    latest: datetime | None = None,
) -> Step:
    case = a_case(a_visit(patient=a_person(app=app)), attempts=attempts)
    return next_message(
        case,
        contact or a_contact(),
        a_branch(channels=order),
        Function.CONFIRMATION,
        Purpose.CONFIRMATION,
        NOON,
        call_ended_at=call_ended_at,
        latest=latest,
    )


def failed(channel: Channel) -> Attempt:
    return an_attempt(id=channel.value, channel=channel, state=AttemptState.FAILED)


NO_WHATSAPP = a_contact(learnt=(Learnt(WHATSAPP, NOON + DAY),))


@pytest.mark.rule("D-4", "C-8", "H-1", "R-3")
@pytest.mark.parametrize(
    ("found", "channel"),
    [
        (step(), PUSH),
        (step(app=App(installed=True)), WHATSAPP),
        (step(app=App(push=True)), WHATSAPP),
        (step(app=App(), contact=NO_WHATSAPP), SMS),
        (step(failed(PUSH)), WHATSAPP),
        (step(failed(PUSH), failed(WHATSAPP)), SMS),
        (step(failed(PUSH), contact=NO_WHATSAPP), SMS),
        (step(order=(SMS, PUSH)), SMS),
        (step(order=(Channel.TELEGRAM, Channel.MAX, SMS)), SMS),
        (
            step(
                order=(Channel.TELEGRAM, Channel.MAX, SMS),
                contact=a_contact(accounts=(Account(Channel.MAX, "m"),)),
            ),
            Channel.MAX,
        ),
    ],
)
def test_the_first_channel_that_can_reach_the_patient_is_next(
    found: Step, channel: Channel
) -> None:
    assert found == Next(channel)


@pytest.mark.rule("H-1", "Z-3")
def test_the_order_comes_to_an_end() -> None:
    assert step(failed(PUSH), failed(WHATSAPP), failed(SMS)) == Exhausted()
    assert step(order=()) == Exhausted()


@pytest.mark.rule("H-5")
@pytest.mark.parametrize(
    "state", [AttemptState.ACCEPTED, AttemptState.DELIVERED, AttemptState.READ]
)
def test_one_message_that_was_taken_is_enough(state: AttemptState) -> None:
    assert step(failed(PUSH), an_attempt(state=state)) == Done()


@pytest.mark.rule("G-6", "H-5")
@pytest.mark.parametrize("state", [AttemptState.STARTED, AttemptState.UNKNOWN])
def test_what_is_under_way_is_waited_for(state: AttemptState) -> None:
    assert step(an_attempt(state=state)) == Wait()


@pytest.mark.rule("H-2")
def test_a_postponed_message_is_tried_again_on_its_channel() -> None:
    later = NOON + timedelta(minutes=4)
    postponed = an_attempt(state=AttemptState.PLANNED, not_before=later)
    assert step(failed(PUSH), postponed) == Next(WHATSAPP, later, postponed)


@pytest.mark.rule("C-6", "Z-6")
@pytest.mark.parametrize(
    ("minutes_left", "expected"),
    [
        (2, Next(PUSH, NOON + timedelta(minutes=1))),
        (1, Next(WHATSAPP)),
        (None, Next(PUSH, NOON + timedelta(minutes=1))),
    ],
)
def test_a_push_waits_a_minute_after_a_call_or_is_left_out(
    minutes_left: int | None, expected: Next
) -> None:
    latest = NOON + timedelta(minutes=minutes_left) if minutes_left is not None else None
    assert step(call_ended_at=NOON, latest=latest) == expected


@pytest.mark.rule("D-4", "R-3")
def test_nothing_but_a_push_reaches_a_patient_without_a_number() -> None:
    case = a_case(a_visit(patient=a_person(app=WITH_APP, phones=())))
    assert {c for c in Channel if can_reach(c, case, None, NOON)} == {PUSH}


@pytest.mark.rule("D-2", "T-2")
def test_details_belong_to_the_visit_and_questions_to_a_booking() -> None:
    details = an_attempt(function=Function.DETAILS, purpose=Purpose.DETAILS)
    case = a_case(attempts=(details, an_attempt(), a_call()), booking=2)
    assert attempts_of(case, Function.DETAILS, Purpose.DETAILS) == [details]
    assert attempts_of(case, Function.CONFIRMATION, Purpose.CONFIRMATION) == []


@pytest.mark.rule("Z-6")
@pytest.mark.parametrize(
    ("attempt", "is_last"),
    [
        (an_attempt(channel=PUSH), False),
        (an_attempt(channel=WHATSAPP), False),
        (an_attempt(channel=SMS), True),
        (an_attempt(channel=Channel.MAX), True),  # no longer in the order
        (an_attempt(function=None), True),
    ],
)
def test_the_last_channel_has_nobody_to_hand_over_to(attempt: Attempt, is_last: bool) -> None:
    assert is_last_channel(attempt, a_case(), a_contact(), a_branch(), NOON) is is_last


@pytest.mark.rule("Z-6")
def test_a_channel_that_failed_before_does_not_take_over() -> None:
    case = a_case(attempts=(failed(SMS),))
    assert is_last_channel(an_attempt(), case, a_contact(), a_branch(), NOON)


# Not delivered in time

HALF_HOUR = timedelta(minutes=30)
LIMITED = by_message(undelivered_after=HALF_HOUR, channels=(WHATSAPP, SMS))
LATE = NOON + HALF_HOUR


def only_confirmation(*attempts: Attempt, **changes: Any) -> Case:
    closed = FunctionState(CREATED)
    return a_case(
        attempts=attempts, attempts_made=len(attempts), details=closed, reminder=closed, **changes
    )


def handed_over() -> tuple[Case, Contact]:
    """Return a question of which WhatsApp told nothing for half an hour."""
    return happen(only_confirmation(an_attempt()), DueTimeReached(), branch=LIMITED, now=LATE)


def channels_of(case: Case) -> list[tuple[Channel, AttemptState]]:
    return [(a.channel, a.state) for a in case.attempts]


@pytest.mark.rule("H-1")
def test_what_is_not_delivered_in_time_is_handed_over() -> None:
    waiting, contact = happen(only_confirmation(an_attempt()), DueTimeReached(), branch=LIMITED)
    assert waiting.due == LATE
    case, _ = happen(waiting, DueTimeReached(), contact, branch=LIMITED, now=LATE)
    assert channels_of(case) == [(WHATSAPP, S.ACCEPTED), (SMS, S.PLANNED)]


@pytest.mark.rule("H-1")
@pytest.mark.parametrize(
    ("attempt", "branch", "contact"),
    [
        (an_attempt(), by_message(), a_contact()),  # by default for ever
        (an_attempt(state=S.DELIVERED), LIMITED, a_contact()),
        (an_attempt(state=S.READ), LIMITED, a_contact()),
        (an_attempt(), replace(LIMITED, without_receipts=(WHATSAPP,)), a_contact()),
        (an_attempt(), LIMITED, a_contact(heard_at=((WHATSAPP, NOON),))),
    ],
)
def test_silence_says_nothing_where_there_is_nothing_to_be_told(
    attempt: Attempt, branch: Branch, contact: Contact
) -> None:
    assert overdue_at(attempt, branch, contact) is None
    case, _ = happen(only_confirmation(attempt), DueTimeReached(), contact, branch=branch, now=LATE)
    assert channels_of(case) == [(WHATSAPP, attempt.state)]


@pytest.mark.rule("H-1")
def test_words_from_before_the_message_prove_nothing() -> None:
    heard = a_contact(heard_at=((WHATSAPP, NOON - timedelta(seconds=1)),))
    assert overdue_at(an_attempt(), LIMITED, heard) == LATE


@pytest.mark.rule("H-4", "H-5")
def test_a_late_delivery_takes_back_what_has_not_left() -> None:
    case, contact = handed_over()
    case, _ = happen(
        case, MessageReceipt("1", Receipt.DELIVERED), contact, branch=LIMITED, now=LATE
    )
    assert channels_of(case) == [(WHATSAPP, S.DELIVERED)]
    assert case.due is None or case.due > LATE + DAY / 4


@pytest.mark.rule("H-4", "T-3")
def test_a_late_delivery_sends_nothing_again_and_both_are_charged() -> None:
    case, contact = handed_over()
    case, contact = happen(case, SlotGranted(), contact, branch=LIMITED, now=LATE)
    case, contact = happen(case, MessageAccepted("2"), contact, branch=LIMITED, now=LATE)
    assert [e["amount"] for e in told(case, EntryKind.CHARGE)] == ["5"]
    receipt = MessageReceipt("1", Receipt.DELIVERED)
    case, contact = happen(case, receipt, contact, branch=LIMITED, now=LATE)
    assert channels_of(case) == [(WHATSAPP, S.DELIVERED), (SMS, S.ACCEPTED)]
    assert not told(case, EntryKind.CHARGE)
    failed = MessageReceipt("2", Receipt.FAILED)
    case, _ = happen(case, failed, contact, branch=LIMITED, now=LATE)
    assert channels_of(case) == [(WHATSAPP, S.DELIVERED), (SMS, S.FAILED)]
    assert [e["amount"] for e in told(case, EntryKind.CHARGE)] == ["-5"]


@pytest.mark.rule("H-1", "G-4")
def test_where_nobody_else_can_take_over_it_was_sent_all_the_same() -> None:
    alone = replace(LIMITED, channels=(WHATSAPP,))
    case, _ = happen(only_confirmation(an_attempt()), DueTimeReached(), branch=alone, now=LATE)
    assert channels_of(case) == [(WHATSAPP, S.ACCEPTED)]
    both = only_confirmation(an_attempt(), an_attempt(id="2", channel=SMS, state=S.FAILED))
    case, _ = happen(both, DueTimeReached(), branch=LIMITED, now=LATE)
    assert channels_of(case) == [(WHATSAPP, S.ACCEPTED), (SMS, S.FAILED)]
    assert not told(case, EntryKind.SKIP)


@pytest.mark.rule("H-1", "G-2", "G-4", "G-9")
@pytest.mark.parametrize(
    ("visit", "now"),
    [
        (a_visit(), NOON + 8 * HOUR),  # closed, and of no use any more
        (a_visit(status=Status.CONFIRMED), LATE),
        (a_visit(patient=a_person(notifications_refused=True)), LATE),
    ],
)
def test_nothing_is_handed_over_that_may_no_longer_be_sent(
    visit: Appointment, now: datetime
) -> None:
    case = only_confirmation(an_attempt())
    case, _ = happen(replace(case, snapshot=visit), DueTimeReached(), branch=LIMITED, now=now)
    assert channels_of(case) == [(WHATSAPP, S.ACCEPTED)]
    assert not told(case, EntryKind.SKIP)


@pytest.mark.rule("H-1", "G-2")
def test_a_reminder_that_is_not_delivered_waits_for_opening() -> None:
    """Sent five hours ahead, late in the evening before an early visit."""
    hours = Hours(time(6), time(21))
    branch = replace(LIMITED, reminder=ReminderSettings(True, hours, lead=11 * HOUR))
    start = NOON + 19 * HOUR  # seven in the morning
    evening = NOON + 8 * HOUR + HALF_HOUR
    sent = an_attempt(
        function=Function.REMINDER,
        purpose=Purpose.REMINDER,
        started_at=evening,
        first_try_at=evening,
    )
    closed = FunctionState(CREATED)
    case = a_case(
        a_visit(start=start), attempts=(sent,), attempts_made=1, details=closed, confirmation=closed
    )
    case, contact = happen(case, DueTimeReached(), branch=branch, now=evening + HALF_HOUR)
    assert channels_of(case) == [(WHATSAPP, S.ACCEPTED)]
    assert case.due == NOON + 18 * HOUR
    case, _ = happen(case, DueTimeReached(), contact, branch=branch, now=NOON + 18 * HOUR)
    assert channels_of(case) == [(WHATSAPP, S.ACCEPTED), (SMS, S.PLANNED)]


@pytest.mark.rule("H-1", "C-7")
def test_a_reschedule_link_that_is_not_delivered_is_handed_over() -> None:
    call = a_call(result=CallResult.ANSWER, about="call.reschedule")
    link = an_attempt(id="2", purpose=Purpose.RESCHEDULE_LINK, about="reschedule_link")
    case = a_case(
        a_visit(status=Status.RESCHEDULE_REQUESTED),
        attempts=(call, link),
        attempts_made=2,
        details=FunctionState(CREATED),
        reminder=FunctionState(CREATED),
    )
    waiting, contact = happen(case, DueTimeReached(), branch=LIMITED)
    assert waiting.due == LATE
    case, _ = happen(waiting, DueTimeReached(), contact, branch=LIMITED, now=LATE)
    assert [a.channel for a in case.attempts] == [Channel.CALL, WHATSAPP, SMS]


# What was tried and is no longer wanted


POSTPONED = an_attempt(
    state=S.PLANNED, not_before=NOON + timedelta(minutes=4), lost=True, provider_id=None
)
"""Its outcome is unknown, no receipt came, and it is to be tried again."""


@pytest.mark.rule("H-3", "G-7")
def test_a_retry_does_not_go_to_a_number_that_the_visit_no_longer_has() -> None:
    started = replace(POSTPONED, state=S.STARTED, not_before=None, lost=False)
    corrected = a_visit(patient=a_person(phones=(OTHER_NUMBER,)))
    case, contact = happen(
        only_confirmation(started),
        AppointmentChanged(corrected),
        a_contact(number=OTHER_NUMBER),
        branch=LIMITED,
    )
    case, _ = happen(case, MessageFailed("1", Failure.TEMPORARY, "503"), contact, branch=LIMITED)
    assert [(a.to, a.state) for a in case.attempts] == [
        (NUMBER, S.WITHDRAWN),
        (OTHER_NUMBER, S.PLANNED),
    ]


@pytest.mark.rule("H-1")
def test_what_failed_for_the_old_number_is_tried_for_the_new_one() -> None:
    corrected = a_visit(patient=a_person(phones=(OTHER_NUMBER,)))
    failed_there = an_attempt(state=S.FAILED)
    case, _ = happen(
        only_confirmation(failed_there),
        AppointmentChanged(corrected),
        a_contact(number=OTHER_NUMBER),
        branch=LIMITED,
    )
    assert [(a.channel, a.to) for a in case.attempts] == [
        (WHATSAPP, NUMBER),
        (WHATSAPP, OTHER_NUMBER),
    ]


@pytest.mark.rule("G-6", "T-3")
def test_a_withdrawn_message_that_got_through_is_charged() -> None:
    """The order changes while a message of unknown outcome waits to be tried again."""
    only_sms = replace(LIMITED, channels=(SMS,))
    case, contact = happen(only_confirmation(POSTPONED), DueTimeReached(), branch=only_sms)
    assert channels_of(case) == [(WHATSAPP, S.WITHDRAWN), (SMS, S.PLANNED)]
    assert told(case, EntryKind.RECONCILE) == [{"attempt": "1", "outcome": "withdrawn"}]
    receipt = MessageReceipt("1", Receipt.DELIVERED, provider_id="w")
    case, _ = happen(case, receipt, contact, branch=only_sms)
    assert channels_of(case) == [(WHATSAPP, S.DELIVERED)]
    assert [e["amount"] for e in told(case, EntryKind.CHARGE)] == ["2"]


@pytest.mark.rule("G-6", "T-3", "H-4")
def test_a_lost_message_that_was_given_up_is_charged_when_it_got_through_after_all() -> None:
    lost = an_attempt(
        state=S.UNKNOWN, not_before=NOON, lost=True, first_try_at=NOON - HALF_HOUR, provider_id=None
    )
    case, contact = happen(only_confirmation(lost), DueTimeReached(), branch=LIMITED)
    assert channels_of(case) == [(WHATSAPP, S.FAILED), (SMS, S.PLANNED)]
    case, _ = happen(case, MessageReceipt("1", Receipt.DELIVERED), contact, branch=LIMITED)
    assert channels_of(case) == [(WHATSAPP, S.DELIVERED)]
    assert [e["amount"] for e in told(case, EntryKind.CHARGE)] == ["2"]


@pytest.mark.rule("H-4")
@pytest.mark.parametrize("receipt", [Receipt.SENT, Receipt.DELIVERED, Receipt.READ])
def test_what_its_provider_called_failed_stays_so(receipt: Receipt) -> None:
    refused = an_attempt(state=S.UNKNOWN, not_before=LATE, lost=True)
    case, contact = happen(
        only_confirmation(refused), MessageReceipt("1", Receipt.FAILED), branch=LIMITED
    )
    case, _ = happen(case, MessageReceipt("1", receipt), contact, branch=LIMITED)
    assert channels_of(case)[0] == (WHATSAPP, S.FAILED)


@pytest.mark.rule("H-5")
@pytest.mark.parametrize("state", [S.FAILED, S.WITHDRAWN, S.PLANNED])
def test_a_question_that_was_lost_can_be_answered(state: AttemptState) -> None:
    lost = replace(POSTPONED, state=state, not_before=None)
    case, _ = happen(only_confirmation(lost), wrote("1"), branch=LIMITED)
    assert case.status is Status.CONFIRMED
    certain = replace(lost, lost=False)
    case, _ = happen(only_confirmation(certain), wrote("1"), branch=LIMITED)
    assert case.status is Status.UNCONFIRMED


@pytest.mark.rule("H-4", "T-3")
def test_the_failure_of_an_earlier_try_does_not_undo_the_one_that_was_taken() -> None:
    taken = an_attempt(tries=2, lost=True, price=Decimal(2), provider_id="second")
    failed = MessageReceipt("1", Receipt.FAILED, provider_id="first")
    case = only_confirmation(taken)
    assert happen(case, failed, branch=LIMITED)[0].attempts == case.attempts
    own = replace(failed, provider_id="second")
    assert channels_of(happen(case, own, branch=LIMITED)[0])[0] == (WHATSAPP, S.FAILED)
    unnamed = replace(failed, provider_id=None)
    assert channels_of(happen(case, unnamed, branch=LIMITED)[0])[0] == (WHATSAPP, S.FAILED)


@pytest.mark.rule("P-2", "H-4")
def test_an_answer_whose_receipt_comes_first_brings_its_link() -> None:
    told_first = an_attempt(
        state=S.STARTED,
        purpose=Purpose.ACKNOWLEDGEMENT,
        content=Content("text", "template", "ru", link="https://zdorovie.example/v/x"),
    )
    case, _ = happen(
        only_confirmation(told_first), MessageReceipt("1", Receipt.DELIVERED), branch=LIMITED
    )
    assert (case.link_booking, case.attempts[0].price) == (1, None)
