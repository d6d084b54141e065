"""Who has spent this month's budget, and who ought to know (`gateway.core.budget`).

The sum of a month is kept up by every commit of a charge; a node looks at it at most once a
second for each branch that has a budget, and never for the others. So a month may end above its
budget by what all nodes started since their last look, and by what was under way then.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from gateway.clock import Clock
from gateway.core.budget import is_spent, month_of, wants_warning
from gateway.core.clinic import Branch
from gateway.core.draft import Settings
from gateway.core.hours import local_day
from gateway.ports.store import Store

log = logging.getLogger("callahead.budgets")

FRESH_FOR = timedelta(seconds=1)
"""How long a sum is taken from memory; as long as settings are (rule G-1)."""

ONE_WARNING_A_MONTH = 1 / timedelta(days=40).total_seconds()
"""A limit over all nodes, in turns a second: one turn, and none again before the month is over."""


class Budgets:
    """Tells decisions whether a branch's budget is spent; warns once a month and branch."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[datetime, Settings, Settings]] = {}
        self._warned: set[tuple[str, str, date]] = set()
        self.warnings = 0

    @property
    def spent(self) -> int:
        """How many branches had no money left when this node last looked."""
        return sum(applied.budget_spent for _, _, applied in self._known.values())

    async def applied(self, settings: Settings) -> Settings:
        """Return the settings of a branch with a budget, with what is known of its month."""
        branch, now = settings.branch, self._clock.now()
        key = branch.clinic, branch.id
        known = self._known.get(key)
        if known is not None and known[1] is settings and now - known[0] < FRESH_FOR:
            return known[2]
        month = month_of(local_day(now, branch.timezone))
        spent = await self._store.spent(branch.clinic, branch.id, month)
        applied = replace(settings, budget_spent=is_spent(branch, spent))
        self._known[key] = now, settings, applied
        if wants_warning(branch, spent) and (*key, month) not in self._warned:
            self._warned.add((*key, month))
            await self._warn(branch, month, spent)
        return applied

    async def _warn(self, branch: Branch, month: date, spent: Decimal) -> None:
        name = f"budget:{branch.clinic}:{branch.id}:{month:%Y-%m}"
        now, at_once = self._clock.now(), timedelta(0)
        if await self._store.take_turn(name, ONE_WARNING_A_MONTH, now, at_once) is None:
            return  # another node has told it, or this one before it was started again
        self.warnings += 1
        log.warning(
            "a branch has spent most of its budget of the month",
            extra={
                "clinic": branch.clinic,
                "branch": branch.id,
                "month": f"{month:%Y-%m}",
                "spent": f"{spent:f}",
                "budget": f"{branch.budget.month:f}" if branch.budget else "",
            },
        )
