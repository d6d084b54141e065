"""Whoever waits for a change misses none."""

from __future__ import annotations

import asyncio

from adapters.changes import Changes


async def test_a_change_between_two_looks_is_seen_at_once() -> None:
    changes = Changes()
    seen = changes.count
    changes.note()
    assert await changes.after(seen) == 1


async def test_everyone_who_waits_wakes() -> None:
    changes = Changes()
    waiting = [asyncio.ensure_future(changes.after(0)) for _ in range(3)]
    await asyncio.sleep(0)
    changes.note()
    assert await asyncio.gather(*waiting) == [1, 1, 1]
