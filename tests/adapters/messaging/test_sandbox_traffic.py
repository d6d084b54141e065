"""Callbacks of a sandbox arrive in order, come again until taken, and go wrong on demand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest

from adapters.http import HttpClient, HttpRequest
from adapters.messaging.sandbox_traffic import OVERTAKEN_S, RETRY_FOR, Deliveries
from adapters.messaging.sandbox_world import Chance, Faults
from tests.adapters.support import START, ManualClock, Recorder, address, serve


@dataclass
class Road:
    """Deliveries on their way to a recorder."""

    deliveries: Deliveries
    faults: Faults
    clock: ManualClock
    gateway: Recorder
    url: str

    def send(self, name: str, lane: str = "a", after_s: float = 0.0) -> None:
        self.deliveries.send(lane, self._request(name), after_s=after_s)

    def _request(self, name: str) -> Callable[[], HttpRequest]:
        return lambda: HttpRequest("POST", f"{self.url}/{name}", {}, b"{}")

    async def arrived(self) -> list[str]:
        await self.clock.drive(self.deliveries.idle())
        return [path for _, path, _, _ in self.gateway.requests]


@pytest.fixture
async def road() -> AsyncIterator[Road]:
    clock, client, faults, gateway = ManualClock(), HttpClient(), Faults(), Recorder()
    server = await serve(gateway.app)
    deliveries = Deliveries(clock, client, faults, Chance(3))
    running = asyncio.ensure_future(deliveries.run())
    yield Road(deliveries, faults, clock, gateway, address(server))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await client.close()
    await server.close()


async def set_out() -> None:
    """Let what was sent begin to wait; no time passes."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_callbacks_of_one_chat_arrive_in_order_each_after_its_pause(road: Road) -> None:
    for name in "123":
        road.send(name, after_s=2.0)
    assert await road.arrived() == ["/1", "/2", "/3"]
    assert (road.clock.now() - START).total_seconds() == 6.0


async def test_a_callback_that_is_not_taken_comes_again_with_growing_pauses(road: Road) -> None:
    road.gateway.answer(500)
    road.send("1")
    while len(road.gateway.requests) < 4:
        road.clock.wake_next()
        await asyncio.sleep(0.001)
    assert (road.clock.now() - START).total_seconds() == 1 + 2 + 4
    road.gateway.answer(204)
    assert set(await road.arrived()) == {"/1"}


async def test_nobody_repeats_a_callback_for_ever(road: Road) -> None:
    road.gateway.answer(401)
    road.send("1")
    await road.arrived()
    assert road.clock.now() - START >= RETRY_FOR


async def test_callbacks_get_lost_doubled_and_overtaken(road: Road) -> None:
    road.faults.lose_webhooks = 1.0
    road.send("lost")
    assert await road.arrived() == []
    road.faults.lose_webhooks = 0.0
    road.faults.repeat_webhooks = 1.0
    road.send("twice")
    assert await road.arrived() == ["/twice"] * 2
    road.faults.repeat_webhooks = 0.0
    road.faults.reorder_webhooks = 1.0
    road.send("late")
    await set_out()
    road.faults.reorder_webhooks = 0.0
    road.send("early", after_s=OVERTAKEN_S / 2)
    await set_out()
    assert (await road.arrived())[-2:] == ["/early", "/late"]


async def test_a_gateway_that_is_down_gets_it_later(road: Road) -> None:
    road.gateway.cut = True
    road.send("1")
    while len(road.gateway.requests) < 2:
        road.clock.wake_next()
        await asyncio.sleep(0.001)
    road.gateway.cut = False
    arrived = len(await road.arrived())
    assert arrived == len(road.gateway.requests) >= 3


async def test_whoever_sets_out_a_callback_hears_when_it_was_taken(road: Road) -> None:
    """Once, and not before: what stands in a journal until then is told again by the next life."""
    taken: list[int] = []

    def noted() -> None:
        taken.append(len(road.gateway.requests))

    road.gateway.answer(500)
    road.deliveries.send("a", road._request("1"), taken=noted)
    while len(road.gateway.requests) < 3:
        road.clock.wake_next()
        await asyncio.sleep(0.001)
    assert taken == []
    road.gateway.answer(200)
    tried = len(await road.arrived())
    assert taken == [tried]
    road.gateway.answer(401)
    road.deliveries.send("a", road._request("2"), taken=noted)
    await road.arrived()  # given up
    assert taken == [tried]
