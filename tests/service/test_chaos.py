"""The process dies between every two steps of its work; nothing is lost and nothing doubled.

Rule G-6 in small: the same day is played again and again, and each time the service dies at
another step; a fresh one goes on from the same store. Hypothesis adds days with several deaths.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.store.memory_store import MemoryStore
from gateway.clock import LoopClock
from gateway.core.case import AttemptState, EntryKind
from gateway.core.hours import local_day
from gateway.core.model import Channel, Status
from gateway.rehearse.loop import VirtualLoop
from gateway.scripts import load_texts
from gateway.service.assembly import Parts, assemble
from gateway.service.supervisor import Supervisor
from tests.service.chaos import Fate, MortalDiary, MortalStore, MortalTrunk, Outside, Provider
from tests.service.support import (
    LINK_BASE,
    LINK_SECRET,
    NOW,
    SENDER,
    SILENT,
    appointment,
    by_call,
    case_ref,
    clinic,
)

DAY_S = 36 * 3600.0
"""Until after the visit's reminder and the write-off of both days."""

BORN_AGAIN_S = 3.0


class Day:
    """One patient's visit from the first message to the write-off, with deaths on the way."""

    def __init__(self, document: dict[str, Any], deaths: list[int], **outside: Any) -> None:
        self.document = document
        self.deaths = list(deaths)
        self.store = MemoryStore()
        self.outside = Outside(**outside)
        self.fates: list[Fate] = []

    def play(self) -> Day:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(self._play())
        return self

    async def _play(self) -> None:
        loop = asyncio.get_running_loop()
        self.clock = LoopClock(NOW, loop.time)
        await self._record()
        async with asyncio.TaskGroup() as world:
            self.outside.spawn = world.create_task
            while loop.time() < DAY_S:
                fate = Fate(self.deaths.pop(0) if self.deaths else None)
                self.fates.append(fate)
                life = asyncio.create_task(self._live(fate))
                dying = asyncio.create_task(fate.dead.wait())
                await asyncio.wait(
                    {life, dying}, timeout=DAY_S - loop.time(), return_when="FIRST_COMPLETED"
                )
                self.outside.service = None
                for task in (life, dying):
                    task.cancel()
                await asyncio.wait({life, dying})
                if life.done() and not life.cancelled() and (error := life.exception()):
                    raise error
                if fate.dead.is_set():
                    await asyncio.sleep(BORN_AGAIN_S)

    async def _record(self) -> None:
        """The visit is in the store before anything may die."""
        async with Supervisor() as supervisor:
            service = self._service(Fate(None), supervisor)
            await service.clinics.save(self.document)
            await service.engine.snapshot("zdorovie", appointment())

    def _service(self, fate: Fate, supervisor: Supervisor) -> Any:
        diary = MortalDiary(self.outside, fate)
        return assemble(
            Parts(
                store=MortalStore(self.store, fate),
                clock=self.clock,
                texts=load_texts(),
                channels=(Provider(self.outside, fate),),
                trunks=(MortalTrunk(self.outside, fate),),
                voice=SILENT,
                schedule=lambda _: diary,
                senders={(Channel.WHATSAPP, SENDER): "zdorovie"},
                link_base=LINK_BASE,
                link_secret=LINK_SECRET,
                spawn=supervisor.spawn,
            ),
            poll_s=None,
        )

    async def _live(self, fate: Fate) -> None:
        async with Supervisor() as supervisor:
            service = self._service(fate, supervisor)
            self.outside.service = service
            try:
                await service.workers.run()
            finally:
                supervisor.abandon()

    @property
    def died_at(self) -> list[str]:
        return [fate.died_at for fate in self.fates if fate.died_at]

    # -- what must hold

    def check(self, **messages: int) -> None:
        """Every message, change and charge came exactly once."""
        asyncio.run(self._check(messages))

    async def _check(self, messages: dict[str, int]) -> None:
        assert self.outside.purposes() == Counter(messages), self.died_at
        case, _ = await self.store.load_case("zdorovie", "A-1")
        assert case is not None
        assert all(a.state is not AttemptState.STARTED for a in case.attempts)
        timeline = await self.store.timeline(case_ref())
        charged = [e for e in timeline if e.kind is EntryKind.CHARGE]
        priced = messages.get("confirmation", 0) + messages.get("reminder", 0)
        priced += messages.get("reschedule_link", 0)
        assert len(charged) == priced, self.died_at
        await self._check_books(priced)

    async def _check_books(self, priced: int) -> None:
        """The ledger is the timeline's, and every day was written off once."""
        first = local_day(NOW, "Asia/Yekaterinburg")
        days = [first.replace(day=first.day + more) for more in range(3)]
        ledgers = [await self.store.ledger("zdorovie", "lenina", day) for day in days]
        charges = [charge for ledger in ledgers for charge in ledger.charges]
        assert len(charges) == len({charge.attempt for charge in charges}) == priced
        offs = await self.store.write_offs("zdorovie", "lenina", days[0], days[2])
        amount = sum((off.amount for off in offs), Decimal(0))
        assert amount == sum((charge.amount for charge in charges), Decimal(0))
        assert amount == 2 * priced, self.died_at

    def check_changes(self, *statuses: str) -> None:
        assert [c.after.value for c in self.outside.taken.values()] == list(statuses)  # type: ignore[union-attr]


