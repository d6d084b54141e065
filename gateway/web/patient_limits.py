"""How often the patient page may be asked: wrong links by address, buttons by link (rule P-2).

The turns are in the store, so they hold over all nodes (rule H-7). A link has 80 bits
(`gateway.core.links`): were there a million open visits, a year of ten thousand guesses a second
would find one of them with a chance of one in four million. So the limits do not keep the links
secret; they keep guessing from costing anything but the guesser's own time. An address that has
used up its wrong links is answered without a look into the store, whatever it asks for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.clock import Clock
from gateway.ports.store import Store
from gateway.web.patient_visit import Visit

ADDRESSES_MAX = 4096
"""How many addresses one node remembers as blocked; the store knows the others."""


@dataclass(frozen=True, slots=True)
class Pace:
    """So many at once, then one every `every`."""

    burst: int
    every: timedelta

    @property
    def per_second(self) -> float:
        """Turns a second."""
        return 1 / self.every.total_seconds()

    @property
    def wait_max(self) -> timedelta:
        """How far ahead turns may be taken: that makes a burst of it."""
        return self.every * (self.burst - 1)


WRONG_LINKS = Pace(30, timedelta(seconds=10))
"""Of one address, behind which a whole village may be: nobody mistypes a link so often."""

PRESSES = Pace(10, timedelta(seconds=10))
"""Of one link: every press is written into the timeline."""

LOOKS = Pace(10, timedelta(seconds=5))
"""Of one link at free times: every look is a question to the clinic's schedule."""


class PatientLimits:
    """Counts; every answer is None or the seconds to wait (`Retry-After`)."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._blocked: dict[str, datetime] = {}

    def blocked(self, address: str) -> int | None:
        """Tell whether an address has asked for too many links that are none."""
        until = self._blocked.get(address)
        if until is None:
            return None
        left = until - self._clock.now()
        if left > timedelta(0):
            return _seconds(left)
        del self._blocked[address]
        return None

    async def wrong_link(self, address: str) -> int | None:
        """Count a link that leads nowhere."""
        pause = await self._take("wrong", address, WRONG_LINKS)
        if pause is not None:
            if len(self._blocked) >= ADDRESSES_MAX:
                del self._blocked[next(iter(self._blocked))]
            self._blocked[address] = self._clock.now() + WRONG_LINKS.every
        return pause

    async def press(self, visit: Visit) -> int | None:
        """Count a pressed button."""
        return await self._take("press", visit.token, PRESSES)

    async def look(self, visit: Visit) -> int | None:
        """Count a look at free times."""
        return await self._take("look", visit.token, LOOKS)

    async def _take(self, what: str, whose: str, pace: Pace) -> int | None:
        name = f"page:{what}:{whose}"
        now = self._clock.now()
        turn = await self._store.take_turn(name, pace.per_second, now, pace.wait_max)
        return None if turn is not None else _seconds(pace.every)


def _seconds(pause: timedelta) -> int:
    return max(1, math.ceil(pause.total_seconds()))
