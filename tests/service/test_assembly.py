"""The service as it is put together: the same parts, wired to each other."""

from __future__ import annotations

import asyncio

import pytest

from adapters.store.memory_store import MemoryStore
from gateway.clock import LoopClock
from gateway.core.case import Entry, EntryKind
from gateway.core.model import Channel
from gateway.ports.store import Ref, WriteOff
from gateway.scripts import load_texts
from gateway.service.assembly import Parts, assemble
from gateway.service.supervisor import Supervisor
from tests.service.support import (
    CLINIC,
    LINK_BASE,
    LINK_SECRET,
    NOW,
    SENDER,
    SILENT,
    Channels,
    Diary,
    Trunk,
    appointment,
    case_ref,
    node,
    on_virtual_time,
    until,
)


@on_virtual_time
async def test_every_commit_and_write_off_is_told_to_those_who_watch() -> None:
    entries: list[tuple[Ref, str, EntryKind]] = []
    offs: list[WriteOff] = []

    def observe(ref: Ref, branch: str, journal: tuple[Entry, ...]) -> None:
        entries.extend((ref, branch, entry.kind) for entry in journal)

    whatsapp, diary = Channels(), Diary()
    async with Supervisor() as supervisor:
        service = assemble(
            Parts(
                store=MemoryStore(),
                clock=LoopClock(NOW, asyncio.get_running_loop().time),
                texts=load_texts(),
                channels=(whatsapp,),
                trunks=(Trunk(),),
                voice=SILENT,
                schedule=lambda _: diary,
                senders={(Channel.WHATSAPP, SENDER): "zdorovie"},
                link_base=LINK_BASE,
                link_secret=LINK_SECRET,
                spawn=supervisor.spawn,
            ),
            observe=observe,
            observe_write_off=lambda _, off: offs.append(off),
        )
        await service.clinics.save(CLINIC)
        await service.engine.snapshot("zdorovie", appointment())
        supervisor.serve(service.workers.run())
        await until(lambda: bool(whatsapp.sent))
        await asyncio.sleep(12 * 3600)
        timeline = await service.store.timeline(case_ref())
        service.workers.stop()
    told = [kind for ref, _, kind in entries if ref == case_ref()]
    assert told == [entry.kind for entry in timeline]
    assert {branch for _, branch, _ in entries} == {"lenina"}
    assert [off.charges for off in offs] == [1]


@pytest.mark.rule("G-6")
@on_virtual_time
async def test_a_commit_wakes_the_workers_without_a_poll() -> None:
    async with node(poll_s=None) as here:
        here.start()
        await here.clock.sleep(5)
        await here.record()
        await until(lambda: bool(here.whatsapp.sent), 0.1)
