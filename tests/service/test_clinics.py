"""Clinics' settings: whole and merged, by several at once, holding from the next decision on."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from adapters.store.memory_store import MemoryStore
from gateway.core.events import Receipt
from gateway.core.model import Channel, Function
from gateway.errors import InvalidInput, NotFound, StoreUnavailable
from gateway.ports.store import ClinicRecord, Outcome, Rates
from gateway.service.clinics import FRESH_FOR, SAVE_TRIES_MAX
from tests.service.support import (
    NOW,
    appointment,
    by_call,
    clinic,
    node,
    on_virtual_time,
    until,
)


@on_virtual_time
async def test_a_clinic_is_read_back_as_it_was_written() -> None:
    async with node() as here:
        clinics = here.service.clinics
        assert (await clinics.clinic("zdorovie")).name == "Здоровье"
        assert (await clinics.record("zdorovie")).document == clinic()
        branch = (await clinics.settings("zdorovie", "lenina")).branch
        assert branch.connected_at == NOW


@on_virtual_time
async def test_what_is_not_there_is_not_found() -> None:
    async with node() as here:
        clinics = here.service.clinics
        with pytest.raises(NotFound, match="nowhere"):
            await clinics.clinic("nowhere")
        with pytest.raises(NotFound, match="mira"):
            await clinics.settings("zdorovie", "mira")
        with pytest.raises(NotFound, match="nowhere"):
            await clinics.merge("nowhere", "lenina", {"lines": 2})


@on_virtual_time
async def test_what_is_not_valid_changes_nothing() -> None:
    async with node() as here:
        clinics = here.service.clinics
        with pytest.raises(InvalidInput):
            await clinics.merge("zdorovie", "lenina", {"lines": "many"})
        with pytest.raises(InvalidInput):
            await clinics.save(clinic(timezone="Mars/Base"))
        assert (await clinics.record("zdorovie")).version == 1


@pytest.mark.rule("G-1")
@on_virtual_time
async def test_a_merge_changes_what_it_names_and_keeps_the_rest() -> None:
    async with node() as here:
        await here.service.clinics.merge(
            "zdorovie", "lenina", {"functions": {"reminder": {"lead": "3h"}}}
        )
        branch = (await here.service.clinics.settings("zdorovie", "lenina")).branch
        assert branch.reminder.lead == timedelta(hours=3)
        assert branch.confirmation.method == "message"


@pytest.mark.rule("Z-1")
@on_virtual_time
async def test_a_branch_is_connected_when_it_is_first_saved() -> None:
    async with node() as here:
        await here.clock.sleep(3600)
        document = clinic()
        document["branches"].append({**document["branches"][0], "id": "mira"})
        saved = await here.service.clinics.save(document)
        connected = {branch.id: branch.connected_at for branch in saved.branches}
        assert connected == {"lenina": NOW, "mira": NOW + timedelta(hours=1)}


@on_virtual_time
async def test_merges_at_the_same_time_all_hold() -> None:
    async with node(store := MemoryStore()) as here, node(store, clinic_known=True) as there:
        await asyncio.gather(
            here.service.clinics.merge("zdorovie", "lenina", {"lines": 7}),
            there.service.clinics.merge("zdorovie", "lenina", {"per_minute": 30}),
            here.service.clinics.merge("zdorovie", "lenina", {"sms_price": "segment"}),
        )
        await here.clock.sleep(2)
        for each in (here, there):
            branch = (await each.service.clinics.settings("zdorovie", "lenina")).branch
            assert (branch.lines, branch.per_minute, branch.sms_price) == (7, 30, "segment")


class Busy(MemoryStore):
    """A store in which somebody else is always faster."""

    tries = 0
    wins = 0

    async def save_clinic(self, record: ClinicRecord, rates: Any) -> Outcome:
        self.tries += 1
        if self.tries <= self.wins:
            return Outcome.CONFLICT
        return await super().save_clinic(record, rates)


@on_virtual_time
async def test_a_conflict_is_tried_again_but_not_for_ever() -> None:
    async with node(store := Busy()) as here:
        store.tries, store.wins = 0, SAVE_TRIES_MAX - 1
        await here.service.clinics.merge("zdorovie", "lenina", {"lines": 7})
        store.tries, store.wins = 0, SAVE_TRIES_MAX
        with pytest.raises(StoreUnavailable):
            await here.service.clinics.merge("zdorovie", "lenina", {"lines": 8})


@on_virtual_time
async def test_limits_are_written_beside_the_settings() -> None:
    kept: list[dict[str, Rates]] = []

    class Noting(MemoryStore):
        async def save_clinic(self, record: ClinicRecord, rates: Any) -> Outcome:
            kept.append(dict(rates))
            return await super().save_clinic(record, rates)

    async with node(Noting(), settings=clinic(per_minute=30, lines=2)):
        assert kept == [{"lenina": Rates(30, 2)}]


@pytest.mark.rule("D-4")
@on_virtual_time
async def test_channels_that_nobody_serves_are_left_out() -> None:
    async with node(settings=clinic(channels=["push", "max", "whatsapp", "sms"])) as here:
        here.sms.branches = set()
        await here.service.clinics.merge("zdorovie", "lenina", {"lines": 3})
        settings = await here.service.clinics.settings("zdorovie", "lenina")
        assert settings.branch.channels == (Channel.WHATSAPP,)
        whole = await here.service.clinics.clinic("zdorovie")
        assert len(whole.branches[0].channels) == 4


@on_virtual_time
async def test_settings_of_another_node_are_known_within_a_second() -> None:
    async with node(store := MemoryStore()) as here, node(store, clinic_known=True) as there:
        assert (await there.service.clinics.settings("zdorovie", "lenina")).branch.lines == 4
        await here.service.clinics.merge("zdorovie", "lenina", {"lines": 9})
        await there.clock.sleep(FRESH_FOR.total_seconds())
        assert (await there.service.clinics.settings("zdorovie", "lenina")).branch.lines == 9


@pytest.mark.rule("G-1", "C-2")
@on_virtual_time
async def test_changed_settings_wake_cases_in_progress() -> None:
    off = clinic(functions={"confirmation": {"enabled": False}})
    async with node(settings=off, poll_s=None) as here:
        await here.record()
        here.start()
        await here.clock.sleep(60)
        assert not here.whatsapp.sent
        await here.service.clinics.merge(
            "zdorovie",
            "lenina",
            {"functions": {"confirmation": {"enabled": True, "method": "message"}}},
        )
        await until(lambda: len(here.whatsapp.sent) == 1, 1.0)


@pytest.mark.rule("C-2")
@on_virtual_time
async def test_switching_the_method_holds_for_a_call_that_waits_for_a_line() -> None:
    async with node(settings=by_call()) as here:
        await here.record()
        await here.service.clinics.save(clinic())
        here.start()
        await until(lambda: len(here.whatsapp.sent) == 1, 1.0)
        assert not here.trunk.dialled


@pytest.mark.rule("G-1")
@pytest.mark.parametrize("offset_s", [0.05, 0.3, 0.55, 0.8, 0.95])
@on_virtual_time
async def test_a_change_by_a_command_reaches_the_node_that_works(offset_s: float) -> None:
    """The working node still has the old settings in memory when it is woken the first time."""
    store = MemoryStore()
    off = clinic(functions={"confirmation": {"enabled": False}})
    async with node(store, settings=off) as command, node(store, clinic_known=True) as worker:
        await worker.record()
        worker.start()
        await worker.clock.sleep(10 + offset_s)
        await worker.record(appointment("A-2", phones=["+79031234568"]))
        await command.service.clinics.save(clinic())
        await worker.clock.sleep(5)
        assert len(worker.whatsapp.sent) == 2
        functions = [
            (await worker.case(name)).function(Function.CONFIRMATION) for name in ("A-1", "A-2")
        ]
        assert all(state.closed_at is None for state in functions)


@pytest.mark.rule("G-6")
@on_virtual_time
async def test_a_branch_with_visits_cannot_be_left_out() -> None:
    """Its patients' answers and its charges would have nowhere to go."""
    both = clinic()
    both["branches"].append({**both["branches"][0], "id": "mira"})
    async with node(settings=both) as here:
        clinics = here.service.clinics
        await clinics.save(clinic())  # nobody has come to that branch yet
        await clinics.save(both)
        await here.record(appointment(branch="mira"))
        with pytest.raises(InvalidInput, match="'mira' still has visits"):
            await clinics.save(clinic())
        assert len((await clinics.clinic("zdorovie")).branches) == 2


