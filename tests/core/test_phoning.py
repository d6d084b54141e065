"""Calls from their start to their end, and the number that is free again."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from gateway.core import policy
from gateway.core.case import AttemptState, Case, EntryKind
from gateway.core.clinic import Prices
from gateway.core.decide import new_contact
from gateway.core.events import (
    AppointmentChanged,
    CallAnswered,
    CallEnded,
    CallLost,
    CallNotPlaced,
    CallPlaced,
    DialogueMoved,
    DueTimeReached,
    KeyPressed,
    LineGranted,
)
from gateway.core.model import Answer, CallResult, Status
from gateway.core.phoning import is_calling
from tests.core.strategies import (
    MINUTE,
    NOON,
    OTHER_NUMBER,
    a_branch,
    a_call,
    a_case,
    a_contact,
    a_person,
    a_push,
    a_visit,
    happen,
    to_number,
    told,
)
from tests.core.support import charges, first, with_attempt

S = AttemptState


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
    named = happen(case, CallPlaced("1", "CA1", "irina"))[0]  # its first callback was faster
    assert (named.attempts[0].provider_id, named.attempts[0].voice) == ("CA1", "irina")
    assert happen(named, CallPlaced("1", "CA1", "pavel"))[0].attempts == named.attempts


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


@pytest.mark.rule("C-5", "G-6")
def test_a_number_is_freed_when_its_call_was_ended_under_another_number() -> None:
    contact = a_contact(calling="A-1", called_at=NOON, waiting=("A-2",))
    case = a_case(attempts=(a_call(),), attempts_made=1)
    _, freed = happen(case, DueTimeReached(), contact)
    assert freed.calling is None
    assert freed.wake == (("A-2", NOON + 2 * MINUTE),)


def test_a_call_under_way_keeps_its_number() -> None:
    call = a_call(state=S.STARTED, ended_at=None)
    assert is_calling(call)
    assert not is_calling(a_call())
    contact = a_contact(calling="A-1", called_at=NOON)
    case = a_case(attempts=(call,), attempts_made=1)
    assert happen(case, DueTimeReached(), contact)[1].calling == "A-1"
    renumbered = a_visit(patient=a_person(phones=(OTHER_NUMBER,)))
    other = new_contact("zdorovie", OTHER_NUMBER, "lenina")
    after, other = happen(case, AppointmentChanged(renumbered), other)
    ended, other = happen(after, CallEnded("1", CallResult.NO_ANSWER), other)
    assert other.calling is None
    assert ended.attempts[0].state is S.ENDED
