"""Limits that hold over all nodes, in the server: turns and pauses of senders, turns and lines of
trunks (rule H-7)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from adapters.store import keys, turns
from adapters.store.library import Library
from gateway.ports.store import Turns

_TAG: Final = "{callahead}:"
_MICROSECOND: Final = timedelta(microseconds=1)
_CATCHING_UP: Final = (turns.BURST // _MICROSECOND, turns.IDLE // _MICROSECOND)
_PAUSES: Final = tuple(
    length // _MICROSECOND for length in (turns.PAUSE_FIRST, turns.PAUSE_LONGEST, turns.CALM)
)


class RedisLimits:
    """Who has which turn and which line."""

    _library: Library

    async def take_turn(
        self, name: str, per_second: float, now: datetime, wait_max: timedelta
    ) -> timedelta | None:
        """Reserve the next turn; None if it comes later than `wait_max`."""
        between = round(1_000_000 / per_second)
        longest = wait_max // _MICROSECOND
        found = await self._library.call(
            "take_turn", _TAG, name, between, keys.micros(now), longest
        )
        return None if int(found) < 0 else timedelta(microseconds=int(found))

    async def take_turns(
        self, name: str, per_second: float | None, wanted: int, now: datetime
    ) -> Turns:
        """Take up to `wanted` turns of a sender from its token bucket."""
        limits: tuple[int, ...] = ()
        if per_second is not None:
            rate = turns.rate_of(per_second)
            even, window = rate.between // _MICROSECOND, rate.window // _MICROSECOND
            limits = (even, rate.count, window, *_CATCHING_UP)
        taken, wait, paused = await self._library.call(
            "take_turns", _TAG, name, wanted, keys.micros(now), *limits
        )
        pause = timedelta(microseconds=int(wait))
        return Turns(int(taken), pause, now + pause if paused else None)

    async def date_turns(self, name: str, turns: int, left_at: datetime) -> None:
        """Count the last turns of a sender as taken at a later moment."""
        await self._library.call("date_turns", _TAG, name, turns, keys.micros(left_at))

    async def pause_sender(self, name: str, now: datetime, at_least: timedelta) -> datetime:
        """Have a sender pause on all nodes and return until when."""
        length = at_least // _MICROSECOND
        found = await self._library.call(
            "pause_sender", _TAG, name, keys.micros(now), length, *_PAUSES
        )
        return keys.moment(int(found))

    async def take_line(
        self, name: str, holder: str, lines: int, now: datetime, until: datetime
    ) -> bool:
        """Hold one of `lines` until then at most; False: all are held."""
        moments = keys.micros(now), keys.micros(until)
        return bool(await self._library.call("take_line", _TAG, name, holder, lines, *moments))

    async def free_line(self, name: str, holder: str) -> None:
        """Let go of a line; harmless when it is not held."""
        await self._library.call("free_line", _TAG, name, holder)
