"""A sender's rate over all nodes: messages wait here for their turn (rules H-2, H-7).

The bucket itself is in the store (`Store.take_turns`), one for each sender. On every node the
messages that were started wait in a short queue, answers to patients first, and one task takes
turns for all of them. The queue is short on purpose: what waits has a lease, and its visit may
change meanwhile (rule H-3). So a branch whose sender has enough to do is *sated*: the node's
workers leave its other messages in the waiting room, in order of visit time, until the queue is
short again. What would wait for too long all the same, behind a pause that the provider asked
for or a store that does not answer, goes back to the core.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Final, Protocol

from gateway.clock import Clock
from gateway.core import policy
from gateway.errors import StoreUnavailable
from gateway.ports.messaging import SenderLimits
from gateway.ports.store import Store

QUEUE_S: Final = 2.0
"""How many seconds' worth of turns wait on a node: enough to bridge a busy moment of its
workers, few enough that an answer to a patient or a changed visit does not come too late."""

QUEUE_MIN: Final = 4
"""A slow sender's queue: the next one is ready when a turn comes."""

REFILL: Final = 16
"""A queue is refilled when so many turns of it are used, not for every single one."""

AT_ONCE_MAX: Final = 100
"""Requests to a provider that are open at once: as many as an adapter keeps connections to one
host (`adapters.http.HttpLimits`). More would wait for a connection after having taken a turn."""

WAIT_MAX: Final = timedelta(seconds=30)
"""A message waits for its turn no longer. With the provider's own time it stays well below its
lease, `policy.SEND_LEASE`."""

PAUSE_WAIT_MAX: Final = timedelta(seconds=10)
"""During a shorter pause messages keep their places; a longer one is waited for by the cases."""

TICK_S: Final = 0.02
"""Turns are taken no more often than this: a fast sender's come in small groups, which costs
fewer round trips and is still even enough for a limit that counts by the second."""

NEAR_S: Final = 0.25
"""How many seconds before its turn a message is looked at once more (rule H-3)."""

LOOKED_MAX: Final = timedelta(seconds=0.5)
"""A message that waits for its turn for longer after that is looked at yet again."""

FRESH: Final = timedelta(milliseconds=50)
"""A turn that comes within this time comes at once: looking at the visit again, which was looked
at when the message was started, would take no less."""

LATE_MAX: Final = timedelta(milliseconds=5)
"""A store that took longer to answer is told when the turns were really used: else a moment in
which its disk was slow would let the next second hold too many."""

STORE_PAUSE_S: Final = 0.5
"""How soon a store that does not answer is asked again."""


class Spawn(Protocol):
    """Starts a task that a stop waits for."""

    def __call__(self, coroutine: Coroutine[object, object, None]) -> None:
        """Start it."""
        ...


@dataclass(frozen=True, slots=True)
class Go:
    """The turn has come: whatever is sent leaves now."""


@dataclass(frozen=True, slots=True)
class Held:
    """No turn was taken. `until` None: what was to be sent is not wanted any more; else no turn
    comes soon enough, because the provider has the sender pause (`paused`) or it is busy."""

    until: datetime | None
    paused: bool = False


Answer = Go | Held


@dataclass(slots=True)
class _Sender:
    """One sender's queue on this node: who waits, who looks at its visit, who is ready to go."""

    limits: SenderLimits
    waiting: list[tuple[bool, int, datetime, asyncio.Future[Held | None]]] = field(
        default_factory=list
    )
    looking: int = 0
    ready: deque[asyncio.Future[Answer]] = field(default_factory=deque)
    branches: set[tuple[str, str]] = field(default_factory=set)
    under_way: int = 0
    served: bool = False
    sated: bool = False
    paused_until: datetime | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def queued(self) -> int:
        """How many have no turn yet."""
        return len(self.waiting) + self.looking + len(self.ready)

    def seconds_worth(self, seconds: float, least: int = 1) -> int:
        """How many turns come in some seconds, as far as a queue is concerned."""
        rate = self.limits.per_second
        return AT_ONCE_MAX if rate is None else max(least, round(rate * seconds))


