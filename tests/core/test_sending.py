from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest

from gateway.core import policy
from gateway.core.case import Attempt, AttemptState, Learnt
from gateway.core.events import (
    CallAnswered,
    CallEnded,
    CallNotPlaced,
    DueTimeReached,
    Failure,
    KeyPressed,
    LineGranted,
    MessageAccepted,
    MessageFailed,
    MessageHeld,
    MessageLost,
    MessageReceipt,
    Receipt,
    SlotGranted,
)
from gateway.core.model import Answer, CallResult, Channel, Function, Purpose, Status
from tests.core.strategies import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    a_call,
    a_case,
    a_contact,
    a_visit,
    an_attempt,
    by_message,
    happen,
)
from tests.core.support import charges, first, started, with_attempt

S = AttemptState
CLOSING = NOON + 8 * HOUR


# Starting


@pytest.mark.rule("Z-15", "Z-7")
def test_a_slot_sends_answers_to_the_patient_first() -> None:
    question = an_attempt(state=S.PLANNED, tries=0, started_at=None, first_try_at=None)
    answer = an_attempt(
        id="2",
        state=S.PLANNED,
        purpose=Purpose.ACKNOWLEDGEMENT,
        about="acknowledgement.confirm",
        started_at=None,
    )
    case, _ = happen(with_attempt(question, answer), SlotGranted(), branch=by_message())
    assert [a.state for a in case.attempts] == [S.PLANNED, S.STARTED]
    case, _ = happen(case, SlotGranted(), branch=by_message())
    assert [a.state for a in case.attempts] == [S.STARTED, S.STARTED]
    assert first(case).tries == 1
    assert first(case).started_at == first(case).first_try_at == NOON
    assert case.due is not None
    again, _ = happen(case, SlotGranted(), branch=by_message())
    assert again.attempts == case.attempts


@pytest.mark.rule("C-10")
@pytest.mark.parametrize(
    ("about", "changes", "words"),
    [
        ("state", {}, "не подтвержден"),
        ("state", {"removed": True}, "нет в расписании"),
        ("acknowledgement.conflict", {"removed": True}, "нет в расписании"),
    ],
)
def test_words_about_the_state_are_true_when_they_leave(
    about: str, changes: dict[str, object], words: str
) -> None:
    planned = an_attempt(state=S.PLANNED, purpose=Purpose.ACKNOWLEDGEMENT, about=about)
    case, _ = happen(a_case(attempts=(planned,), attempts_made=1, **changes), SlotGranted())
    content = first(case).content
    assert content is not None
    assert words in content.text.replace("ё", "е")


@pytest.mark.parametrize("event", [SlotGranted(), LineGranted()])
def test_a_grant_without_anything_to_do_starts_nothing(event: SlotGranted | LineGranted) -> None:
    case = a_case(a_visit(status=Status.CANCELLED))
    closed, _ = happen(case, DueTimeReached())
    assert happen(closed, event)[0].attempts == ()


# Acceptance and failure


@pytest.mark.rule("T-1", "T-3")
def test_a_message_is_charged_when_it_is_accepted() -> None:
    case, _ = happen(with_attempt(started()), MessageAccepted("1", "wamid.9"))
    assert (first(case).state, first(case).provider_id) == (S.ACCEPTED, "wamid.9")
    assert first(case).price == Decimal(2)
    assert charges(case) == ["2"]
    assert happen(case, MessageAccepted("1", "wamid.9"))[0].attempts == case.attempts


@pytest.mark.rule("P-2")
def test_the_newest_link_that_was_sent_is_remembered() -> None:
    case, _ = happen(with_attempt(), SlotGranted(), branch=by_message())
    assert case.link_booking == 0
    case, _ = happen(case, MessageAccepted("1"), branch=by_message())
    assert case.link_booking == 1


EVENTS_OF_MESSAGES = (
    MessageAccepted("1", "x"),
    MessageFailed("1", Failure.REJECTED),
    MessageLost("1"),
    MessageReceipt("1", Receipt.READ),
)
EVENTS_OF_CALLS = (
    CallAnswered("1"),
    KeyPressed("1", "1", Answer.CONFIRM),
    CallEnded("1", CallResult.BUSY),
    CallNotPlaced("1"),
)


@pytest.mark.rule("H-4")
@pytest.mark.parametrize("event", EVENTS_OF_MESSAGES)
def test_nothing_that_happens_to_messages_happens_to_a_call(event: MessageAccepted) -> None:
    case = with_attempt(a_call(state=S.STARTED, started_at=NOON, ended_at=None))
    assert happen(case, event)[0].attempts == case.attempts


