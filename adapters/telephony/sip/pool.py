"""The line cards of one trunk: how many there are, which takes the next call, who replaces whom.

Cards are started when they are needed and kept. The pool never blocks: cards are processes, and
what they say arrives as callbacks. What takes time (starting cards, feeling their pulse) happens
in `run`, which the supervisor serves.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from adapters.telephony.sip.call import Call
from adapters.telephony.sip.pool_card import Card
from adapters.telephony.sip.protocol import Registration, Setup
from adapters.telephony.sip.zygote_client import Zygote, ZygoteDied
from gateway.ports.telephony import NotPlaced

BEAT_S: Final = 0.25
"""How often every card is asked for its pulse."""

LATE_S: Final = 0.25
"""If we ourselves are later than this, the cards' silence was ours."""

CARD_WAIT_S: Final = 3.0
"""How long a call waits for a card that is being started."""

TRIES_MAX: Final = 3
"""A card whose lines turn out to be taken hands the call to another one so often."""

BACK_OFF_MAX_S: Final = 30.0
LIVED_S: Final = 10.0
"""A card that lived so long did not fail at its start."""

QUIT_S: Final = 4.0
"""How long cards may take to end their calls and themselves."""

_log = logging.getLogger("callahead.sip")


async def _at_once() -> None:
    """Wait for no turn."""


class Slots:
    """The ports of this machine, shared by all pools: each card has a slot of its own.

    The slot that was given back first is used first, so that late packets of an ended call do
    not reach the next one.
    """

    def __init__(self, count: int) -> None:
        self._free = deque(range(count))

    def take(self) -> int | None:
        """Return a free slot, None if there is none."""
        return self._free.popleft() if self._free else None

    def give_back(self, slot: int) -> None:
        """Let others have it."""
        self._free.append(slot)


class Zygotes:
    """The one zygote that all pools fork from; a dead one is replaced when it is needed."""

    def __init__(self) -> None:
        self._zygote: Zygote | None = None
        self._one_at_a_time = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """The process id of the present zygote."""
        return self._zygote.pid if self._zygote is not None else None

    async def get(self) -> Zygote:
        """Return a zygote that lives; raise `ZygoteDied` if none can be started."""
        async with self._one_at_a_time:
            if self._zygote is not None and self._zygote.died.is_set():
                _log.error("sip_zygote_died")
                await self.close()
            if self._zygote is None:
                zygote = Zygote()
                await zygote.start()
                self._zygote = zygote
            return self._zygote

    async def close(self) -> None:
        """End it."""
        zygote, self._zygote = self._zygote, None
        if zygote is not None:
            await zygote.close()


