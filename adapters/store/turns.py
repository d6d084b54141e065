"""How a sender's rate becomes turns: the numbers that both stores reckon with.

A token bucket lets a sender that was held up catch up by `BURST`, and no `count` turns and one
more are ever taken within `window`: a bucket alone would let its burst come on top of the rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

BURST: Final = timedelta(milliseconds=500)
"""How much of the rate a sender may catch up at once: what a busy machine holds back."""

IDLE: Final = timedelta(seconds=2)
"""A sender that had nothing to do for so long has nothing to catch up."""

HEADROOM: Final = 0.01
"""Share of the rate that is given up, so that a network's jitter of some milliseconds does not
make the provider count one too many in a second."""

PAUSE_FIRST: Final = timedelta(seconds=1)
PAUSE_LONGEST: Final = timedelta(minutes=5)
"""A sender that is told to slow down without being told for how long pauses so; each pause is
twice the last one."""

CALM: Final = timedelta(minutes=1)
"""A sender that has gone on for so long after a pause begins with the first one again."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` turns in any `window`, one every `between` when they are even."""

    count: int
    window: timedelta
    between: timedelta


def rate_of(per_second: float) -> Rate:
    """Return what a number of turns a second comes to; it must be above 0."""
    count = max(1, math.floor(per_second))
    window = timedelta(seconds=count / per_second * (1 + HEADROOM))
    return Rate(count, window, timedelta(seconds=1 / per_second))


def next_pause(last: timedelta, calm_for: timedelta) -> timedelta:
    """Return how long the next pause is, `calm_for` after one of `last`."""
    if not last or calm_for >= CALM:
        return PAUSE_FIRST
    return min(2 * last, PAUSE_LONGEST)
