from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from gateway.core import policy
from gateway.core.case import (
    Attempt,
    AttemptEvent,
    AttemptState,
    Case,
    Contact,
    EntryKind,
    FunctionState,
    Learnt,
)
from gateway.core.clinic import Prices
from gateway.core.events import (
    CallAnswered,
    CallEnded,
    CallLost,
    CallNotPlaced,
    CallPlaced,
    DialogueMoved,
    DueTimeReached,
    Failure,
    KeyPressed,
    LineGranted,
    MessageAccepted,
    MessageFailed,
    MessageLost,
    MessageReceipt,
    Receipt,
    SlotGranted,
)
from gateway.core.model import Answer, CallResult, Channel, Function, Purpose, Status
from gateway.core.sending import move
from tests.core.strategies import (
    CREATED,
    DAY,
    HOUR,
    MINUTE,
    NOON,
    a_branch,
    a_call,
    a_case,
    a_contact,
    a_push,
    a_visit,
    an_attempt,
    by_message,
    happen,
    to_number,
    told,
)

S = AttemptState
CLOSING = NOON + 8 * HOUR


def with_attempt(*attempts: Attempt) -> Case:
    """Return a case of which only the confirmation is still open."""
    closed = FunctionState(CREATED)
    return a_case(attempts=attempts, attempts_made=len(attempts), details=closed, reminder=closed)


def started(**changes: object) -> Attempt:
    return an_attempt(state=S.STARTED, provider_id=None, **changes)


def first(case: Case | Contact) -> Attempt:
    return case.attempts[0]


def charges(case: Case) -> list[str]:
    return [str(entry["amount"]) for entry in told(case, EntryKind.CHARGE)]


@pytest.mark.rule("H-4")
def test_a_move_that_the_table_does_not_know_is_none() -> None:
    assert move(an_attempt(state=S.READ), AttemptEvent.DELIVER) is None


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


@pytest.mark.rule("C-5", "Z-13")
def test_a_number_on_another_call_is_waited_for() -> None:
    busy = a_contact(visits=("A-0", "A-1"), calling="A-0", called_at=NOON)
    case, contact = happen(with_attempt(), LineGranted(), busy)
    assert not any(a.state is S.STARTED for a in case.attempts)
    assert contact.waiting == ("A-1",)
    assert contact.due == NOON + policy.CALL_LEASE
    assert happen(case, LineGranted(), contact)[1].waiting == ("A-1",)


@pytest.mark.rule("G-6", "Z-13")
def test_a_call_that_must_be_over_keeps_nobody_waiting() -> None:
    long_ago = NOON - policy.CALL_LEASE
    busy = a_contact(visits=("A-0", "A-1"), calling="A-0", called_at=long_ago)
    case, contact = happen(with_attempt(), LineGranted(), busy)
    assert first(case).state is S.STARTED
    assert (contact.calling, contact.called_at) == ("A-1", NOON)


@pytest.mark.rule("G-6", "Z-13")
def test_whoever_waits_for_a_number_is_woken_when_its_call_is_over() -> None:
    busy = a_contact(calling="A-0", called_at=NOON - policy.CALL_LEASE, waiting=("A-1",), due=NOON)
    contact = to_number(busy, DueTimeReached())
    assert (contact.calling, contact.waiting, contact.due) == (None, (), None)
    assert contact.wake == (("A-1", NOON + 2 * MINUTE),)


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
@pytest.mark.parametrize("event", EVENTS_OF_CALLS)
def test_nothing_that_happens_to_calls_happens_to_a_message(event: CallAnswered) -> None:
    case = with_attempt(started())
    assert happen(case, event)[0].attempts == case.attempts


@pytest.mark.rule("H-4")
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
        started_at=late,
        first_try_at=late,
        about="reschedule_link",
    )
    case = a_case(
        a_visit(status=Status.RESCHEDULE_REQUESTED), attempts=(call, link), attempts_made=2
    )
    after, _ = happen(case, MessageFailed("2", Failure.TEMPORARY), now=late)
    assert after.attempts[1].not_before == late + MINUTE


# Unknown outcomes and receipts


