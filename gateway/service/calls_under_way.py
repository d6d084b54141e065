"""Calls of a provider that somebody may be talking in: a stop waits for their end.

The provider asks this node what to do next. While it is the only one, a call breaks off when
nobody answers any more.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.clock import Clock
from gateway.core import policy
from gateway.core.case import UNDER_WAY
from gateway.errors import StoreUnavailable
from gateway.ports.store import Ref, Store

LOOK_EVERY_S = 0.5
"""How often it is looked whether they have ended: another node may have taken the news."""

KNOWN_MAX = 1000
"""So many calls are noted before those that must be over are forgotten."""


class CallsUnderWay:
    """The calls that this node has placed, or was asked about."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[tuple[Ref, str], datetime] = {}

    def note(self, ref: Ref, attempt: str) -> None:
        """Take notice of a call; harmless when it is known, or over."""
        now = self._clock.now()
        self._known[ref, attempt] = now
        if len(self._known) > KNOWN_MAX:
            since = now - policy.CALL_LEASE
            self._known = {call: at for call, at in self._known.items() if at > since}

    async def over(self, patience: timedelta) -> bool:
        """Wait until all of them have ended; False: the time ran out first."""
        until = self._clock.now() + patience
        while await self._some_go_on():
            if self._clock.now() >= until:
                return False
            await self._clock.sleep(LOOK_EVERY_S)
        return True

    async def _some_go_on(self) -> bool:
        """Forget those that have ended; a store that does not answer says nothing of any."""
        for ref, attempt in list(self._known):
            try:
                case, _ = await self._store.load_case(ref.clinic, ref.key)
            except StoreUnavailable:
                return True
            calls = case.attempts if case is not None else ()
            if not any(a.id == attempt and a.state in UNDER_WAY for a in calls):
                del self._known[ref, attempt]
        return bool(self._known)
