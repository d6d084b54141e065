"""Workers: what is due is done, whatever else breaks; limits hold across nodes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from adapters.store.memory_store import MemoryStore
from gateway.core.case import AttemptState, Contact
from gateway.core.model import CallResult
from gateway.errors import StoreUnavailable
from gateway.ports.store import EVERY_DUTY, Claim, Claimed, Duty
from gateway.ports.telephony import NotAnswered
from gateway.service.engine import Engine
from gateway.service.workers import LEASE
from tests.service.support import (
    Channels,
    Trunk,
    appointment,
    by_call,
    clinic,
    node,
    on_virtual_time,
    until,
)


def crowd(count: int, **more: Any) -> list[Any]:
    return [appointment(f"A-{n}", phones=[f"+7916555{n:04}"], **more) for n in range(count)]


@on_virtual_time
async def test_what_becomes_due_later_is_done_then() -> None:
    async with node(poll_s=None) as here:
        here.start()
        await here.record(appointment(start="2026-11-25T14:30:00+05:00"))
        await here.clock.sleep(20 * 3600)
        assert not here.whatsapp.sent
        await here.clock.sleep(3600 + 1)
        assert [round(at) for at in here.whatsapp.sent_at] == [21 * 3600]


@on_virtual_time
async def test_a_poison_case_does_not_stop_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with node() as here:
        granted = here.service.engine.granted
        poisoned: list[Claimed] = []

        async def poison(item: Claimed) -> None:
            if item.ref.key == "A-1" and len(poisoned) < 2:
                poisoned.append(item)
                raise KeyError("+79165550001")
            await granted(item)

        here.service.engine.granted = poison  # type: ignore[method-assign]
        await here.record(*crowd(3))
        here.start()
        await until(lambda: len(here.whatsapp.sent) == 2, 1.0)
        await here.clock.sleep(3 * LEASE.total_seconds())
        assert len(here.whatsapp.sent) == 3
    assert [r.message for r in caplog.records if r.levelname == "ERROR"] == [
        "a case could not be decided"
    ] * 2


class Away(MemoryStore):
    """A store that does not answer for a while."""

    away = False
    asked = 0

    async def claim(
        self,
        partition: int,
        now: datetime,
        limit: int,
        lease: timedelta,
        duties: frozenset[Duty] = EVERY_DUTY,
        sated: frozenset[tuple[str, str]] = frozenset(),
    ) -> Claim:
        self.asked += 1
        if self.away:
            raise StoreUnavailable("away")
        return await super().claim(partition, now, limit, lease, duties, sated)


@pytest.mark.rule("G-6")
@on_virtual_time
async def test_a_store_that_does_not_answer_is_waited_for() -> None:
    store = Away()
    async with node(store, poll_s=None) as here:
        store.away = True
        await here.record()
        here.start()
        await here.clock.sleep(120)
        assert 100 < store.asked < 500  # patient, and no busy loop
        store.away = False
        await until(lambda: bool(here.whatsapp.sent), 1.0)


@on_virtual_time
async def test_a_store_that_fails_while_deciding_is_waited_for() -> None:
    async with node() as here:
        granted = here.service.engine.granted
        failed: list[Claimed] = []

        async def fails(item: Claimed) -> None:
            if len(failed) < 3:
                failed.append(item)
                raise StoreUnavailable("away")
            await granted(item)

        here.service.engine.granted = fails  # type: ignore[method-assign]
        await here.record(*crowd(3))
        here.start()
        await here.clock.sleep(2 * LEASE.total_seconds() + 5)
        assert len(here.whatsapp.sent) == 3


@pytest.mark.rule("G-6")
@on_virtual_time
async def test_a_stop_lets_what_was_started_come_to_its_end() -> None:
    whatsapp = Channels()
    whatsapp.takes_s = 10.0
    async with node(whatsapp=whatsapp) as here:
        await here.record(*crowd(3))
        worker = here.start()
        await until(lambda: len(whatsapp.sent) == 3)
        here.service.workers.stop()
        assert await here.supervisor.drain()
        assert worker.done()
        for n in range(3):
            assert (await here.case(f"A-{n}")).attempts[0].state is AttemptState.ACCEPTED


@on_virtual_time
async def test_after_a_stop_nothing_new_begins_until_it_runs_again() -> None:
    async with node() as here:
        worker = here.start()
        await here.clock.sleep(1)
        here.service.workers.stop()
        await here.clock.sleep(1)
        assert worker.done()
        await here.record()
        await here.clock.sleep(600)
        assert not here.whatsapp.sent
        here.start()
        await until(lambda: bool(here.whatsapp.sent), 1.0)


def most_in_a_minute(moments: list[float]) -> int:
    ordered = sorted(moments)
    return max(sum(at <= other < at + 60 for other in ordered) for at in ordered)


@pytest.mark.rule("Z-15", "H-7")
@on_virtual_time
async def test_two_nodes_on_one_store_share_the_pace() -> None:
    store, slow = MemoryStore(), clinic(per_minute=5)
    async with node(store, settings=slow) as here, node(store, clinic_known=True) as there:
        await here.record(*crowd(22))
        here.start()
        there.start()
        await here.clock.sleep(600)
        moments = here.whatsapp.sent_at + there.whatsapp.sent_at
        assert len(moments) == 22
        assert most_in_a_minute(moments) == 5
        assert len({m.to for m in here.whatsapp.sent + there.whatsapp.sent}) == 22


@pytest.mark.rule("Z-15", "H-7")
@on_virtual_time
async def test_two_nodes_on_one_store_share_the_lines() -> None:
    store, trunk = MemoryStore(), Trunk()
    trunk.rings_s = 15.0
    document = by_call()
    document["branches"][0]["lines"] = 2
    async with (
        node(store, settings=document, trunk=trunk) as here,
        node(store, trunk=trunk, clinic_known=True) as there,
    ):
        await here.record(*crowd(7))
        here.start()
        there.start()
        await here.clock.sleep(1200)
        assert (len(trunk.dialled), trunk.busiest) == (7, 2)


@pytest.mark.rule("Z-15")
@on_virtual_time
async def test_messages_go_in_order_of_visit_time() -> None:
    async with node(settings=clinic(per_minute=1)) as here:
        starts = [f"2026-11-24T{hour}:00:00+05:00" for hour in (18, 12, 15, 13)]
        await here.record(
            *(
                appointment(f"A-{n}", start=start, phones=[f"+7916555{n:04}"])
                for n, start in enumerate(starts)
            )
        )
        here.start()
        await here.clock.sleep(300)
        order = [message.to[-1] for message in here.whatsapp.sent]
        assert order == ["1", "3", "2", "0"]


@pytest.mark.rule("Z-7")
@on_virtual_time
async def test_an_answer_to_a_patient_goes_before_everything_planned() -> None:
    async with node(settings=clinic(per_minute=2)) as here:
        await here.record(*crowd(7))
        here.start()
        await until(lambda: len(here.whatsapp.sent) == 2)
        first = here.whatsapp.sent[0].to
        await here.says("1", number=first)
        await here.clock.sleep(65)
        assert here.whatsapp.sent[2].to == first
        assert here.whatsapp.sent[2].content.template.startswith("acknowledgement")


@on_virtual_time
async def test_one_node_takes_over_what_another_one_left() -> None:
    """A node that dies with a claimed case holds it for the length of a lease only."""
    store = MemoryStore()
    async with node(store) as here:
        await here.record()
        claimed = await store.claim(0, here.clock.now(), 64, LEASE)
        assert claimed.items
        async with node(store, clinic_known=True) as there:
            there.start()
            await there.clock.sleep(LEASE.total_seconds() + 2)
            assert len(there.whatsapp.sent) == 1


@on_virtual_time
async def test_what_was_purged_meanwhile_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Contact | None] = []
    granted = Engine.granted

    async def purged(self: Engine, item: Claimed) -> None:
        seen.append(item.contact)
        await granted(self, Claimed(item.ref, item.room, None))

    monkeypatch.setattr(Engine, "granted", purged)
    async with node() as here:
        await here.record()
        here.start()
        await here.clock.sleep(30)
        assert seen
        assert not here.whatsapp.sent


@pytest.mark.rule("H-7", "C-3")
@on_virtual_time
async def test_a_machine_that_only_phones_and_one_that_does_the_rest() -> None:
    """`callahead work` decides and writes, `callahead voice` places the calls."""
    store = MemoryStore()
    busy = Trunk(NotAnswered(CallResult.BUSY))
    works = frozenset({Duty.DUE, Duty.MESSAGE})
    async with node(store, settings=by_call(), trunk=Trunk(), duties=works) as office:
        await office.record()
        office.start()
        await office.clock.sleep(60)
        assert not office.trunk.dialled
        phones = frozenset({Duty.CALL})
        async with node(
            store, trunk=busy, clock=office.clock, duties=phones, clinic_known=True
        ) as machine:
            machine.start()
            await office.clock.sleep(60)
            assert len(machine.trunk.dialled) == 1
            assert not office.trunk.dialled
            assert not machine.whatsapp.sent
            assert len(office.whatsapp.sent) == 1
