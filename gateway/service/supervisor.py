"""One TaskGroup for everything that runs: start, drain, stop.

Nothing else in the product starts tasks, so nothing runs unseen: a task that fails unexpectedly
ends the process, and a drain waits for every effect that was started.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import TracebackType

DRAIN_S = 30.0
"""How long a stop waits for started effects; longer than any adapter's own time-out. What is
still open then is reconciled by whoever gets its lease."""


class Supervisor:
    """An asynchronous context whose tasks end with it."""

    def __init__(self) -> None:
        self._group = asyncio.TaskGroup()
        self._effects: set[asyncio.Task[None]] = set()
        self._services: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Supervisor:
        """Begin to take tasks."""
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Cancel the services that still run and wait for every task.

        What ended the context is raised as itself, not as a group of one.
        """
        for task in self._services:
            task.cancel()
        try:
            await self._group.__aexit__(kind, error, trace)
        except BaseExceptionGroup as group:
            if len(group.exceptions) == 1:
                raise group.exceptions[0] from None
            raise

    def serve(self, coroutine: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Start a long-running service; it is cancelled at the end."""
        task = self._group.create_task(coroutine)
        self._services.add(task)
        task.add_done_callback(self._services.discard)
        return task

    def spawn(self, coroutine: Coroutine[object, object, None]) -> None:
        """Start an effect; a drain waits for it."""
        task = self._group.create_task(coroutine)
        self._effects.add(task)
        task.add_done_callback(self._effects.discard)

    def abandon(self) -> None:
        """Cancel the effects that are under way: the world they belong to has ended."""
        for task in self._effects:
            task.cancel()

    async def drain(self, seconds: float = DRAIN_S) -> bool:
        """Wait until no effect is under way; return False when time ran out."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while self._effects and loop.time() < until:
            await asyncio.wait(self._effects, timeout=until - loop.time())
        return not self._effects
