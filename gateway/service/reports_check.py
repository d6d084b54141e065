"""Do the books agree with the timelines? (rule Q-6)

Timelines are the record of what happened (rule G-5). Ledger, counters, month totals and daily
write-offs are sums that were written in the same commits, for speed. Here every one of them is
computed again from the timelines and compared:

- every charge and reversal of a timeline stands in the ledger exactly once, and no other does;
- every counter of work is the number of such entries in the timelines;
- every daily write-off is the sum and the number of its day's ledger;
- the running total of a month is the sum of its days.

The gateway may go on meanwhile: days whose books change while the timelines are read are left
out and named, so what is reported is never a matter of timing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TypeAlias

from gateway.core.budget import month_of
from gateway.core.case import Case, Entry, EntryKind
from gateway.core.clinic import Branch
from gateway.core.hours import local_day
from gateway.ports.store import Charge, LedgerDay, Store, Work, WriteOff
from gateway.service.records import charges_of, work_of
from gateway.service.reports_cases import ALWAYS, timelines_between
from gateway.service.reports_money import ledgers
from gateway.service.reports_table import Query, sum_of

LATE_DAYS = timedelta(days=2)
"""A charge of the last seconds of a day may stand in the ledger of the next one (rule Z-14)."""

_DAY = timedelta(days=1)

Key: TypeAlias = tuple[str, date, str, str, str, str, Decimal, datetime]
"""Branch, local day, appointment, attempt, function, channel, amount, moment of a charge."""


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """One thing that the books say otherwise. `day` is local to the branch."""

    branch: str
    day: date
    appointment: str
    what: str
    timelines: str
    books: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a check. `moving` are days that changed meanwhile and were not compared."""

    cases: int
    entries: int
    charges: int
    amount: Decimal
    differences: tuple[Difference, ...]
    moving: tuple[tuple[str, date], ...]


@dataclass(slots=True)
class Books:
    """What a branch's books say about a period."""

    ledger: dict[date, LedgerDay] = field(default_factory=dict)
    work: dict[Work, int] = field(default_factory=dict)
    write_offs: dict[date, WriteOff] = field(default_factory=dict)
    months: dict[date, Decimal] = field(default_factory=dict)


@dataclass(slots=True)
class Told:
    """What the timelines say, as far as they were read."""

    charges: Counter[Key] = field(default_factory=Counter)
    work: Counter[Work] = field(default_factory=Counter)
    cases: int = 0
    entries: int = 0


async def check(store: Store, query: Query, *, step: Callable[[], None] = lambda: None) -> Checked:
    """Compare the books of the query's branches and days with the timelines of all cases.

    `step` is called for every case. All cases of the clinic are read, one page at a time: a visit
    may have been in another branch when it was charged.
    """
    books = {branch.id: await _books(store, query, branch) for branch in query.branches}
    told = await _told(store, query, step)
    differences: list[Difference] = []
    moving: list[tuple[str, date]] = []
    for branch in query.branches:
        before = books[branch.id]
        changed = _changed(before, await _books(store, query, branch))
        moving += sorted((branch.id, day) for day in changed)
        found = (
            *_charge_differences(branch, query, before, told),
            *_work_differences(branch, before, told),
            *_write_off_differences(branch, query, before),
            *_month_differences(branch, query, before, changed),
        )
        differences += [item for item in found if item.day not in changed]
    return Checked(
        cases=told.cases,
        entries=told.entries,
        charges=sum(told.charges.values()),
        amount=sum_of(key[6] * count for key, count in told.charges.items()),
        differences=tuple(sorted(differences)),
        moving=tuple(moving),
    )


# -- reading --------------------------------------------------------------------------------------


async def _books(store: Store, query: Query, branch: Branch) -> Books:
    clinic, after = query.clinic.id, query.until + _DAY
    days = await ledgers(store, clinic, branch.id, query.since, query.until + LATE_DAYS)
    offs = await store.write_offs(clinic, branch.id, query.since, query.until + LATE_DAYS)
    months = {month_of(day) for day, _ in days}
    return Books(
        dict(days),
        dict(await store.work(clinic, branch.id, query.since, after)),
        {off.day: off for off in offs},
        {month: await store.spent(clinic, branch.id, month) for month in months},
    )


def _changed(before: Books, after: Books) -> set[date]:
    """Return the days whose books are not what they were a moment ago."""
    found = {day for day in before.ledger if before.ledger[day] != after.ledger[day]}
    work = before.work.items() ^ after.work.items()
    offs = before.write_offs.items() ^ after.write_offs.items()
    return found | {item.day for item, _ in work} | {day for day, _ in offs}


