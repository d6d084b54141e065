"""A stop waits for calls of a provider, and for nothing else."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from adapters.store.memory_store import MemoryStore
from gateway.core import policy
from gateway.core.model import CallResult
from gateway.errors import StoreUnavailable
from gateway.ivr.menu import Key
from gateway.ports.store import Kind, Ref
from gateway.service import calls_under_way
from gateway.service.calls_under_way import CallsUnderWay
from tests.service.support import by_call, case_ref, node, on_virtual_time
from tests.service.test_provider_calls import Provider, asks, ringing, tells

LONG = timedelta(seconds=150)


@pytest.mark.rule("G-6")
@on_virtual_time
async def test_a_stop_waits_until_the_patient_has_answered() -> None:
    provider = Provider()
    async with node(settings=by_call(), provider=provider) as here:
        await ringing(here, provider)
        stopped = asyncio.ensure_future(here.service.effects.calls_under_way.over(LONG))
        await here.clock.sleep(20)
        await asks(here)
        await asks(here, 1, Key("1"))
        await here.clock.sleep(5)
        assert not stopped.done(), "the thanks are still being said"
        await tells(here, CallResult.HANGUP)
        await here.clock.sleep(1)
        assert stopped.done()
        assert await stopped


@on_virtual_time
async def test_a_stop_does_not_wait_for_ever() -> None:
    provider = Provider()
    async with node(settings=by_call(), provider=provider) as here:
        await ringing(here, provider)
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert not await here.service.effects.calls_under_way.over(LONG)
        assert loop.time() - began == pytest.approx(LONG.total_seconds(), abs=1)


@on_virtual_time
async def test_a_node_that_was_only_asked_about_a_call_waits_for_it_too() -> None:
    """It was restarted in the middle of the call."""
    store, provider = MemoryStore(), Provider()
    async with node(store, settings=by_call(), provider=provider) as first:
        await ringing(first, provider)
        async with node(store, provider=provider, clinic_known=True) as second:
            assert await second.service.effects.calls_under_way.over(LONG)
            await asks(second)
            assert not await second.service.effects.calls_under_way.over(timedelta(seconds=5))
            await tells(first, CallResult.HANGUP)
            assert await second.service.effects.calls_under_way.over(timedelta(seconds=5))


@on_virtual_time
async def test_a_store_that_is_away_is_waited_for_and_unknown_calls_are_not() -> None:
    class Away(MemoryStore):
        away = True

        async def load_case(self, clinic: str, appointment: str):  # type: ignore[no-untyped-def]
            if self.away:
                raise StoreUnavailable("away")
            return await super().load_case(clinic, appointment)

    store = Away()
    async with node(store) as here:
        known = CallsUnderWay(store, here.clock)
        known.note(case_ref("nobody"), "1")
        assert not await known.over(timedelta(seconds=5))
        store.away = False
        assert await known.over(timedelta(seconds=5))


@on_virtual_time
async def test_calls_of_hours_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls_under_way, "KNOWN_MAX", 3)
    async with node() as here:
        known = CallsUnderWay(here.store, here.clock)
        for number in range(3):
            known.note(Ref(Kind.CASE, "zdorovie", str(number)), "1")
        await here.clock.sleep(policy.CALL_LEASE.total_seconds())
        known.note(case_ref(), "1")
        assert len(known._known) == 1
