"""The finer points of a SIP dialog: hold, repeated and lost messages, early media, time limits."""

from __future__ import annotations

import asyncio

import pytest

from adapters.telephony.sandbox_sip_message import read_sdp
from gateway.core.model import Answer, CallResult
from gateway.ivr.menu import HungUp, Lost, Turn
from gateway.ports.telephony import NotAnswered
from tests.telephony.conftest import OpenTrunk
from tests.telephony.peers.audio import likeness, tone
from tests.telephony.peers.dialogue import Prompts, calling, order, script_of
from tests.telephony.peers.phone_call import PhoneCall
from tests.telephony.peers.sip_phone import SipPhone

pytestmark = pytest.mark.slow

LISTENING = Turn("greeting", wait_s=5.0, barge_in=True)


async def test_the_numbers_arrive_as_the_trunk_wants_them(
    phone: SipPhone, open_trunk: OpenTrunk
) -> None:
    trunk = await open_trunk(phone, number_form="national", prefix="9", caller="84950000001")
    phone.refuses = 486
    with pytest.raises(NotAnswered):
        await trunk.dial(order("+79995550123"))
    (call,) = phone.calls
    assert call.callee == "989995550123"
    assert call.caller == "84950000001"


async def test_the_offer_is_telephone_sound_and_keys_and_nothing_else(
    phone: SipPhone, open_trunk: OpenTrunk
) -> None:
    """A-law, mu-law and telephone-event; the caller is not asked for anything it cannot do."""
    trunk = await open_trunk(phone)
    phone.refuses = 486
    with pytest.raises(NotAnswered):
        await trunk.dial(order())
    assert phone.calls[0].offer.formats == (8, 0, 101)
    assert phone.calls[0].offer.host == "127.0.0.1"
    assert phone.calls[0].offer.port % 2 == 0


# Hold


