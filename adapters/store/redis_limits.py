"""Limits that hold over all nodes, in the server: turns and lines of a trunk (rule H-7)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from adapters.store import keys
from adapters.store.library import Library

_TAG: Final = "{callahead}:"
_MICROSECOND: Final = timedelta(microseconds=1)


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

    async def take_line(
        self, name: str, holder: str, lines: int, now: datetime, until: datetime
    ) -> bool:
        """Hold one of `lines` until then at most; False: all are held."""
        moments = keys.micros(now), keys.micros(until)
        return bool(await self._library.call("take_line", _TAG, name, holder, lines, *moments))

    async def free_line(self, name: str, holder: str) -> None:
        """Let go of a line; harmless when it is not held."""
        await self._library.call("free_line", _TAG, name, holder)
