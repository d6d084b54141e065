from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from gateway.core import policy


@pytest.mark.rule("H-2", "Z-6")
def test_pauses_grow_and_fill_half_an_hour() -> None:
    assert all(a < b for a, b in pairwise(policy.RETRY_PAUSES))
    assert sum(policy.RETRY_PAUSES, timedelta(0)) == policy.RETRY_FOR == timedelta(minutes=30)
    assert timedelta(minutes=15) == policy.HAND_OVER_BEFORE


@pytest.mark.rule("S-3")
def test_a_change_is_offered_again_with_growing_pauses() -> None:
    assert all(a < b for a, b in pairwise(policy.PUSH_PAUSES))


@pytest.mark.rule("G-6")
def test_receipts_are_waited_for_as_long_as_they_take() -> None:
    assert timedelta(seconds=60) <= policy.RECEIPT_WAIT <= timedelta(seconds=120)


@pytest.mark.rule("C-6", "C-13", "D-1", "H-1")
def test_limits_are_those_of_the_rules() -> None:
    assert timedelta(minutes=1) == policy.PUSH_AFTER_CALL
    assert timedelta(hours=2) == policy.DETAILS_LEAD
    assert timedelta(days=30) == policy.LEARNT_FOR
