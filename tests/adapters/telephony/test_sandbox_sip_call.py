"""One call to a sandbox telephone over SIP, from ringing to its end; UDP loses what it likes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adapters.telephony.sandbox_phone import By, CallState, Habit
from tests.adapters.telephony.sip_caller import NUMBER, Town, open_town


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


async def test_a_caller_who_gives_up_lets_the_telephone_fall_silent(town: Town) -> None:
    town.caller.invite()
    await town.until(CallState.RINGING)
    town.caller.ask("CANCEL")
    await town.caller.gets(200)
    await town.caller.gets(487)
    call = await town.until(CallState.NO_ANSWER)
    assert (call.ended_by, call.duration_s) == (By.NETWORK, 0)


async def test_a_refusal_is_repeated_until_it_is_acknowledged(town: Town) -> None:
    town.caller.invite()
    await town.until(CallState.RINGING)
    town.world.decline(NUMBER)
    await town.caller.gets(603, times=2)
    town.caller.ask("ACK")
    assert (await town.until(CallState.BUSY)).ended_by is By.PATIENT


async def test_picking_up_is_repeated_until_it_is_acknowledged(town: Town) -> None:
    town.caller.invite()
    await town.until(CallState.RINGING)
    town.world.answer(NUMBER)
    await town.caller.gets(200, times=2)
    assert town.world.calls[-1].state is CallState.RINGING
    town.caller.ask("ACK")
    await town.until(CallState.IN_PROGRESS)


async def test_the_robot_hangs_up(town: Town) -> None:
    tag = await town.talk()
    town.caller.ask("BYE", number=2, tag=tag)
    call = await town.until(CallState.COMPLETED)
    assert call.ended_by is By.CLINIC


async def test_the_patient_hangs_up_and_says_so_until_it_is_heard(town: Town) -> None:
    await town.talk()
    town.world.hang_up(town.world.calls[-1].sid)
    bye = await town.caller.gets("BYE", times=2)
    assert bye.start.startswith(f"BYE sip:gateway@127.0.0.1:{town.caller.port}")
    assert bye.header("to") == "<sip:+74950000000@127.0.0.1>;tag=ours"
    town.caller.answer(bye)
    assert (await town.until(CallState.COMPLETED)).ended_by is By.PATIENT


async def test_other_media_within_the_call_are_agreed_to(town: Town) -> None:
    tag = await town.talk()
    town.caller.invite(number=2, tag=tag)
    again = await town.caller.gets(200, times=2)
    assert (again.cseq, b"m=audio" in again.body) == (2, True)


@pytest.mark.parametrize("body", [b"", b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 9 RTP/AVP 18\r\n"])
async def test_a_call_without_sound_that_we_know_is_not_accepted(town: Town, body: bytes) -> None:
    town.world.phone(NUMBER).habit = Habit(answers_after_s=0.0)
    town.caller.invite(body=body)
    await town.caller.gets(488)
    assert (await town.until(CallState.FAILED)).sip == 488


async def test_a_patient_with_a_habit_declines_without_help(town: Town) -> None:
    town.world.phone(NUMBER).habit = Habit(answers_after_s=0.0, declines=True)
    town.caller.invite()
    await town.caller.gets(603)
    assert (await town.until(CallState.BUSY)).in_hand is False


async def test_a_patient_with_a_habit_hangs_up_when_the_patience_ends(town: Town) -> None:
    town.world.phone(NUMBER).habit = Habit(answers_after_s=0.0, hangs_up_after_s=0.0)
    town.caller.invite()
    await town.caller.gets(200)
    town.caller.ask("ACK")
    await town.caller.gets("BYE")
    assert (await town.until(CallState.COMPLETED)).ended_by is By.PATIENT
