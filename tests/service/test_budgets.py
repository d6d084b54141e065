"""A branch's budget of a month, through the whole service."""

from __future__ import annotations

import logging
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.store.memory_store import MemoryStore
from gateway.core.events import Receipt
from gateway.core.model import Function
from tests.service.support import Node, appointment, clinic, node, on_virtual_time

MONTH = date(2026, 11, 1)
ONLY_CONFIRMATION = {
    "details": {"enabled": False},
    "confirmation": {"method": "message"},
    "reminder": {"enabled": False},
}


def limited(month: str, **more: Any) -> dict[str, Any]:
    budget = {"month": month, **more.pop("budget", {})}
    return clinic(functions=ONLY_CONFIRMATION, budget=budget, **more)


async def asked(here: Node, *ids: str) -> None:
    """Visits appear; whoever is due is asked."""
    for id_ in ids:
        await here.record(appointment(id_, phones=[f"+7916555{int(id_[2:]):04}"]))
        await here.clock.sleep(3)


async def spent(store: Any) -> Decimal:
    return await store.spent("zdorovie", "lenina", MONTH)


@on_virtual_time
async def test_what_has_a_price_stops_when_the_budget_is_reached() -> None:
    async with node(settings=limited("4")) as here:
        here.start()
        await asked(here, "A-1", "A-2", "A-3")
        assert len(here.whatsapp.sent) == 2
        assert here.sms.sent == []  # no dearer channel takes over
        assert await spent(here.store) == Decimal(4)
        assert await here.skipped(Function.CONFIRMATION, "A-3") == ["budget"]
        assert here.service.clinics.budgets.spent == 1


@on_virtual_time
async def test_free_channels_still_go() -> None:
    settings = limited("2", channels=["sms", "whatsapp"], tariff={"whatsapp": "0", "sms": "2"})
    async with node(settings=settings) as here:
        here.start()
        await asked(here, "A-1", "A-2")
        assert len(here.sms.sent) == 1
        assert len(here.whatsapp.sent) == 1
        assert await here.skipped(Function.CONFIRMATION, "A-2") == []


@on_virtual_time
async def test_a_call_with_a_price_gives_way_to_a_free_message() -> None:
    settings = limited("0", channels=["whatsapp"], tariff={"whatsapp": "0", "call": "1"})
    settings["branches"][0]["functions"] = {
        **ONLY_CONFIRMATION,
        "confirmation": {"method": "call"},
    }
    async with node(settings=settings) as here:
        here.start()
        await asked(here, "A-1")
        assert here.trunk.dialled == []
        assert len(here.whatsapp.sent) == 1


@on_virtual_time
async def test_a_raised_budget_opens_nothing_again_but_serves_what_comes() -> None:
    async with node(settings=limited("2")) as here:
        here.start()
        await asked(here, "A-1", "A-2")
        await here.service.clinics.merge("zdorovie", "lenina", {"budget": {"month": "100"}})
        await here.clock.sleep(60)
        assert len(here.whatsapp.sent) == 1
        assert await here.skipped(Function.CONFIRMATION, "A-2") == ["budget"]
        await asked(here, "A-3")
        assert len(here.whatsapp.sent) == 2


@on_virtual_time
async def test_a_reversal_gives_money_back_to_its_month() -> None:
    async with node(settings=limited("2", channels=["whatsapp"])) as here:
        here.start()
        await asked(here, "A-1")
        await here.tells(here.whatsapp.sent[0], Receipt.FAILED)
        assert await spent(here.store) == Decimal(0)
        await here.clock.sleep(2)
        await asked(here, "A-2")
        assert len(here.whatsapp.sent) == 2


@on_virtual_time
async def test_a_new_month_has_its_own_money() -> None:
    async with node(settings=limited("2"), poll_s=None) as here:
        here.start()
        await asked(here, "A-1", "A-2")
        await here.clock.sleep(timedelta(days=8).total_seconds())  # 1 December
        start = "2026-12-02T14:30:00+05:00"
        await here.record(appointment("A-9", start=start, phones=["+79165550009"]))
        await here.clock.sleep(3)
        assert len(here.whatsapp.sent) == 2


@on_virtual_time
async def test_one_warning_a_month_over_all_nodes(caplog: pytest.LogCaptureFixture) -> None:
    store, settings = MemoryStore(), limited("10", budget={"warn_at": "0.4"})
    async with node(store, settings=settings) as here, node(store, clinic_known=True) as there:
        here.start()
        with caplog.at_level(logging.WARNING, "callahead.budgets"):
            await asked(here, "A-1")
            await here.service.clinics.settings("zdorovie", "lenina")
            assert caplog.records == []  # 2 of 10
            await asked(here, "A-2", "A-3", "A-4")
            for one in (here, there):
                await one.service.clinics.settings("zdorovie", "lenina")
        assert len(caplog.records) == 1
        assert caplog.records[0].budget == "10"  # type: ignore[attr-defined]
        warned = [one.service.clinics.budgets.warnings for one in (here, there)]
        assert sum(warned) == 1


class Counting(MemoryStore):
    """Counts the looks at months."""

    looks = 0

    async def spent(self, clinic: str, branch: str, month: date) -> Decimal:
        self.looks += 1
        return await super().spent(clinic, branch, month)


@on_virtual_time
async def test_a_branch_without_a_budget_is_never_looked_up() -> None:
    store = Counting()
    async with node(store, settings=clinic(functions=ONLY_CONFIRMATION)) as here:
        here.start()
        await asked(here, "A-1", "A-2")
        assert store.looks == 0


@on_virtual_time
async def test_a_branch_with_a_budget_is_looked_up_once_a_second_at_most() -> None:
    store = Counting()
    async with node(store, settings=limited("1000")) as here:
        for _ in range(50):
            await here.service.clinics.settings("zdorovie", "lenina")
        assert store.looks == 1


@on_virtual_time
async def test_a_month_ends_above_its_budget_by_no_more_than_a_minute_of_messages() -> None:
    """Forty visits are due; the pace lets eight start together, the budget pays for five."""
    settings = limited("10", channels=["whatsapp"], per_minute=8)
    async with node(settings=settings) as here:
        here.whatsapp.takes_s = 1.0
        for n in range(40):
            await here.record(appointment(f"A-{n}", phones=[f"+7916555{n:04}"]))
        here.start()
        await here.clock.sleep(300)
        assert len(here.whatsapp.sent) == 8
        assert await spent(here.store) == Decimal(16)
        closed = [await here.skipped(Function.CONFIRMATION, f"A-{n}") for n in range(40)]
        assert closed.count(["budget"]) == 32
