"""The scripted world: people, channels, trunk and schedule behave as the scenario says."""

from __future__ import annotations

import asyncio
import contextlib
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.clock import LoopClock
from gateway.core.events import Failure
from gateway.core.model import CallResult, Channel, Status
from gateway.ivr.menu import HungUp, Key, Silence, Turn
from gateway.ports.messaging import SendError
from gateway.ports.schedule import Accepted, Conflicted, Unavailable
from gateway.ports.schema_scenario import ScheduleDownEvent
from gateway.ports.telephony import CallOrder, NotAnswered, NotPlaced
from gateway.rehearse.world import (
    MACHINE_S,
    RINGING_S,
    SHORT_CALL_S,
    ScriptedChannel,
    ScriptedLine,
    ScriptedSchedule,
    ScriptedTrunk,
    World,
    has_account,
)
from tests.rehearse.support import NUMBER, at, of, rehearsed, scenario
from tests.service.support import NOW, appointment, case_ref, node, on_virtual_time, until

OTHER = "+79031234568"
ORDER = CallOrder(case_ref(), "1", "lenina", NUMBER, "ru", appointment())


def world(**person: Any) -> World:
    """Return a world with one person, on the running loop's time where there is one."""
    made = World(scenario(patients={NUMBER: person} if person else {}))
    with contextlib.suppress(RuntimeError):
        clock = LoopClock(NOW, asyncio.get_running_loop().time)
        made.service = SimpleNamespace(clock=clock)  # type: ignore[assignment]
    return made


@pytest.mark.rule("V-2")
@pytest.mark.parametrize(
    ("result", "seconds"),
    [
        ("busy", SHORT_CALL_S),
        ("rejected", SHORT_CALL_S),
        ("unreachable", SHORT_CALL_S),
        ("no_answer", RINGING_S),
        ("machine", MACHINE_S),
    ],
)
@on_virtual_time
async def test_a_call_that_nobody_answers_takes_its_documented_time(
    result: str, seconds: float
) -> None:
    trunk = ScriptedTrunk(world(call={"result": result}))
    began = asyncio.get_running_loop().time()
    with pytest.raises(NotAnswered) as told:
        await trunk.dial(ORDER)
    assert told.value.result is CallResult(result)
    assert asyncio.get_running_loop().time() - began == pytest.approx(seconds)


@on_virtual_time
async def test_a_trunk_that_is_down_places_no_call() -> None:
    down = world()
    down.down_until[Channel.CALL] = NOW
    with pytest.raises(NotPlaced):
        await ScriptedTrunk(down).dial(ORDER)


@on_virtual_time
async def test_keys_are_pressed_in_order_and_then_comes_silence() -> None:
    outside = world(call={"result": "answered", "keys": "0 - 1 hangup"})
    line, turn = ScriptedLine(outside, outside.person(NUMBER).call), Turn("visit")
    heard = [await line.play(turn, None) for _ in range(5)]
    assert heard == [Key("0"), Silence(), Key("1"), HungUp(), Silence()]
    assert await line.play(Turn("goodbye", CallResult.NO_ANSWER_KEY), None) == Silence()
    assert asyncio.get_running_loop().time() == pytest.approx(6 * 20 + 2 * 8)


def test_accounts_are_as_the_scenario_says() -> None:
    person = world(whatsapp={"account": False}, max={"account": True}).person(NUMBER)
    channels = (Channel.WHATSAPP, Channel.MAX, Channel.TELEGRAM, Channel.SMS)
    assert [has_account(person, channel) for channel in channels] == [False, True, False, True]
    ordinary = world().person(OTHER)
    assert has_account(ordinary, Channel.WHATSAPP)
    assert not has_account(ordinary, Channel.TELEGRAM)


@on_virtual_time
async def test_a_channel_refuses_fails_or_accepts() -> None:
    async with node() as here:
        await here.record()
        here.start()
        await until(lambda: bool(here.whatsapp.sent))
        message = here.whatsapp.sent[0]
    without = world(whatsapp={"account": False})
    with pytest.raises(SendError) as told:
        await ScriptedChannel(without, Channel.WHATSAPP).send(message)
    assert told.value.failure is Failure.IMPOSSIBLE
    without.down_until[Channel.WHATSAPP] = NOW
    with pytest.raises(SendError) as told:
        await ScriptedChannel(without, Channel.WHATSAPP).send(message)
    assert told.value.failure is Failure.TEMPORARY
    assert await ScriptedChannel(world(), Channel.WHATSAPP).send(message) == "m1"


@pytest.mark.rule("S-2")
@on_virtual_time
async def test_the_schedule_takes_what_fits_its_own_state() -> None:
    async with node() as here:
        await here.record()
        here.start()
        await until(lambda: bool(here.whatsapp.sent))
        await here.says("1")
        await until(lambda: bool(here.diary.offered))
        change = here.diary.offered[0]
    outside = world()
    schedule = ScriptedSchedule(outside)
    assert await schedule.push(change) == Conflicted(None)
    outside.schedule["A-1"] = appointment()
    outside.down_until[ScheduleDownEvent] = NOW
    assert isinstance(await schedule.push(change), Unavailable)
    del outside.down_until[ScheduleDownEvent]
    assert await schedule.push(change) == Accepted()
    assert outside.schedule["A-1"].status is Status.CONFIRMED
    assert isinstance(await schedule.push(change), Conflicted)
    outside.schedule["A-1"] = appointment(start="2026-11-25T10:00:00+05:00")
    assert await schedule.push(change) == Conflicted(outside.schedule["A-1"])


@pytest.mark.rule("T-3")
def test_what_is_not_delivered_is_reported_and_paid_back() -> None:
    lines = rehearsed(
        patients={NUMBER: {"whatsapp": {"account": False}, "sms": {"delivered": False}}},
        until=at("12:00"),
    )
    sms = of(lines, "sms")
    assert sms[0]["result"] == "failed"
    assert [line["amount"] for line in of(lines, "charge")] == ["5", "-5"]