@pytest.mark.rule("H-1")
@on_virtual_time
async def test_a_message_that_is_not_delivered_in_time_goes_over_the_next_channel() -> None:
    settings = clinic(channels=["whatsapp", "sms"], undelivered_after="30m")
    async with node(settings=settings) as here:
        await here.record()
        here.start()
        await until(lambda: bool(here.whatsapp.sent))
        await here.clock.sleep(29 * 60)
        assert not here.sms.sent
        await here.clock.sleep(2 * 60)
        assert [len(here.whatsapp.sent), len(here.sms.sent)] == [1, 1]
        await here.tells(here.whatsapp.sent[0], Receipt.DELIVERED)
        await here.clock.sleep(3600)
        assert [len(here.whatsapp.sent), len(here.sms.sent)] == [1, 1]


@pytest.mark.rule("H-1")
@on_virtual_time
async def test_a_channel_without_receipts_is_known_to_decisions() -> None:
    async with node() as here:
        clinics = here.service.clinics
        clinics._reports_delivery = lambda channel, *_: channel is Channel.SMS
        await clinics.merge("zdorovie", "lenina", {"undelivered_after": "30m"})
        branch = (await clinics.settings("zdorovie", "lenina")).branch
        assert branch.undelivered_after == timedelta(minutes=30)
        assert Channel.WHATSAPP in branch.without_receipts
        assert Channel.SMS not in branch.without_receipts
