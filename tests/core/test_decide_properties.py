"""Invariants of the product over random stories: any events, in any order, in any zone."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from tests.core import invariants
from tests.core.invariants_driver import play
from tests.core.strategies import Story, stories

RULES: dict[str, tuple[str, ...]] = {
    "what_was_started": ("G-2", "G-3", "G-9", "H-3", "D-5", "C-16", "R-4"),
    "one_at_a_time": ("C-5", "H-5"),
    "call_gap": ("C-5", "Z-13"),
    "states_follow_the_table": ("H-4",),
    "due_is_ahead": ("G-6",),
    "answers": ("C-10", "C-17", "S-1", "Z-8"),
    "opted_out": ("C-15", "Z-9"),
    "open_functions_are_awaited": ("G-6", "C-1"),
    "attempts_are_awaited": ("G-6",),
    "status_changes_are_awaited": ("S-3",),
    "contact_is_awaited": ("G-6", "Z-9"),
    "who_is_called": ("C-5",),
    "a_second_look_changes_nothing": ("G-6",),
    "it_is_repeatable": ("G-6",),
    "the_same_event_twice_is_once": ("G-6", "H-4"),
    "charges": ("T-3", "Z-14", "G-8"),
    "skips": ("G-4", "Z-3"),
    "sent_or_skipped": ("H-5",),
    "numbers_of_attempts": ("G-5",),
}

BOUNDED = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def each(checks: dict[str, object]) -> list[object]:
    return [pytest.param(name, marks=pytest.mark.rule(*RULES[name])) for name in checks]


@pytest.mark.parametrize("name", each(invariants.STEP_CHECKS))
@given(story=stories())
@BOUNDED
def test_after_every_decision(name: str, story: Story) -> None:
    play(story, invariants.STEP_CHECKS[name])


@pytest.mark.parametrize("name", each(invariants.STORY_CHECKS))
@given(story=stories())
@BOUNDED
def test_after_every_story(name: str, story: Story) -> None:
    invariants.STORY_CHECKS[name](play(story, lambda _driver, _step: None))


def test_every_check_says_what_it_proves() -> None:
    assert set(RULES) == set(invariants.STEP_CHECKS) | set(invariants.STORY_CHECKS)
