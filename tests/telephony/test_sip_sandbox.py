"""The production line cards call the telephones of the sandbox, as the demo does with `--sip`."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass

import numpy as np
import pytest

from adapters.http import HttpClient
from adapters.telephony.sandbox import World
from adapters.telephony.sandbox_phone import By, Call, CallState, Habit
from adapters.telephony.sandbox_sip import Exchange
from gateway.clock import SystemClock
from gateway.core.model import Answer, CallResult
from gateway.ivr.menu import HungUp
from gateway.ports.telephony import NotAnswered
from tests.telephony.conftest import OpenTrunk
from tests.telephony.peers.audio import likeness
from tests.telephony.peers.dialogue import NUMBER, Prompts, calling, script_of

pytestmark = pytest.mark.e2e

SCRIPT = script_of(wait_s=3.0)


@dataclass
class Town:
    world: World
    exchange: Exchange
    port: int

    async def until(self, state: CallState) -> Call:
        """Wait until the newest call stands so."""
        async with asyncio.timeout(15):
            while not self.world.calls or self.world.calls[-1].state is not state:
                await self.world.changes.after(self.world.changes.count)
        return self.world.calls[-1]

    async def pauses(self) -> None:
        """Wait until the robot has said its sentence."""
        async with asyncio.timeout(15):
            while self.world.calls[-1].playing is not None:
                await self.world.changes.after(self.world.changes.count)

    async def speaks(self, count: int) -> None:
        """Wait until the robot has begun to speak so often."""
        async with asyncio.timeout(15):
            while self.world.calls[-1].played < count:
                await self.world.changes.after(self.world.changes.count)


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    client, clock = HttpClient(), SystemClock()
    world = World(clock, client, [])
    exchange = Exchange(world, clock)
    port = await exchange.bind()
    running = asyncio.create_task(exchange.run())
    yield Town(world, exchange, port)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    exchange.close()
    await client.close()


@pytest.mark.rule("C-3", "C-4")
async def test_a_person_hears_the_very_prompts_and_answers_with_the_keypad(
    town: Town, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    trunk = await open_trunk(f"127.0.0.1:{town.port}")
    talk = calling(trunk, SCRIPT, prompts)
    call = await town.until(CallState.RINGING)
    assert call.order.to == NUMBER
    assert call.in_hand
    live = town.exchange.call(call.sid)
    assert live is not None
    pieces: list[bytes] = []

    async def listen() -> None:
        async for piece in live.sound():
            pieces.append(piece)

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0)
    town.world.answer(NUMBER)
    await town.until(CallState.IN_PROGRESS)
    await town.speaks(1)
    await town.pauses()
    town.world.press(call.sid, "0")
    await town.speaks(2)
    town.world.press(call.sid, "1")
    told = await talk
    assert told.states == ["greeting", "greeting", "confirmed"]
    assert told.answer is Answer.CONFIRM
    await town.until(CallState.COMPLETED)
    assert (call.ended_by, call.keys) == (By.CLINIC, "01")
    await listening
    samples = np.asarray(
        [level for (level,) in struct.iter_unpack("<h", b"".join(pieces))], dtype=np.int16
    )
    alike, _ = likeness(samples, prompts.samples["confirmed"])
    assert alike > 0.95


@pytest.mark.rule("C-4")
async def test_a_patient_with_a_habit_listens_to_the_end_and_presses_the_key(
    town: Town, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    town.world.phone(NUMBER).habit = Habit(answers_after_s=0.1, keys="3")
    trunk = await open_trunk(f"127.0.0.1:{town.port}")
    told = await calling(trunk, SCRIPT, prompts)
    assert told.states == ["greeting", "cancelled"]
    assert told.answer is Answer.CANCEL


@pytest.mark.rule("C-6")
async def test_declining_is_a_rejected_call(
    town: Town, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    trunk = await open_trunk(f"127.0.0.1:{town.port}")
    talk = calling(trunk, SCRIPT, prompts)
    await town.until(CallState.RINGING)
    town.world.decline(NUMBER)
    with pytest.raises(NotAnswered) as refused:
        await talk
    assert refused.value.result is CallResult.REJECTED
    call = await town.until(CallState.BUSY)
    assert call.ended_by is By.PATIENT


@pytest.mark.rule("C-6")
async def test_a_telephone_that_nobody_takes_stops_ringing(
    town: Town, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    trunk = await open_trunk(f"127.0.0.1:{town.port}", ring_s=5)
    with pytest.raises(NotAnswered) as unanswered:
        await calling(trunk, SCRIPT, prompts)
    assert unanswered.value.result is CallResult.NO_ANSWER
    await town.until(CallState.NO_ANSWER)


@pytest.mark.rule("C-6")
async def test_who_is_on_the_telephone_is_busy_and_who_is_away_is_not_reached(
    town: Town, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    trunk = await open_trunk(f"127.0.0.1:{town.port}")
    first = calling(trunk, SCRIPT, prompts)
    await town.until(CallState.RINGING)
    with pytest.raises(NotAnswered) as busy:
        await calling(trunk, SCRIPT, prompts)
    assert busy.value.result is CallResult.BUSY
    town.world.answer(NUMBER)
    await asyncio.sleep(0.3)
    town.world.hang_up(town.world.calls[0].sid)
    assert isinstance((await first).end, HungUp)
    town.world.phone("+79995550124").reachable = False
    with pytest.raises(NotAnswered) as away:
        await calling(trunk, SCRIPT, prompts, "+79995550124")
    assert away.value.result is CallResult.UNREACHABLE
