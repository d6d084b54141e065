"""The daily write-off: every charge in exactly one, whoever runs it and whatever comes between."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from decimal import Decimal

import pytest

from adapters.store.memory_store import MemoryStore
from gateway.core.events import Receipt
from gateway.ports.store import Kind, LedgerDay, Ref, WriteOff
from tests.service.support import Node, appointment, clinic, node, on_virtual_time, until

BRANCH = Ref(Kind.BRANCH, "zdorovie", "lenina")
TODAY = date(2026, 11, 23)
TO_MIDNIGHT_S = 11 * 3600  # it is 13:00 in Yekaterinburg


async def offs(here: Node, days: int = 10) -> list[tuple[date, Decimal, int]]:
    found = await here.store.write_offs("zdorovie", "lenina", TODAY, TODAY + timedelta(days=days))
    return [(off.day, off.amount, off.charges) for off in found]


async def charged(here: Node, count: int = 1) -> None:
    await here.record(*(appointment(f"A-{n}", phones=[f"+7916555{n:04}"]) for n in range(count)))
    here.start()
    await until(lambda: len(here.whatsapp.sent) == count)
    await here.clock.sleep(1)


@pytest.mark.rule("T-4")
@on_virtual_time
async def test_a_day_is_written_off_at_its_midnight() -> None:
    async with node() as here:
        await charged(here, 3)
        await here.clock.sleep(TO_MIDNIGHT_S - 60)
        assert await offs(here) == []
        await here.clock.sleep(120)
        assert await offs(here) == [(TODAY, Decimal(6), 3)]
        await here.clock.sleep(3 * 24 * 3600)
        assert await offs(here) == [
            (TODAY, Decimal(6), 3),
            (TODAY + timedelta(days=1), Decimal(6), 3),  # the reminders
        ]


@pytest.mark.rule("Z-14")
@on_virtual_time
async def test_a_day_without_charges_has_no_write_off() -> None:
    async with node(settings=clinic(tariff={"whatsapp": "0"})) as here:
        await charged(here)
        await here.clock.sleep(3 * 24 * 3600)
        assert await offs(here) == []


@pytest.mark.rule("T-3", "Z-14")
@on_virtual_time
async def test_a_reversal_after_the_write_off_falls_into_the_next_one() -> None:
    async with node(settings=clinic(functions={
        "confirmation": {"method": "message"}, "reminder": {"enabled": False}
    }, channels=["whatsapp"])) as here:  # fmt: skip
        await charged(here)
        await here.clock.sleep(TO_MIDNIGHT_S + 60)
        await here.tells(here.whatsapp.sent[0], Receipt.FAILED)
        await here.clock.sleep(2 * 24 * 3600)
        assert await offs(here) == [
            (TODAY, Decimal(2), 1),
            (TODAY + timedelta(days=1), Decimal(-2), 1),
        ]


@pytest.mark.rule("T-4", "G-6")
@on_virtual_time
async def test_two_nodes_write_off_once() -> None:
    store = MemoryStore()
    async with node(store) as here, node(store, clinic_known=True) as there:
        await charged(here, 2)
        there.start()
        await here.clock.sleep(TO_MIDNIGHT_S + 120)
        assert await offs(here) == [(TODAY, Decimal(4), 2)]


class Racing(MemoryStore):
    """Something comes between reading the ledger and recording the write-off."""

    def __init__(self) -> None:
        super().__init__()
        self.between: list[object] = []

    async def ledger(self, clinic: str, branch: str, day: date) -> LedgerDay:
        found = await super().ledger(clinic, branch, day)
        await asyncio.sleep(0)
        while self.between:
            await self.between.pop()  # type: ignore[misc]
        return found


@pytest.mark.rule("T-4")
@on_virtual_time
async def test_a_charge_that_comes_between_is_not_left_out() -> None:
    """The sum was read before a late charge of the same day: the write-off is done again."""
    store = Racing()
    async with node(store) as here:
        await charged(here)
        here.service.workers.stop()
        await here.clock.sleep(TO_MIDNIGHT_S + 60)
        books = store._partitions[0].books("zdorovie", "lenina")

        async def late() -> None:
            books.charges[TODAY].append(books.charges[TODAY][0])

        store.between = [late()]
        write_offs = here.service.workers._write_offs
        await write_offs.run(BRANCH)
        assert await offs(here) == []
        await write_offs.run(BRANCH)
        await write_offs.run(BRANCH)
        assert await offs(here) == [(TODAY, Decimal(4), 2)]


@pytest.mark.rule("T-4")
@on_virtual_time
async def test_two_at_the_same_moment_record_one() -> None:
    store, told = MemoryStore(), []
    async with node(store) as here:
        await charged(here)
        here.service.workers.stop()
        await here.clock.sleep(TO_MIDNIGHT_S + 60)
        write_offs = here.service.workers._write_offs

        def observe(clinic_id: str, write_off: WriteOff) -> None:
            told.append(write_off.amount)

        write_offs._observe = observe
        await asyncio.gather(*(write_offs.run(BRANCH) for _ in range(5)))
        assert told == [Decimal(2)]
        assert await offs(here) == [(TODAY, Decimal(2), 1)]


@on_virtual_time
async def test_days_that_were_missed_are_caught_up_each_by_itself() -> None:
    async with node() as here:
        await charged(here)
        here.service.workers.stop()
        await here.clock.sleep(22 * 3600)
        here.start()
        await here.clock.sleep(5)
        assert await offs(here) == [(TODAY, Decimal(2), 1)]
        await here.clock.sleep(24 * 3600)
        assert len(await offs(here)) == 2


@on_virtual_time
async def test_the_day_that_is_not_over_stays_open() -> None:
    async with node() as here:
        await charged(here)
        await here.service.workers._write_offs.run(BRANCH)
        assert await offs(here) == []
        assert await here.store.open_days("zdorovie", "lenina") == (TODAY,)
