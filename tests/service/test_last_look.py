"""What has changed between the decision to call and the dialling, and during the call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from adapters.store.memory_store import MemoryStore
from gateway.clock import LoopClock
from gateway.core.case import Case
from gateway.core.model import CallResult, Channel, Status
from gateway.errors import StoreUnavailable
from gateway.ivr.menu import Key, Turn
from tests.service.support import (
    Node,
    ScriptedLine,
    Trunk,
    appointment,
    by_call,
    clinic,
    node,
    on_virtual_time,
)
from tests.service.test_fail_over import Named

MORNING = "2026-11-23T07:00:00+00:00"  # 12:00 in Yekaterinburg, the day before the visit
BEFORE_CLOSING = "2026-11-23T14:59:50+00:00"

Act = Callable[[Node], Awaitable[object]]


@dataclass
class Seen:
    dialled: list[str]
    case: Case
    texts: list[str]


async def while_a_line_is_sought(act: Act, at: str = MORNING) -> Seen:
    """Let the first trunk fail after 20 s, and something happen after 8."""
    clock = LoopClock(datetime.fromisoformat(at), asyncio.get_running_loop().time)
    first, spare = Named("first", dead="trunk_fails"), Named("spare")
    first.takes_s = 20.0
    async with node(settings=by_call(), trunks=(first, spare), clock=clock) as here:
        await here.record()
        here.start()
        await here.clock.sleep(8)
        await act(here)
        await here.clock.sleep(60)
        dialled = [order.to for order in spare.dialled]
        return Seen(dialled, await here.case(), list(here.whatsapp.texts))


async def nothing(here: Node) -> None:
    pass


@on_virtual_time
async def test_the_spare_trunk_is_dialled_when_nothing_changed() -> None:
    seen = await while_a_line_is_sought(nothing)
    assert len(seen.dialled) == 1


@pytest.mark.rule("C-15", "G-3")
@on_virtual_time
async def test_nobody_is_called_after_an_opt_out() -> None:
    seen = await while_a_line_is_sought(lambda here: here.says("стоп"))
    assert seen.dialled == []
    assert len(seen.texts) == 1  # its acknowledgement


@pytest.mark.rule("G-2", "G-9")
@on_virtual_time
async def test_nobody_is_called_after_closing() -> None:
    seen = await while_a_line_is_sought(nothing, BEFORE_CLOSING)
    assert seen.dialled == []


@pytest.mark.rule("G-7")
@on_virtual_time
async def test_a_number_that_was_corrected_is_not_called() -> None:
    right = "+79165559999"
    seen = await while_a_line_is_sought(lambda here: here.record(appointment(phones=[right])))
    assert set(seen.dialled) <= {right}


@pytest.mark.rule("C-2", "G-1")
@pytest.mark.parametrize(
    ("settings", "messages"),
    [(clinic(), 1), (clinic(functions={"confirmation": {"enabled": False}}), 0)],
)
@on_virtual_time
async def test_a_method_that_was_changed_holds_at_once(settings: Any, messages: int) -> None:
    seen = await while_a_line_is_sought(lambda here: here.service.clinics.save(settings))
    assert seen.dialled == []
    assert len(seen.texts) == messages


class Away(MemoryStore):
    """A store that is away just when the trunk's turn is asked for."""

    is_down = True

    async def take_turn(self, *args: Any, **more: Any) -> Any:
        if self.is_down:
            raise StoreUnavailable("away")
        return await super().take_turn(*args, **more)


@pytest.mark.rule("C-6")
@on_virtual_time
async def test_a_store_that_is_away_at_the_turn_makes_no_attempt() -> None:
    store = Away()
    trunk = Trunk(ScriptedLine([Key("1")]))
    async with node(store, settings=by_call(), trunk=trunk) as here:
        await here.record()
        here.start()
        await here.clock.sleep(5)
        assert not trunk.dialled
        store.is_down = False
        await here.clock.sleep(900)
        [attempt] = [a for a in (await here.case()).attempts if a.channel is Channel.CALL]
        assert len(trunk.dialled) == 1
        assert attempt.result is CallResult.ANSWER


@pytest.mark.rule("C-17")
@on_virtual_time
async def test_a_visit_that_was_cancelled_during_the_call_is_not_repeated() -> None:
    line = ScriptedLine([Key("0"), Key("1")])
    async with node(settings=by_call(), trunk=Trunk(line)) as here:

        async def cancel(_: Turn) -> None:
            await here.record(appointment(status="cancelled"))

        line.before_turn = cancel
        await here.record()
        here.start()
        await here.clock.sleep(60)
        assert (await here.case()).status is Status.CANCELLED
        assert len(line.played) == 2
        assert line.played[1].state == "changed"
