"""Which of a branch's trunks takes a call: the first that works, in the order of the settings.

A trunk that failed a short while ago is tried last. A number that a working trunk refuses while
the others take no call either cannot be reached; everything else that keeps a call from being
placed is no attempt and is waited for (rules C-6, Z-6).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final, TypeVar

from gateway.clock import Clock
from gateway.core.model import CallResult
from gateway.ports.telephony import NotAnswered, NotPlaced, Trunk

T = TypeVar("T")

FAIL_OVER_FOR: Final = timedelta(seconds=25)
"""After this no further trunk is tried: the lease of a call has a minute for finding a line, and
a trunk that says nothing takes half of it."""

FULL: Final = frozenset({"no_line", "no_turn"})
"""All lines are busy, or too many calls wait for their turn: nothing is wrong with the trunk."""

OF_THE_CALL: Final = frozenset({"changed", "no_store"})
"""Reasons for which no other trunk helps."""


async def fail_over(
    trunks: Sequence[Trunk], place: Callable[[Trunk], Awaitable[T]], clock: Clock
) -> T:
    """Return what `place` made of the first trunk that takes the call.

    Raises `NotAnswered` when nobody could be asked, also because the number is refused by a trunk
    that works; else `NotPlaced` with the most telling reason.
    """
    until = clock.now() + FAIL_OVER_FOR
    refusals: list[NotPlaced] = []
    for trunk in sorted(trunks, key=lambda one: one.rests):
        if refusals and clock.now() >= until:
            break
        try:
            return await place(trunk)
        except NotPlaced as error:
            if error.code in OF_THE_CALL:
                raise
            refusals.append(error)
    if not refusals:
        raise NotPlaced("no_trunk")
    refused = next((error for error in refusals if error.of_number), None)
    if refused is not None and not any(error.code in FULL for error in refusals):
        raise NotAnswered(CallResult.UNREACHABLE, refused.code)
    raise max(refusals, key=_tells)  # the first of equals


def _tells(error: NotPlaced) -> int:
    """Return how much a reason tells: an operator's work, a failure, all lines busy."""
    if error.alert:
        return 2
    return 0 if error.code in FULL else 1
