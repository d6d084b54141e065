"""Changes and notices leave one after another."""

from __future__ import annotations

import pytest

from gateway.core import policy
from gateway.core.case import FunctionState, Notice, PushState
from gateway.core.events import DueTimeReached, PushAccepted, PushFailed
from gateway.core.model import Source
from tests.core.strategies import CREATED, NOON, a_case, a_contact, happen, to_number, wrote
from tests.core.support import back, opted_out

CLOSED = FunctionState(CREATED)


@pytest.mark.rule("S-3")
def test_notices_go_one_after_another() -> None:
    contact = back(to_number(back(opted_out()), wrote("старт")))
    assert [n.state for n in contact.notices] == [PushState.STARTED, PushState.PENDING]
    contact = to_number(contact, PushAccepted("1"))
    assert [n.state for n in contact.notices] == [PushState.ACCEPTED, PushState.STARTED]


@pytest.mark.rule("S-3", "Z-9")
def test_a_notice_that_failed_is_offered_again_in_time() -> None:
    contact = to_number(back(opted_out()), PushFailed("1"))
    again = contact.notices[0].not_before
    assert again == NOON + policy.PUSH_PAUSES[0]
    assert contact.due == again
    assert to_number(contact, DueTimeReached(), now=again).notices[0].tries == 2


@pytest.mark.rule("Z-9")
def test_notices_are_looked_after_by_the_visits_too() -> None:
    notice = Notice(id="1", allowed=False, evidence="стоп", source=Source.SMS, at=NOON)
    _, contact = happen(a_case(), DueTimeReached(), a_contact(notices=(notice,)))
    assert contact.notices[0].state is PushState.STARTED
