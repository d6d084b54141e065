"""A trunk's limits over all nodes: calls at once, and new calls a second (rule H-7).

A branch's own lines are leased with the grant of a call; here several branches, and several
nodes, share the trunk behind them.
"""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from typing import Final

from gateway.clock import Clock
from gateway.core import policy
from gateway.errors import StoreUnavailable
from gateway.ports.store import Store
from gateway.ports.telephony import Limits, NotPlaced

TURN_WAIT_MAX: Final = timedelta(seconds=10)
"""A call that would have to wait longer gives its line back and is asked again later, when its
visit is looked at anew."""


class Lines:
    """Takes and frees lines. A call that never comes back frees its line with its lease."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self.clock = clock

    async def take(self, limits: Limits | None, holder: str) -> None:
        """Hold a line and wait for the trunk's turn; raise `NotPlaced` and hold nothing."""
        if limits is None:
            return
        now = self.clock.now()
        until = now + policy.CALL_LEASE
        try:
            held = await self._store.take_line(limits.name, holder, limits.lines, now, until)
        except StoreUnavailable:
            raise NotPlaced("no_store") from None
        if not held:
            raise NotPlaced("no_line")
        try:
            await self._turn(limits, now)
        except BaseException:
            await self.free(limits, holder)
            raise

    async def _turn(self, limits: Limits, now: datetime) -> None:
        try:
            wait = await self._store.take_turn(limits.name, limits.per_second, now, TURN_WAIT_MAX)
        except StoreUnavailable:
            raise NotPlaced("no_store") from None
        if wait is None:
            raise NotPlaced("no_turn")
        if wait:
            await self.clock.sleep(wait.total_seconds())

    async def free(self, limits: Limits | None, holder: str) -> None:
        """Let go of a line; harmless when it is not held."""
        if limits is not None:
            # A store that is away frees the line with its lease.
            with contextlib.suppress(StoreUnavailable):
                await self._store.free_line(limits.name, holder)