BY_MESSAGE = clinic(channels=["whatsapp"])
BY_CALL = by_call() | {}
BY_CALL["branches"][0]["channels"] = ["whatsapp"]


def by_message(*deaths: int) -> Day:
    day = Day(BY_MESSAGE, list(deaths)).play()
    day.check(confirmation=1, **{"acknowledgement.confirm": 1}, reminder=1)
    day.check_changes("confirmed")
    return day


def steps_of(document: dict[str, Any], **outside: Any) -> int:
    return Day(document, [], **outside).play().fates[0].steps


@pytest.mark.rule("G-6", "S-1", "T-3", "T-4")
def test_a_death_at_any_step_of_a_message_loses_and_doubles_nothing() -> None:
    steps = steps_of(BY_MESSAGE)
    assert steps > 40
    places = {place for step in range(1, steps + 1) for place in by_message(step).died_at}
    assert {
        "before commit",
        "after commit",
        "before the provider has it",
        "after the provider has it",
        "before the schedule has it",
        "after the schedule has it",
        "before remember",
        "after remember",
        "before write_off",
        "after write_off",
    } <= places


@pytest.mark.rule("G-6")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(1, 60), min_size=2, max_size=6))
def test_several_deaths_lose_and_double_nothing(deaths: list[int]) -> None:
    by_message(*deaths)


def pressing_1(*deaths: int) -> Day:
    return Day(BY_CALL, list(deaths), call_keys="1", confirms_by_chat=False).play()


@pytest.mark.rule("G-6", "C-4", "C-6")
def test_a_death_at_any_step_of_a_call_never_calls_twice_and_never_loses_a_key() -> None:
    """A call that dies before its key was committed falls back to the message."""
    for step in range(1, steps_of(BY_CALL, call_keys="1", confirms_by_chat=False) + 1):
        day = pressing_1(step)
        assert len(day.outside.calls) <= 1, day.died_at
        answered = [c.after for c in day.outside.taken.values()]  # type: ignore[union-attr]
        asked = day.outside.purposes()["confirmation"]
        assert (answered, asked) in (([Status.CONFIRMED], 0), ([], 1)), day.died_at
        day.check(**({"confirmation": 1} if asked else {}), reminder=1)


@pytest.mark.rule("G-6", "C-6")
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(1, 40), min_size=1, max_size=4))
def test_nobody_is_called_again_whatever_dies(deaths: list[int]) -> None:
    day = Day(BY_CALL, list(deaths)).play()
    assert len(day.outside.calls) <= 1
    day.check(confirmation=1, **{"acknowledgement.confirm": 1}, reminder=1)
    day.check_changes("confirmed")
