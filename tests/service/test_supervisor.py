"""One TaskGroup for everything: start, drain, stop."""

from __future__ import annotations

import asyncio

import pytest

from gateway.errors import StoreUnusable
from gateway.service.supervisor import Supervisor
from tests.service.support import on_virtual_time


@on_virtual_time
async def test_a_drain_waits_for_effects_and_for_those_they_start() -> None:
    done: list[str] = []
    async with Supervisor() as supervisor:

        async def effect(name: str, following: str | None) -> None:
            await asyncio.sleep(5)
            done.append(name)
            if following:
                supervisor.spawn(effect(following, None))

        supervisor.spawn(effect("first", "second"))
        assert await supervisor.drain()
        assert done == ["first", "second"]


@on_virtual_time
async def test_a_drain_gives_up_in_time() -> None:
    async with Supervisor() as supervisor:
        supervisor.spawn(asyncio.sleep(3600, None))
        started = asyncio.get_running_loop().time()
        assert not await supervisor.drain(30)
        assert asyncio.get_running_loop().time() - started == pytest.approx(30, abs=0.1)
        supervisor.abandon()
    assert asyncio.get_running_loop().time() < 60


@on_virtual_time
async def test_a_drain_of_nothing_is_at_once() -> None:
    async with Supervisor() as supervisor:
        assert await supervisor.drain(0)


@on_virtual_time
async def test_services_end_with_the_context() -> None:
    async with Supervisor() as supervisor:
        task = supervisor.serve(asyncio.sleep(3600, None))
        await asyncio.sleep(0)
    assert task.cancelled()
    assert asyncio.get_running_loop().time() < 1


@on_virtual_time
async def test_effects_are_waited_for_at_the_end() -> None:
    done: list[int] = []

    async def effect() -> None:
        await asyncio.sleep(5)
        done.append(1)

    async with Supervisor() as supervisor:
        supervisor.spawn(effect())
    assert done == [1]


@on_virtual_time
async def test_a_service_that_fails_ends_everything_as_itself() -> None:
    async def broken() -> None:
        await asyncio.sleep(1)
        raise StoreUnusable("the store keeps dying")

    with pytest.raises(StoreUnusable):  # noqa: PT012
        async with Supervisor() as supervisor:
            supervisor.serve(broken())
            supervisor.spawn(asyncio.sleep(3600, None))
            await asyncio.sleep(3600)
    assert asyncio.get_running_loop().time() < 2


@on_virtual_time
async def test_what_ends_the_context_is_raised_as_itself() -> None:
    with pytest.raises(ValueError, match="mine"):  # noqa: PT012
        async with Supervisor() as supervisor:
            supervisor.spawn(asyncio.sleep(3600, None))
            raise ValueError("mine")


@on_virtual_time
async def test_several_failures_are_told_together() -> None:
    async def broken(error: Exception) -> None:
        raise error

    with pytest.raises(ExceptionGroup) as told:  # noqa: PT012
        async with Supervisor() as supervisor:
            supervisor.serve(broken(ValueError("one")))
            supervisor.serve(broken(KeyError("two")))
            await asyncio.sleep(10)
    assert len(told.value.exceptions) == 2
