"""Clocks: virtual, scaled and real; none of them ever jumps back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest

from gateway import clock as clocks
from gateway.clock import LoopClock, ScaledClock, SystemClock, fresh_id
from tests.service.support import on_virtual_time

EPOCH = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


class Machine(datetime):
    """The machine's clock, moved by hand."""

    moment = EPOCH

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        return cls.moment

    @classmethod
    def passes(cls, seconds: float) -> None:
        cls.moment += timedelta(seconds=seconds)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> type[Machine]:
    Machine.moment = EPOCH
    monkeypatch.setattr(clocks, "datetime", Machine)
    return Machine


def test_a_new_factor_goes_on_from_where_the_clock_stands(machine: type[Machine]) -> None:
    clock = ScaledClock(60.0)
    machine.passes(10)
    assert clock.now() == EPOCH + timedelta(minutes=10)
    for factor in (1.0, 3600.0, 0.5, 60.0):
        before = clock.now()
        clock.set_factor(factor)
        assert clock.now() == before
        assert clock.factor == factor
        machine.passes(2)
        assert clock.now() == before + timedelta(seconds=2 * factor)


def test_a_scaled_clock_may_begin_anywhere(machine: type[Machine]) -> None:
    begin = datetime(2030, 1, 1, tzinfo=UTC)
    clock = ScaledClock(10.0, begin)
    machine.passes(1)
    assert clock.now() == begin + timedelta(seconds=10)


async def test_a_sleep_follows_a_changed_factor() -> None:
    clock = ScaledClock(1.0)
    sleeping = asyncio.create_task(clock.sleep(3600))
    await asyncio.sleep(0.01)
    assert not sleeping.done()
    clock.set_factor(1_000_000.0)
    await asyncio.wait_for(sleeping, 5)
    assert clock.now() >= EPOCH - timedelta(days=365 * 100)


async def test_a_scaled_sleep_takes_its_share_of_the_machines_time() -> None:
    clock = ScaledClock(1000.0)
    before = clock.now()
    await clock.sleep(20)
    assert clock.now() - before >= timedelta(seconds=20)


async def test_a_scaled_wait_ends_with_its_event_or_its_time() -> None:
    clock, event = ScaledClock(1000.0), asyncio.Event()
    await clock.wait(event, 10)
    event.clear()
    asyncio.get_running_loop().call_soon(event.set)
    await clock.wait(event, None)
    assert event.is_set()


@on_virtual_time
async def test_a_loop_clock_shows_the_loops_time_in_utc() -> None:
    loop = asyncio.get_running_loop()
    await asyncio.sleep(5)
    there = EPOCH.astimezone(timezone(timedelta(hours=5)))
    clock = LoopClock(there, loop.time)
    assert (clock.now(), clock.now().tzinfo) == (EPOCH, UTC)
    await clock.sleep(90)
    assert clock.now() == EPOCH + timedelta(seconds=90)
    await clock.sleep(-5)
    assert clock.now() == EPOCH + timedelta(seconds=90)


@on_virtual_time
async def test_a_loop_clock_shows_whole_milliseconds() -> None:
    clock = LoopClock(EPOCH, asyncio.get_running_loop().time)
    for _ in range(10):
        await clock.sleep(0.1)
    assert clock.now() == EPOCH + timedelta(seconds=1)


@on_virtual_time
async def test_a_wait_ends_with_its_event() -> None:
    loop, event = asyncio.get_running_loop(), asyncio.Event()
    clock = LoopClock(EPOCH, loop.time)
    loop.call_later(3, event.set)
    await clock.wait(event, 60)
    assert loop.time() == pytest.approx(3)
    event.clear()
    await clock.wait(event, 5)
    assert loop.time() == pytest.approx(8)
    event.clear()
    loop.call_later(7, event.set)
    await clock.wait(event, None)
    assert loop.time() == pytest.approx(15)


@on_virtual_time
async def test_a_wait_that_was_ended_leaves_no_timer_behind() -> None:
    loop, event = asyncio.get_running_loop(), asyncio.Event()
    clock = LoopClock(EPOCH, loop.time)
    loop.call_later(1, event.set)
    await clock.wait(event, 60)
    event.clear()
    await asyncio.sleep(120)
    assert not event.is_set()


async def test_the_systems_clock_is_the_machines() -> None:
    clock, event = SystemClock(), asyncio.Event()
    before = clock.now()
    await clock.sleep(0)
    await clock.sleep(-1)
    await clock.wait(event, 0.01)
    assert before.tzinfo is UTC
    assert clock.now() > before


def test_fresh_ids_differ_and_say_what_they_are() -> None:
    made = {fresh_id("evt") for _ in range(1000)}
    assert len(made) == 1000
    assert all(name.startswith("evt_") and len(name) == 28 for name in made)