@pytest.mark.parametrize("direction", ["sendonly", "inactive"])
async def test_on_hold_nothing_is_sent_and_afterwards_the_call_goes_on(
    direction: str, phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    trunk = await open_trunk(phone)
    dialling = asyncio.create_task(trunk.dial(order()))
    call = await phone.picks_up()
    line = await dialling
    turn = asyncio.create_task(line.play(LISTENING, prompts.paths["greeting"]))
    await call.hears(25)
    held = await call.reinvite(direction)
    assert (
        read_sdp(held.body).direction == {"sendonly": "recvonly", "inactive": "inactive"}[direction]
    )
    await asyncio.sleep(0.1)
    before = call.rtp.count
    await asyncio.sleep(0.5)
    assert call.rtp.count - before <= 2  # the library's keep-alives
    taken = await call.reinvite("sendrecv")
    assert taken.code == 200
    await call.hears(20)
    assert not turn.done()
    await call.press("1")
    heard = await turn
    assert getattr(heard, "key", None) == "1"


async def test_a_prompt_goes_on_after_hold_where_it_was(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    trunk = await open_trunk(phone)
    dialling = asyncio.create_task(trunk.dial(order()))
    call = await phone.picks_up()
    line = await dialling
    turn = asyncio.create_task(line.play(LISTENING, prompts.paths["greeting"]))
    await call.hears(25)
    await call.reinvite("sendonly")
    await asyncio.sleep(0.5)
    before = call.rtp.count
    await call.reinvite("sendrecv")
    await call.hears(40)
    next_half = prompts.samples["greeting"][5600:8800]  # after the half second before the hold
    assert likeness(call.heard(before), next_half)[0] > 0.98
    await line.hang_up()
    assert await turn == HungUp()


async def test_a_refresh_of_the_session_does_not_disturb_the_prompt(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    """RFC 4028: exchanges send a re-INVITE with the same description every few minutes."""
    talk = calling(await open_trunk(phone), script_of(wait_s=0.3), prompts)
    call = await phone.picks_up()
    await call.hears(25)
    again = await call.reinvite("sendrecv")
    assert again.code == 200
    await call.hears(110)
    assert likeness(call.heard(), prompts.samples["greeting"])[0] > 0.97
    await call.press("1")
    assert (await talk).answer is Answer.CONFIRM


async def test_a_reinvite_that_moves_the_sound_is_followed(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    """A trunk may move a call to another media server once it is answered."""
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await phone.picks_up()
    await call.hears(10)
    elsewhere = call.move_sound()
    answered = await call.reinvite()
    assert answered.code == 200
    await call.hears(30)
    assert elsewhere.count <= 3 + 10
    await call.press("1")
    assert (await talk).answer is Answer.CONFIRM


# Lost and late messages


async def test_a_lost_200_is_answered_when_it_is_repeated(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await phone.rings()
    call.ring()
    call.answer(lost=1)
    await call.acked()
    await call.hears(10)
    await call.press("1")
    assert (await talk).states == ["greeting", "confirmed"]


@pytest.mark.parametrize("lost", [1, 2])
async def test_every_repeated_200_is_acknowledged_again_and_the_prompt_plays_once(
    lost: int, phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    """RFC 3261, section 13.2.2.4: the ACK got lost, so the 200 comes again."""
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await phone.rings()
    call.ignored_acks = lost
    call.answer()
    await call.acked()
    assert call.acks == lost + 1
    await call.hears(120 - call.rtp.count)
    assert likeness(call.heard(), prompts.samples["greeting"])[0] > 0.99
    await call.press("1")
    assert (await talk).states == ["greeting", "confirmed"]


async def test_an_answer_without_ringing_before_is_an_answer(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await phone.rings()
    call.answer()
    await call.acked()
    await call.hears(5)
    await call.press("2")
    assert (await talk).answer is Answer.RESCHEDULE


async def test_ringing_that_is_repeated_changes_nothing(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await phone.rings()
    for _ in range(5):
        call.ring()
        await asyncio.sleep(0.02)
    call.answer()
    await call.acked()
    await call.hears(5)
    await call.press("3")
    assert (await talk).answer is Answer.CANCEL


# Early media


async def test_the_robot_is_silent_until_somebody_picks_up(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    """After 183 the network is heard, not the patient; the greeting begins with the answer."""
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await phone.rings()
    call.early_media()
    await call.say(tone(425, 0.8))  # the ringing tone of Russian exchanges
    await asyncio.sleep(0.8)
    assert not likeness(call.heard(), prompts.samples["greeting"][:4000])[0] > 0.5
    before = call.rtp.count
    call.answer()
    await call.acked()
    await call.hears(115)
    alike, begins_s = likeness(call.heard(before), prompts.samples["greeting"])
    assert alike > 0.99
    assert begins_s < 0.2
    await call.press("1")
    assert (await talk).states == ["greeting", "confirmed"]


async def test_keys_before_the_answer_are_nobodys(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    talk = calling(await open_trunk(phone), script_of(wait_s=0.2), prompts)
    call = await phone.rings()
    call.early_media()
    await call.press("1")
    await asyncio.sleep(0.3)
    call.answer()
    await call.acked()
    told = await talk
    assert told.result is CallResult.NO_ANSWER_KEY


async def test_early_media_and_then_nobody_is_no_answer(
    phone: SipPhone, open_trunk: OpenTrunk
) -> None:
    """«Абонент недоступен», said by the network after 183, then 480."""
    trunk = await open_trunk(phone)
    dialling = asyncio.create_task(trunk.dial(order()))
    call = await phone.rings()
    call.early_media()
    await call.say(tone(950, 0.3))
    call.refuse(480)
    with pytest.raises(NotAnswered) as told:
        await dialling
    assert told.value.result in {CallResult.NO_ANSWER, CallResult.UNREACHABLE}


# Sound that stops


async def test_a_call_whose_sound_stops_is_lost_not_hung_up(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    trunk = await open_trunk(phone, media_timeout_s=1)
    dialling = asyncio.create_task(trunk.dial(order()))
    call = await phone.picks_up()
    line = await dialling
    turn = asyncio.create_task(line.play(LISTENING, prompts.paths["greeting"]))
    await call.hears(5)
    call.rtp.talks = False
    heard = await turn
    assert heard == Lost("media_lost")
    assert await call.ended() == "BYE"


async def test_silence_suppression_is_no_lost_sound_within_its_time(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    talk = calling(await open_trunk(phone, media_timeout_s=10), script_of(), prompts)
    call = await phone.picks_up()
    call.rtp.talks = False
    await call.hears(110)
    await call.press("1")
    assert (await talk).answer is Answer.CONFIRM


@pytest.mark.timeout(40)
async def test_no_call_lasts_for_ever(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    trunk = await open_trunk(phone, call_max_s=10)
    dialling = asyncio.create_task(trunk.dial(order()))
    call = await phone.picks_up()
    line = await dialling
    heard = await line.play(Turn("greeting", wait_s=30.0), prompts.paths["greeting"])
    assert heard == Lost("call_max")
    assert await call.ended() == "BYE"


# Forks


async def test_a_second_telephone_that_answers_too_is_hung_up(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    """RFC 3261, section 13.2.2.4: another To-tag is another dialog; ours stays."""
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await phone.picks_up()
    await call.hears(5)
    call.answer_as("anotherphone")
    await call.hears(20)
    assert not talk.done()
    await call.press("1")
    assert (await talk).answer is Answer.CONFIRM


async def test_a_hang_up_is_answered_even_when_it_is_repeated(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call: PhoneCall = await phone.picks_up()
    await call.hears(5)
    bye = call.request("BYE")
    first = await phone.ask(bye, call.send)
    second = await phone.ask(bye, call.send)
    assert (first.code, second.code) == (200, 200)
    assert (await talk).end == HungUp()
