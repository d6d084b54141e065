"""Accounts of a number: the newest news holds, in whatever order it comes."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from gateway.core.accounts import LINKED
from gateway.core.case import Account, AttemptState, Contact, EndedBy, EntryKind, Learnt
from gateway.core.decide import decide
from gateway.core.events import AccountEnded, AccountLinked, Failure, LinkedBy, MessageFailed
from gateway.core.model import App, Channel, Function, Purpose
from tests.core.strategies import (
    DAY,
    MINUTE,
    NOON,
    a_case,
    a_contact,
    a_person,
    a_visit,
    an_attempt,
    settings_of,
    to_number,
)

MAX, PUSH = Channel.MAX, Channel.PUSH


def started(account: str = "m1", minute: int = 0, by: LinkedBy = LinkedBy.RETURN) -> AccountLinked:
    return AccountLinked(MAX, account, by, NOON - DAY + minute * MINUTE)


def stopped(account: str | None = "m1", minute: int = 0, **more: Any) -> AccountEnded:
    by = more.get("by", EndedBy.STOPPED)
    return AccountEnded(MAX, by, account, NOON - DAY + minute * MINUTE)


def after(*events: AccountLinked | AccountEnded, contact: Contact | None = None) -> Contact:
    found = contact or a_contact()
    for event in events:
        found = to_number(found, event)
    return found


def notes(contact: Contact) -> list[dict[str, Any]]:
    return [dict(entry.data) for entry in contact.journal]


@pytest.mark.rule("G-5")
def test_a_linked_account_is_written_down_and_told() -> None:
    contact = after(started(by=LinkedBy.LINK))
    assert contact.account(MAX) == "m1"
    assert contact.journal[0].kind is EntryKind.LINKED
    assert notes(contact) == [{"channel": "max", "by": "link"}]
    (told,) = contact.attempts
    assert (told.about, told.purpose, told.channel, told.is_free) == (
        LINKED,
        Purpose.ACKNOWLEDGEMENT,
        MAX,
        True,
    )


@pytest.mark.parametrize("by", [LinkedBy.CLINIC, LinkedBy.WROTE])
def test_who_has_not_opened_the_chat_is_told_nothing(by: LinkedBy) -> None:
    assert after(started(by=by)).attempts == ()


@pytest.mark.rule("C-15")
def test_who_wants_no_messages_is_told_nothing() -> None:
    contact = after(started(), contact=a_contact(opted_out_at=NOON - DAY))
    assert contact.account(MAX) == "m1"
    assert contact.attempts == ()


@pytest.mark.rule("H-4")
def test_news_of_one_account_in_any_order_leaves_the_newest() -> None:
    first = after(started())
    for order in permutations([stopped(minute=1), started(minute=2), stopped(minute=3)]):
        assert after(*order, contact=first).account(MAX) is None
    for order in permutations([stopped(minute=1), started(minute=2)]):
        assert after(*order, contact=first).account(MAX) == "m1"


def test_a_stop_of_another_account_ends_nothing() -> None:
    assert after(started(), stopped("m2", 1)).account(MAX) == "m1"
    assert after(stopped()).accounts == ()
    assert after(started(), stopped(None, 1)).account(MAX) is None


def test_an_account_takes_the_place_of_an_older_one_and_not_of_a_newer() -> None:
    newer = after(started("m1"), started("m2", 1))
    assert newer.account(MAX) == "m2"
    assert notes(newer)[-1] == {"channel": "max", "by": "return", "replaces": True}
    assert after(started("m2", 1), started("m1")).account(MAX) == "m2"


@pytest.mark.parametrize("by", [EndedBy.CLINIC, EndedBy.MOVED])
def test_what_ended_for_good_is_not_softened_by_a_later_stop(by: EndedBy) -> None:
    contact = after(started(), stopped(None, 1, by=by), stopped("m1", 2))
    record = contact.record(MAX)
    assert record is not None
    assert record.ended is by
    harder = after(started(), stopped("m1", 1), stopped(None, 2, by=by)).record(MAX)
    assert harder is not None
    assert harder.ended is by


def test_a_clinics_word_comes_in_order_whatever_the_providers_clock_says() -> None:
    ended = after(started(minute=5), AccountEnded(MAX, EndedBy.CLINIC))
    assert ended.account(MAX) is None
    assert after(started(minute=6), contact=ended).account(MAX) == "m1"


def test_a_moment_that_is_still_to_come_counts_as_now() -> None:
    """A provider's clock that is ahead must not shut out what really happens later."""
    contact = after(AccountLinked(MAX, "m1", LinkedBy.LINK, NOON + DAY))
    record = contact.record(MAX)
    assert record is not None
    assert record.at == NOON


@pytest.mark.rule("H-1")
def test_who_is_heard_of_again_can_be_reached_again() -> None:
    known = after(started())
    learnt = a_contact(accounts=known.accounts, learnt=(Learnt(MAX, NOON + DAY),))
    assert after(started(), contact=learnt).cannot_reach(MAX, NOON)  # old news
    assert not after(started(minute=1), contact=learnt).cannot_reach(MAX, NOON)


def pushed(account_at: Any, *, code: str = "UNREGISTERED") -> Contact:
    """A push that was started at noon fails for good."""
    app = App(installed=True, push=True)
    case = a_case(a_visit(patient=a_person(app=app)))
    attempt = an_attempt(
        channel=PUSH,
        state=AttemptState.STARTED,
        function=Function.CONFIRMATION,
        purpose=Purpose.CONFIRMATION,
        started_at=NOON,
        tries=1,
    )
    case = a_case(case.snapshot, attempts=(attempt,), attempts_made=1)
    account = Account(PUSH, "token", account_at, provider="fcm")
    contact = a_contact(accounts=() if account_at is None else (account,))
    failed = MessageFailed(attempt.id, Failure.IMPOSSIBLE, code)
    _, found = decide(case, contact, failed, settings_of(), NOON + MINUTE)
    assert found is not None
    return found


@pytest.mark.rule("H-1")
def test_the_token_of_a_phone_that_is_gone_is_forgotten_unless_it_is_newer() -> None:
    gone = pushed(NOON - timedelta(days=9))
    assert gone.account(PUSH) is None
    assert notes(gone) == [{"channel": "push", "by": "gone"}]
    assert pushed(NOON + timedelta(seconds=1)).account(PUSH) == "token"
    assert pushed(None, code="no_account").accounts == ()