async def _told(store: Store, query: Query, step: Callable[[], None]) -> Told:
    branches = {branch.id: branch for branch in query.clinic.branches}
    wanted = {branch.id for branch in query.branches}
    told, seen = Told(), set[str]()
    for home in query.clinic.branches:
        async for case, timeline in timelines_between(store, query.clinic.id, home.id, *ALWAYS):
            if case.id not in seen:  # one that moves while we read is met twice
                seen.add(case.id)
                told.cases += 1
                told.entries += len(timeline)
                _tell(told, case, timeline, query, branches, wanted)
                step()
    return told


def _tell(
    told: Told,
    case: Case,
    timeline: tuple[Entry, ...],
    query: Query,
    branches: Mapping[str, Branch],
    wanted: set[str],
) -> None:
    """Add up what one timeline says. A snapshot names the branch that the visit is in from then
    on; entries before the first one that does are the present branch's."""
    branch = branches[case.branch]
    for entry in timeline:
        if entry.kind is EntryKind.SNAPSHOT:
            branch = branches.get(str(entry.data.get("branch")), branch)
        elif branch.id in wanted and entry.kind in _TOLD:
            day = local_day(entry.at, branch.timezone)
            if query.since <= day <= query.until:
                told.charges.update(_key(c, day) for c in charges_of(case, (entry,), branch))
                told.work.update(work_of((entry,), branch))


_TOLD = frozenset({EntryKind.CHARGE, EntryKind.MESSAGE, EntryKind.CALL})


def _key(charge: Charge, day: date) -> Key:
    return (
        charge.branch,
        day,
        charge.appointment,
        charge.attempt,
        charge.function,
        charge.channel,
        charge.amount,
        charge.at,
    )


# -- comparing ------------------------------------------------------------------------------------


def _charge_differences(branch: Branch, query: Query, books: Books, told: Told) -> list[Difference]:
    ledger: Counter[Key] = Counter()
    for entries in books.ledger.values():
        for charge in entries.charges:
            day = local_day(charge.at, branch.timezone)
            if query.since <= day <= query.until:
                ledger[_key(charge, day)] += 1
    expected = Counter({key: n for key, n in told.charges.items() if key[0] == branch.id})
    found = []
    for key in (expected - ledger) + (ledger - expected):
        what = f"charge of attempt {key[3]} ({key[4]}, {key[5]}, {key[6]:f})"
        times = _times(expected[key]), _times(ledger[key])
        found.append(Difference(branch.id, key[1], key[2], what, *times))
    return found


def _times(count: int) -> str:
    return f"{count} times"


def _work_differences(branch: Branch, books: Books, told: Told) -> list[Difference]:
    expected = {work: n for work, n in told.work.items() if work.branch == branch.id}
    found = []
    for work in expected.keys() | books.work.keys():
        counted, kept = expected.get(work, 0), books.work.get(work, 0)
        if counted != kept:
            what = f"work {work.function or '-'}, {work.channel}, {work.result}"
            found.append(Difference(branch.id, work.day, "", what, str(counted), str(kept)))
    return found


def _write_off_differences(branch: Branch, query: Query, books: Books) -> list[Difference]:
    """A write-off is compared with its ledger, which was compared with the timelines."""
    found = []
    for day, off in books.write_offs.items():
        charges = books.ledger[day].charges
        right = f"{sum_of(c.amount for c in charges):f} in {len(charges)} charges"
        kept = f"{off.amount:f} in {off.charges} charges"
        same = sum_of(c.amount for c in charges) == off.amount and len(charges) == off.charges
        if not same and day <= query.until:
            found.append(Difference(branch.id, day, "", "daily write-off", right, kept))
    return found


def _month_differences(
    branch: Branch, query: Query, books: Books, changed: set[date]
) -> list[Difference]:
    """Months that the period covers from their first day, and that have ended or end with it."""
    found = []
    for month, spent in sorted(books.months.items()):
        days = [day for day in books.ledger if month_of(day) == month]
        whole = month >= query.since and _next_month(month) - _DAY <= query.until + LATE_DAYS
        if not whole or changed & set(days):
            continue
        right = sum_of(c.amount for day in days for c in books.ledger[day].charges)
        if right != spent:
            what = f"total of the month {month:%Y-%m}"
            found.append(Difference(branch.id, month, "", what, f"{right:f}", f"{spent:f}"))
    return found


def _next_month(month: date) -> date:
    return month_of(month + timedelta(days=31))