@pytest.mark.rule("G-6")
def test_a_lost_message_waits_for_its_receipt_before_it_is_tried_again() -> None:
    lost, _ = happen(with_attempt(started()), MessageLost("1"), branch=by_message())
    until = NOON + policy.RECEIPT_WAIT
    assert (first(lost).state, first(lost).not_before, lost.due) == (S.UNKNOWN, until, until)
    assert told(lost, EntryKind.RECONCILE)[0]["outcome"] == "unknown"
    found, _ = happen(lost, MessageReceipt("1", Receipt.DELIVERED, provider_id="w"))
    assert (first(found).state, first(found).provider_id) == (S.DELIVERED, "w")
    assert charges(found) == ["2"]
    assert told(found, EntryKind.RECONCILE)[0]["outcome"] == "delivered"
    again, _ = happen(lost, DueTimeReached(), branch=by_message(), now=until)
    assert first(again).state is S.PLANNED
    assert told(again, EntryKind.RECONCILE)[0]["outcome"] == "no_receipt"


@pytest.mark.rule("G-6")
def test_a_worker_that_died_leaves_an_unknown_outcome() -> None:
    case = with_attempt(started())
    quiet, _ = happen(case, DueTimeReached(), now=NOON + policy.SEND_LEASE - MINUTE)
    assert first(quiet).state is S.STARTED
    after, _ = happen(case, DueTimeReached(), now=NOON + policy.SEND_LEASE)
    assert first(after).state is S.UNKNOWN


@pytest.mark.rule("G-6")
def test_a_call_whose_worker_died_has_failed() -> None:
    call = a_call(state=S.STARTED, ended_at=None)
    contact = a_contact(calling="A-1", called_at=NOON)
    after, freed = happen(
        with_attempt(call), DueTimeReached(), contact, now=NOON + policy.CALL_LEASE
    )
    assert (first(after).state, first(after).result) == (S.ENDED, CallResult.FAILED)
    assert freed.calling is None


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


@pytest.mark.rule("Z-14")
def test_a_call_with_a_price_is_charged_when_it_is_answered() -> None:
    branch = a_branch(tariff=(Prices(call=Decimal("1.50")),))
    case = with_attempt(a_call(state=S.STARTED, ended_at=None))
    after, _ = happen(case, CallAnswered("1"), branch=branch)
    assert first(after).state is S.TALKING
    assert charges(after) == ["1.50"]
    assert charges(happen(after, CallAnswered("1"), branch=branch)[0]) == []


def talking(**changes: object) -> Case:
    return with_attempt(a_call(state=S.TALKING, ended_at=None, **changes))


@pytest.mark.rule("C-4", "C-7")
@pytest.mark.parametrize(
    ("key", "answer", "status", "about"),
    [
        ("1", Answer.CONFIRM, Status.CONFIRMED, "call"),
        ("2", Answer.RESCHEDULE, Status.RESCHEDULE_REQUESTED, "call.reschedule"),
        ("3", Answer.CANCEL, Status.CANCELLED, "call"),
        pytest.param("5", Answer.CANCEL, Status.CANCELLED, "call", id="as the script has it"),
    ],
)
def test_a_key_is_an_answer(key: str, answer: Answer, status: Status, about: str) -> None:
    case, _ = happen(talking(), KeyPressed("1", key, answer))
    assert case.status is status
    assert (first(case).result, first(case).about) == (CallResult.ANSWER, about)
    again, _ = happen(case, KeyPressed("1", "3", Answer.CANCEL))
    assert again.pushes == case.pushes


@pytest.mark.rule("C-4", "H-5", "G-6")
@pytest.mark.parametrize("result", [CallResult.HANGUP, CallResult.NO_ANSWER_KEY, CallResult.FAILED])
def test_a_key_may_be_told_after_the_end_of_its_call(result: CallResult) -> None:
    over = a_call(result=result, ended_at=NOON - MINUTE / 3)
    case, _ = happen(with_attempt(over), KeyPressed("1", "1", Answer.CONFIRM))
    assert (case.status, first(case).result) == (Status.CONFIRMED, CallResult.ANSWER)


@pytest.mark.rule("C-4", "H-4")
@pytest.mark.parametrize(
    ("result", "ago"),
    [
        (CallResult.HANGUP, 30 * MINUTE),
        (CallResult.BUSY, MINUTE / 60),
        (CallResult.MACHINE, MINUTE / 60),
        (CallResult.ANSWER, MINUTE / 60),
    ],
)
def test_a_key_that_nobody_can_have_pressed_changes_nothing(
    result: CallResult, ago: timedelta
) -> None:
    over = a_call(result=result, ended_at=NOON - ago)
    assert happen(with_attempt(over), KeyPressed("1", "1", Answer.CONFIRM))[0].pushes == ()


