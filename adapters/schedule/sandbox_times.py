"""When the doctors of the sandbox's clinic are free.

They work on weekdays from nine to six, a visit takes half an hour, and a time is free when the
doctor has no other visit then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, time, timedelta

from adapters.json_values import Json, object_of
from gateway.core.model import Status

OPENING, CLOSING = time(9), time(18)
VISIT = timedelta(minutes=30)
PLANNED = timedelta(days=14)
"""How far ahead this clinic plans."""

LUNCH = time(13)

_DAY = timedelta(days=1)
_SATURDAY = 5
_GONE = frozenset({Status.CANCELLED.value, Status.NO_SHOW.value})


def moment_of(text: object) -> datetime | None:
    """Read a moment with its offset; None when it is none."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def free_starts(
    visit: Json, appointments: Iterable[Json], since: datetime, until: datetime
) -> list[datetime]:
    """Return the starts in [since, until) at which the doctor of a visit is free, in the offset
    of the visit's own start."""
    now_at = moment_of(visit.get("start"))
    if now_at is None:
        return []
    doctor = object_of(visit.get("doctor")).get("name")
    taken = {
        moment_of(item.get("start"))
        for item in appointments
        if object_of(item.get("doctor")).get("name") == doctor and item.get("status") not in _GONE
    }
    first = since.astimezone(now_at.tzinfo)
    last = min(until, since + PLANNED)
    return [start for start in _working(first, last) if start >= since and start not in taken]


def _working(first: datetime, last: datetime) -> Iterator[datetime]:
    """Yield the starts of all visits that could be, from the first day on."""
    day = first.replace(hour=0, minute=0, second=0, microsecond=0)
    while day < last:
        start, end = (day.replace(hour=edge.hour) for edge in (OPENING, CLOSING))
        while day.weekday() < _SATURDAY and start < min(end, last):
            if start.hour != LUNCH.hour:
                yield start
            start += VISIT
        day += _DAY
