"""What nobody told the outcome of is looked after."""

from __future__ import annotations

import pytest

from gateway.core import policy
from gateway.core.case import AttemptState, EntryKind
from gateway.core.events import DueTimeReached, MessageLost, MessageReceipt, Receipt
from gateway.core.model import CallResult
from tests.core.strategies import MINUTE, NOON, a_call, a_contact, by_message, happen, told
from tests.core.support import charges, first, started, with_attempt

S = AttemptState


@pytest.mark.rule("G-6")
def test_a_lost_message_waits_for_its_receipt_before_it_is_tried_again() -> None:
    lost, _ = happen(with_attempt(started()), MessageLost("1"), branch=by_message())
    until = NOON + policy.RECEIPT_WAIT
    assert (first(lost).state, first(lost).not_before, lost.due) == (S.UNKNOWN, until, until)
    assert told(lost, EntryKind.RECONCILE)[0]["outcome"] == "unknown"
    found, _ = happen(lost, MessageReceipt("1", Receipt.DELIVERED, provider_id="w"))
    assert (first(found).state, first(found).provider_id) == (S.DELIVERED, "w")
    assert charges(found) == ["2"]
    assert told(found, EntryKind.RECONCILE)[0]["outcome"] == "delivered"
    again, _ = happen(lost, DueTimeReached(), branch=by_message(), now=until)
    assert first(again).state is S.PLANNED
    assert told(again, EntryKind.RECONCILE)[0]["outcome"] == "no_receipt"


@pytest.mark.rule("G-6")
def test_a_worker_that_died_leaves_an_unknown_outcome() -> None:
    case = with_attempt(started())
    quiet, _ = happen(case, DueTimeReached(), now=NOON + policy.SEND_LEASE - MINUTE)
    assert first(quiet).state is S.STARTED
    after, _ = happen(case, DueTimeReached(), now=NOON + policy.SEND_LEASE)
    assert first(after).state is S.UNKNOWN


@pytest.mark.rule("G-6")
def test_a_call_whose_worker_died_has_failed() -> None:
    call = a_call(state=S.STARTED, ended_at=None)
    contact = a_contact(calling="A-1", called_at=NOON)
    after, freed = happen(
        with_attempt(call), DueTimeReached(), contact, now=NOON + policy.CALL_LEASE
    )
    assert (first(after).state, first(after).result) == (S.ENDED, CallResult.FAILED)
    assert freed.calling is None
