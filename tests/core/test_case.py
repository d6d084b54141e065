from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.core.case import (
    ATTEMPT_TRANSITIONS,
    REACHED,
    UNDER_WAY,
    Account,
    AttemptEvent,
    AttemptState,
    FunctionState,
    IllegalTransition,
    Learnt,
    PushState,
    next_state,
)
from gateway.core.model import Channel, Function, Purpose, Status
from tests.core.strategies import NOON, a_call, a_case, a_contact, a_push, an_attempt

S, E = AttemptState, AttemptEvent
LEGAL = [
    (S.PLANNED, E.START, S.STARTED),
    (S.PLANNED, E.WITHDRAW, S.WITHDRAWN),
    (S.PLANNED, E.ACCEPT, S.ACCEPTED),
    (S.PLANNED, E.DELIVER, S.DELIVERED),
    (S.PLANNED, E.READ, S.READ),
    (S.PLANNED, E.FAIL, S.FAILED),
    (S.STARTED, E.POSTPONE, S.PLANNED),
    (S.STARTED, E.LOSE, S.UNKNOWN),
    (S.STARTED, E.ACCEPT, S.ACCEPTED),
    (S.STARTED, E.DELIVER, S.DELIVERED),
    (S.STARTED, E.READ, S.READ),
    (S.STARTED, E.FAIL, S.FAILED),
    (S.STARTED, E.PICK_UP, S.TALKING),
    (S.STARTED, E.HANG_UP, S.ENDED),
    (S.UNKNOWN, E.POSTPONE, S.PLANNED),
    (S.UNKNOWN, E.ACCEPT, S.ACCEPTED),
    (S.UNKNOWN, E.DELIVER, S.DELIVERED),
    (S.UNKNOWN, E.READ, S.READ),
    (S.UNKNOWN, E.FAIL, S.FAILED),
    (S.WITHDRAWN, E.ACCEPT, S.ACCEPTED),
    (S.WITHDRAWN, E.DELIVER, S.DELIVERED),
    (S.WITHDRAWN, E.READ, S.READ),
    (S.WITHDRAWN, E.FAIL, S.FAILED),
    (S.ACCEPTED, E.DELIVER, S.DELIVERED),
    (S.ACCEPTED, E.READ, S.READ),
    (S.ACCEPTED, E.FAIL, S.FAILED),
    (S.DELIVERED, E.READ, S.READ),
    (S.FAILED, E.ACCEPT, S.ACCEPTED),
    (S.FAILED, E.DELIVER, S.DELIVERED),
    (S.FAILED, E.READ, S.READ),
    (S.TALKING, E.HANG_UP, S.ENDED),
]


@pytest.mark.rule("H-4")
@pytest.mark.parametrize("state", AttemptState)
@pytest.mark.parametrize("event", AttemptEvent)
def test_only_these_moves_are_legal(state: AttemptState, event: AttemptEvent) -> None:
    found = [after for before, what, after in LEGAL if (before, what) == (state, event)]
    if found:
        assert next_state(state, event) is found[0]
        return
    with pytest.raises(IllegalTransition, match=f"{state.value}.*{event.value}") as refused:
        next_state(state, event)
    assert (refused.value.state, refused.value.event) == (state, event)


def test_the_table_names_every_state() -> None:
    assert set(ATTEMPT_TRANSITIONS) == set(AttemptState)
    assert not UNDER_WAY & REACHED


@pytest.mark.parametrize("function", Function)
def test_a_case_knows_the_state_of_each_function(function: Function) -> None:
    closed = FunctionState(NOON)
    case = a_case(**{function.value: closed})
    assert [f for f in Function if case.function(f) is closed] == [function]


@pytest.mark.rule("S-1")
@pytest.mark.parametrize(
    ("state", "status"),
    [
        (PushState.PENDING, Status.CONFIRMED),
        (PushState.STARTED, Status.CONFIRMED),
        (PushState.PUBLISHED, Status.CONFIRMED),
        (PushState.ACCEPTED, Status.UNCONFIRMED),
        (PushState.REFUSED, Status.UNCONFIRMED),
        (PushState.CONFLICT, Status.UNCONFIRMED),
        (PushState.SETTLED, Status.UNCONFIRMED),
    ],
)
def test_the_status_is_the_schedules_with_open_answers_on_top(
    state: PushState, status: Status
) -> None:
    assert a_case(pushes=(a_push(state=state),)).status is status
    assert a_case().status is Status.UNCONFIRMED


def test_the_newest_open_answer_counts() -> None:
    second = a_push(id="2", before=Status.CONFIRMED, after=Status.CANCELLED)
    assert a_case(pushes=(a_push(), second)).status is Status.CANCELLED


@pytest.mark.rule("H-1")
def test_what_was_learnt_about_a_number_is_forgotten() -> None:
    contact = a_contact(learnt=(Learnt(Channel.WHATSAPP, NOON),))
    assert contact.cannot_reach(Channel.WHATSAPP, NOON - timedelta(seconds=1))
    assert not contact.cannot_reach(Channel.WHATSAPP, NOON)
    assert not contact.cannot_reach(Channel.SMS, NOON - timedelta(seconds=1))


def test_an_account_is_found_by_its_channel() -> None:
    contact = a_contact(accounts=(Account(Channel.MAX, "m"), Account(Channel.TELEGRAM, "t")))
    assert contact.account(Channel.TELEGRAM) == "t"
    assert contact.account(Channel.WHATSAPP) is None


@pytest.mark.rule("T-3")
def test_calls_and_free_messages_are_told_apart() -> None:
    assert a_call().is_call
    assert not an_attempt().is_call
    free = {p for p in Purpose if an_attempt(purpose=p).is_free}
    assert free == {Purpose.ACKNOWLEDGEMENT, Purpose.CLARIFICATION}
