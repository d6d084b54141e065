"""Whether a message that was started some moments ago may still leave."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.core.case import AttemptState, Case, Contact
from gateway.core.model import Status
from gateway.core.plan import OPT_OUT_TOLD
from gateway.core.recheck import may_leave
from tests.core.strategies import HOUR, MINUTE, NOON, a_case, a_contact, a_push, an_attempt

STARTED = an_attempt(state=AttemptState.STARTED, started_at=NOON)
CASE = a_case(attempts=(STARTED,))
CONTACT = a_contact()


def leaves(case: Case | None, contact: Contact | None = CONTACT, **changes: Any) -> bool:
    return may_leave(replace(STARTED, **changes), (CASE, CONTACT), (case, contact))


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
    assert may_leave(STARTED, (answered, CONTACT), (told, CONTACT))


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


@pytest.mark.rule("H-3")
def test_a_message_of_a_number_alone_needs_no_visit() -> None:
    contact = replace(CONTACT, attempts=(STARTED,))
    assert may_leave(STARTED, (None, contact), (None, contact))
    assert not may_leave(STARTED, (None, contact), (None, CONTACT))
