"""Lets a live page wait until something in a sandbox world has changed."""

from __future__ import annotations

import asyncio


class Changes:
    """Counts changes; whoever waits gets the count, so that nothing between two looks is missed."""

    def __init__(self) -> None:
        self._count = 0
        self._noted = asyncio.Event()

    @property
    def count(self) -> int:
        """How many changes there were."""
        return self._count

    def note(self) -> None:
        """Count one change and wake everyone who waits."""
        self._count += 1
        self._noted.set()
        self._noted = asyncio.Event()

    async def after(self, count: int) -> int:
        """Wait until there were more than `count` changes; return how many."""
        while self._count <= count:
            await self._noted.wait()
        return self._count
