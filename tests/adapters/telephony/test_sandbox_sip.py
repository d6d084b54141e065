"""The sandbox's telephone exchange takes calls, and nothing harms it."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.http import HttpClient
from adapters.journal import Journal
from adapters.telephony.sandbox import World
from adapters.telephony.sandbox_memory import of_call, of_state
from adapters.telephony.sandbox_phone import CallState
from adapters.telephony.sandbox_sip import SIP_ACCOUNT, free_block
from gateway.clock import SystemClock
from tests.adapters.telephony.sip_caller import NUMBER, Town, open_town


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


async def test_a_call_rings_the_patients_telephone_and_shows_who_calls(town: Town) -> None:
    town.caller.invite()
    await town.caller.gets(180)
    call = await town.until(CallState.RINGING)
    assert (call.order.to, call.order.caller) == (NUMBER, "+74950000000")
    assert (call.account_sid, call.live_sound) == (SIP_ACCOUNT, True)
    assert town.exchange.call(call.sid) is not None


async def test_a_number_without_a_plus_rings_the_same_telephone(town: Town) -> None:
    town.caller.invite(to=NUMBER.removeprefix("+"))
    assert (await town.until(CallState.RINGING)).order.to == NUMBER


async def test_garbage_is_dropped_and_the_next_call_rings(town: Town) -> None:
    for data in (b"", b"\r\n\r\n", b"\xff" * 100, b"INVITE", b"SIP/2.0 abc\r\n\r\n"):
        town.caller.send(data)
    town.caller.send(b"BYE sip:x SIP/2.0\r\nCSeq: many BYE\r\n\r\n")
    town.caller.invite()
    assert (await town.until(CallState.RINGING)).order.to == NUMBER


async def test_questions_outside_a_call_are_answered(town: Town) -> None:
    town.caller.ask("OPTIONS")
    await town.caller.gets(200)
    town.caller.ask("BYE", call="unknown")
    await town.caller.gets(481)
    assert town.world.calls == ()


async def test_a_call_that_comes_twice_rings_once(town: Town) -> None:
    town.caller.invite()
    await town.caller.gets(180)
    town.caller.invite()
    await town.caller.gets(180, times=2)
    assert len(town.world.calls) == 1


async def test_who_is_on_the_telephone_is_busy(town: Town) -> None:
    town.caller.invite()
    await town.until(CallState.RINGING)
    town.caller.invite(call="c-2")
    await town.caller.gets(486)
    town.caller.ask("ACK", call="c-2")
    assert town.world.calls[-1].state is CallState.BUSY


async def test_a_telephone_that_is_switched_off_is_not_reached(town: Town) -> None:
    town.world.phone(NUMBER).reachable = False
    town.caller.invite()
    await town.caller.gets(480)
    assert (await town.until(CallState.FAILED)).sip == 480


async def test_a_call_of_an_earlier_life_goes_on_no_more(town: Town, tmp_path: Path) -> None:
    town.caller.invite()
    call = await town.until(CallState.RINGING)
    book = Journal(tmp_path / "calls.jsonl")
    book.write(of_call(call))
    book.write(of_state(call))
    book.close()
    client = HttpClient()
    later = World(SystemClock(), client, [])
    reopened = Journal(tmp_path / "calls.jsonl")
    later.recall(reopened.records)
    reopened.close()
    await client.close()
    assert [found.state for found in later.calls] == [CallState.FAILED]


def test_a_block_of_ports_is_even_and_free() -> None:
    first = free_block(4)
    assert first % 2 == 0
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", first + 3))
        assert free_block(4) != first
