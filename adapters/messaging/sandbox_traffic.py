"""What happens between a sandbox and the gateway: callbacks on their way, answers that get lost.

Callbacks of one chat arrive in order, each repeated with growing pauses until it is taken; the
sandbox's `Faults` lose, double and delay them. Answers come late, or the connection breaks after
the request was accepted.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web

from adapters.changes import Changes
from adapters.http import HttpClient, HttpRequest
from adapters.messaging.sandbox_world import Chance, Faults
from gateway.clock import Clock
from gateway.ports.messaging import SendError

RETRY_FIRST_S = 1.0
RETRY_MAX_S = 600.0
RETRY_FOR = timedelta(days=1)
"""How long a callback that is not taken comes again; providers give up after hours or days."""

OVERTAKEN_S = 5.0
"""How much later a callback comes that others overtake."""


@dataclass(frozen=True, slots=True)
class _Callback:
    lane: str
    after_s: float
    build: Callable[[], HttpRequest]
    taken: Callable[[], None] | None


class Deliveries:
    """Callbacks to the gateway. `run` must be running for anything to arrive."""

    def __init__(self, clock: Clock, client: HttpClient, faults: Faults, chance: Chance) -> None:
        self._clock = clock
        self._client = client
        self._faults = faults
        self._chance = chance
        self._changes = Changes()
        self._queue: asyncio.Queue[_Callback] = asyncio.Queue()
        self._lanes: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._under_way = 0

    def send(
        self,
        lane: str,
        build: Callable[[], HttpRequest],
        *,
        after_s: float = 0.0,
        taken: Callable[[], None] | None = None,
    ) -> None:
        """Set out a callback after those of its lane; `build` is asked anew for every try, and
        `taken` is told once no further one is needed."""
        self._under_way += 1
        self._queue.put_nowait(_Callback(lane, after_s, build, taken))

    async def idle(self) -> None:
        """Wait until nothing is on its way any more."""
        while self._under_way:
            await self._changes.after(self._changes.count)

    async def run(self) -> None:
        """Let everything on its way arrive, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                tasks.create_task(self._carry(await self._queue.get()))

    async def _carry(self, callback: _Callback) -> None:
        if (await self._arrives(callback) or await self._repeat(callback)) and callback.taken:
            callback.taken()
        self._under_way -= 1
        self._changes.note()

    async def _arrives(self, callback: _Callback) -> bool:
        """Return whether the callback needs no further try."""
        if self._chance.hits(self._faults.reorder_webhooks):
            await self._clock.sleep(callback.after_s + OVERTAKEN_S)
            return await self._told(callback)
        async with self._lanes[callback.lane]:
            await self._clock.sleep(callback.after_s)
            return await self._told(callback)

    async def _told(self, callback: _Callback) -> bool:
        request = callback.build()
        if self._chance.hits(self._faults.lose_webhooks):
            return True
        taken = await self._post(request)
        if self._chance.hits(self._faults.repeat_webhooks):
            taken = await self._post(request) or taken
        return taken

    async def _repeat(self, callback: _Callback) -> bool:
        pause, until = RETRY_FIRST_S, self._clock.now() + RETRY_FOR
        while self._clock.now() < until:
            await self._clock.sleep(pause)
            if await self._post(callback.build()):
                return True
            pause = min(pause * 2, RETRY_MAX_S)
        return False

    async def _post(self, request: HttpRequest) -> bool:
        try:
            answer = await self._client.send(request)
        except SendError:
            return False
        return 200 <= answer.status < 300


async def answer_late(faults: Faults, clock: Clock, request: web.Request) -> None:
    """Wait as long as the sandbox is slow, and break the connection if it is its turn."""
    await clock.sleep(faults.slow_s)
    if faults.take_cut() and request.transport is not None:
        request.transport.close()
