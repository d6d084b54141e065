"""The only clock and the only source of fresh ids.

Everything else takes `now` as an argument. Under a virtual event loop (rehearsal, tests) the
loop's own time is the clock, so the same service code runs on either.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time and waits for it."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of this clock's time."""
        ...

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        """Wait until the event is set, at most `seconds` of this clock's time."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        await asyncio.sleep(max(0.0, seconds))

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        """Wait until the event is set, at most `seconds`."""
        await _wait(event, seconds)


class LoopClock:
    """The running event loop's time, counted from `epoch`; for loops whose time is virtual."""

    def __init__(self, epoch: datetime, loop_time: Callable[[], float]) -> None:
        self._epoch = epoch.astimezone(UTC)
        self._time = loop_time
        self._zero = loop_time()

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        # Whole milliseconds: what is due at ten is due at ten, not a float's error before it.
        return self._epoch + timedelta(milliseconds=round((self._time() - self._zero) * 1000))

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of the loop's time."""
        await asyncio.sleep(self._until(seconds))

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        """Wait until the event is set, at most `seconds` of the loop's time."""
        await _wait(event, None if seconds is None else self._until(seconds))

    def _until(self, seconds: float) -> float:
        """Count from the shown millisecond, so that waits end on one too."""
        shown = round((self._time() - self._zero) * 1000) / 1000
        return max(0.0, self._zero + shown + seconds - self._time())


class ScaledClock:
    """The machine's clock made `factor` times faster, for the demo's time-lapse.

    Changing the factor never makes the time jump: it goes on from where it stands.
    """

    def __init__(self, factor: float = 1.0, epoch: datetime | None = None) -> None:
        self._factor = factor
        self._real = datetime.now(UTC)
        self._shown = epoch or self._real
        self._changed = asyncio.Event()

    @property
    def factor(self) -> float:
        """How many seconds of this clock pass in one of the machine's."""
        return self._factor

    def set_factor(self, factor: float) -> None:
        """Go on `factor` times as fast as the machine's clock."""
        self._shown, self._real = self.now(), datetime.now(UTC)
        self._factor = factor
        self._changed.set()
        self._changed = asyncio.Event()

    def now(self) -> datetime:
        """Return this clock's present moment in UTC."""
        return self._shown + (datetime.now(UTC) - self._real) * self._factor

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of this clock's time, also when its factor changes meanwhile."""
        until = self.now() + timedelta(seconds=seconds)
        while (left := (until - self.now()).total_seconds()) > 0:
            changed = self._changed
            try:
                await asyncio.wait_for(changed.wait(), left / self._factor)
            except TimeoutError:
                continue

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        """Wait until the event is set, at most `seconds` of this clock's time.

        A changed factor ends the wait early; whoever waits looks at the time again.
        """
        await _wait(event, None if seconds is None else min(seconds / self._factor, 1.0))


async def _wait(event: asyncio.Event, seconds: float | None) -> None:
    """Wait for an event with a time limit; far cheaper than a task for every wait."""
    if seconds is None:
        await event.wait()
        return
    timer = asyncio.get_running_loop().call_later(max(0.0, seconds), event.set)
    try:
        await event.wait()
    finally:
        timer.cancel()


def fresh_id(prefix: str) -> str:
    """Return a new unguessable id such as `evt_3f9c…`."""
    return f"{prefix}_{secrets.token_hex(12)}"
