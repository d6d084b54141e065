"""Calls over a provider through a whole gateway: restarts, stops, and news that never comes."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from adapters.http import HttpClient
from adapters.store.memory_store import MemoryStore
from adapters.telephony.sandbox import TwilioAccount, World, twilio_app
from adapters.telephony.sandbox_phone import CallState, Habit, Pace
from adapters.telephony.twilio_settings import Config
from adapters.telephony.twilio_voice import TwilioVoice
from gateway.clock import ScaledClock, SystemClock
from gateway.core.model import CallResult
from tests.cli.support import (
    Clinic,
    Gateway,
    Town,
    clinic_document,
    eventually,
    free_port,
    gateway_in,
    noon_zone,
    number_of,
    town,
    visit,
)
from tests.service.support import NOW, NUMBER, Node, by_call, node

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

SID = "AC" + "0b" * 16
TOKEN = "sandbox-auth-token"
CALLER = "+74950000001"
SETTINGS = {
    "accounts": [{"account_sid": SID, "auth_tokens": [TOKEN], "calls_per_second": 50}],
    "callers": [{"number": CALLER, "clinic": "zdorovie"}],
    "detect_machines": False,
}
PATIENT = number_of(1)


@dataclass
class Place:
    gateway: Gateway
    town: Town
    clinic: Clinic
    telephones: World

    async def rings(self) -> None:
        """Record a visit whose call is due at once, and wait for the ringing."""
        now = datetime.now(UTC)
        body = visit(1, now, noon_zone(now)[1])
        self.town.schedule.put(body)
        status, _ = await self.clinic.call("PUT", "appointments/V-1", body)
        assert status in (200, 201)
        await self.stands(CallState.RINGING)

    async def stands(self, state: CallState) -> None:
        """Wait until the only call stands so."""
        calls = self.telephones
        await eventually(
            lambda: [call.state for call in calls.calls] == [state], 60, f"it is never {state}"
        )

    async def talks(self) -> str:
        """Pick up and wait for the question; return the call's sid."""
        sid = self.telephones.answer(PATIENT)
        call = self.telephones.call(sid)
        await eventually(lambda: call.listening, 20, "the robot says nothing")
        return sid

    async def confirmed(self) -> None:
        taken = self.town.schedule.taken
        await eventually(lambda: bool(taken), 30, "the schedule was not told")
        assert [one.change["to"] for one in taken] == ["confirmed"]

    async def ready(self) -> int:
        """Return how the gateway answers a load balancer."""
        url = f"{self.gateway.url}/health/ready"
        async with aiohttp.ClientSession() as session, session.get(url) as got:
            return got.status


@contextlib.asynccontextmanager
async def telephones(world: World, clock: SystemClock | ScaledClock) -> AsyncIterator[str]:
    """Serve the sandbox's Twilio; yield its address."""
    app = web.Application()
    app.add_subapp("/twilio", twilio_app(world, clock))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    running = asyncio.create_task(world.run())
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/twilio"
    finally:
        running.cancel()
        await asyncio.wait({running})
        await runner.cleanup()


@contextlib.asynccontextmanager
async def place(folder: Path) -> AsyncIterator[Place]:
    """Run a gateway that phones over Twilio, and the world around it."""
    port, clock, client = free_port(), SystemClock(), HttpClient()
    account = TwilioAccount(SID, TOKEN, frozenset({CALLER}), calls_per_second=50)
    world = World(clock, client, [account], pace=Pace(0.05, 0.05, 0.05, 60.0))
    async with (
        town(port) as outside,
        telephones(world, clock) as api,
        aiohttp.ClientSession() as session,
    ):
        gateway = gateway_in(folder, outside, port, twilio_voice=SETTINGS | {"api_base": api})
        zone, _ = noon_zone(datetime.now(UTC))
        document = clinic_document(zone)
        document["branches"][0]["functions"]["confirmation"] |= {"method": "call"}
        file = folder / "clinic.json"
        file.write_text(json.dumps(document), encoding="utf-8")
        try:
            await gateway.start()
            await gateway.cli("clinic", "import", str(file))
            key = (await gateway.cli("key", "create", "zdorovie")).strip()
            yield Place(gateway, outside, Clinic(session, gateway.url, key), world)
        finally:
            gateway.end()
            await client.close()


