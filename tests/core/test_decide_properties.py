"""Invariants of the product over random stories: any events, in any order, in any zone."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from tests.core import invariants
from tests.core.invariants_driver import play
from tests.core.strategies import Story, stories

SLOW = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)  # fmt: skip


@pytest.mark.parametrize("name", invariants.STEP_CHECKS)
@given(story=stories())
@SLOW
def test_after_every_decision(name: str, story: Story) -> None:
    play(story, invariants.STEP_CHECKS[name])


@pytest.mark.parametrize("name", invariants.STORY_CHECKS)
@given(story=stories())
@SLOW
def test_after_every_story(name: str, story: Story) -> None:
    invariants.STORY_CHECKS[name](play(story, lambda _driver, _step: None))