@pytest.mark.rule("H-4")
@pytest.mark.rule("H-4")
@pytest.mark.parametrize("event", EVENTS_OF_CALLS)
def test_nothing_that_happens_to_calls_happens_to_a_message(event: CallAnswered) -> None:
    case = with_attempt(started())
    assert happen(case, event)[0].attempts == case.attempts


@pytest.mark.parametrize("event", EVENTS_OF_MESSAGES + EVENTS_OF_CALLS)
def test_what_is_reported_of_an_unknown_attempt_changes_nothing(event: MessageAccepted) -> None:
    quiet = with_attempt(an_attempt(id="2"))
    assert happen(quiet, event)[0] is quiet


@pytest.mark.rule("H-1")
@pytest.mark.parametrize(
    ("channel", "failure", "learns"),
    [
        (Channel.WHATSAPP, Failure.IMPOSSIBLE, True),
        (Channel.WHATSAPP, Failure.REJECTED, False),
        (Channel.PUSH, Failure.IMPOSSIBLE, False),  # a token belongs to a phone, not to a number
        (Channel.SMS, Failure.IMPOSSIBLE, False),
    ],
)
def test_what_is_impossible_is_handed_over_and_remembered(
    channel: Channel, failure: Failure, learns: bool
) -> None:
    case, contact = happen(
        with_attempt(started(channel=channel)), MessageFailed("1", failure, "131026")
    )
    assert (first(case).state, first(case).code) == (S.FAILED, "131026")
    assert contact.learnt == ((Learnt(channel, NOON + 30 * DAY),) if learns else ())
    assert charges(case) == []


@pytest.mark.rule("H-2", "Z-6")
@pytest.mark.parametrize(("tries", "pause"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 15)])
def test_what_may_pass_is_tried_again_with_growing_pauses(tries: int, pause: int) -> None:
    case, _ = happen(
        with_attempt(started(tries=tries)),
        MessageFailed("1", Failure.TEMPORARY),
        branch=by_message(),
    )
    assert first(case).state is S.PLANNED
    assert first(case).not_before == NOON + pause * MINUTE


@pytest.mark.rule("H-2")
def test_a_provider_may_ask_for_a_longer_pause() -> None:
    event = MessageFailed("1", Failure.TEMPORARY, retry_after_s=600)
    case, _ = happen(with_attempt(started()), event, branch=by_message())
    assert first(case).not_before == NOON + 10 * MINUTE


@pytest.mark.rule("H-2", "Z-6")
@pytest.mark.parametrize(
    ("now", "first_try", "expected"),
    [
        (NOON, NOON - 29 * MINUTE, NOON + MINUTE),
        (NOON, NOON - 29.5 * MINUTE, NOON + MINUTE / 2),  # not later than half an hour
        (NOON, NOON - 30 * MINUTE, None),
        (CLOSING - 15.5 * MINUTE, CLOSING - 16 * MINUTE, CLOSING - 15 * MINUTE),
        (CLOSING - 15 * MINUTE, CLOSING - 16 * MINUTE, None),
        (CLOSING + MINUTE, CLOSING - MINUTE, None),
    ],
)
def test_after_half_an_hour_or_before_closing_the_next_channel_takes_over(
    now: datetime, first_try: datetime, expected: datetime | None
) -> None:
    attempt = started(first_try_at=first_try, started_at=now)
    case, _ = happen(
        with_attempt(attempt), MessageFailed("1", Failure.TEMPORARY), branch=by_message(), now=now
    )
    if expected is None:
        assert first(case).state is S.FAILED
    else:
        assert first(case).not_before == expected


@pytest.mark.rule("Z-6")
def test_the_last_channel_is_tried_on() -> None:
    attempt = started(channel=Channel.SMS, first_try_at=NOON - 2 * HOUR)
    case, _ = happen(
        with_attempt(attempt),
        MessageFailed("1", Failure.TEMPORARY),
        branch=by_message(channels=(Channel.SMS,)),
    )
    assert first(case).not_before == NOON + MINUTE


@pytest.mark.rule("Z-7")
@pytest.mark.parametrize(
    ("first_try", "state"),
    [(NOON - 29 * MINUTE, S.PLANNED), (NOON - 29.5 * MINUTE, S.FAILED)],
)
def test_an_answer_to_the_patient_is_tried_for_half_an_hour(
    first_try: datetime, state: AttemptState
) -> None:
    answer = started(purpose=Purpose.ACKNOWLEDGEMENT, first_try_at=first_try, about="state")
    case, _ = happen(with_attempt(answer), MessageFailed("1", Failure.TEMPORARY))
    assert first(case).state is state