@pytest.mark.rule("G-6", "C-4")
async def test_a_gateway_killed_in_mid_call_answers_when_it_is_back(tmp_path: Path) -> None:
    """It rings on without us; whoever picks up later is asked by the next life."""
    async with place(tmp_path) as here:
        await here.rings()
        here.gateway.kill()
        await here.gateway.start()
        sid = await here.talks()
        here.telephones.press(sid, "1")
        await here.confirmed()
        await here.stands(CallState.COMPLETED)
        assert here.telephones.call(sid).errors == []
        assert here.town.phones.messages(PATIENT) == ()


@pytest.mark.rule("G-6", "C-4")
async def test_a_stop_lets_the_patient_finish(tmp_path: Path) -> None:
    """The only node gets SIGTERM while a patient listens: it answers, commits, and then ends."""
    async with place(tmp_path) as here:
        await here.rings()
        sid = await here.talks()
        stopping = asyncio.create_task(here.gateway.stop())
        await eventually(
            lambda: "finishing what was started" in here.gateway.log, 20, "it does not stop"
        )
        assert await here.ready() == 503
        call = here.telephones.call(sid)
        heard = call.played
        here.telephones.press(sid, "0")
        await eventually(lambda: call.played > heard and call.listening, 20, "no repeat")
        here.telephones.press(sid, "1")
        assert await stopping == 0
        assert (call.state, call.errors, call.keys) == (CallState.COMPLETED, [], "01")
        await here.gateway.start()
        await here.confirmed()
        assert len(here.telephones.calls) == 1
        assert here.town.phones.messages(PATIENT) == ()


FACTOR = 40.0
"""The clock of the next test goes so much faster."""


@pytest.mark.rule("G-6", "C-6")
@pytest.mark.parametrize(
    ("habit", "result"),
    [(None, CallResult.NO_ANSWER), (Habit(declines=True), CallResult.BUSY)],
    ids=["nobody", "declined"],
)
async def test_a_call_of_a_dead_node_is_looked_up_by_the_next_one(
    habit: Habit | None, result: CallResult
) -> None:
    """Every report of the call is lost: only Twilio's own record tells how it ended."""
    clock, client = ScaledClock(FACTOR, NOW), HttpClient()
    account = TwilioAccount(SID, TOKEN, frozenset({CALLER}), calls_per_second=50)
    world = World(clock, client, [account], pace=Pace(0.3, 0.7, 1.0, 0.1))
    world.phone(NUMBER).habit = habit
    world.faults.lose_every = 1
    store = MemoryStore()
    async with telephones(world, clock) as api:
        config = Config.model_validate(SETTINGS | {"api_base": api})
        provider = TwilioVoice(config, client, "http://127.0.0.1:9")
        async with node(store, settings=by_call(), provider=provider, clock=clock) as first:  # type: ignore[arg-type]
            await first.record()
            workers = first.start()
            await eventually(lambda: bool(world.calls), 20, "nothing was ordered")
            await placed(first)
            workers.cancel()
            first.supervisor.abandon()
        async with node(store, provider=provider, clock=clock, clinic_known=True) as second:  # type: ignore[arg-type]
            second.start()
            sent = second.whatsapp.sent
            await eventually(lambda: bool(sent), 30, "no message followed")
            (call, *_) = (await second.case()).attempts
            assert (call.result, call.code) == (result, "looked_up")
            assert (len(world.calls), len(sent)) == (1, 1)
    await client.close()


async def placed(here: Node) -> None:
    """Wait until the store knows the provider's name for the call."""
    for _ in range(1000):
        if (await here.case()).attempts[0].provider_id is not None:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the order was not taken")
