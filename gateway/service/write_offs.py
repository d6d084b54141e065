"""The daily write-off of a branch, exactly once (rules T-4, Z-14)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from gateway.clock import Clock
from gateway.core.hours import local_day, next_midnight
from gateway.ports.store import Ref, Store, WriteOff
from gateway.service.clinics import Clinics


class WriteOffs:
    """Sums the closed days of a branch; its due time is an entry of the due queue."""

    def __init__(
        self,
        store: Store,
        clinics: Clinics,
        clock: Clock,
        *,
        observe: Callable[[str, WriteOff], None],
    ) -> None:
        self._store = store
        self._clinics = clinics
        self._clock = clock
        self._observe = observe

    async def run(self, ref: Ref) -> None:
        """Write off every day of the branch that is over and has charges."""
        settings = await self._clinics.settings(ref.clinic, ref.key)
        zone = settings.branch.timezone
        now = self._clock.now()
        today = local_day(now, zone)
        days = await self._store.open_days(ref.clinic, ref.key)
        open_today = any(day >= today for day in days)
        next_due = next_midnight(now, zone) if open_today else None
        for day in days:
            if day >= today:
                continue
            ledger = await self._store.ledger(ref.clinic, ref.key, day)
            amount = sum((charge.amount for charge in ledger.charges), Decimal(0))
            write_off = WriteOff(ref.key, day, amount, len(ledger.charges), now)
            if await self._store.write_off(ref.clinic, write_off, next_due):
                self._observe(ref.clinic, write_off)
