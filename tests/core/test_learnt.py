from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.core.case import AttemptState, Contact, Learnt
from gateway.core.events import Failure, MessageFailed, MessageReceipt, Receipt
from gateway.core.learnt import forget, learn
from gateway.core.model import Channel
from tests.core.strategies import (
    DAY,
    NOON,
    NUMBER,
    OTHER_NUMBER,
    a_case,
    a_contact,
    a_draft,
    a_person,
    a_visit,
    an_attempt,
    by_message,
    happen,
    wrote,
)

MONTH = timedelta(days=30)
NO_WHATSAPP = Learnt(Channel.WHATSAPP, NOON + DAY)
NO_MAX = Learnt(Channel.MAX, NOON + DAY)


def known(draft_contact: Contact | None) -> tuple[Learnt, ...]:
    assert draft_contact is not None
    return draft_contact.learnt


@pytest.mark.rule("H-1")
def test_what_is_learnt_again_holds_for_thirty_days_more() -> None:
    draft = a_draft(a_case(), a_contact(learnt=(NO_WHATSAPP, NO_MAX)))
    learn(draft, an_attempt())
    assert known(draft.contact) == (NO_MAX, Learnt(Channel.WHATSAPP, NOON + MONTH))
    assert draft.known_contact.cannot_reach(Channel.WHATSAPP, NOON + MONTH - DAY)
    assert not draft.known_contact.cannot_reach(Channel.WHATSAPP, NOON + MONTH)


@pytest.mark.rule("H-1")
@pytest.mark.parametrize("channel", [Channel.PUSH, Channel.SMS])
def test_of_some_channels_nothing_is_learnt_about_a_number(channel: Channel) -> None:
    draft = a_draft(a_case(), a_contact())
    learn(draft, an_attempt(channel=channel))
    assert known(draft.contact) == ()


@pytest.mark.rule("H-1")
def test_a_number_is_not_blamed_for_what_happened_to_another() -> None:
    """The clinic corrects the number while a message to the old one is under way."""
    corrected = a_visit(patient=a_person(phones=(OTHER_NUMBER,)))
    case = a_case(corrected, attempts=(an_attempt(to=NUMBER),), attempts_made=1)
    other = a_contact(number=OTHER_NUMBER)
    event = MessageReceipt("1", Receipt.FAILED, Failure.IMPOSSIBLE)
    after, contact = happen(case, event, other, branch=by_message())
    assert after.attempts[0].state is AttemptState.FAILED
    assert contact.learnt == ()


@pytest.mark.rule("H-1")
@pytest.mark.parametrize("receipt", [Receipt.DELIVERED, Receipt.READ])
def test_a_message_that_arrives_shows_that_the_number_is_there(receipt: Receipt) -> None:
    case = a_case(attempts=(an_attempt(),), attempts_made=1)
    event = MessageReceipt("1", receipt)
    _, contact = happen(case, event, a_contact(learnt=(NO_WHATSAPP, NO_MAX)))
    assert contact.learnt == (NO_MAX,)


@pytest.mark.rule("H-1", "H-4")
def test_neither_an_acceptance_nor_a_repeated_receipt_shows_it() -> None:
    started = an_attempt(state=AttemptState.STARTED)
    without = a_contact(learnt=(NO_WHATSAPP,))
    sent = MessageReceipt("1", Receipt.SENT)
    _, contact = happen(a_case(attempts=(started,), attempts_made=1), sent, without)
    assert contact.learnt == (NO_WHATSAPP,)
    read = a_case(attempts=(an_attempt(state=AttemptState.READ),), attempts_made=1)
    _, contact = happen(read, MessageReceipt("1", Receipt.DELIVERED), without)
    assert contact.learnt == (NO_WHATSAPP,)


@pytest.mark.rule("H-1")
def test_who_writes_on_a_channel_can_be_reached_there() -> None:
    _, contact = happen(a_case(), wrote("1"), a_contact(learnt=(NO_WHATSAPP, NO_MAX)))
    assert contact.learnt == (NO_MAX,)


@pytest.mark.rule("H-1")
def test_without_a_number_there_is_nothing_to_learn_or_to_forget() -> None:
    draft = a_draft(a_case(), None)
    learn(draft, an_attempt())
    forget(draft, Channel.WHATSAPP, NUMBER)
    assert draft.contact is None


@pytest.mark.rule("H-1")
def test_what_arrived_at_another_number_says_nothing() -> None:
    draft = a_draft(a_case(), a_contact(learnt=(NO_WHATSAPP,)))
    forget(draft, Channel.WHATSAPP, OTHER_NUMBER)
    assert known(draft.contact) == (NO_WHATSAPP,)


@pytest.mark.rule("H-1")
def test_an_impossible_message_is_learnt_from() -> None:
    case = a_case(attempts=(an_attempt(state=AttemptState.STARTED),), attempts_made=1)
    _, contact = happen(case, MessageFailed("1", Failure.IMPOSSIBLE), branch=by_message())
    assert contact.learnt == (Learnt(Channel.WHATSAPP, NOON + MONTH),)