class TokenBuckets:
    """Gives every message its sender's turn."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        spawn: Spawn,
        hungry: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`hungry` is called with a clinic whose messages this node has not enough of again."""
        self._store = store
        self._clock = clock
        self._spawn = spawn
        self._hungry = hungry
        self._senders: dict[str, _Sender] = {}
        self._order = count()
        self.sated: frozenset[tuple[str, str]] = frozenset()
        """Branches (clinic, branch) whose sender has enough to do on this node."""

    @asynccontextmanager
    async def turn(
        self,
        limits: SenderLimits,
        place: tuple[str, str],
        look: Callable[[], Awaitable[bool]],
        *,
        first: bool = False,
    ) -> AsyncIterator[Answer]:
        """Wait for the sender's turn; it is under way until the context ends.

        `place` is clinic and branch. `look` tells whether what waits is still wanted; it is asked
        shortly before the turn comes, so that nothing stands between the turn and the provider.
        `first` goes before what waits already.
        """
        sender = self._sender(limits)
        sender.branches.add(place)
        answer = await self._wait(sender, look, first=first)
        if isinstance(answer, Held):
            yield answer
            return
        sender.under_way += 1
        try:
            yield answer
        finally:
            sender.under_way -= 1
            sender.news.set()

    async def pause(self, limits: SenderLimits, at_least_s: int | None) -> None:
        """Have a sender pause on all nodes: its provider asked for that."""
        sender = self._sender(limits)
        now = self._clock.now()
        shortest = timedelta(seconds=at_least_s or 0)
        try:
            sender.paused_until = await self._store.pause_sender(limits.name, now, shortest)
        except StoreUnavailable:
            sender.paused_until = now + shortest  # the provider will tell the other nodes too

    def _sender(self, limits: SenderLimits) -> _Sender:
        sender = self._senders.get(limits.name)
        if sender is None:
            sender = self._senders[limits.name] = _Sender(limits)
        sender.limits = limits
        return sender

    # -- waiting

    async def _wait(
        self, sender: _Sender, look: Callable[[], Awaitable[bool]], *, first: bool
    ) -> Answer:
        since = self._clock.now()
        held = self._held(sender, since)
        if held is not None:
            return held
        loop = asyncio.get_running_loop()
        call: asyncio.Future[Held | None] = loop.create_future()
        heappush(sender.waiting, (not first, next(self._order), since, call))
        self._look_at_queue(sender)
        if not sender.served:
            sender.served = True
            self._spawn(self._serve(sender))
        held = await call
        if held is not None:
            return held
        try:
            if self._clock.now() - since > FRESH and not await look():
                return Held(None)
            turn: asyncio.Future[Answer] = loop.create_future()
            sender.ready.append(turn)
        finally:
            sender.looking -= 1
            sender.news.set()
        looked_at = self._clock.now()
        answer = await turn
        if isinstance(answer, Go) and self._clock.now() - looked_at > LOOKED_MAX:
            return answer if await look() else Held(None)  # a slow sender: its turn is lost
        return answer

    def _held(self, sender: _Sender, now: datetime) -> Held | None:
        """Tell at once when no turn can come in time."""
        if sender.paused_until is not None and sender.paused_until - now > PAUSE_WAIT_MAX:
            return Held(sender.paused_until, paused=True)
        rate = sender.limits.per_second
        wait = timedelta(seconds=sender.queued / rate if rate is not None else 0)
        return Held(now + wait) if wait > WAIT_MAX else None

    # -- serving

    async def _serve(self, sender: _Sender) -> None:
        """Take turns until nobody waits."""
        try:
            while sender.queued:
                sender.news.clear()
                self._drop_overdue(sender)
                self._call_up(sender)
                wait_s = await self._take(sender)
                self._call_up(sender)
                self._look_at_queue(sender)
                if wait_s is None:
                    await self._clock.wait(sender.news, STORE_PAUSE_S)
                else:
                    await self._clock.sleep(wait_s)
        finally:
            sender.served = False
            self._release(sender, Held(self._clock.now()))

    def _call_up(self, sender: _Sender) -> None:
        """Have those whose turn is near look at their visits."""
        near = sender.seconds_worth(NEAR_S)
        while sender.waiting and sender.looking + len(sender.ready) < near:
            *_, call = heappop(sender.waiting)
            if not call.done():
                sender.looking += 1
                call.set_result(None)

    async def _take(self, sender: _Sender) -> float | None:
        """Give turns to those who are ready; return the seconds until there may be more.

        None: until somebody is ready, or a message that is under way has been sent.
        """
        wanted = min(len(sender.ready), AT_ONCE_MAX - sender.under_way)
        if wanted <= 0:
            return None
        limits, now = sender.limits, self._clock.now()
        try:
            turns = await self._store.take_turns(limits.name, limits.per_second, wanted, now)
        except StoreUnavailable:
            return STORE_PAUSE_S
        left_at = self._clock.now()
        sender.paused_until = turns.paused_until
        for _ in range(turns.taken):
            turn = sender.ready.popleft()
            if not turn.done():
                turn.set_result(Go())
        if turns.taken and limits.per_second is not None and left_at - now > LATE_MAX:
            with suppress(StoreUnavailable):
                await self._store.date_turns(limits.name, turns.taken, left_at)
        if turns.paused_until is not None and turns.wait > PAUSE_WAIT_MAX:
            self._release(sender, Held(turns.paused_until, paused=True))
        return max(TICK_S, turns.wait.total_seconds()) if sender.ready else None

    def _drop_overdue(self, sender: _Sender) -> None:
        """Nobody waits for longer than a lease allows: the store was away, or others took all."""
        now = self._clock.now()
        late = now - WAIT_MAX
        overdue = [entry for entry in sender.waiting if entry[2] <= late]
        if overdue:
            sender.waiting = [entry for entry in sender.waiting if entry[2] > late]
            heapify(sender.waiting)
            for *_, call in overdue:
                if not call.done():
                    call.set_result(Held(now + policy.LOOK_AGAIN))

    def _release(self, sender: _Sender, held: Held) -> None:
        """Give up the queue; who is looking at its visit just now comes back to an empty one."""
        waiting, sender.waiting = sender.waiting, []
        for *_, call in waiting:
            if not call.done():
                call.set_result(held)
        while sender.ready:
            turn = sender.ready.popleft()
            if not turn.done():
                turn.set_result(held)
        self._look_at_queue(sender)

    def _look_at_queue(self, sender: _Sender) -> None:
        """Tell the workers whether this sender's branches may bring more."""
        most, left = sender.seconds_worth(QUEUE_S, QUEUE_MIN), sender.queued
        if left >= most and not sender.sated:
            sender.sated = True
        elif left <= max(most // 2, most - REFILL) and sender.sated:
            sender.sated = False
        else:
            return
        full = (other.branches for other in self._senders.values() if other.sated)
        self.sated = frozenset[tuple[str, str]]().union(*full)
        if not sender.sated:
            for clinic in {clinic for clinic, _ in sender.branches}:
                self._hungry(clinic)