@pytest.mark.rule("G-6")
def test_the_same_step_of_a_providers_dialogue_counts_once() -> None:
    moved = DialogueMoved("1", "", "first", "")
    case, _ = happen(with_attempt(a_call(state=S.STARTED, ended_at=None, result=None)), moved)
    assert (first(case).state, first(case).dialogue) == (S.TALKING, "first")
    assert happen(case, moved)[0].attempts == case.attempts
    pressed = DialogueMoved("1", "first", "second", "1", Answer.CONFIRM, CallResult.ANSWER)
    case, _ = happen(case, pressed)
    assert (case.status, first(case).dialogue) == (Status.CONFIRMED, "second")
    assert (first(case).keys, first(case).result) == ("1", CallResult.ANSWER)
    again, _ = happen(case, pressed)
    assert again.pushes == case.pushes
    late, _ = happen(case, DialogueMoved("1", "first", "other", "3", Answer.CANCEL))
    assert late.pushes == case.pushes


@pytest.mark.rule("C-4")
def test_a_providers_dialogue_without_an_answer_ends_as_the_script_says() -> None:
    over = DialogueMoved("1", "", "goodbye", "99", None, CallResult.NO_ANSWER_KEY)
    case, _ = happen(talking(result=None, dialogue=""), over)
    case, _ = happen(case, CallEnded("1", CallResult.HANGUP))
    assert (first(case).result, first(case).keys) == (CallResult.NO_ANSWER_KEY, "99")


@pytest.mark.rule("G-6")
def test_a_call_that_may_have_got_through_is_not_dialled_again() -> None:
    started = a_call(state=S.STARTED, ended_at=None, result=None, started_at=NOON)
    case, _ = happen(with_attempt(started), CallLost("1", "timeout"))
    assert first(case).state is S.STARTED
    assert [entry["outcome"] for entry in told(case, EntryKind.RECONCILE)] == ["unknown"]
    case, _ = happen(case, CallPlaced("1", "CA1"))
    assert first(case).provider_id == "CA1"
    assert happen(case, CallPlaced("1", "CA2"))[0].attempts == case.attempts


@pytest.mark.rule("C-5", "C-6")
def test_the_end_of_a_call_frees_its_number_after_the_gap() -> None:
    contact = a_contact(calling="A-1", called_at=NOON, waiting=("A-0",))
    end = NOON + MINUTE
    case, freed = happen(
        talking(result=CallResult.ANSWER), CallEnded("1", CallResult.HANGUP, "1"), contact, now=end
    )
    assert (first(case).result, first(case).keys) == (CallResult.ANSWER, "1")
    assert (freed.calling, freed.call_ended_at, freed.waiting) == (None, end, ())
    assert freed.wake == (("A-0", end + 2 * MINUTE),)


@pytest.mark.rule("C-6")
def test_a_call_that_was_not_placed_is_no_attempt() -> None:
    contact = a_contact(calling="A-1", called_at=NOON, waiting=("A-0",))
    case, freed = happen(
        with_attempt(a_call(state=S.STARTED, ended_at=None)), CallNotPlaced("1", "no_line"), contact
    )
    again = NOON + policy.LINE_PAUSE
    assert (first(case).state, first(case).tries, first(case).not_before) == (S.PLANNED, 0, again)
    assert (freed.calling, freed.call_ended_at) == (None, None)
    assert freed.wake == (("A-0", again),)


@pytest.mark.rule("C-5")
def test_another_visits_call_is_not_ended_by_this_one() -> None:
    contact = a_contact(calling="A-0", called_at=NOON)
    _, after = happen(talking(), CallEnded("1", CallResult.HANGUP), contact)
    assert after.calling == "A-0"


@pytest.mark.rule("S-1")
def test_an_answer_on_its_way_is_not_given_twice() -> None:
    case = with_attempt(a_call(state=S.TALKING, ended_at=None))
    case, _ = happen(
        a_case(attempts=case.attempts, attempts_made=1, pushes=(a_push(),), pushes_made=1),
        KeyPressed("1", "3", Answer.CANCEL),
    )
    assert len(case.pushes) == 1
    assert told(case, EntryKind.ANSWER)[0]["why"] == "status"


@pytest.mark.rule("C-13")
def test_a_new_question_has_not_been_misunderstood_yet() -> None:
    assert (
        happen(with_attempt(), SlotGranted(), a_contact(unclear=2), branch=by_message())[1].unclear
        == 0
    )
