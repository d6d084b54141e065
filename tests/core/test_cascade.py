from __future__ import annotations

from datetime import datetime, timedelta

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
)
from gateway.core.case import Account, Attempt, AttemptState, Contact, Learnt
from gateway.core.model import App, Channel, Function, Purpose
from tests.core.strategies import (
    DAY,
    NOON,
    WITH_APP,
    a_branch,
    a_call,
    a_case,
    a_contact,
    a_person,
    a_visit,
    an_attempt,
)

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
