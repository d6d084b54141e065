"""The books are proved from the timelines, and a single wrong entry is found and named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from adapters.store.memory_partition import Books
from adapters.store.memory_store import MemoryStore
from gateway.core.case import Entry
from gateway.core.events import AppointmentRemoved
from gateway.ports.store import Ref, Work, WriteOff
from gateway.service.reports import branches_of
from gateway.service.reports_check import Checked, check
from gateway.service.reports_table import Query
from tests.service.reports_support import TODAY, TOMORROW, a_day, asked
from tests.service.support import (
    CLINIC,
    Node,
    appointment,
    case_ref,
    node,
    on_virtual_time,
)

TO_MIDNIGHT_S = 11 * 3600
MONTH = "2026-11"


async def checked(here: Node, since: date = TODAY, until: date = TOMORROW) -> Checked:
    clinic = await here.service.clinics.clinic("zdorovie")
    return await check(here.store, Query(clinic, branches_of(clinic, None), since, until))


def books_of(here: Node) -> Books:
    assert isinstance(here.store, MemoryStore)
    return here.store._at("zdorovie").books("zdorovie", "lenina")


@pytest.mark.rule("Q-6")
@on_virtual_time
async def test_books_and_timelines_agree_after_a_day() -> None:
    async with a_day() as here:
        found = await checked(here)
        assert found.differences == ()
        assert (found.cases, found.charges, found.amount) == (6, 8, Decimal(11))
        await here.clock.sleep(TO_MIDNIGHT_S + 60)
        assert (await checked(here)).differences == ()


def lost_charge(books: Books) -> None:
    books.charges[TODAY].pop(3)


def doubled_charge(books: Books) -> None:
    books.charges[TODAY].append(books.charges[TODAY][3])


def changed_amount(books: Books) -> None:
    books.charges[TODAY][3] = replace(books.charges[TODAY][3], amount=Decimal("4.99"))


@pytest.mark.rule("Q-6", "Q-3")
@pytest.mark.parametrize("corrupt", [lost_charge, doubled_charge, changed_amount])
def test_a_wrong_ledger_entry_is_found_with_its_visit_and_day(
    corrupt: Callable[[Books], None],
) -> None:
    @on_virtual_time
    async def run() -> None:
        async with a_day() as here:
            corrupt(books_of(here))
            found = (await checked(here)).differences
            charges = [item for item in found if item.what.startswith("charge")]
            assert {(item.branch, item.day, item.appointment) for item in charges} == {
                ("lenina", TODAY, "A-4")
            }
            assert len(charges) == (2 if corrupt is changed_amount else 1)

    run()


@pytest.mark.rule("Q-6", "Q-2")
@on_virtual_time
async def test_a_wrong_counter_is_found_with_its_day() -> None:
    async with a_day() as here:
        work = books_of(here).work
        failed = Work("lenina", TODAY, "confirmation", "sms", "failed")
        invented = replace(failed, channel="max")
        work[failed] += 1
        work[invented] = 7
        found = (await checked(here)).differences
        told = {(item.what, item.timelines, item.books) for item in found}
        assert told == {
            ("work confirmation, sms, failed", "1", "2"),
            ("work confirmation, max, failed", "0", "7"),
        }
        assert {item.day for item in found} == {TODAY}


@pytest.mark.rule("Q-6", "T-4")
@on_virtual_time
async def test_a_wrong_write_off_is_found() -> None:
    async with a_day() as here:
        await here.clock.sleep(TO_MIDNIGHT_S + 60)
        offs = books_of(here).written_off
        offs[TODAY] = replace(offs[TODAY], amount=Decimal(12))
        (found,) = (await checked(here)).differences
        assert (found.day, found.what) == (TODAY, "daily write-off")
        assert (found.timelines, found.books) == ("11 in 8 charges", "12 in 8 charges")


@pytest.mark.rule("Q-6")
@on_virtual_time
async def test_a_wrong_month_is_found_when_the_period_covers_it() -> None:
    async with a_day() as here:
        books_of(here).spent[MONTH] += Decimal(1)
        assert (await checked(here)).differences == ()
        (found,) = (await checked(here, date(2026, 11, 1), date(2026, 11, 30))).differences
        assert found.what == "total of the month 2026-11"
        assert (found.timelines, found.books) == ("11", "12")


@on_virtual_time
async def test_days_outside_the_period_are_not_looked_at() -> None:
    async with a_day() as here:
        books_of(here).charges[TODAY].pop()
        found = await checked(here, TOMORROW, TOMORROW)
        assert (found.differences, found.charges) == ((), 0)


@pytest.mark.rule("Q-6", "Z-14")
@on_virtual_time
async def test_a_late_charge_in_the_next_ledger_is_no_difference() -> None:
    """It was accepted in the last second, and committed after the day was written off."""
    async with a_day() as here:
        books = books_of(here)
        late = books.charges[TODAY].pop()
        books.charges[TOMORROW] = [replace(late, day=TOMORROW)]
        books.written_off[TODAY] = WriteOff("lenina", TODAY, Decimal(16), 7, here.clock.now())
        assert (await checked(here, TODAY, TODAY)).differences == ()


@pytest.mark.rule("Q-6")
@on_virtual_time
async def test_a_visit_that_changed_its_branch_counts_where_it_was() -> None:
    settings = {**CLINIC, "branches": [
        CLINIC["branches"][0] | {"channels": ["whatsapp"]},
        CLINIC["branches"][0] | {"id": "mira", "channels": ["whatsapp"]},
    ]}  # fmt: skip
    async with node(settings=settings) as here:
        here.start()
        await asked(here, 1)
        await here.record(appointment("A-1", branch="mira"))
        await here.service.engine.apply(case_ref("A-1"), AppointmentRemoved())
        assert len(books_of(here).charges[TODAY]) == 1
        assert (await checked(here)).differences == ()


class Moving(MemoryStore):
    """Somebody is charged while the timelines are read."""

    between: Callable[[], None] | None = None

    async def timeline(self, ref: Ref) -> tuple[Entry, ...]:
        if self.between is not None:
            self.between()
            self.between = None
        return await super().timeline(ref)


@pytest.mark.rule("Q-6")
@on_virtual_time
async def test_a_day_that_moves_meanwhile_is_left_out_and_named() -> None:
    store = Moving()
    async with node(store) as here:
        here.start()
        await asked(here, 1)

        def meanwhile() -> None:
            charges = books_of(here).charges[TODAY]
            charges.append(replace(charges[0], attempt="9", at=charges[0].at + timedelta(hours=1)))

        store.between = meanwhile
        found = await checked(here)
        assert found.moving == (("lenina", TODAY),)
        assert found.differences == ()
        (left,) = (await checked(here)).differences
        assert (left.timelines, left.books) == ("0 times", "1 times")
