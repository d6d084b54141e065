"""The engine: load, decide, commit, and again when somebody else was faster."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from adapters.store.memory_store import MemoryStore
from gateway.core.case import EndedBy, EntryKind
from gateway.core.events import (
    AppointmentRemoved,
    DueTimeReached,
    MessageAccepted,
    MessageReceipt,
    PatientChose,
    Receipt,
)
from gateway.core.model import Answer, Channel, Source, Status
from gateway.core.routing import Written
from gateway.errors import NotFound, StoreUnavailable
from gateway.ports.store import Claimed, Commit, Grant, Outcome, Room
from gateway.service.engine import DECIDE_TRIES_MAX
from tests.service.support import (
    NUMBER,
    OTHER,
    appointment,
    case_ref,
    clinic,
    contact_ref,
    node,
    on_virtual_time,
    until,
)


class Contested(MemoryStore):
    """A store in which somebody else is faster `losses` times."""

    def __init__(self) -> None:
        super().__init__()
        self.losses = 0
        self.commits: list[Commit] = []

    async def commit(self, commit: Commit) -> Outcome:
        self.commits.append(commit)
        if self.losses > 0:
            self.losses -= 1
            return Outcome.CONFLICT
        return await super().commit(commit)


@on_virtual_time
async def test_a_snapshot_makes_a_case_and_its_contact() -> None:
    async with node() as here:
        decided = await here.service.engine.snapshot("zdorovie", appointment())
        assert decided.changed
        assert decided.case is not None
        assert (decided.case.version, decided.case.number, decided.case.journal) == (1, NUMBER, ())
        assert (await here.contact()).visits == ("A-1",)


@on_virtual_time
async def test_the_same_snapshot_again_changes_nothing() -> None:
    async with node(store := Contested()) as here:
        await here.record()
        commits = len(store.commits)
        decided = await here.service.engine.snapshot("zdorovie", appointment())
        assert not decided.changed
        assert len(store.commits) == commits


@on_virtual_time
async def test_a_snapshot_of_an_unknown_branch_or_clinic_is_not_found() -> None:
    async with node() as here:
        with pytest.raises(NotFound):
            await here.service.engine.snapshot("zdorovie", appointment(branch="mira"))
        with pytest.raises(NotFound):
            await here.service.engine.snapshot("nowhere", appointment())


@pytest.mark.rule("G-7")
@on_virtual_time
async def test_another_number_is_another_contact() -> None:
    async with node() as here:
        await here.record()
        await here.record(appointment(phones=[OTHER]))
        assert (await here.case()).number == OTHER
        assert (await here.contact(OTHER)).visits == ("A-1",)
        await here.record(appointment(phones=["+74951234567"]))
        assert (await here.case()).number is None


@on_virtual_time
async def test_a_lost_race_is_decided_again() -> None:
    async with node(store := Contested()) as here:
        store.losses = DECIDE_TRIES_MAX - 1
        decided = await here.service.engine.snapshot("zdorovie", appointment())
        assert decided.changed
        assert len(await here.entries(EntryKind.SNAPSHOT)) == 1


@on_virtual_time
async def test_races_that_are_lost_for_ever_are_an_outage() -> None:
    async with node(store := Contested()) as here:
        await here.record()
        engine = here.service.engine
        chosen = PatientChose("x1", Source.APP, Answer.CONFIRM)
        written = Written(id="in-1", channel=Channel.WHATSAPP, text="1")
        attempts: tuple[Callable[[], Awaitable[object]], ...] = (
            lambda: engine.snapshot("zdorovie", appointment(club=True)),
            lambda: engine.apply(case_ref(), chosen),
            lambda: engine.patient_wrote("zdorovie", NUMBER, written),
            lambda: engine.link_account("zdorovie", NUMBER, Channel.MAX, "account"),
        )
        for attempt in attempts:
            store.losses = DECIDE_TRIES_MAX
            with pytest.raises(StoreUnavailable):
                await attempt()
        assert (await here.case()).status is Status.UNCONFIRMED


@on_virtual_time
async def test_many_events_at_once_all_count() -> None:
    """Every message of the patient stands in the timeline, once, whoever was faster."""
    async with node(store := MemoryStore()) as here, node(store, clinic_known=True) as there:
        await here.record()
        await asyncio.gather(
            *(
                each.service.engine.patient_wrote(
                    "zdorovie", NUMBER, Written(f"in-{n}", Channel.WHATSAPP, f"привет {n}")
                )
                for n in range(8)
                for each in (here, there)
            )
        )
        assert sorted((await here.contact()).seen) == [f"in-{n}" for n in range(8)]
        entries = await here.entries(EntryKind.ANSWER)
        entries += await here.entries(EntryKind.ANSWER, contact_ref())
        assert len(entries) == 8


@pytest.mark.rule("G-6")
@on_virtual_time
async def test_a_repeated_message_is_a_duplicate() -> None:
    async with node() as here:
        await here.record()
        here.start()
        await until(lambda: bool(here.whatsapp.sent))
        written = Written(id="in-1", channel=Channel.WHATSAPP, text="1")
        engine = here.service.engine
        first = await engine.patient_wrote("zdorovie", NUMBER, written)
        again = await engine.patient_wrote("zdorovie", NUMBER, written)
        assert (first.changed, again.changed) == (True, False)
        await here.clock.sleep(10)
        assert here.diary.statuses == ["confirmed"]
        assert len(here.whatsapp.sent) == 2


@on_virtual_time
async def test_the_store_remembers_longer_than_the_contact() -> None:
    async with node(store := MemoryStore()) as here:
        await here.record()
        written = Written(id="in-1", channel=Channel.WHATSAPP, text="стоп")
        await here.service.engine.patient_wrote("zdorovie", NUMBER, written)
        forgotten = replace(await here.contact(), seen=())
        store._partitions[0]._documents[f"contact:zdorovie:{NUMBER}"].body = forgotten
        again = await here.service.engine.patient_wrote("zdorovie", NUMBER, written)
        assert again.duplicate


@on_virtual_time
async def test_events_for_nobody_make_nothing() -> None:
    async with node() as here:
        engine = here.service.engine
        for ref in (case_ref("X"), contact_ref(OTHER)):
            for event in (
                AppointmentRemoved(),
                DueTimeReached(),
                MessageAccepted("1", "m1"),
                MessageReceipt("1", Receipt.READ),
            ):
                decided = await engine.apply(ref, event)
                assert (decided.case, decided.contact, decided.changed) == (None, None, False)
        await engine.granted(Claimed(case_ref("X"), None, None))
        assert (await here.store.figures()).cases == 0


@on_virtual_time
async def test_unknown_attempts_and_pushes_change_nothing() -> None:
    async with node() as here:
        await here.record()
        before = await here.case()
        decided = await here.service.engine.apply(case_ref(), MessageAccepted("99", "m1"))
        assert not decided.changed
        assert await here.case() == before


@on_virtual_time
async def test_what_was_claimed_is_written_back_even_when_nothing_changed() -> None:
    async with node(store := Contested()) as here:
        await here.record(appointment(start="2026-12-24T14:30:00+05:00"))
        case = await here.case()
        store.losses = 2
        await here.service.engine.granted(Claimed(case_ref(), None, case, await here.contact()))
        assert (await here.case()).due == case.due
        assert (await here.case()).version == case.version + 1


@pytest.mark.rule("Z-15")
@on_virtual_time
async def test_a_grant_that_starts_nothing_is_given_back() -> None:
    async with node(store := Contested()) as here:
        await here.record(appointment(start="2026-12-24T14:30:00+05:00"))
        grant = Grant(Room.MESSAGE, "lenina", "x")
        item = Claimed(case_ref(), Room.MESSAGE, await here.case(), await here.contact(), grant)
        await here.service.engine.granted(item)
        assert store.commits[-1].refund == grant


@pytest.mark.rule("Z-12")
@on_virtual_time
async def test_a_message_from_a_number_without_visits_is_answered_once_a_day() -> None:
    async with node() as here:
        here.start()
        engine = here.service.engine
        for n in range(3):
            await engine.patient_wrote("zdorovie", OTHER, Written(f"in-{n}", Channel.WHATSAPP, "1"))
        await here.clock.sleep(10)
        assert ["+73433000000" in text for text in here.whatsapp.texts] == [True]


@on_virtual_time
async def test_an_account_is_linked_and_forgotten() -> None:
    async with node(settings=clinic(channels=["max"])) as here:
        engine = here.service.engine
        await engine.link_account("zdorovie", NUMBER, Channel.MAX, "max-1")
        assert (await here.contact()).account(Channel.MAX) == "max-1"
        assert not (await engine.link_account("zdorovie", NUMBER, Channel.MAX, "max-1")).changed
        await engine.end_account("zdorovie", NUMBER, Channel.MAX, EndedBy.CLINIC)
        assert (await here.contact()).account(Channel.MAX) is None


@pytest.mark.rule("C-11")
@on_virtual_time
async def test_a_button_names_a_visit_that_the_contact_has_forgotten() -> None:
    async with node(store := MemoryStore()) as here:
        await here.record()
        here.start()
        await until(lambda: bool(here.whatsapp.sent))
        await here.clock.sleep(1)
        lost = replace(await here.contact(), visits=())
        store._partitions[0]._documents[f"contact:zdorovie:{NUMBER}"].body = lost
        payload = here.whatsapp.sent[0].content.buttons[0].payload
        await here.service.engine.patient_wrote(
            "zdorovie", NUMBER, Written("in-1", Channel.WHATSAPP, "Подтверждаю", payload)
        )
        assert (await here.case()).status is Status.CONFIRMED


@on_virtual_time
async def test_a_button_of_somebody_elses_visit_changes_nothing() -> None:
    async with node() as here:
        await here.record()
        here.start()
        await until(lambda: bool(here.whatsapp.sent))
        payload = here.whatsapp.sent[0].content.buttons[0].payload
        await here.service.engine.patient_wrote(
            "zdorovie", OTHER, Written("in-1", Channel.WHATSAPP, "Подтверждаю", payload)
        )
        assert (await here.case()).status is Status.UNCONFIRMED
