"""What a branch may spend in a month, and what that means for its channels.

A budget is our own addition to the rules (docs/behaviour.md). Once a month's charges have
reached it, whatever has a price is passed over until the month ends or the budget is raised;
what is free still goes. Nothing is stopped in the middle: messages that are under way are charged
when a provider takes them, so a month may end above its budget by as much as was in flight.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from gateway.core.clinic import Branch
from gateway.core.evolve import evolve
from gateway.core.hours import local_day
from gateway.core.model import Channel
from gateway.core.tariff import price_of


def month_of(day: date) -> date:
    """Return the first day of a day's month, by which months are named."""
    return day.replace(day=1)


def is_spent(branch: Branch, spent: Decimal) -> bool:
    """Tell whether a branch that has spent so much this month may spend no more."""
    return branch.budget is not None and spent >= branch.budget.month


def wants_warning(branch: Branch, spent: Decimal) -> bool:
    """Tell whether so much of the month's budget is spent that people want to know."""
    budget = branch.budget
    return budget is not None and spent >= budget.month * budget.warn_at


def is_free(branch: Branch, channel: Channel, now: datetime, *, after_call: bool) -> bool:
    """Tell whether a message or call costs nothing now, so that no budget stops it."""
    day = local_day(now, branch.timezone)
    return not price_of(branch, channel, after_call=after_call, segments=1, day=day)


def only_free(branch: Branch, now: datetime, *, after_call: bool) -> Branch:
    """Return the branch with those channels of its order that cost nothing now."""
    free = (c for c in branch.channels if is_free(branch, c, now, after_call=after_call))
    return evolve(branch, channels=tuple(free))
