"""Live updates: what has changed since a browser last heard, however long ago that was.

Every item carries the number of the update that changed it last. Whoever comes back with an old
number gets each item that is newer, once and as it is now; whoever comes with none, or with one
of an earlier life of the process, gets everything.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from gateway.clock import fresh_id
from gateway.errors import StoreUnavailable
from gateway.web.demo.town import Json

Look: TypeAlias = Callable[[], Awaitable[dict[str, Json]]]

SETTLE_S = 0.08
"""So long a change waits for those that come with it."""

LOOK_EVERY_S = 2.0
"""How often to look when nobody said that anything changed: time itself changes things."""


@dataclass(frozen=True, slots=True)
class Update:
    """What a browser is told. `whole`: forget everything that was told before."""

    id: str
    whole: bool
    items: dict[str, Json | None]


class Feed:
    """Keeps what was last seen and wakes whoever waits for the next change."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._life = fresh_id("d")
        self._number = 0
        self._items: dict[str, tuple[int, Json | None]] = {}
        self._news = asyncio.Event()
        self._poked = asyncio.Event()
        self.closed = False

    def poke(self) -> None:
        """Say that something may have changed."""
        self._poked.set()

    def nudge(self) -> None:
        """Let everyone be told the time at once: its pace has changed."""
        self._ring()

    def close(self) -> None:
        """Let everyone who waits go."""
        self.closed = True
        self._ring()

    async def run(self) -> None:
        """Look again and again until cancelled; a store that does not answer is waited for."""
        while True:
            with contextlib.suppress(StoreUnavailable):
                await self.look()
            try:
                await asyncio.wait_for(self._poked.wait(), LOOK_EVERY_S)
            except TimeoutError:
                continue
            await asyncio.sleep(SETTLE_S)

    async def look(self) -> None:
        """Look once and note what is different."""
        self._poked.clear()
        seen: dict[str, Json | None] = dict(await self._look())
        gone = {key: None for key, (_, item) in self._items.items() if item and key not in seen}
        number = self._number + 1
        changed = {
            key: (number, item)
            for key, item in (seen | gone).items()
            if key not in self._items or self._items[key][1] != item
        }
        if changed:
            self._items |= changed
            self._number = number
            self._ring()

    def since(self, last: str | None) -> Update:
        """Return what is newer than an update's id."""
        life, _, number = (last or "").rpartition("-")
        known = int(number) if life == self._life and number.isdigit() else None
        items = {
            key: item
            for key, (changed, item) in self._items.items()
            if (item is not None if known is None else changed > known)
        }
        return Update(f"{self._life}-{self._number}", known is None, items)

    async def after(self, last: str, seconds: float) -> Update | None:
        """Wait for something newer, at most so long; None when there is nothing."""
        news = self._news
        update = self.since(last)
        if not update.items and not self.closed:
            try:
                await asyncio.wait_for(news.wait(), seconds)
            except TimeoutError:
                return None
            update = self.since(last)
        return update

    def _ring(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
