"""A branch's cases one after another, with their timelines, however many there are.

The store gives cases by the start of their visit, a limited number at a time. A page that is full
may end in the middle of the visits of one moment, so the next one begins with that moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta

from gateway.core.case import Case, Entry
from gateway.core.clinic import Branch
from gateway.core.hours import at_local
from gateway.ports.store import Kind, Ref, Store

ALWAYS = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
"""A window that every visit is in."""

PAGE_MAX = 1000
"""Cases in memory at once: some megabytes, and a pause of the store that nobody notices."""

UNLIMITED = 10_000_000
"""More visits than ever begin at one moment in one branch."""

TIMELINES_AT_ONCE = 50
"""Timelines that are asked for together; they share round trips."""

_MIDNIGHT = time(0)
_DAY = timedelta(days=1)


def window_of(branch: Branch, since: date, until: date) -> tuple[datetime, datetime]:
    """Return the moments at which a branch's days begin and end; `until` is included."""
    zone = branch.timezone
    return at_local(since, _MIDNIGHT, zone), at_local(until + _DAY, _MIDNIGHT, zone)


async def cases_between(
    store: Store, clinic: str, branch: str, since: datetime, until: datetime
) -> AsyncIterator[Case]:
    """Yield the cases of a branch whose visit starts in [since, until), by start."""
    while True:
        page = await store.cases(clinic, branch, since, until, PAGE_MAX)
        if len(page) < PAGE_MAX:
            for case in page:
                yield case
            return
        last = page[-1].snapshot.start
        if page[0].snapshot.start == last:  # more visits of one moment than fit
            following = last + timedelta(microseconds=1)
            page, since = await store.cases(clinic, branch, last, following, UNLIMITED), following
        else:
            page, since = tuple(case for case in page if case.snapshot.start < last), last
        for case in page:
            yield case


async def timelines_between(
    store: Store, clinic: str, branch: str, since: datetime, until: datetime
) -> AsyncIterator[tuple[Case, tuple[Entry, ...]]]:
    """Yield the cases of a branch with their whole timelines, by start of the visit."""
    waiting: list[Case] = []
    async for case in cases_between(store, clinic, branch, since, until):
        waiting.append(case)
        if len(waiting) == TIMELINES_AT_ONCE:
            for pair in await _with_timelines(store, waiting):
                yield pair
            waiting = []
    for pair in await _with_timelines(store, waiting):
        yield pair


async def _with_timelines(store: Store, cases: list[Case]) -> list[tuple[Case, tuple[Entry, ...]]]:
    refs = (Ref(Kind.CASE, case.clinic, case.id) for case in cases)
    timelines = await asyncio.gather(*(store.timeline(ref) for ref in refs))
    return list(zip(cases, timelines, strict=True))


def days_between(since: date, until: date) -> list[date]:
    """Return the days from `since` to `until`, both included."""
    return [since + _DAY * n for n in range((until - since).days + 1)]
