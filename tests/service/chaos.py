"""Processes that die between two steps, and a world outside that does not notice.

A `MortalStore` counts the steps of its node: before and after everything that the node does to
the store, a provider or the schedule. At the step it was told, the node dies: that step and all
later ones of this node never end, and whoever runs it throws it away and starts another one on
the same store. Providers and the schedule live on, repeat their webhooks until they are taken,
and keep their own books.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.store.memory_store import MemoryStore
from gateway.core.events import Receipt
from gateway.core.model import Appointment, CallResult, Channel, Status
from gateway.ivr.menu import Heard, HungUp, Key, Silence, Turn
from gateway.ports.messaging import Inbound, OutgoingMessage
from gateway.ports.schedule import Accepted, Change, PushOutcome, StatusChange
from gateway.ports.store import Ref
from gateway.ports.telephony import CallOrder, Limits, NotAnswered
from gateway.service.assembly import Service
from tests.service.support import NUMBER, told, written

RECEIPT_S = 5.0
REPEAT_S = 1.0
STEPS = frozenset(
    {
        "load_case",
        "load_contact",
        "commit",
        "claim",
        "remember",
        "recall",
        "write_off",
        "ledger",
        "open_days",
    }
)
"""Operations of the store before and after which a node may die; an empty claim is no step."""


class Fate:
    """When a node dies: at its `at`-th step (None: never)."""

    def __init__(self, at: int | None) -> None:
        self._at = at
        self.steps = 0
        self.dead = asyncio.Event()
        self.died_at = ""

    async def step(self, name: str) -> None:
        """Pass a step, or die here."""
        if not self.dead.is_set():
            self.steps += 1
            if self.steps == self._at:
                self.died_at = name
                self.dead.set()
        if self.dead.is_set():
            await asyncio.Event().wait()


class MortalStore:
    """A node's connection to the store: it ends with the node, the store does not."""

    def __init__(self, store: MemoryStore, fate: Fate) -> None:
        self._store = store
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        return self._mortal(name, found) if name in STEPS else found

    def _mortal(self, name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*args: Any, **more: Any) -> Any:
            if name != "claim":
                await self._fate.step(f"before {name}")
            result = await operation(*args, **more)
            if name != "claim" or result.items:
                await self._fate.step(f"after {name}")
            return result

        return call


@dataclass
class Outside:
    """The provider, the trunk, the schedule and the patient: what really happened."""

    schedule: dict[str, Appointment] = field(default_factory=dict)
    accepted: list[OutgoingMessage] = field(default_factory=list)
    calls: list[CallOrder] = field(default_factory=list)
    answered: Counter[str] = field(default_factory=Counter)
    offered: list[tuple[Ref, str]] = field(default_factory=list)
    taken: dict[tuple[Ref, str], Change] = field(default_factory=dict)
    confirms_by_chat: bool = True
    call_keys: str | None = None  # None: nobody picks up
    service: Service | None = None
    spawn: Any = None

    def purposes(self) -> Counter[str]:
        """Count the messages that the provider took, by template."""
        return Counter(message.content.template for message in self.accepted)

    async def webhook(self, pause_s: float, item: Callable[[], Inbound]) -> None:
        """A provider tells, and tells again until somebody has committed it."""
        await asyncio.sleep(pause_s)
        while True:
            service = self.service
            if service is not None:
                try:
                    async with asyncio.timeout(2.0):
                        await service.inbox.take([item()])
                except TimeoutError:
                    pass
                else:
                    return
            await asyncio.sleep(REPEAT_S)


class Provider:
    """A node's way to the provider."""

    channel = Channel.WHATSAPP

    def __init__(self, outside: Outside, fate: Fate) -> None:
        self._outside = outside
        self._fate = fate

    def serves(self, clinic: str, branch: str) -> bool:
        return True

    def limits(self, clinic: str, branch: str) -> None:
        return None

    async def send(self, message: OutgoingMessage) -> str | None:
        await self._fate.step("before the provider has it")
        await asyncio.sleep(0.1)
        outside = self._outside
        outside.accepted.append(message)
        provider_id = f"whatsapp-{len(outside.accepted)}"
        now = outside.service.clock.now  # type: ignore[union-attr]
        outside.spawn(
            outside.webhook(
                RECEIPT_S,
                lambda: told(message, Receipt.DELIVERED, now(), provider_id=provider_id),
            )
        )
        if outside.confirms_by_chat and message.content.template == "confirmation":
            reply = f"reply-to-{provider_id}"
            outside.spawn(
                outside.webhook(RECEIPT_S * 2, lambda: written("1", reply, now(), number=NUMBER))
            )
        await self._fate.step("after the provider has it")
        return provider_id

    async def close(self) -> None:
        """Nothing to let go of."""


class Line:
    """A call in which the patient presses keys."""

    def __init__(self, keys: str, fate: Fate) -> None:
        self._keys = list(keys)
        self._fate = fate

    async def play(self, turn: Turn, prompt: Path | None) -> Heard:
        await self._fate.step(f"before {turn.state} is played")
        await asyncio.sleep(10.0)
        if not turn.listens:
            return Silence()
        return Key(self._keys.pop(0)) if self._keys else HungUp()

    async def hang_up(self) -> None:
        if not self._fate.dead.is_set():  # a line of a dead process is cut anyway
            await self._fate.step("before hanging up")


class MortalTrunk:
    """A node's way to the telephone."""

    rests = False

    def __init__(self, outside: Outside, fate: Fate) -> None:
        self._outside = outside
        self._fate = fate

    def serves(self, clinic: str, branch: str) -> bool:
        return True

    def limits(self, clinic: str, branch: str) -> Limits:
        return Limits("mortal", 1000, 1000.0)

    async def dial(self, order: CallOrder) -> Line:
        await self._fate.step("before dialling")
        self._outside.calls.append(order)
        await asyncio.sleep(5.0)
        await self._fate.step("after ringing")
        if self._outside.call_keys is None:
            raise NotAnswered(CallResult.NO_ANSWER)
        return Line(self._outside.call_keys, self._fate)

    async def close(self) -> None:
        """Nothing to let go of."""


class MortalDiary:
    """A node's way to a schedule that does the same change once, however often it is offered."""

    def __init__(self, outside: Outside, fate: Fate) -> None:
        self._outside = outside
        self._fate = fate

    async def push(self, change: Change) -> PushOutcome:
        await self._fate.step("before the schedule has it")
        await asyncio.sleep(0.1)
        outside, key = self._outside, (change.ref, change.push)
        outside.offered.append(key)
        if key not in outside.taken:
            outside.taken[key] = change
            if isinstance(change, StatusChange):
                assert change.before is Status.UNCONFIRMED
        await self._fate.step("after the schedule has it")
        return Accepted()

    async def close(self) -> None:
        """Nothing to let go of."""
