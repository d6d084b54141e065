"""The table of moves, as attempts use it."""

from __future__ import annotations

import pytest

from gateway.core.attempts import move
from gateway.core.case import AttemptEvent, AttemptState
from tests.core.strategies import an_attempt

S = AttemptState


@pytest.mark.rule("H-4")
def test_a_move_that_the_table_does_not_know_is_none() -> None:
    assert move(an_attempt(state=S.READ), AttemptEvent.DELIVER) is None
