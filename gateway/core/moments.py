"""The first and the latest useful moment of every function (rules C-1, R-1, R-2, G-9, Z-4, Z-6).

All moments are instants in UTC; hours are those of the branch.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from gateway.core import policy
from gateway.core.case import Case
from gateway.core.clinic import Branch, Hours
from gateway.core.hours import at_local, is_open, local, local_day, was_open_between
from gateway.core.model import Function, Reason


@dataclass(frozen=True, slots=True)
class Window:
    """When a function may be done: from `first` until before `latest`, while `hours` are open.

    `decided_at` is the moment at which the rules are looked at; `outside` tells that the
    function's own moment lies outside its hours and that it is not sent at another one.
    """

    decided_at: datetime
    first: datetime
    latest: datetime
    hours: Hours
    outside: bool = False
    too_late: bool = False


def window_of(function: Function, case: Case, branch: Branch) -> Window:
    """Return the window of a function for the present booking."""
    if function is Function.DETAILS:
        return _details(case, branch)
    return (
        _confirmation(case, branch)
        if function is Function.CONFIRMATION
        else _reminder(case, branch)
    )


def appeared(case: Case) -> datetime:
    """When the visit appeared in the schedule, as far as can be told (rules D-1, Z-2)."""
    return case.appeared_at or case.snapshot.created


def began(case: Case) -> datetime:
    """When the present booking began: when it appeared, or the moment its move was seen."""
    return case.booking_since or appeared(case)


def _details(case: Case, branch: Branch) -> Window:
    """The hour at which it appeared decides (rules D-3, Z-2)."""
    seen = appeared(case)
    hours = branch.details.hours
    latest = case.snapshot.start - policy.DETAILS_LEAD
    outside = not case.adopted and not is_open(hours, seen, branch.timezone)
    return Window(case.recorded_at, seen, latest, hours, outside, seen >= latest)


def _confirmation(case: Case, branch: Branch) -> Window:
    """The day before the visit, from the configured start; before opening means opening."""
    settings = branch.confirmation
    day = local_day(case.snapshot.start, branch.timezone) - timedelta(days=1)
    first = at_local(day, max(settings.start, settings.hours.opening), branch.timezone)
    closing = at_local(day, settings.hours.closing, branch.timezone)
    return Window(first, first, closing, settings.hours)


def _reminder(case: Case, branch: Branch) -> Window:
    """`lead` before the start; before opening it moves to opening, after closing it is lost."""
    settings, zone = branch.reminder, branch.timezone
    start = case.snapshot.start
    moment = start - settings.lead
    moment_local = local(moment, zone)
    first, outside = moment, False
    clock = time(moment_local.hour, moment_local.minute, moment_local.second)
    if clock >= settings.hours.closing:
        outside = True
    elif clock < settings.hours.opening:
        first = at_local(moment_local.date(), settings.hours.opening, zone)
        outside = first >= start
    late = not _adopted_booking(case) and began(case) > moment
    return Window(moment, first, start, settings.hours, outside, late)


def _adopted_booking(case: Case) -> bool:
    return case.adopted and case.booking == 1


def closing_reason(window: Window, case: Case, branch: Branch) -> Reason:
    """Return why a function whose latest moment has passed was not sent (rule Z-3)."""
    since = max(window.first, began(case))
    if was_open_between(window.hours, since, window.latest, branch.timezone):
        return Reason.MISSED_HOURS
    return Reason.TOO_LATE
