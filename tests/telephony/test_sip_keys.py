"""Keys on a SIP call: every way in which telephones send them, at every moment."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from gateway.core.model import Answer, CallResult
from gateway.ivr.menu import HungUp, Key, Silence, Turn
from tests.telephony.conftest import OpenTrunk
from tests.telephony.peers.audio import likeness, speech_like
from tests.telephony.peers.dialogue import Prompts, calling, order, script_of
from tests.telephony.peers.key_presses import Style
from tests.telephony.peers.phone_call import PhoneCall
from tests.telephony.peers.sip_phone import SipPhone
from tests.telephony.peers.tones import key_tones, noisy

pytestmark = pytest.mark.slow

LISTENING = Turn("greeting", wait_s=1.0, barge_in=True)


async def greeted(phone: SipPhone, **answer: object) -> PhoneCall:
    """Pick up and listen for 0.3 s: the greeting has begun."""
    call = await phone.picks_up(**answer)
    await call.hears(15)
    return call


# Every way to send a key


@pytest.mark.rule("C-3")
@pytest.mark.parametrize("style", Style)
async def test_0_repeats_and_1_confirms_as_rtp_events(
    style: Style, phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await greeted(phone)
    await call.press("0", style)
    await call.hears(25)
    await call.press("1", style)
    told = await talk
    assert told.states == ["greeting", "greeting", "confirmed"]
    assert told.answer is Answer.CONFIRM
    assert await call.ended() == "BYE"


@pytest.mark.parametrize(("kind", "body", "code"), [
    ("application/dtmf-relay", b"Signal={}\r\nDuration=160\r\n", 200),
    ("application/dtmf-relay", b"Signal= {}\r\nDuration= 250", 200),
    # The library knows no application/dtmf: the key is heard, though the answer says otherwise.
    ("application/dtmf", b"{}", 500),
])  # fmt: skip
async def test_0_repeats_and_1_confirms_as_info(
    kind: str, body: bytes, code: int, phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await greeted(phone)
    answered = [await call.ask("INFO", body.replace(b"{}", b"0"), kind)]
    await call.hears(25)
    answered.append(await call.ask("INFO", body.replace(b"{}", b"1"), kind))
    told = await talk
    assert told.states == ["greeting", "greeting", "confirmed"]
    assert [answer.code for answer in answered] == [code, code]


@pytest.mark.parametrize("level_dbm0", [-5.0, -15.0, -25.0])
async def test_0_repeats_and_1_confirms_as_tones_when_the_answer_takes_no_events(
    level_dbm0: float, phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await greeted(phone, events=None)
    await call.say(noisy(key_tones("0", level_dbm0=level_dbm0), -55))
    await call.hears(40)
    await call.say(noisy(key_tones("1", level_dbm0=level_dbm0), -55))
    told = await talk
    assert told.states == ["greeting", "greeting", "confirmed"]


async def test_speech_of_the_patient_is_no_key(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    talk = calling(await open_trunk(phone), script_of(wait_s=0.3), prompts)
    call = await phone.picks_up(events=None)
    call.say(speech_like(4.0, seed=77))
    told = await talk
    assert told.heard[:2] == [Silence(), Silence()]
    assert told.result is CallResult.NO_ANSWER_KEY


async def test_a_press_sent_twice_over_is_one_press(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    """Some gateways send a key both as events and as INFO."""
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await greeted(phone)
    await call.press("0")
    await call.ask("INFO", b"Signal=0\r\nDuration=160\r\n", "application/dtmf-relay")
    await call.hears(40)
    await call.press("1")
    assert (await talk).states == ["greeting", "greeting", "confirmed"]


async def test_a_key_held_long_and_sent_twice_over_is_one_press(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    """The INFO comes when the key is let go."""
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await greeted(phone)
    await call.press("0", length_ms=800)
    await asyncio.sleep(0.82)
    await call.ask("INFO", b"Signal=0\r\nDuration=800\r\n", "application/dtmf-relay")
    await call.hears(40)
    await call.press("1")
    assert (await talk).states == ["greeting", "greeting", "confirmed"]


async def test_two_quick_presses_sent_twice_over_are_two(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await greeted(phone)
    for _ in range(2):
        await call.press("0", length_ms=100)
        await asyncio.sleep(0.11)
        await call.ask("INFO", b"Signal=0\r\nDuration=100\r\n", "application/dtmf-relay")
        await asyncio.sleep(0.2)
    await call.hears(40)
    await call.press("1")
    assert (await talk).states == ["greeting", "greeting", "greeting", "confirmed"]


async def test_the_same_key_twice_in_a_row_is_two_keys(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await greeted(phone)
    await call.press("001", gap_ms=100)
    assert (await talk).states == ["greeting", "greeting", "greeting", "confirmed"]


@pytest.mark.xfail(
    reason="pjmedia takes an event of the same key for the last one unless its duration is smaller"
)
async def test_the_same_key_twice_is_two_keys_from_gateways_of_fixed_duration(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    """What the library cannot do (docs/sip.md, pitfalls): such a patient presses 0 once more."""
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await greeted(phone)
    await call.press("001", Style.FIXED_DURATION, gap_ms=100)
    assert (await talk).states == ["greeting", "greeting", "greeting", "confirmed"]


async def test_a_key_held_for_two_seconds_is_one_key(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await greeted(phone)
    await call.press("0", length_ms=2000)
    await call.hears(110)
    await call.press("1")
    assert (await talk).states == ["greeting", "greeting", "confirmed"]


async def test_events_come_as_number_101_whatever_the_library_likes(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await greeted(phone)
    assert call.offer.events == 101
    await call.press("1")
    assert (await talk).answer is Answer.CONFIRM


async def test_events_are_heard_from_a_phone_that_numbers_its_own_differently(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    """RFC 3264, section 6.1: the answer may say another number; what comes to us is ours."""
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await greeted(phone, events=96)
    await call.press("1", payload_type=101)
    assert (await talk).answer is Answer.CONFIRM


# Every moment


@pytest.mark.rule("C-3")
async def test_a_key_ends_the_prompt_while_it_still_speaks(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    """From the first prompt on; what follows is the next prompt, from its beginning."""
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await greeted(phone)
    before = call.rtp.count
    await call.press("1")
    await talk
    after = call.heard(before)
    assert likeness(after, prompts.samples["confirmed"])[0] > 0.99
    assert likeness(after, prompts.samples["confirmed"])[1] < 0.2
    assert likeness(call.heard(), prompts.samples["greeting"])[0] < 0.9


@pytest.mark.rule("C-4")
@pytest.mark.parametrize(("key", "state"), [("1", "confirmed"), ("2", "moved"), ("3", "cancelled")])
async def test_an_answer_is_acknowledged_by_voice_before_we_hang_up(
    key: str, state: str, phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await greeted(phone)
    await call.press(key)
    assert await call.ended() == "BYE"
    assert (await talk).states == ["greeting", state]
    assert likeness(call.heard(), prompts.samples[state])[0] > 0.99


async def test_the_greeting_is_heard_whole_and_waited_for_after_its_last_sample(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    talk = calling(await open_trunk(phone), script_of(wait_s=1.5), prompts)
    call = await phone.picks_up()
    await call.hears(100 + 50)  # the greeting's two seconds, and one of the 1.5 to wait
    await call.press("2")
    told = await talk
    assert told.heard[0] == Key("2")
    assert likeness(call.heard(), prompts.samples["greeting"])[0] > 0.99


@pytest.mark.rule("C-4")
async def test_silence_is_prompted_once_more_then_ends_the_call(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    talk = calling(await open_trunk(phone), script_of(wait_s=0.4), prompts)
    call = await phone.picks_up()
    told = await talk
    assert told.states == ["greeting", "keys", "goodbye"]
    assert told.heard == [Silence(), Silence(), Silence()]
    assert await call.ended() == "BYE"
    for state in told.states:
        assert likeness(call.heard(), prompts.samples[state])[0] > 0.99


async def test_silence_is_as_long_as_the_script_says(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    trunk = await open_trunk(phone)
    dialling = asyncio.create_task(trunk.dial(order()))
    await phone.picks_up()
    line = await dialling
    began = asyncio.get_running_loop().time()
    heard = await line.play(LISTENING, prompts.paths["confirmed"])
    took = asyncio.get_running_loop().time() - began
    assert heard == Silence()
    assert took == pytest.approx(0.6 + 1.0, abs=0.25)


async def test_keys_do_not_interrupt_an_acknowledgement(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await greeted(phone)
    await call.press("1")
    await call.hears(10)
    await call.press("3")
    told = await talk
    assert told.states == ["greeting", "confirmed"]
    assert likeness(call.heard(), prompts.samples["confirmed"])[0] > 0.99


async def test_keys_during_a_prompt_that_may_not_be_interrupted_are_not_heard(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    talk = calling(await open_trunk(phone), script_of(barge_in=False), prompts)
    call = await greeted(phone)
    await call.press("3")
    await call.hears(90)  # now the greeting is over
    await call.press("1")
    told = await talk
    assert told.heard[0] == Key("1")
    assert likeness(call.heard(), prompts.samples["greeting"])[0] > 0.99


@pytest.mark.parametrize("gap_ms", [40, 60, 100])
async def test_a_key_in_the_gap_between_two_prompts_is_not_lost(
    gap_ms: int, phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    """A patient who knows the menu presses 0 and 1 faster than the robot breathes."""
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await greeted(phone)
    await call.press("01", length_ms=40, gap_ms=gap_ms)
    assert (await talk).states == ["greeting", "greeting", "confirmed"]


async def test_keys_pressed_ahead_wait_for_turns_that_listen(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    """The gateway may need a moment between two turns, as when it stores the first key."""
    trunk = await open_trunk(phone)
    dialling = asyncio.create_task(trunk.dial(order()))
    call = await phone.picks_up()
    line = await dialling
    first = asyncio.create_task(line.play(LISTENING, prompts.paths["greeting"]))
    await call.hears(10)
    await call.press("72", length_ms=60, gap_ms=60)
    assert await first == Key("7")
    await call.hears(30)
    assert await line.play(LISTENING, prompts.paths["keys"]) == Key("2")


async def test_every_key_of_the_pad_arrives(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    trunk = await open_trunk(phone)
    dialling = asyncio.create_task(trunk.dial(order()))
    call = await phone.picks_up()
    line = await dialling
    keys = "1234567890*#"
    heard = []
    for key in keys:
        turn = asyncio.create_task(line.play(LISTENING, prompts.paths["greeting"]))
        await call.hears(3)
        call.press(key, length_ms=80)
        heard.append(await turn)
        await call.hears(8)
    assert heard == [Key(key) for key in keys]


async def test_a_hang_up_ends_a_turn_that_does_not_listen(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await greeted(phone)
    await call.press("1")
    await call.hears(5)
    await call.hang_up()
    told = await talk
    assert told.states == ["greeting", "confirmed"]
    assert told.heard == [Key("1"), HungUp()]


def test_the_prompts_of_these_tests_cannot_be_mistaken(prompts: Prompts) -> None:
    """Else the likeness of a recording would prove nothing."""
    shortest = prompts.samples["confirmed"]
    others = [sound for name, sound in prompts.samples.items() if name != "confirmed"]
    assert max(likeness(np.concatenate(others), shortest)[0], 0) < 0.4
