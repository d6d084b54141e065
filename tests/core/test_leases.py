"""When attempts are looked after."""

from __future__ import annotations

from datetime import datetime

import pytest

from gateway.core import leases
from gateway.core.case import AttemptState
from tests.core.strategies import HOUR, MINUTE, NOON, a_call, an_attempt

S = AttemptState
TEN = NOON - 2 * HOUR  # 10:00 of the day before


@pytest.mark.rule("G-6")
def test_leases_of_what_is_under_way() -> None:
    unknown = an_attempt(state=S.UNKNOWN, not_before=NOON + MINUTE)
    assert leases.lease_end(unknown) == NOON + MINUTE
    assert leases.lease_end(an_attempt(state=S.STARTED)) == NOON + 2 * MINUTE
    assert leases.lease_end(a_call(state=S.TALKING)) == NOON + 8 * MINUTE
    assert leases.lease_end(an_attempt(state=S.STARTED, started_at=None)) is None


@pytest.mark.parametrize(
    ("one", "other", "earlier"),
    [(NOON, TEN, TEN), (TEN, NOON, TEN), (None, TEN, TEN), (TEN, None, TEN), (None, None, None)],
)
def test_the_sooner_of_two_moments_that_may_be_missing(
    one: datetime | None, other: datetime | None, earlier: datetime | None
) -> None:
    assert leases.sooner(one, other) == earlier
