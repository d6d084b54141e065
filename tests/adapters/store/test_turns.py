"""The numbers of a sender's rate."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.store.turns import (
    CALM,
    HEADROOM,
    PAUSE_FIRST,
    PAUSE_LONGEST,
    next_pause,
    rate_of,
)

SECOND = timedelta(seconds=1)


@pytest.mark.rule("H-7")
@pytest.mark.parametrize("per_second", [0.2, 1.0, 2.5, 30.0, 80.0, 1000.0])
def test_a_window_holds_no_more_than_the_rate(per_second: float) -> None:
    rate = rate_of(per_second)
    window_s = rate.window.total_seconds()
    assert rate.count <= per_second * window_s
    assert rate.count / window_s == pytest.approx(per_second / (1 + HEADROOM), rel=1e-4)
    assert rate.between.total_seconds() == pytest.approx(1 / per_second, rel=1e-4)


@pytest.mark.rule("H-7")
def test_a_rate_of_whole_messages_is_counted_in_seconds() -> None:
    assert (rate_of(80.0).count, rate_of(80.0).window) == (80, SECOND * (1 + HEADROOM))


@pytest.mark.rule("H-2")
def test_pauses_grow_to_the_longest_one_and_begin_anew_after_a_calm_time() -> None:
    length, found = timedelta(), []
    for _ in range(11):
        length = next_pause(length, timedelta())
        found.append(length)
    assert found[:4] == [PAUSE_FIRST * factor for factor in (1, 2, 4, 8)]
    assert found[-1] == PAUSE_LONGEST
    assert next_pause(PAUSE_LONGEST, CALM) == PAUSE_FIRST
