"""An event loop on virtual time: it never waits, it jumps to the next timer."""

from __future__ import annotations

import asyncio
import selectors


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next timer as soon as nothing is left to do."""

    def __init__(self) -> None:
        self._virtual_now = 0.0
        super().__init__(_JumpingSelector(self))
        self._clock_resolution = 1e-6

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._virtual_now

    def jump(self) -> None:
        """Go to the next timer."""
        timers = self._scheduled  # type: ignore[attr-defined]  # CPython's own timer heap
        if timers:
            self._virtual_now = max(self._virtual_now, timers[0].when())


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits: where a real selector would, the loop's time jumps instead."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return at once; nothing here ever waits for a file or socket."""
        if timeout is None:
            raise RuntimeError("the rehearsal waits for something that never comes")
        if timeout > 0:
            self._loop.jump()
        return []
