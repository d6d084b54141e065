"""A trunk's limits over all nodes."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from adapters.store.memory_store import MemoryStore
from gateway.clock import LoopClock
from gateway.core import policy
from gateway.ports.telephony import Limits, NotPlaced
from gateway.service.lines import TURN_WAIT_MAX, Lines
from tests.service.support import NOW, Trunk, appointment, by_call, node, on_virtual_time


def nodes(count: int) -> list[Lines]:
    store = MemoryStore()
    clock = LoopClock(NOW, asyncio.get_running_loop().time)
    return [Lines(store, clock) for _ in range(count)]


@pytest.mark.rule("H-7")
@on_virtual_time
async def test_lines_and_pace_hold_over_all_nodes() -> None:
    one, other = nodes(2)
    limits = Limits("t", lines=3, per_second=2.0)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number, lines in enumerate((one, other, one)):
        await lines.take(limits, f"call-{number}")
    assert loop.time() - began == pytest.approx(1.0)
    with pytest.raises(NotPlaced, match="no_line"):
        await other.take(limits, "call-3")
    await one.free(limits, "call-1")
    await other.take(limits, "call-3")


@pytest.mark.rule("H-7")
@on_virtual_time
async def test_a_turn_that_is_too_far_away_frees_the_line() -> None:
    (lines,) = nodes(1)
    limits = Limits("t", lines=2, per_second=0.5 / TURN_WAIT_MAX.total_seconds())
    await lines.take(limits, "a")
    with pytest.raises(NotPlaced, match="no_turn"):
        await lines.take(limits, "b")
    await asyncio.sleep(2 * TURN_WAIT_MAX.total_seconds())
    await lines.take(limits, "b")


@on_virtual_time
async def test_a_call_that_never_came_back_frees_its_line() -> None:
    one, other = nodes(2)
    limits = Limits("t", lines=1, per_second=100.0)
    await one.take(limits, "a")
    await asyncio.sleep((policy.CALL_LEASE + timedelta(seconds=1)).total_seconds())
    await other.take(limits, "b")


@on_virtual_time
async def test_a_trunk_without_limits_is_asked_for_nothing() -> None:
    (lines,) = nodes(1)
    for number in range(100):
        await lines.take(None, f"call-{number}")
    await lines.free(None, "call-1")


@pytest.mark.rule("H-7", "C-6")
@on_virtual_time
async def test_a_full_trunk_lets_calls_wait_and_forgets_none() -> None:
    class Narrow(Trunk):
        def limits(self, clinic: str, branch: str) -> Limits:
            return Limits("narrow", 1, 100.0)

    trunk = Narrow()
    trunk.rings_s = 10.0
    async with node(settings=by_call(), trunk=trunk) as here:
        phones = [f"+7916555010{number}" for number in range(3)]
        await here.record(*(appointment(f"A-{n}", phones=[p]) for n, p in enumerate(phones)))
        here.start()
        await here.clock.sleep(600)
    assert len(trunk.dialled) == 3
    assert trunk.busiest == 1
