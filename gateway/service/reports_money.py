"""Charges in detail (rule Q-3) and the amount of work (rule Q-2), from the store's books.

Both read what was written in the same commit as the timeline entry that it comes from; that
they agree with the timelines is proved by `gateway.service.reports_check` (rule Q-6).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

from gateway.core.clinic import Branch
from gateway.core.hours import local
from gateway.ports.store import Charge, LedgerDay, Store, WriteOff
from gateway.service.reports_cases import days_between
from gateway.service.reports_table import (
    AMOUNT,
    APPOINTMENT,
    BRANCH,
    CHANNEL,
    COUNT,
    DAY,
    FUNCTION,
    RESULT,
    Column,
    Query,
    Report,
    Row,
    Shape,
    Sheet,
    sum_of,
)

LEDGERS_AT_ONCE = 31
"""Days of a ledger that are asked for together."""

_CHARGES = Column("charges", "Списаний", "Charges", Shape.COUNT)

CHARGE_COLUMNS = (
    Column("at", "Время", "Time", Shape.MOMENT),
    BRANCH,
    APPOINTMENT,
    FUNCTION,
    CHANNEL,
    AMOUNT,
    Column("attempt", "Попытка", "Attempt"),
    Column("write_off_day", "День списания", "Write-off day", Shape.DAY),
    Column("written_off", "Списано", "Written off", Shape.FLAG),
)

TOTAL_COLUMNS = (FUNCTION, CHANNEL, _CHARGES, AMOUNT)
WRITE_OFF_COLUMNS = (BRANCH, DAY, _CHARGES, AMOUNT)
WORK_COLUMNS = (DAY, BRANCH, FUNCTION, CHANNEL, RESULT, COUNT)
WORK_TOTAL_COLUMNS = (FUNCTION, CHANNEL, RESULT, COUNT)


async def ledgers(
    store: Store, clinic: str, branch: str, since: date, until: date
) -> list[tuple[date, LedgerDay]]:
    """Return a branch's ledger of every day from `since` to `until`, both included."""
    days, found = days_between(since, until), list[LedgerDay]()
    for first in range(0, len(days), LEDGERS_AT_ONCE):
        page = days[first : first + LEDGERS_AT_ONCE]
        found += await asyncio.gather(*(store.ledger(clinic, branch, day) for day in page))
    return list(zip(days, found, strict=True))


async def charges(store: Store, query: Query) -> Report:
    """Every charge and reversal of the period's ledger days, with totals (rule Q-3).

    A charge belongs to the day in whose write-off it is, so that unfiltered totals are the sums
    of the write-offs and of the days that are still open.
    """
    rows: list[Row] = []
    taken: list[Charge] = []
    written_off: list[WriteOff] = []
    for branch in query.branches:
        for day, ledger in await ledgers(
            store, query.clinic.id, branch.id, query.since, query.until
        ):
            for charge in ledger.charges:
                if query.takes(charge.function, charge.channel):
                    taken.append(charge)
                    rows.append(_charge_row(branch, charge, day, written_off=ledger.written_off))
        after = query.until + timedelta(days=1)
        written_off += await store.write_offs(query.clinic.id, branch.id, query.since, after)
    return Report(
        "charges",
        query,
        (
            Sheet("rows", "Начисления", "Charges", CHARGE_COLUMNS, tuple(rows)),
            _totals(taken),
            _grand_total(taken),
            _write_offs(written_off),
        ),
    )


def _charge_row(branch: Branch, charge: Charge, day: date, *, written_off: bool) -> Row:
    return (
        local(charge.at, branch.timezone),
        branch.id,
        charge.appointment,
        charge.function,
        charge.channel,
        charge.amount,
        charge.attempt,
        day,
        written_off,
    )


def _totals(taken: list[Charge]) -> Sheet:
    sums: defaultdict[tuple[str, str], list[Decimal]] = defaultdict(list)
    for charge in taken:
        sums[charge.function, charge.channel].append(charge.amount)
    rows = tuple(
        (function, channel, len(amounts), sum_of(amounts))
        for (function, channel), amounts in sorted(sums.items())
    )
    title = "По функциям и каналам", "By function and channel"
    return Sheet("totals", *title, TOTAL_COLUMNS, rows)


def _grand_total(taken: list[Charge]) -> Sheet:
    row = len(taken), sum_of(charge.amount for charge in taken)
    return Sheet("total", "Итого", "Total", (_CHARGES, AMOUNT), (row,))


def _write_offs(written_off: list[WriteOff]) -> Sheet:
    rows = tuple((off.branch, off.day, off.charges, off.amount) for off in written_off)
    return Sheet("write_offs", "Списания за день", "Daily write-offs", WRITE_OFF_COLUMNS, rows)


async def work(store: Store, query: Query) -> Report:
    """Number of actions by day, branch, function, channel and result (rule Q-2).

    A message counts once for every result that it reached: `accepted`, `delivered`, `read`,
    `failed`; a call once, when it is over, for how it ended.
    """
    rows: list[Row] = []
    totals: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    after = query.until + timedelta(days=1)
    for branch in query.branches:
        for item, count in await store.work(query.clinic.id, branch.id, query.since, after):
            if query.takes(item.function, item.channel):
                rows.append((item.day, branch.id, item.function, item.channel, item.result, count))
                totals[item.function, item.channel, item.result] += count
    summed = tuple((*key, count) for key, count in sorted(totals.items()))
    return Report(
        "work",
        query,
        (
            Sheet("rows", "Объём работы", "Amount of work", WORK_COLUMNS, tuple(rows)),
            Sheet("totals", "За весь период", "Whole period", WORK_TOTAL_COLUMNS, summed),
        ),
    )
