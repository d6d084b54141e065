from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.core.case import AttemptState, EntryKind, PushState
from gateway.core.events import Failure, MessageFailed, MessageReceipt, Receipt
from gateway.core.model import Channel, Purpose, Reason, Source
from gateway.core.opt_out import allow, refuse
from tests.core.strategies import (
    NOON,
    NUMBER,
    a_case,
    a_contact,
    a_draft,
    an_attempt,
    asked,
    by_message,
    happen,
    to_number,
    told,
    wrote,
)

REFUSED_BY_TWILIO = MessageFailed("1", Failure.OPTED_OUT, "21610")


def sms(state: AttemptState = AttemptState.STARTED, **changes: object) -> object:
    return an_attempt(state=state, channel=Channel.SMS, **changes)


@pytest.mark.rule("C-15", "Z-9")
def test_to_refuse_twice_is_to_refuse_once() -> None:
    draft = a_draft(None, a_contact())
    assert refuse(draft, Source.SMS, "стоп")
    assert not refuse(draft, Source.SMS, "стоп")
    contact = draft.known_contact
    assert contact.opted_out_at == NOON
    [notice] = contact.notices
    assert (notice.allowed, notice.source, notice.evidence) == (False, Source.SMS, "стоп")
    allow(draft, Source.SMS, "старт")
    assert draft.known_contact.opted_out_at is None
    assert [one.allowed for one in draft.known_contact.notices] == [False, True]


@pytest.mark.rule("C-15", "Z-9")
def test_who_opted_out_at_the_provider_is_asked_on_no_other_channel() -> None:
    """Recorded for the number and told to the schedule; acknowledged it was by the provider."""
    branch = by_message(channels=(Channel.SMS, Channel.WHATSAPP))
    case, contact = happen(
        a_case(attempts=(sms(),), attempts_made=1), REFUSED_BY_TWILIO, branch=branch
    )
    assert contact.opted_out_at == NOON
    assert [(n.allowed, n.evidence, n.state) for n in contact.notices] == [
        (False, "21610", PushState.STARTED)
    ]
    assert told(contact, EntryKind.OPT_OUT) == [{"from": NUMBER}]
    assert [a.state for a in case.attempts] == [AttemptState.FAILED]
    assert contact.attempts == ()
    assert Reason.REFUSED in case.confirmation.reasons


@pytest.mark.rule("C-15", "T-3")
def test_a_receipt_may_tell_it_too() -> None:
    accepted = sms(AttemptState.ACCEPTED)
    event = MessageReceipt("1", Receipt.FAILED, Failure.OPTED_OUT, "21610")
    _, contact = happen(a_case(attempts=(accepted,), attempts_made=1), event)
    assert contact.opted_out_at == NOON


@pytest.mark.rule("C-15")
def test_a_number_that_the_visit_no_longer_has_is_not_the_one_that_refuses() -> None:
    case = a_case(attempts=(sms(to="+79031112233"),), attempts_made=1)
    _, contact = happen(case, REFUSED_BY_TWILIO)
    assert contact.opted_out_at is None


@pytest.mark.rule("C-15")
def test_an_acknowledgement_that_the_provider_does_not_take_is_given_up() -> None:
    ack = sms(purpose=Purpose.ACKNOWLEDGEMENT, function=None)
    contact = to_number(a_contact(attempts=(ack,), attempts_made=1), REFUSED_BY_TWILIO)
    assert contact.opted_out_at == NOON
    assert [a.state for a in contact.attempts] == [AttemptState.FAILED]
    known = replace(contact, opted_out_at=NOON, notices=())
    assert to_number(known, REFUSED_BY_TWILIO).notices == ()


@pytest.mark.rule("C-15")
def test_what_the_provider_acknowledged_is_not_acknowledged_again() -> None:
    case, contact = happen(asked(), wrote("стоп", by_provider=True))
    assert contact.opted_out_at == NOON
    assert contact.attempts == ()
    _, contact = happen(case, wrote("старт", by_provider=True), contact)
    assert contact.opted_out_at is None
    assert contact.attempts == ()
    assert [n.allowed for n in contact.notices] == [False, True]


@pytest.mark.rule("C-13", "C-15")
def test_a_start_that_undoes_nothing_with_us_is_no_unclear_answer() -> None:
    case, contact = happen(asked(), wrote("start", by_provider=True))
    assert (contact.unclear, contact.notices, contact.attempts) == (0, (), ())
    assert not [a for a in case.attempts if a.is_free]