@pytest.mark.rule("Z-7")
def test_the_reschedule_link_knows_no_closing_time() -> None:
    late = CLOSING + HOUR
    call = a_call(result=CallResult.ANSWER, about="call.reschedule")
    link = started(
        id="2",
        purpose=Purpose.RESCHEDULE_LINK,
        after_call=True,
        started_at=late,
        first_try_at=late,
        about="reschedule_link",
    )
    case = a_case(
        a_visit(status=Status.RESCHEDULE_REQUESTED), attempts=(call, link), attempts_made=2
    )
    after, _ = happen(case, MessageFailed("2", Failure.TEMPORARY), now=late)
    assert after.attempts[1].not_before == late + MINUTE


# Held back


def waiting(**changes: object) -> Attempt:
    """A question that was started and has not left: its first try, or as told."""
    return started(started_at=NOON, first_try_at=NOON, tries=1, **changes)


@pytest.mark.rule("H-3")
def test_a_message_that_is_taken_back_is_planned_again_without_a_try() -> None:
    case, _ = happen(with_attempt(waiting()), MessageHeld("1", NOON), branch=by_message())
    attempt = first(case)
    assert (attempt.state, attempt.tries, attempt.code) == (S.PLANNED, 0, "")
    assert (attempt.not_before, attempt.first_try_at) == (None, None)
    again, _ = happen(case, SlotGranted(), branch=by_message())
    assert (first(again).state, first(again).tries) == (S.STARTED, 1)


@pytest.mark.rule("H-3", "C-17")
@pytest.mark.parametrize(
    "changes",
    [{"booking": 2}, {"number": "+79161239999"}, {"removed": True}],
)
def test_a_message_that_is_taken_back_is_forgotten_when_its_visit_changed(
    changes: dict[str, object],
) -> None:
    case = replace(with_attempt(waiting()), **changes)  # type: ignore[arg-type]
    after, _ = happen(case, MessageHeld("1", NOON), branch=by_message())
    assert all(a.id != "1" for a in after.attempts)


@pytest.mark.rule("H-7")
def test_a_message_that_waits_for_a_busy_sender_waits_as_planned() -> None:
    later = NOON + MINUTE
    held = MessageHeld("1", NOON, until=later)
    case, contact = happen(with_attempt(waiting()), held, branch=by_message())
    attempt = first(case)
    assert (attempt.id, attempt.state, attempt.not_before) == ("1", S.PLANNED, later)
    assert (attempt.tries, attempt.first_try_at, case.due) == (0, None, later)
    due, _ = happen(case, DueTimeReached(), contact, now=later, branch=by_message())
    assert (first(due).id, first(due).not_before) == ("1", None)
    sent, _ = happen(due, SlotGranted(), contact, now=later, branch=by_message())
    assert (first(sent).state, first(sent).tries, first(sent).code) == (S.STARTED, 1, "")


@pytest.mark.rule("H-2", "Z-6")
def test_a_pause_of_the_sender_counts_towards_the_half_hour_but_not_as_a_try() -> None:
    two = by_message(channels=(Channel.WHATSAPP, Channel.SMS))
    held = MessageHeld("1", NOON, until=NOON + 3 * HOUR, paused=True)
    case, contact = happen(with_attempt(waiting()), held, branch=two)
    attempt = first(case)
    assert (attempt.tries, attempt.first_try_at) == (0, NOON)
    assert attempt.not_before == NOON + policy.RETRY_FOR
    late = NOON + policy.RETRY_FOR
    case, _ = happen(case, DueTimeReached(), contact, now=late, branch=two)
    case, _ = happen(case, SlotGranted(), contact, now=late, branch=two)
    assert first(case).first_try_at == NOON
    held = MessageHeld("1", late, until=NOON + 3 * HOUR, paused=True)
    case, _ = happen(case, held, contact, now=late, branch=two)
    assert [(a.channel, a.state) for a in case.attempts] == [
        (Channel.WHATSAPP, S.FAILED),
        (Channel.SMS, S.PLANNED),
    ]
    assert charges(case) == []


