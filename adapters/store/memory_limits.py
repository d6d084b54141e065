"""Limits that hold over all nodes, of the memory store: turns and lines of a trunk (rule H-7)."""

from __future__ import annotations

from datetime import datetime, timedelta


class MemoryLimits:
    """Who has which turn and which line."""

    def __init__(self) -> None:
        self._turns: dict[str, datetime] = {}
        self._lines: dict[str, dict[str, datetime]] = {}

    async def take_turn(
        self, name: str, per_second: float, now: datetime, wait_max: timedelta
    ) -> timedelta | None:
        """Reserve the next turn; None if it comes later than `wait_max`."""
        at = max(now, self._turns.get(name, now))
        if at - now > wait_max:
            return None
        self._turns[name] = at + timedelta(seconds=1 / per_second)
        return at - now

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
