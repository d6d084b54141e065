"""A clinic's schedule that ends at any moment goes on in its next life."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from adapters.http import HttpClient
from adapters.schedule.free_times import build_move
from adapters.schedule.sandbox import Api, ClinicWorld
from adapters.schedule.sandbox_times import moment_of
from adapters.schedule.webhook import Config, build
from gateway.core.model import Status
from gateway.ports.schedule import MoveRequest
from gateway.ports.schema import read_appointment
from tests.adapters.schedule.test_sandbox import VISIT
from tests.adapters.schedule.test_webhook import CHANGE, NOTICE, SECRET
from tests.adapters.support import ManualClock, Recorder, address, serve

CONFIG = Config.model_validate({"url": "https://schedule.example/changes", "secrets": [SECRET]})


@dataclass
class Book:
    records: list[dict[str, Any]] = field(default_factory=list)

    def write(self, record: dict[str, object], *, durable: bool = True) -> None:
        self.records.append(record)


@asynccontextmanager
async def life(book: Book, callahead: Recorder) -> AsyncIterator[tuple[ClinicWorld, ManualClock]]:
    server = await serve(callahead.app)
    clock, client = ManualClock(), HttpClient()
    world = ClinicWorld(clock, client, [SECRET], Api(address(server), "c1", "key"), book=book)
    world.recall(tuple(book.records))
    running = asyncio.ensure_future(world.run())
    yield world, clock
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await client.close()
    await server.close()


def take(world: ClinicWorld, clock: ManualClock, change: Any) -> int:
    request = build(CONFIG, change, clock.now())
    return world.take({k.lower(): v for k, v in request.headers.items()}, request.body)[0]


async def heard(callahead: Recorder) -> None:
    while not callahead.requests:  # noqa: ASYNC110 - a socket needs real time
        await asyncio.sleep(0.001)


async def test_the_schedule_is_what_it_was_and_told_once() -> None:
    book, callahead = Book(), Recorder()
    async with life(book, callahead) as (world, clock):
        world.put(VISIT)
        world.put({**VISIT, "id": "A-2"})
        world.set_status("A-2", Status.CONFIRMED)
        world.put({**VISIT, "id": "A-3"})
        world.remove("A-3")
        await clock.drive(world.idle())
        before = world.appointments
    callahead.requests.clear()
    async with life(book, callahead) as (world, clock):
        await clock.drive(world.idle())
        assert world.appointments == before
    assert callahead.requests == []


async def test_what_callahead_had_not_taken_is_told_in_the_next_life() -> None:
    book, callahead = Book(), Recorder(status=503)
    async with life(book, callahead) as (world, _):
        world.put(VISIT)
        await heard(callahead)
    callahead.requests.clear()
    callahead.answer(200)
    async with life(book, callahead) as (world, clock):
        await clock.drive(world.idle())
    assert [method for method, *_ in callahead.requests] == ["PUT"]


async def test_a_change_is_taken_once_over_two_lives() -> None:
    book, callahead = Book(), Recorder()
    async with life(book, callahead) as (world, clock):
        world.put(VISIT)
        assert take(world, clock, CHANGE) == 200
        assert take(world, clock, NOTICE) == 200
        taken = world.appointment("A-1")
        await clock.drive(world.idle())
    async with life(book, callahead) as (world, clock):
        assert world.appointment("A-1") == taken
        assert taken["status"] == CHANGE.after.value
        world.set_status("A-1", Status.UNCONFIRMED)
        assert take(world, clock, CHANGE) == 200
        assert world.appointment("A-1")["status"] == "unconfirmed"
        await clock.drive(world.idle())


async def test_a_status_that_changes_while_a_visit_is_told_is_told_as_well() -> None:
    """Else Callahead would take its own change back when the older state arrives."""
    book, callahead = Book(), Recorder(status=503)
    async with life(book, callahead) as (world, clock):
        world.put(VISIT)
        await heard(callahead)
        assert take(world, clock, CHANGE) == 200
        callahead.answer(200)
        await clock.drive(world.idle())
    assert CHANGE.after.value.encode() in callahead.requests[-1][3]


@pytest.mark.rule("P-3", "G-6")
async def test_a_move_that_a_patient_made_is_kept_with_its_id() -> None:
    """Asked again in its next life, the schedule answers as before."""
    book, callahead = Book(), Recorder()
    async with life(book, callahead) as (world, clock):
        world.put(VISIT)
        visit = read_appointment(world.appointment("A-1"), consent_default=None)
        move = MoveRequest("c1", "m1", visit, visit.start + timedelta(days=1), clock.now())
        first = ask(world, clock, move)
        assert first[0] == 200
    async with life(book, callahead) as (world, clock):
        assert ask(world, clock, move) == first
        assert moment_of(world.appointment("A-1")["start"]) == move.start


def ask(world: ClinicWorld, clock: ManualClock, move: MoveRequest) -> tuple[int, Any]:
    request = build_move(CONFIG, move, clock.now())
    return world.ask({k.lower(): v for k, v in request.headers.items()}, request.body)
