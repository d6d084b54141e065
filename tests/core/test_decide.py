from __future__ import annotations

import pytest

from gateway.core.case import Account, AttemptState, EndedBy, FunctionState, Learnt
from gateway.core.decide import decide
from gateway.core.events import (
    AccountEnded,
    AccountLinked,
    AppointmentRemoved,
    DueTimeReached,
    Failure,
    LineGranted,
    MessageAccepted,
    MessageFailed,
    MessageLost,
    MessageReceipt,
    PushAccepted,
    Receipt,
    SlotGranted,
)
from gateway.core.model import Channel, Purpose
from tests.core.strategies import (
    CREATED,
    DAY,
    HOUR,
    MINUTE,
    NOON,
    a_case,
    a_contact,
    by_message,
    happen,
    settings_of,
    to_number,
)
from tests.core.support import back, opted_out, pushed

S = AttemptState
CLOSED = FunctionState(CREATED)


# Snapshots


# Status changes on their way


# What happens to a number alone


@pytest.mark.rule("C-9")
def test_an_account_is_linked_and_forgotten() -> None:
    known = a_contact(learnt=(Learnt(Channel.MAX, NOON + DAY),))
    linked = to_number(known, AccountLinked(Channel.MAX, "m1"))
    assert linked.accounts == (Account(Channel.MAX, "m1", NOON),)
    assert linked.learnt == ()
    assert to_number(linked, AccountLinked(Channel.MAX, "m1")) is linked
    forgotten = to_number(linked, AccountEnded(Channel.MAX, EndedBy.CLINIC))
    assert forgotten.account(Channel.MAX) is None


@pytest.mark.rule("C-15", "T-3")
def test_the_acknowledgement_of_a_number_is_sent_like_any_other() -> None:
    contact = to_number(back(opted_out()), SlotGranted())
    assert contact.attempts[0].state is S.STARTED
    taken = to_number(back(contact), MessageAccepted("1", "w"))
    assert (taken.attempts[0].state, taken.attempts[0].price) == (S.ACCEPTED, None)
    assert to_number(taken, MessageReceipt("1", Receipt.READ)).attempts[0].state is S.READ
    lost = to_number(back(contact), MessageLost("1"))
    assert lost.attempts[0].state is S.UNKNOWN
    later = to_number(back(contact), MessageFailed("1", Failure.TEMPORARY))
    assert later.attempts[0].not_before == NOON + MINUTE
    assert later.due == NOON + MINUTE
    released = to_number(back(later), DueTimeReached(), now=NOON + MINUTE)
    assert released.attempts[0].not_before is None


@pytest.mark.parametrize("event", [DueTimeReached(), AppointmentRemoved(), LineGranted()])
def test_what_concerns_nobody_changes_nothing(event: DueTimeReached) -> None:
    assert decide(None, None, event, settings_of(), NOON) == (None, None)
    contact = a_contact()
    assert decide(None, contact, event, settings_of(), NOON) == (None, contact)


def test_an_event_of_numbers_changes_no_case() -> None:
    case, _ = happen(pushed(), DueTimeReached())
    assert happen(case, AccountLinked(Channel.MAX, "m"))[0].attempts == case.attempts


# When to look again


@pytest.mark.rule("G-6")
def test_the_next_look_is_never_now_or_before() -> None:
    case, _ = happen(pushed(not_before=NOON - HOUR), PushAccepted("9"))
    assert case.due is not None
    assert case.due > NOON


@pytest.mark.rule("G-1", "D-4")
def test_a_slot_sends_details_at_once() -> None:
    case, _ = happen(a_case(), SlotGranted(), now=CREATED)
    assert [(a.purpose, a.state) for a in case.attempts] == [(Purpose.DETAILS, S.STARTED)]


@pytest.mark.rule("G-1", "C-2")
def test_a_changed_method_holds_at_once() -> None:
    case = a_case(details=CLOSED, reminder=CLOSED)
    case, contact = happen(case, DueTimeReached())
    assert [a.channel for a in case.attempts] == [Channel.CALL]
    case, _ = happen(case, DueTimeReached(), contact, branch=by_message())
    assert [a.channel for a in case.attempts] == [Channel.WHATSAPP]
