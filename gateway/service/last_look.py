"""A last look at the visit before its number is dialled, and while somebody talks about it.

Between the decision to call and the dialling a prompt is spoken and a line is waited for, which
may take half a minute: long enough for an opt-out, a corrected number or the end of the hours.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from gateway.clock import Clock
from gateway.core.case import Case
from gateway.core.draft import Settings
from gateway.core.model import Status
from gateway.core.recheck import may_dial
from gateway.errors import NotFound, StoreUnavailable
from gateway.ports.store import Store
from gateway.ports.telephony import CallOrder, NotPlaced

SettingsOf: TypeAlias = Callable[[str, str], Awaitable[Settings]]
"""The settings of a clinic's branch as they are now; raises `NotFound` and `StoreUnavailable`."""


class LastLook:
    """Looks at the case, its number and the branch's settings as they are now."""

    def __init__(self, store: Store, settings: SettingsOf, clock: Clock) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock

    async def before_dialling(self, order: CallOrder) -> None:
        """Raise `NotPlaced` when the call must not be made any more, or the store does not
        answer (rules C-2, C-15, C-17, G-2, G-3, G-7)."""
        try:
            case, contact = await self._store.load_case(order.ref.clinic, order.ref.key)
            branch = case.branch if case is not None else order.branch
            settings = await self._settings(order.ref.clinic, branch)
        except StoreUnavailable:
            raise NotPlaced("no_store") from None
        except NotFound:
            raise NotPlaced("changed") from None
        now = self._clock.now()
        if case is None or not may_dial(order.attempt, case, contact, settings.branch, now):
            raise NotPlaced("changed")

    async def still_asked(self, order: CallOrder) -> bool:
        """Tell whether the visit is still what the call is about (rule C-17); a store that does
        not answer ends no call."""
        try:
            case, _ = await self._store.load_case(order.ref.clinic, order.ref.key)
        except StoreUnavailable:
            return True
        return still_asked(case, order)


def still_asked(case: Case | None, order: CallOrder) -> bool:
    """Tell whether the visit is still the one that the call is about, and unconfirmed."""
    if case is None or case.removed or case.snapshot.start != order.snapshot.start:
        return False
    return case.status is Status.UNCONFIRMED
