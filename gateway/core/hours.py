"""Local time of a branch: opening hours, days and midnights (rules G-2, G-8).

Moments go in and come out in UTC; only days and times of day are local. Clocks that jump are
handled by one rule: a local time stands for the first moment at which the branch's clock shows
that time or a later one. So a time that the clock skips means the moment of the jump, a time
that comes twice means its first coming, and later times never mean earlier moments.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from gateway.core.clinic import Hours

_MIDNIGHT = time(0)
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)

_DAYS_WITHOUT_OPENING_MAX = 7
"""The clock of no zone skips more than a day, so hours that open at all open sooner than this."""


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """Return the time zone of that IANA name."""
    return ZoneInfo(name)


def local(moment: datetime, zone_name: str) -> datetime:
    """Return the moment as the branch's clock shows it."""
    return moment.astimezone(zone(zone_name))


def local_day(moment: datetime, zone_name: str) -> date:
    """Return the day that the branch's calendar shows at the moment."""
    return moment.astimezone(zone(zone_name)).date()


@lru_cache(maxsize=8192)
def at_local(day: date, t: time, zone_name: str) -> datetime:
    """Return the first moment at which the branch's clock shows this time or a later one."""
    there = zone(zone_name)
    wall = datetime.combine(day, t)
    moment = wall.replace(tzinfo=there).astimezone(UTC)
    if moment.astimezone(there).replace(tzinfo=None) == wall:
        return moment
    return _jump(wall, moment, there)


def _jump(wall: datetime, after: datetime, there: ZoneInfo) -> datetime:
    """Return the moment of the jump that skips `wall`; `after` is some moment behind it."""
    before = wall.replace(tzinfo=there, fold=1).astimezone(UTC)
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        if middle.astimezone(there).replace(tzinfo=None) < wall:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


@lru_cache(maxsize=8192)
def _opening(hours: Hours, day: date, zone_name: str) -> tuple[datetime, datetime]:
    """Return the first moment of the day's hours and the first one behind them.

    A closing at 00:00 is the end of the day.
    """
    start = at_local(day, hours.opening, zone_name)
    if hours.closing == _MIDNIGHT:
        return start, at_local(day + _DAY, _MIDNIGHT, zone_name)
    return start, at_local(day, hours.closing, zone_name)


def _next_window(hours: Hours, moment: datetime, zone_name: str) -> tuple[datetime, datetime]:
    """Return the opening that the moment lies in, else the first one that follows."""
    day = local_day(moment, zone_name)
    for _ in range(_DAYS_WITHOUT_OPENING_MAX):
        start, end = _opening(hours, day, zone_name)
        if moment < end and start < end:
            return start, end
        day += _DAY
    raise ValueError(f"hours that never open: {hours.opening:%H:%M} to {hours.closing:%H:%M}")


def is_open(hours: Hours, moment: datetime, zone_name: str) -> bool:
    """Tell whether the moment is inside the hours: the opening minute is, the closing is not."""
    return _next_window(hours, moment, zone_name)[0] <= moment


def next_opening(hours: Hours, moment: datetime, zone_name: str) -> datetime:
    """Return the moment itself if hours are open, else when they open next."""
    return max(moment, _next_window(hours, moment, zone_name)[0])


def next_closing(hours: Hours, moment: datetime, zone_name: str) -> datetime:
    """Return when the present opening ends, or the next one if hours are closed."""
    return _next_window(hours, moment, zone_name)[1]


def closing_of(hours: Hours, day: date, zone_name: str) -> datetime:
    """Return the closing of a local day."""
    return _opening(hours, day, zone_name)[1]


def was_open_between(hours: Hours, since: datetime, until: datetime, zone_name: str) -> bool:
    """Tell whether hours were open at any moment from `since` up to, not including, `until`."""
    return since < until and _next_window(hours, since, zone_name)[0] < until


def next_midnight(moment: datetime, zone_name: str) -> datetime:
    """Return the first moment of the next local day."""
    midnight = at_local(local_day(moment, zone_name) + _DAY, _MIDNIGHT, zone_name)
    if midnight > moment:
        return midnight
    # The clock was put back over midnight: this day comes a second time.
    return at_local(local_day(moment, zone_name) + 2 * _DAY, _MIDNIGHT, zone_name)
