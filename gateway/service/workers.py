"""Workers: claim what is due or whose turn has come, decide it, and wait for more.

One loop per node serves all partitions. It sleeps until the store's own next moment, until the
engine of this node commits something, or for `poll_s`, since other nodes commit too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from gateway.clock import Clock
from gateway.errors import StoreUnavailable
from gateway.ports.store import EVERY_DUTY, Claim, Claimed, Duty, Kind, Store
from gateway.service.engine import Engine
from gateway.service.write_offs import WriteOffs

log = logging.getLogger("callahead.workers")

LEASE = timedelta(seconds=60)
"""How long a claimed entry stays hidden from other workers while it is decided."""

CLAIM_MAX = 64
"""Entries per claim: enough to share one round trip, few enough to share with other nodes."""

DECIDED_AT_ONCE = 8
"""Entries that are decided side by side: enough to share the store's round trips, few enough that
a turn of the event loop stays short. Webhooks and messages whose turn has come wait for it."""

STORE_PAUSE_S = 0.5
"""How soon a store that does not answer is asked again."""


class Workers:
    """Serves the due queue and the waiting rooms until it is told to stop."""

    def __init__(
        self,
        store: Store,
        engine: Engine,
        write_offs: WriteOffs,
        clock: Clock,
        *,
        poll_s: float | None = 1.0,
        duties: frozenset[Duty] = EVERY_DUTY,
        sated: Callable[[], frozenset[tuple[str, str]]] = frozenset,
        one_by_one: bool = False,
        raise_faults: bool = False,
    ) -> None:
        self._store = store
        self._engine = engine
        self._write_offs = write_offs
        self._clock = clock
        self._poll_s = poll_s
        self.duties = duties
        self._sated = sated
        self._one_by_one = one_by_one
        self._raise_faults = raise_faults
        self._news = asyncio.Event()
        self._stopping = False
        self._next_at: dict[int, datetime | None] = {}
        self._poked: set[int] = set()
        self.idle = asyncio.Event()

    def poke(self, clinic: str) -> None:
        """Look at a clinic's partition soon: something was committed there."""
        self._poked.add(self._store.partition_of(clinic))
        self._news.set()

    def stop(self) -> None:
        """Claim nothing more; what was claimed is finished."""
        self._stopping = True
        self._news.set()

    async def run(self) -> None:
        """Serve until `stop`; a store that does not answer is waited for."""
        self._stopping = False
        everything = set(range(self._store.partitions))
        self._poked |= everything
        polled_at = self._clock.now()
        while not self._stopping:
            now = self._clock.now()
            if self._poll_s is not None and now - polled_at >= timedelta(seconds=self._poll_s):
                self._poked |= everything
                polled_at = now
            self._news.clear()
            ready = self._ready(now)
            try:
                busy = await self._serve(ready) if ready else False
            except StoreUnavailable:
                log.warning("the store does not answer; waiting for it")
                self._poked |= ready
                await self._clock.sleep(STORE_PAUSE_S)
                continue
            if not busy:
                await self._clock.wait(self._news, self._pause_s())

    def _ready(self, now: datetime) -> set[int]:
        due = {p for p, at in self._next_at.items() if at is not None and at <= now}
        ready = due | self._poked
        self._poked = set()
        return ready

    def _pause_s(self) -> float | None:
        if self._poked:
            return 0.0
        moments = [at for at in self._next_at.values() if at is not None]
        pauses = [(min(moments) - self._clock.now()).total_seconds()] if moments else []
        if self._poll_s is not None:
            pauses.append(self._poll_s)
        return min(pauses) if pauses else None

    async def _serve(self, partitions: set[int]) -> bool:
        """Claim and decide once per partition; return whether there was anything."""
        found = False
        ordered = sorted(partitions)
        now = self._clock.now()
        claims = await self._claim(ordered, now)
        for partition, claim in zip(ordered, claims, strict=True):
            self._next_at[partition] = claim.next_at
            if claim.items:
                found = True
                self._poked.add(partition)
                await self._decide_all(claim.items)
        return found

    async def _claim(self, partitions: list[int], now: datetime) -> list[Claim]:
        duties, sated = self.duties, self._sated()
        claims = [self._store.claim(p, now, CLAIM_MAX, LEASE, duties, sated) for p in partitions]
        if len(claims) == 1:
            return [await claims[0]]  # without a task, which costs more than the claim
        return await asyncio.gather(*claims)

    async def _decide_all(self, items: tuple[Claimed, ...]) -> None:
        if self._one_by_one:
            for item in items:
                await self._decide(item)
        else:
            queue = iter(items)
            hands = min(DECIDED_AT_ONCE, len(items))
            await asyncio.gather(*(self._decide_one_after_another(queue) for _ in range(hands)))

    async def _decide_one_after_another(self, items: Iterator[Claimed]) -> None:
        for item in items:
            await self._decide(item)

    async def _decide(self, item: Claimed) -> None:
        try:
            if item.ref.kind is Kind.BRANCH:
                await self._write_offs.run(item.ref)
            else:
                await self._engine.granted(item)
        except StoreUnavailable:
            raise
        except Exception:
            if self._raise_faults:
                raise
            # One poison case must not stop the others: its lease runs out and it is looked at
            # again; the log names it without personal data.
            log.exception(
                "a case could not be decided",
                extra={"clinic": item.ref.clinic, "kind": item.ref.kind.value},
            )
