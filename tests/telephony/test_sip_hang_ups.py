"""The patient hangs up: in every state of a call, and the line is free for the next one."""

from __future__ import annotations

import asyncio

import pytest

from gateway.core.model import CallResult
from gateway.ivr.menu import HungUp, Key, Turn
from gateway.ports.telephony import NotAnswered
from tests.telephony.conftest import OpenTrunk
from tests.telephony.peers.dialogue import Prompts, calling, order, script_of
from tests.telephony.peers.sip_phone import SipPhone

pytestmark = pytest.mark.slow

LISTENING = Turn("greeting", wait_s=5.0, barge_in=True)


async def test_while_it_rings_the_patient_declines(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await phone.rings()
    call.ring()
    await asyncio.sleep(0.2)
    call.refuse(603)
    with pytest.raises(NotAnswered) as told:
        await talk
    assert told.value.result is CallResult.REJECTED


async def test_at_once_after_picking_up(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await phone.picks_up()
    answered = await call.hang_up()
    told = await talk
    assert answered.code == 200
    assert told.states == ["greeting"]
    assert told.end == HungUp()


async def test_before_our_ack_has_arrived(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    """The ACK is on its way while the patient already hangs up."""
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await phone.rings()
    call.answer()
    answered = await call.hang_up()
    told = await talk
    assert answered.code == 200
    assert told.end == HungUp()


@pytest.mark.rule("C-6")
async def test_in_the_middle_of_a_prompt(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await phone.picks_up()
    await call.hears(30)
    await call.hang_up()
    told = await talk
    assert told.states == ["greeting"]
    assert told.end == HungUp()


async def test_between_two_prompts(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    """The gateway is busy with the last key; the next turn tells it at once."""
    trunk = await open_trunk(phone)
    dialling = asyncio.create_task(trunk.dial(order()))
    call = await phone.picks_up()
    line = await dialling
    turn = asyncio.create_task(line.play(LISTENING, prompts.paths["greeting"]))
    await call.hears(5)
    await call.press("0")
    assert await turn == Key("0")
    await call.hang_up()
    began = asyncio.get_running_loop().time()
    assert await line.play(LISTENING, prompts.paths["keys"]) == HungUp()
    assert asyncio.get_running_loop().time() - began < 0.1


async def test_while_we_wait_for_a_key(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    trunk = await open_trunk(phone)
    dialling = asyncio.create_task(trunk.dial(order()))
    call = await phone.picks_up()
    line = await dialling
    turn = asyncio.create_task(line.play(LISTENING, prompts.paths["confirmed"]))
    await call.hears(30 + 25)  # 0.6 s of prompt, then half a second of waiting
    assert not turn.done()
    await call.hang_up()
    assert await turn == HungUp()


async def test_right_after_a_key(phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts) -> None:
    """What was pressed counts: the answer is committed before its acknowledgement plays."""
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await phone.picks_up()
    await call.hears(10)
    await call.press("1")
    await call.hears(3)
    await call.hang_up()
    told = await talk
    assert told.heard == [Key("1"), HungUp()]
    assert told.states == ["greeting", "confirmed"]


async def test_a_key_before_the_hang_up_counts_even_if_we_were_busy_with_the_last_one(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    """7 by mistake, then 1, then the receiver is down: the patient has confirmed."""
    trunk = await open_trunk(phone)
    dialling = asyncio.create_task(trunk.dial(order()))
    call = await phone.picks_up()
    line = await dialling
    turn = asyncio.create_task(line.play(LISTENING, prompts.paths["greeting"]))
    await call.hears(5)
    await call.press("7", length_ms=60)
    assert await turn == Key("7")
    await call.hears(5)
    await call.press("1")
    await call.hears(3)
    await call.hang_up()
    assert await line.play(LISTENING, prompts.paths["keys"]) == Key("1")
    assert await line.play(LISTENING, prompts.paths["confirmed"]) == HungUp()


async def test_both_at_the_same_time(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    """Two BYE cross each other; each side answers the other's."""
    trunk = await open_trunk(phone)
    dialling = asyncio.create_task(trunk.dial(order()))
    call = await phone.picks_up()
    line = await dialling
    answered, _ = await asyncio.gather(call.hang_up(), line.hang_up())
    assert answered.code in (200, 481)
    assert await line.play(LISTENING, prompts.paths["keys"]) == HungUp()


async def test_hanging_up_twice_is_harmless(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    trunk = await open_trunk(phone)
    dialling = asyncio.create_task(trunk.dial(order()))
    call = await phone.picks_up()
    line = await dialling
    await line.hang_up()
    await line.hang_up()
    assert await call.ended() == "BYE"
    await line.hang_up()


async def test_a_dialler_that_gives_up_leaves_no_telephone_ringing(
    phone: SipPhone, open_trunk: OpenTrunk
) -> None:
    trunk = await open_trunk(phone)
    dialling = asyncio.create_task(trunk.dial(order()))
    call = await phone.rings()
    call.ring()
    await asyncio.sleep(0.1)
    dialling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dialling
    assert await call.ended() == "CANCEL"


async def test_lines_are_free_again_after_every_way_to_end_a_call(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    """One card, eight calls, four at once: a line that stayed taken would stop the last ones."""
    trunk = await open_trunk(phone)

    async def one(number: int) -> None:
        talk = calling(trunk, script_of(wait_s=0.1), prompts)
        call = await phone.rings()
        call.ring()
        if number % 4 == 0:
            call.refuse(486)
            with pytest.raises(NotAnswered):
                await talk
            return
        call.answer()
        await call.acked()
        await call.hears(5)
        if number % 4 == 1:
            await call.hang_up()
        elif number % 4 == 2:
            await call.press("1")
        await talk

    for start in range(0, 8, 4):
        await asyncio.gather(*(one(start + offset) for offset in range(4)))
    assert phone.invites == 8
