"""Whether a message that was started some moments ago may still leave."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from gateway.core.case import AttemptState, Case, Contact
from gateway.core.model import Purpose, Status
from gateway.core.plan import OPT_OUT_TOLD
from gateway.core.recheck import may_dial, may_leave
from tests.core.strategies import (
    HOUR,
    MINUTE,
    NOON,
    a_branch,
    a_call,
    a_case,
    a_contact,
    a_push,
    an_attempt,
)

CLOSING = NOON + 8 * HOUR
STARTED = an_attempt(state=AttemptState.STARTED, started_at=NOON)
CASE = a_case(attempts=(STARTED,))
CONTACT = a_contact()


BRANCH = a_branch()


def leaves(
    case: Case | None, contact: Contact | None = CONTACT, at: datetime = NOON, **changes: Any
) -> bool:
    attempt = replace(STARTED, **changes)
    return may_leave(attempt, (CASE, CONTACT), (case, contact), BRANCH, at)


@pytest.mark.rule("H-3")
def test_a_message_whose_visit_is_as_it_was_leaves() -> None:
    assert leaves(CASE)
    other = an_attempt(id="7", state=AttemptState.READ)
    assert leaves(replace(CASE, attempts=(STARTED, other), version=9))


@pytest.mark.rule("H-3", "C-17")
@pytest.mark.parametrize(
    "changes",
    [
        {"removed": True},
        {"snapshot": replace(CASE.snapshot, start=CASE.snapshot.start + HOUR)},
        {"snapshot": replace(CASE.snapshot, status=Status.CANCELLED)},
        {"pushes": (a_push(),)},
    ],
)
def test_a_message_whose_visit_changed_stays(changes: dict[str, Any]) -> None:
    assert not leaves(replace(CASE, **changes))


@pytest.mark.rule("H-3")
def test_a_status_that_has_reached_the_schedule_meanwhile_is_no_change() -> None:
    answered = replace(CASE, pushes=(a_push(),))
    snapshot = replace(CASE.snapshot, status=answered.status)
    told = replace(CASE, snapshot=snapshot)
    assert may_leave(STARTED, (answered, CONTACT), (told, CONTACT), BRANCH, NOON)


@pytest.mark.rule("G-6")
def test_what_somebody_else_took_over_or_settled_stays() -> None:
    assert not leaves(replace(CASE, attempts=()))
    assert not leaves(None)
    assert not leaves(CASE, started_at=NOON - MINUTE)
    lost = replace(STARTED, state=AttemptState.UNKNOWN)
    assert not leaves(replace(CASE, attempts=(lost,)))


@pytest.mark.rule("C-15")
def test_after_an_opt_out_only_its_acknowledgement_leaves() -> None:
    silent = replace(CONTACT, opted_out_at=NOON)
    assert not leaves(CASE, silent)
    assert leaves(CASE, silent, about=OPT_OUT_TOLD)


@pytest.mark.rule("G-2", "G-9")
def test_a_message_that_waited_until_closing_stays_and_an_answer_does_not() -> None:
    assert leaves(CASE, at=CLOSING - MINUTE)
    assert not leaves(CASE, at=CLOSING)
    assert leaves(CASE, at=CLOSING, purpose=Purpose.ACKNOWLEDGEMENT, function=None)
    assert leaves(CASE, at=CLOSING, purpose=Purpose.RESCHEDULE_LINK)


CALL = a_call(state=AttemptState.STARTED, ended_at=None)
CALLED = a_case(attempts=(CALL,))
PHONES = a_branch(confirmation=replace(BRANCH.confirmation, enabled=True, method="call"))


@pytest.mark.rule("C-2", "C-15", "C-17", "G-1", "G-2", "G-3", "G-7")
def test_a_number_is_dialled_only_while_everything_still_asks_for_it() -> None:
    def dials(case: Case = CALLED, contact: Contact = CONTACT, **branch: Any) -> bool:
        at = branch.pop("at", NOON)
        return may_dial(CALL.id, case, contact, replace(PHONES, **branch), at)

    assert dials()
    assert dials(at=CLOSING - MINUTE)
    assert not dials(at=CLOSING)
    assert not dials(contact=replace(CONTACT, opted_out_at=NOON))
    assert not dials(replace(CALLED, removed=True))
    assert not dials(replace(CALLED, pushes=(a_push(),)))
    assert not dials(replace(CALLED, booking=2))
    assert not dials(replace(CALLED, number="+79165559999"))
    assert not dials(replace(CALLED, attempts=()))
    assert not dials(replace(CALLED, attempts=(replace(CALL, state=AttemptState.ENDED),)))
    assert not dials(confirmation=replace(PHONES.confirmation, enabled=False))
    assert not dials(confirmation=replace(PHONES.confirmation, method="message"))


@pytest.mark.rule("H-3")
def test_a_message_of_a_number_alone_needs_no_visit() -> None:
    contact = replace(CONTACT, attempts=(STARTED,))
    assert may_leave(STARTED, (None, contact), (None, contact), BRANCH, NOON)
    assert not may_leave(STARTED, (None, contact), (None, CONTACT), BRANCH, NOON)
