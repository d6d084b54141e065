"""Virtual time: it jumps to the next timer, and a wait for nothing is an error."""

from __future__ import annotations

import asyncio
import time

import pytest

from gateway.rehearse.loop import VirtualLoop
from tests.service.support import on_virtual_time


@on_virtual_time
async def test_a_year_of_sleep_takes_no_time() -> None:
    loop, real = asyncio.get_running_loop(), time.monotonic()
    await asyncio.sleep(365 * 24 * 3600)
    assert loop.time() == pytest.approx(365 * 24 * 3600)
    assert time.monotonic() - real < 5


@on_virtual_time
async def test_timers_come_in_their_order() -> None:
    order: list[str] = []

    async def after(seconds: float, name: str) -> None:
        await asyncio.sleep(seconds)
        order.append(name)

    await asyncio.gather(after(3, "c"), after(1, "a"), after(2, "b"), after(1, "a2"))
    assert order == ["a", "a2", "b", "c"]


@on_virtual_time
async def test_time_stands_still_while_there_is_something_to_do() -> None:
    loop = asyncio.get_running_loop()
    for _ in range(1000):
        await asyncio.sleep(0)
    assert loop.time() == 0.0


@on_virtual_time
async def test_timeouts_are_virtual_too() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3600):
            await asyncio.Event().wait()
    assert asyncio.get_running_loop().time() == pytest.approx(3600)


def test_a_wait_for_what_never_comes_is_an_error_and_not_a_hang() -> None:
    loop = VirtualLoop()
    waiting = loop.create_task(asyncio.Event().wait())
    with pytest.raises(RuntimeError, match="never comes"):
        loop.run_until_complete(waiting)
    waiting.cancel()
    loop.call_later(1, loop.stop)
    loop.run_forever()
    loop.close()