@pytest.mark.rule("H-2", "G-9")
def test_the_last_channel_waits_for_its_sender_until_it_is_of_no_use() -> None:
    one = by_message(channels=(Channel.WHATSAPP,))
    later = NOON + 3 * HOUR
    held = MessageHeld("1", NOON, until=later, paused=True)
    case, contact = happen(with_attempt(waiting()), held, branch=one)
    assert first(case).not_before == later
    closed, _ = happen(case, DueTimeReached(), contact, now=NOON + 2 * DAY, branch=one)
    assert closed.attempts == ()
    assert closed.confirmation.reasons


@pytest.mark.rule("G-6")
def test_news_about_an_earlier_start_hold_nothing_back() -> None:
    case = with_attempt(waiting())
    kept, _ = happen(case, MessageHeld("1", NOON - MINUTE), branch=by_message())
    assert kept.attempts == case.attempts
    done = with_attempt(waiting(), an_attempt(id="2", state=S.ACCEPTED, started_at=NOON))
    after, _ = happen(done, MessageHeld("2", NOON), branch=by_message())
    assert after.attempts[1].state is S.ACCEPTED


# Unknown outcomes and receipts


@pytest.mark.rule("H-4")
@pytest.mark.parametrize(
    ("state", "receipt", "after"),
    [
        (S.STARTED, Receipt.SENT, S.ACCEPTED),
        (S.STARTED, Receipt.DELIVERED, S.DELIVERED),
        (S.ACCEPTED, Receipt.SENT, S.ACCEPTED),
        (S.ACCEPTED, Receipt.READ, S.READ),
        (S.DELIVERED, Receipt.SENT, S.DELIVERED),
        (S.READ, Receipt.DELIVERED, S.READ),
        (S.READ, Receipt.FAILED, S.READ),
        (S.DELIVERED, Receipt.FAILED, S.DELIVERED),
        (S.FAILED, Receipt.READ, S.FAILED),
        (S.PLANNED, Receipt.SENT, S.ACCEPTED),
    ],
)
def test_a_receipt_moves_a_message_forward_or_not_at_all(
    state: AttemptState, receipt: Receipt, after: AttemptState
) -> None:
    case = with_attempt(
        an_attempt(
            state=state, price=Decimal(2), function=Function.DETAILS, purpose=Purpose.DETAILS
        )
    )
    assert first(happen(case, MessageReceipt("1", receipt))[0]).state is after


@pytest.mark.rule("G-6")
def test_a_receipt_that_comes_before_the_repeat_stops_the_repeat() -> None:
    lost, _ = happen(with_attempt(started()), MessageLost("1"), branch=by_message())
    waited = NOON + policy.RECEIPT_WAIT
    case, _ = happen(lost, DueTimeReached(), branch=by_message(), now=waited)
    assert first(case).state is S.PLANNED
    late = MessageReceipt("1", Receipt.DELIVERED)
    case, _ = happen(case, late, branch=by_message(), now=waited + MINUTE / 2)
    assert first(case).state is S.DELIVERED
    again, _ = happen(case, SlotGranted(), branch=by_message(), now=waited + 2 * MINUTE)
    assert [a.tries for a in again.attempts] == [first(lost).tries]


@pytest.mark.rule("H-4")
def test_a_receipt_for_what_was_never_tried_changes_nothing() -> None:
    case = with_attempt(an_attempt(state=S.PLANNED, tries=0, started_at=None))
    after, _ = happen(case, MessageReceipt("1", Receipt.DELIVERED), branch=by_message())
    assert first(after).state is S.PLANNED


@pytest.mark.rule("T-3")
def test_what_was_not_delivered_is_given_back_once() -> None:
    case = with_attempt(an_attempt(price=Decimal(2)))
    event = MessageReceipt("1", Receipt.FAILED, Failure.REJECTED, "not_delivered")
    after, _ = happen(case, event)
    assert charges(after) == ["-2"]
    assert (first(after).state, first(after).reversed) == (S.FAILED, True)
    assert charges(happen(after, event)[0]) == []


@pytest.mark.rule("T-3")
def test_answers_to_the_patient_are_free() -> None:
    answer = started(purpose=Purpose.ACKNOWLEDGEMENT, about="state")
    accepted, _ = happen(with_attempt(answer), MessageAccepted("1"))
    read, _ = happen(accepted, MessageReceipt("1", Receipt.READ))
    assert (first(read).state, first(read).price) == (S.READ, None)
    assert charges(accepted) == charges(read) == []


# Calls


@pytest.mark.rule("C-13")
def test_a_new_question_has_not_been_misunderstood_yet() -> None:
    assert (
        happen(with_attempt(), SlotGranted(), a_contact(unclear=2), branch=by_message())[1].unclear
        == 0
    )
