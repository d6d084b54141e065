"""Bad networks: sound and keys that are lost, late and out of order."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

import pytest

from gateway.core.model import Answer
from tests.telephony.conftest import OpenTrunk
from tests.telephony.peers.audio import likeness, speech_like
from tests.telephony.peers.dialogue import Prompts, calling, script_of
from tests.telephony.peers.key_presses import press
from tests.telephony.peers.rtp import SILENT, Slot, lossy
from tests.telephony.peers.sip_phone import SipPhone

pytestmark = pytest.mark.slow


def jitter(most_ms: float, seed: int) -> Callable[[], float]:
    """Return delays that put packets out of order: each waits for up to `most_ms`."""
    chance = random.Random(seed)
    return lambda: chance.uniform(0, most_ms / 1000)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_keys_survive_jitter_that_reorders_packets(
    seed: int, phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await phone.picks_up()
    call.rtp.delay_s = jitter(60, seed)
    await call.hears(15)
    await call.press("0")
    await call.hears(40)
    await call.press("1")
    assert (await talk).states == ["greeting", "greeting", "confirmed"]


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_keys_survive_the_loss_of_every_fifth_packet(
    seed: int, phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await phone.picks_up()
    await call.hears(15)
    chance = random.Random(seed)
    await call.rtp.send(lossy(press("0"), 0.2, chance))
    await call.hears(40)
    await call.rtp.send(lossy(press("1"), 0.2, chance))
    assert (await talk).states == ["greeting", "greeting", "confirmed"]


async def test_a_hole_of_two_seconds_in_the_patients_sound_does_not_deafen_us(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    """As when a mobile telephone changes its cell; sequence numbers jump by a hundred."""
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await phone.picks_up()
    hole = [Slot(SILENT.payload_type, SILENT.payload, lost=True)] * 100
    await call.rtp.send([*hole, SILENT])
    await call.press("1")
    assert (await talk).answer is Answer.CONFIRM


async def test_duplicated_packets_are_one_press(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await phone.picks_up()
    await call.hears(15)
    call.rtp.copies = 2
    await call.press("0")
    await call.hears(40)
    await call.press("1")
    assert (await talk).states == ["greeting", "greeting", "confirmed"]


async def test_a_sender_that_starts_anew_in_the_middle_of_a_call_is_heard(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    """A trunk's media server may change: another SSRC, other numbers, no re-INVITE."""
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await phone.picks_up()
    await call.hears(15)
    call.rtp.restart()
    await call.hears(10)
    await call.press("0")
    await call.hears(40)
    await call.press("1")
    assert (await talk).states == ["greeting", "greeting", "confirmed"]


async def test_what_is_no_rtp_does_not_disturb_the_call(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    """Stray datagrams at our RTP port: empty, short, random, STUN, headers that lie."""
    chance = random.Random(5)
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await phone.picks_up()
    await call.hears(5)
    strays = [b"", b"\x80", b"\x80\x08" + bytes(9), bytes(12), bytes(1400)]
    strays += [b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12)]  # STUN binding request
    strays += [b"\xbf\xff" + bytes(10)]  # 15 CSRCs, an extension and padding that are not there
    strays += [b"\x80\x65\x00\x01" + bytes(8) + b"\x0f"]  # an event of one byte
    strays += [chance.randbytes(chance.randrange(1, 400)) for _ in range(300)]
    for stray in strays:
        call.rtp.send_raw(stray)
    await call.hears(100)
    assert not talk.done()
    assert likeness(call.heard(), prompts.samples["greeting"])[0] > 0.98
    await call.press("1")
    assert (await talk).answer is Answer.CONFIRM


async def test_what_the_patient_says_does_not_come_back(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    """The robot is no echo: only its prompts are sent."""
    voice = speech_like(2.0, seed=9)
    talk = calling(await open_trunk(phone), script_of(), prompts)
    call = await phone.picks_up()
    await call.say(voice)
    await call.hears(130)
    assert likeness(call.heard(), voice)[0] < 0.3
    await call.press("1")
    await talk


async def test_packets_leave_every_20_ms_with_numbers_without_a_gap(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    """RFC 3550: sequence and time stamps go on over prompts and pauses."""
    talk = calling(await open_trunk(phone), script_of(wait_s=0.5), prompts)
    call = await phone.picks_up()
    await call.hears(10)
    await call.press("0")
    await talk
    arrivals = call.rtp.arrivals()
    numbers = [arrival.packet.sequence for arrival in arrivals]
    stamps = [arrival.packet.timestamp for arrival in arrivals]
    assert all((b - a) % 65536 == 1 for a, b in itertools.pairwise(numbers))
    assert all((b - a) % 2**32 == 160 for a, b in itertools.pairwise(stamps))
    assert {arrival.packet.payload_type for arrival in arrivals} == {8}
    lasted_ms = (arrivals[-1].at_ns - arrivals[0].at_ns) / 1e6
    assert lasted_ms == pytest.approx(20 * (len(arrivals) - 1), abs=60)
