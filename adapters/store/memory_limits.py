"""Limits that hold over all nodes, of the memory store: turns and pauses of senders, turns and
lines of trunks (rule H-7)."""

from __future__ import annotations

from collections import defaultdict, deque
from datetime import datetime, timedelta

from adapters.store import turns
from gateway.ports.store import Turns


class MemoryLimits:
    """Who has which turn and which line."""

    def __init__(self) -> None:
        self._turns: dict[str, datetime] = {}
        self._lines: dict[str, dict[str, datetime]] = {}
        self._buckets: dict[str, datetime] = {}
        self._taken: defaultdict[str, deque[datetime]] = defaultdict(deque)
        self._pauses: dict[str, tuple[datetime, timedelta]] = {}

    async def take_turn(
        self, name: str, per_second: float, now: datetime, wait_max: timedelta
    ) -> timedelta | None:
        """Reserve the next turn; None if it comes later than `wait_max`."""
        at = max(now, self._turns.get(name, now))
        if at - now > wait_max:
            return None
        self._turns[name] = at + timedelta(seconds=1 / per_second)
        return at - now

    async def take_turns(
        self, name: str, per_second: float | None, wanted: int, now: datetime
    ) -> Turns:
        """Take up to `wanted` turns of a sender from its token bucket."""
        paused, _ = self._pauses.get(name, (now, timedelta()))
        if paused > now:
            return Turns(0, paused - now, paused)
        if per_second is None:
            return Turns(wanted, timedelta())
        rate, recent = turns.rate_of(per_second), self._taken[name]
        free_at = self._buckets.get(name, now)
        if now - free_at >= turns.IDLE:
            free_at = now
        free_at = max(free_at, now - turns.BURST)
        taken = 0
        if free_at <= now:
            even = (now - free_at) // rate.between + 1
            taken = _fitting(recent, min(wanted, even, rate.count), rate, now)
        if taken:
            recent.extendleft([now] * taken)
            while len(recent) > rate.count:
                recent.pop()
            free_at = self._buckets[name] = free_at + taken * rate.between
        if len(recent) == rate.count:
            free_at = max(free_at, recent[-1] + rate.window)
        return Turns(taken, max(timedelta(), free_at - now))

    async def date_turns(self, name: str, turns: int, left_at: datetime) -> None:
        """Count the last turns of a sender as taken at a later moment."""
        recent = self._taken[name]
        for index in range(min(turns, len(recent))):
            recent[index] = max(recent[index], left_at)

    async def pause_sender(self, name: str, now: datetime, at_least: timedelta) -> datetime:
        """Have a sender pause and return until when."""
        until, length = self._pauses.get(name, (now, timedelta()))
        if until <= now:
            length = turns.next_pause(length, now - until)
            until = now + length
        until = max(until, now + at_least)
        self._pauses[name] = until, length
        return until

    async def take_line(
        self, name: str, holder: str, lines: int, now: datetime, until: datetime
    ) -> bool:
        """Hold one of `lines` until then at most; False: all are held."""
        held = {who: end for who, end in self._lines.get(name, {}).items() if end > now}
        self._lines[name] = held
        if holder not in held and len(held) >= lines:
            return False
        held[holder] = until
        return True

    async def free_line(self, name: str, holder: str) -> None:
        """Let go of a line; harmless when it is not held."""
        self._lines.get(name, {}).pop(holder, None)


def _fitting(recent: deque[datetime], wanted: int, rate: turns.Rate, now: datetime) -> int:
    """How many of the turns leave the window whole: the oldest that would share one with the n
    that are taken now is the (count - n)th last."""
    for taken in range(wanted, 0, -1):
        oldest = rate.count - taken
        if len(recent) <= oldest or now - recent[oldest] >= rate.window:
            return taken
    return 0
