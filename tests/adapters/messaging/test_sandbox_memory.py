"""A world of phones that ends at any moment goes on in the next one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from adapters.http import HttpClient
from adapters.messaging.sandbox import World
from adapters.messaging.sandbox_memory import Memory
from adapters.messaging.sandbox_world import Business, Callback, Pace, State
from tests.adapters.support import ManualClock, Recorder, address, serve

NUMBER, OTHER = "+15550100123", "+15550100124"
BUSINESS = Business("106540350000001", "token")


@dataclass
class Book:
    records: list[dict[str, Any]] = field(default_factory=list)

    def write(self, record: dict[str, object], *, durable: bool = True) -> None:
        self.records.append(record)


@asynccontextmanager
async def life(
    book: Book, gateway: Recorder, seed: int
) -> AsyncIterator[tuple[World, ManualClock]]:
    """One life of the world: it ends without any farewell."""
    server = await serve(gateway.app)
    clock, client = ManualClock(), HttpClient()
    callback = Callback(address(server, "/hooks/whatsapp"), "secret")
    world = World(clock, client, [BUSINESS], callback=callback, pace=Pace(), seed=seed, book=book)
    world.recall(tuple(book.records))
    running = asyncio.ensure_future(world.run())
    yield world, clock
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await client.close()
    await server.close()


def text(number: str, body: str) -> dict[str, Any]:
    return {
        "messaging_product": "whatsapp",
        "to": number.lstrip("+"),
        "type": "text",
        "text": {"body": body},
        "biz_opaque_callback_data": "case|c1|2|A-1",
    }


async def gateway_heard(gateway: Recorder, count: int) -> None:
    while len(gateway.requests) < count:  # noqa: ASYNC110 - a socket needs real time
        await asyncio.sleep(0.001)


async def test_what_was_told_is_not_told_again() -> None:
    book, gateway = Book(), Recorder()
    async with life(book, gateway, 1) as (world, clock):
        await world.reply(NUMBER, "Здравствуйте")
        await clock.drive(world.idle())
        world.take(BUSINESS.phone_number_id, text(NUMBER, "Добрый день"))
        await clock.drive(world.idle())
        await world.read(NUMBER)
        await clock.drive(world.idle())
        before = world.messages(NUMBER)
    told = len(gateway.requests)
    async with life(book, gateway, 2) as (world, clock):
        await clock.drive(world.idle())
        assert world.messages(NUMBER) == before
        assert [message.state for message in before] == [State.DELIVERED, State.READ]
        assert world.phone(NUMBER).session_open(BUSINESS.phone_number_id, clock.now())
    assert len(gateway.requests) == told


@pytest.mark.parametrize("status", [500, 404])
async def test_what_the_gateway_did_not_take_is_told_in_the_next_life(status: int) -> None:
    """In the order in which the patient wrote."""
    book, gateway = Book(), Recorder()
    gateway.answer(status)
    async with life(book, gateway, 1) as (world, _):
        await world.reply(NUMBER, "1")
        await world.reply(NUMBER, "3")
        world.take(BUSINESS.phone_number_id, text(NUMBER, "Спасибо"))
        await gateway_heard(gateway, 2)
    gateway.requests.clear()
    gateway.answer(200)
    async with life(book, gateway, 2) as (world, clock):
        await clock.drive(world.idle())
    bodies = [body.decode() for _, _, _, body in gateway.requests]
    said = [body for body in bodies if '"messages":' in body]
    assert ['"1"' in said[0], '"3"' in said[1], len(said)] == [True, True, 2]
    states = [state for state in ("sent", "delivered") for b in bodies if f'"{state}"' in b]
    assert states == ["sent", "delivered"]


async def test_a_number_without_an_account_stays_so_and_its_failure_is_told() -> None:
    book, gateway = Book(), Recorder()
    async with life(book, gateway, 1) as (world, _):
        world.set_account(OTHER, False)
        world.set_account(OTHER, False)
        await world.reply(NUMBER, "hello")
        world.phone(OTHER).wrote_at[BUSINESS.phone_number_id] = world.messages(NUMBER)[0].at
        world.take(BUSINESS.phone_number_id, text(OTHER, "Hello"))
    gateway.requests.clear()
    async with life(book, gateway, 2) as (world, clock):
        await clock.drive(world.idle())
        assert not world.phone(OTHER).has_account
        assert world.messages(OTHER) == ()
    assert any(b"131026" in body for _, _, _, body in gateway.requests)


async def test_two_lives_have_the_same_accounts_and_never_the_same_ids() -> None:
    book, gateway = Book(), Recorder()
    ids: set[str] = set()
    accounts: set[str] = set()
    for seed in (1, 2, 3):
        async with life(book, gateway, seed) as (world, clock):
            ids.add(await world.reply(NUMBER, "hello"))
            accounts.add(world.phone(NUMBER).account)
            await clock.drive(world.idle())
    assert len(ids) == 3
    assert len(accounts) == 1


def test_what_is_not_known_is_left_out() -> None:
    lost: Callable[[], dict[str, Any]] = lambda: {"what": "state", "id": "w", "state": "read"}  # noqa: E731
    memory = Memory.of([{}, {"what": "else"}, lost()])
    assert memory.messages == {}
