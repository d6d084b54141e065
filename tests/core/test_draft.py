from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from gateway.core import policy
from gateway.core.case import AttemptState, Content, EntryKind, Notice
from gateway.core.clinic import Prices
from gateway.core.model import Channel, Function, Purpose, Source
from tests.core.strategies import (
    NOON,
    NUMBER,
    OTHER_NUMBER,
    a_branch,
    a_call,
    a_case,
    a_contact,
    a_draft,
    a_push,
    an_attempt,
    told,
)

NOTICE = Notice(id="1", allowed=False, evidence="стоп", source=Source.SMS, at=NOON)


def test_what_was_not_changed_comes_back_as_it_went_in() -> None:
    case, contact = a_case(), a_contact()
    after = a_draft(case, contact).finish()
    assert after[0] is case
    assert after[1] is contact


def test_a_case_is_asked_for_only_where_there_is_one() -> None:
    draft = a_draft(None, a_contact())
    assert not draft.has_case
    with pytest.raises(AssertionError):
        _ = draft.case
    assert draft.known_contact == a_contact()
    with pytest.raises(AssertionError):
        _ = a_draft(a_case()).known_contact
    with pytest.raises(AssertionError):
        a_draft().plan(Purpose.DETAILS, Channel.SMS, None, about="details")


@pytest.mark.rule("G-5")
def test_entries_belong_to_the_case_or_else_to_the_contact() -> None:
    draft = a_draft(a_case(booking=2), a_contact())
    draft.note(EntryKind.SKIP, {"a": 1}, Function.DETAILS)
    draft.note(EntryKind.RECEIPT, {"b": 2}, booking=1)
    draft.note(EntryKind.OPT_OUT, {"c": 3}, of_contact=True)
    case, contact = draft.finish()
    assert case is not None
    assert contact is not None
    assert [(e.kind, e.booking) for e in case.journal] == [
        (EntryKind.SKIP, 2),
        (EntryKind.RECEIPT, 1),
    ]
    assert told(contact, EntryKind.OPT_OUT) == [{"c": 3}]


def test_attempts_are_numbered_within_their_document() -> None:
    draft = a_draft(a_case(attempts_made=7, booking=2), a_contact())
    attempt = draft.plan(Purpose.REMINDER, Channel.SMS, Function.REMINDER, about="reminder")
    assert (attempt.id, attempt.booking, attempt.to) == ("8", 2, NUMBER)
    assert draft.attempt("8") is attempt
    assert draft.attempt("9") is None
    of_number = a_draft(None, a_contact(attempts_made=2))
    attempt = of_number.plan(Purpose.ACKNOWLEDGEMENT, Channel.SMS, None, about="clinic_phone")
    assert (attempt.id, attempt.booking, attempt.to) == ("3", 0, NUMBER)
    of_number.drop(attempt)
    assert of_number.attempts == ()


def test_without_case_and_contact_there_are_no_attempts() -> None:
    draft = a_draft()
    draft.put(an_attempt())
    draft.put_notice(NOTICE)
    assert draft.attempts == ()


@pytest.mark.rule("C-12")
def test_an_answer_goes_to_whoever_wrote() -> None:
    draft = a_draft(a_case(), a_contact())
    plan = draft.plan(Purpose.ACKNOWLEDGEMENT, Channel.SMS, None, about="state", to=OTHER_NUMBER)
    assert plan.to == OTHER_NUMBER


def test_writing_the_same_change_again_changes_nothing() -> None:
    case, contact = a_case(pushes=(a_push(),)), a_contact(notices=(NOTICE,))
    draft = a_draft(case, contact)
    draft.put_push(a_push())
    draft.put_notice(NOTICE)
    assert draft.finish()[0] is case
    assert draft.finish()[1] is contact
    draft.put_push(a_push(tries=2))
    draft.put_push(a_push(id="2"))
    draft.put_notice(replace(NOTICE, tries=2))
    draft.put_notice(replace(NOTICE, id="2"))
    assert [(p.id, p.tries) for p in draft.case.pushes] == [("1", 2), ("2", 1)]
    assert draft.contact is not None
    assert [(n.id, n.tries) for n in draft.contact.notices] == [("1", 2), ("2", 0)]


@pytest.mark.rule("G-5", "D-1")
def test_only_settled_answers_to_the_patient_are_let_go() -> None:
    kept = policy.ATTEMPTS_KEPT
    free = [an_attempt(id=str(n), purpose=Purpose.ACKNOWLEDGEMENT) for n in range(kept - 1)]
    waiting = an_attempt(id="w", purpose=Purpose.CLARIFICATION, state=AttemptState.PLANNED)
    details = an_attempt(id="d", purpose=Purpose.DETAILS)
    draft = a_draft(a_case(attempts=(details, *free, waiting)))
    draft.put(an_attempt(id="new", purpose=Purpose.ACKNOWLEDGEMENT))
    ids = [a.id for a in draft.attempts]
    assert len(ids) == kept
    assert {"d", "w", "new"} <= set(ids)
    assert "0" not in ids


@pytest.mark.rule("T-1", "Z-14")
@pytest.mark.parametrize(
    ("attempt", "amount"),
    [
        (an_attempt(), "2"),
        (an_attempt(channel=Channel.SMS), "5"),
        (an_attempt(channel=Channel.PUSH, after_call=True), "3"),
        (an_attempt(channel=Channel.PUSH), None),
        (a_call(), None),
        (an_attempt(purpose=Purpose.ACKNOWLEDGEMENT), None),
        (an_attempt(price=Decimal(2)), None),  # charged before
    ],
)
def test_what_is_charged(attempt: object, amount: str | None) -> None:
    draft = a_draft(a_case())
    draft.charge(attempt)  # type: ignore[arg-type]
    case, _ = draft.finish()
    assert case is not None
    assert [e["amount"] for e in told(case, EntryKind.CHARGE)] == ([amount] if amount else [])


@pytest.mark.rule("Z-14", "H-6")
@pytest.mark.parametrize(("text", "amount"), [("я" * 70, 5), ("я" * 71, 10), ("a" * 160, 5)])
def test_an_sms_may_be_charged_by_the_segment(text: str, amount: int) -> None:
    draft = a_draft(a_case(), branch=a_branch(sms_price="segment", tariff=(Prices(),)))
    sms = an_attempt(channel=Channel.SMS, content=Content(text, "details", "ru"))
    assert draft.charge(sms).price == amount


@pytest.mark.rule("T-3")
@pytest.mark.parametrize("attempt", [an_attempt(), an_attempt(price=Decimal(2), reversed=True)])
def test_nothing_is_given_back_that_was_not_taken(attempt: object) -> None:
    draft = a_draft(a_case())
    assert draft.reverse(attempt) is attempt  # type: ignore[arg-type]