class Pool:
    """The cards of one trunk. `setup` makes a card's settings from its slot."""

    def __init__(
        self,
        name: str,
        lines: int,
        cards: int,
        setup: Callable[[int], Setup],
        zygotes: Zygotes,
        slots: Slots,
        *,
        registers: bool = False,
        on_registration: Callable[[Registration], None] = lambda _: None,
    ) -> None:
        self.cards: list[Card] = []
        self._name = name
        self._lines = lines
        self._cards_max = cards
        self._setup = setup
        self._zygotes = zygotes
        self._slots = slots
        self._registers = registers
        self._on_registration = on_registration
        self._registrar: Card | None = None
        self._numbers = itertools.count(1)
        self._turnstile = asyncio.Lock()
        self._wanted = 1
        self._work = asyncio.Event()
        self._freed = asyncio.Event()
        self._closing = False
        self._failures = 0
        self._start_at = 0.0
        self._starting = asyncio.Lock()

    @property
    def busy(self) -> int:
        """Calls that are under way."""
        return sum(len(card.calls) for card in self.cards)

    @property
    def _active(self) -> list[Card]:
        return [card for card in self.cards if not card.retired and not card.dead]

    # --- Placing calls --------------------------------------------------------------------------

    async def dial(
        self,
        number: str,
        trunk_timeout_s: float,
        call_max_s: float,
        turn: Callable[[], Awaitable[None]] = _at_once,
    ) -> Call:
        """Return a call to which the trunk has reacted, one way or another.

        `turn` is waited for once there is a card that may dial, so that calls do not gather while
        the first card is being started.

        Raises `NotPlaced`: `no_line` (all are busy), `no_card` (none can be started) or
        `trunk_timeout`.
        """
        for _ in range(TRIES_MAX):
            async with self._turnstile:
                await self._next_card()
                await turn()
                card = await self._next_card()
                call = card.dial(f"{self._name}-{next(self._numbers)}", number, call_max_s)
            try:
                await call.reaction(trunk_timeout_s)
            except asyncio.CancelledError:
                await call.hang_up()
                raise
            if not call.no_line:
                return call
        raise NotPlaced("no_line")

    async def _next_card(self) -> Card:
        """Wait for a card that may dial; the one with the most free lines."""
        loop = asyncio.get_running_loop()
        until = loop.time() + CARD_WAIT_S
        while True:
            if self._closing:
                raise NotPlaced("closing")
            if self.busy >= self._lines:
                raise NotPlaced("no_line")
            now = loop.time()
            free = [card for card in self._active if card.ready and card.free]
            able = [card for card in free if card.rest_until <= now]
            rested = [card for card in able if card.dial_at <= now]
            if rested:
                return max(rested, key=lambda card: card.free)
            if not able:
                self._want_one_more()
            if now >= until:
                raise NotPlaced("no_line") if free else NotPlaced("no_card", alert=True)
            wake_at = min([max(card.dial_at, card.rest_until) for card in free] + [until])
            await self._wait_freed(wake_at - now)

    def _want_one_more(self) -> None:
        if len(self._active) < self._cards_max:
            self._wanted = max(self._wanted, len(self._active) + 1)
            self._work.set()

    async def _wait_freed(self, seconds: float) -> None:
        self._freed.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._freed.wait(), max(0.001, seconds))

    # --- Keeping cards --------------------------------------------------------------------------

    async def run(self) -> None:
        """Start, watch and replace cards until `close`."""
        loop = asyncio.get_running_loop()
        expected = loop.time()
        while not self._closing:
            if loop.time() - expected > LATE_S:
                for card in self.cards:
                    card.forgive()
            for card in self.cards:
                card.check()
            await self._start_wanted()
            expected = loop.time() + BEAT_S
            self._work.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._work.wait(), self._nap())

    def _nap(self) -> float:
        """Sleep until the next pulse, or until a card may be started again."""
        if len(self._active) >= self._wanted:
            return BEAT_S
        left = self._start_at - asyncio.get_running_loop().time()
        return min(BEAT_S, max(0.005, left))

    async def _start_wanted(self) -> None:
        loop = asyncio.get_running_loop()
        while len(self._active) < self._wanted and loop.time() >= self._start_at:
            async with self._starting:
                if self._closing:
                    return
                await self._start_card()

    async def _start_card(self) -> None:
        slot = self._slots.take()
        if slot is None:
            self._failed("no ports left")
            return
        try:
            stream, handle = await (await self._zygotes.get()).fork()
        except ZygoteDied:
            self._slots.give_back(slot)
            self._failed("no zygote")
            return
        except BaseException:
            self._slots.give_back(slot)
            raise
        card = Card(self, slot, handle, asyncio.get_running_loop().time)
        self.cards.append(card)
        await card.connect(stream, self._setup(slot))

    def _failed(self, why: str) -> None:
        """Rest before the next start, longer after each failure; the first costs nothing."""
        self._failures += 1
        pause = 0.0 if self._failures == 1 else min(BACK_OFF_MAX_S, 0.1 * 2**self._failures)
        self._start_at = asyncio.get_running_loop().time() + pause
        extra = {"trunk": self._name, "why": why, "again_s": pause}
        _log.error("sip_card_failed", extra=extra)

    def renew(self) -> None:
        """Replace all cards by new ones, with new settings; calls under way end on the old."""
        for card in self._active:
            card.retire()
        self._registrar = None
        self._work.set()

    # --- What cards report ----------------------------------------------------------------------

    def card_ready(self, card: Card) -> None:
        """Let calls have it; the first one registers."""
        if self._registers and self._registrar is None:
            self._appoint(card)
        self._freed.set()

    def card_freed(self, card: Card) -> None:
        """Let waiting calls look again."""
        self._freed.set()

    def card_registered(self, card: Card, registration: Registration) -> None:
        """Pass on what the registering card hears; an old one gives its registration back."""
        if card is self._registrar:
            self._on_registration(registration)

    def card_died(self, card: Card) -> None:
        """Replace it; at once if it had lived."""
        self.cards.remove(card)
        self._slots.give_back(card.slot)
        if self._closing:
            return
        if not card.retired:
            if asyncio.get_running_loop().time() - card.born >= LIVED_S:
                self._failures = 0
            self._failed("it died")
        if card is self._registrar:
            self._registrar = None
            heir = next((one for one in self._active if one.ready), None)
            if heir is not None:
                self._appoint(heir)
        self._work.set()
        self._freed.set()

    def _appoint(self, card: Card) -> None:
        self._registrar = card
        card.register()

    def register_again(self) -> None:
        """Try once more what the registrar has refused."""
        if self._registrar is not None:
            self._registrar.register()

    # --- The end --------------------------------------------------------------------------------

    async def close(self) -> None:
        """End all calls and all cards."""
        self._closing = True
        self._work.set()
        self._freed.set()
        async with self._starting:  # no card is left half started
            cards = list(self.cards)
        for card in cards:
            card.quit()
        if not await _all_gone(cards):
            _log.error("sip_cards_killed", extra={"trunk": self._name})
            for card in cards:
                card.kill()
            await _all_gone(cards)


async def _all_gone(cards: list[Card]) -> bool:
    """Wait for processes to end; False if some do not."""
    try:
        async with asyncio.timeout(QUIT_S):
            for card in cards:
                await card.gone.wait()
    except TimeoutError:
        return False
    return True
