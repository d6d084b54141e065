"""Calls to telephones that we did not write: SIPp and baresip."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest

from gateway.core.model import Answer, CallResult
from gateway.ivr.menu import HungUp
from gateway.ports.telephony import NotAnswered, NotPlaced
from tests.telephony.conftest import OpenTrunk
from tests.telephony.peers import sipp
from tests.telephony.peers.audio import RATE, likeness, silence
from tests.telephony.peers.baresip import Baresip
from tests.telephony.peers.dialogue import Prompts, call, calling, order, script_of
from tests.telephony.peers.key_presses import Style, presses
from tests.telephony.peers.pcap import write_pcap
from tests.telephony.peers.ports import Block
from tests.telephony.peers.rtp import spoken
from tests.telephony.peers.sipp import (
    Sipp,
    hang_up,
    info,
    ok,
    pause,
    pick_up,
    play,
    ring,
    take,
)
from tests.telephony.peers.tones import key_tones

pytestmark = pytest.mark.e2e

needs_raw_sockets = pytest.mark.skipif(
    not sipp.can_play_pcap(), reason="SIPp plays captures over raw sockets, which need root"
)


class SippPhone(Protocol):
    """Starts SIPp with a scenario."""

    def __call__(self, *steps: str, **options: Any) -> AbstractAsyncContextManager[Sipp]: ...


@pytest.fixture
def sipp_phone(tmp_path: Path, ports: Block) -> SippPhone:
    def start(*steps: str, **options: Any) -> AbstractAsyncContextManager[Sipp]:
        port, media = ports.take(), ports.take(8, even=True)
        return Sipp.running(steps, tmp_path / "sipp", port=port, media_port=media, **options)

    return start


@pytest.fixture
async def baresip(tmp_path: Path, ports: Block) -> AsyncIterator[Baresip]:
    async with Baresip.running(tmp_path / "baresip", ports, answers="auto") as phone:
        yield phone


ANSWERED = (take("INVITE"), ring(), pause(100), pick_up(), take("ACK"))
ENDED_BY_US = (take("BYE"), ok())


# SIPp


@needs_raw_sockets
@pytest.mark.parametrize("style", Style)
async def test_keys_as_rtp_events_from_a_capture(
    style: Style, sipp_phone: SippPhone, open_trunk: OpenTrunk, prompts: Prompts, tmp_path: Path
) -> None:
    keys = write_pcap(tmp_path / "keys.pcap", presses("01", style, gap_ms=400))
    async with sipp_phone(*ANSWERED, pause(400), play(keys), *ENDED_BY_US) as phone:
        told = await call(await open_trunk(phone.address), script_of(), prompts)
        outcome = await phone.finished()
    assert told.states == ["greeting", "greeting", "confirmed"]
    assert outcome.code == 0, outcome.errors


@needs_raw_sockets
async def test_keys_as_tones_from_a_capture(
    sipp_phone: SippPhone, open_trunk: OpenTrunk, prompts: Prompts, tmp_path: Path
) -> None:
    sound = key_tones("01", gap_ms=400)
    keys = write_pcap(tmp_path / "keys.pcap", spoken(sound))
    steps = (take("INVITE"), ring(), pick_up(events=None), take("ACK"), play(keys), *ENDED_BY_US)
    async with sipp_phone(*steps) as phone:
        told = await call(await open_trunk(phone.address), script_of(), prompts)
        outcome = await phone.finished()
    assert told.states == ["greeting", "greeting", "confirmed"]
    assert outcome.code == 0, outcome.errors


@pytest.mark.parametrize(("kind", "zero", "one", "answered"), [
    ("application/dtmf-relay", "Signal=0\nDuration=160\n", "Signal=1\nDuration=160\n", "200"),
    ("application/dtmf", "0", "1", "500"),
])  # fmt: skip
async def test_keys_as_info(
    kind: str, zero: str, one: str, answered: str, sipp_phone: SippPhone,
    open_trunk: OpenTrunk, prompts: Prompts,
) -> None:  # fmt: skip
    steps = (
        *ANSWERED, pause(400), info(kind, zero, 2, answered=answered), pause(600),
        info(kind, one, 3, answered=answered), *ENDED_BY_US,
    )  # fmt: skip
    async with sipp_phone(*steps) as phone:
        told = await call(await open_trunk(phone.address), script_of(), prompts)
        outcome = await phone.finished()
    assert told.states == ["greeting", "greeting", "confirmed"]
    assert outcome.code == 0, outcome.errors


@pytest.mark.rule("C-6")
@pytest.mark.parametrize(("start", "result"), [
    ("486 Busy Here", CallResult.BUSY),
    ("600 Busy Everywhere", CallResult.BUSY),
    ("603 Decline", CallResult.REJECTED),
    ("404 Not Found", CallResult.UNREACHABLE),
    ("480 Temporarily Unavailable", CallResult.UNREACHABLE),
    ("503 Service Unavailable", None),
])  # fmt: skip
async def test_refusals(
    start: str, result: CallResult | None, sipp_phone: SippPhone, open_trunk: OpenTrunk
) -> None:
    async with sipp_phone(*sipp.refuse(start)) as phone:
        trunk = await open_trunk(phone.address)
        with pytest.raises(NotAnswered if result else NotPlaced) as told:
            await trunk.dial(order())
        outcome = await phone.finished()
    assert getattr(told.value, "result", None) is result
    assert outcome.code == 0, outcome.errors


@pytest.mark.rule("C-6")
async def test_ringing_without_end_is_cancelled(
    sipp_phone: SippPhone, open_trunk: OpenTrunk
) -> None:
    steps = (take("INVITE"), ring(), take("CANCEL"), ok())
    async with sipp_phone(*steps) as phone:
        trunk = await open_trunk(phone.address, ring_s=5)
        with pytest.raises(NotAnswered) as told:
            await trunk.dial(order())
        outcome = await phone.finished()
    assert told.value.result is CallResult.NO_ANSWER
    assert outcome.code == 0, outcome.errors


async def test_the_patient_hangs_up_in_the_middle(
    sipp_phone: SippPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    async with sipp_phone(*ANSWERED, pause(500), hang_up()) as phone:
        told = await call(await open_trunk(phone.address), script_of(), prompts)
        outcome = await phone.finished()
    assert told.end == HungUp()
    assert outcome.code == 0, outcome.errors


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_proxy_that_wants_a_password(
    transport: str, sipp_phone: SippPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    asks = 'Proxy-Authenticate: Digest realm="trunk", nonce="47ebe028cda119c3", qop="auth"'
    steps = (
        *sipp.refuse("407 Proxy Authentication Required", asks),
        sipp.take_with("INVITE", "Proxy-Authorization", 'username="clinic7".*response='),
        ring(), pick_up(), take("ACK"), *ENDED_BY_US,
    )  # fmt: skip
    kind = "u1" if transport == "udp" else "t1"
    async with sipp_phone(*steps, transport=kind) as phone:
        trunk = await open_trunk({
            "proxy": phone.address, "transport": transport, "username": "clinic7",
            "password": "secret",
        })  # fmt: skip
        line = await trunk.dial(order())
        await line.hang_up()
        outcome = await phone.finished()
    assert outcome.code == 0, outcome.errors


async def test_twelve_calls_at_once_whose_sound_comes_back(
    sipp_phone: SippPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    """Three line cards; SIPp echoes every packet, and nobody takes it for keys."""
    options = {"calls": 12, "options": ("-rtp_echo",)}
    async with sipp_phone(*ANSWERED, *ENDED_BY_US, **options) as phone:
        trunk = await open_trunk(phone.address, lines=12)
        talks = [calling(trunk, script_of(wait_s=0.2), prompts) for _ in range(12)]
        told = [await talk for talk in talks]
        outcome = await phone.finished()
    assert {one.result for one in told} == {CallResult.NO_ANSWER_KEY}
    assert outcome.code == 0, outcome.errors


# baresip


@pytest.mark.rule("C-3")
async def test_the_patient_hears_the_prompts_as_they_were_made(
    baresip: Baresip, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    told = await call(await open_trunk(baresip.address), script_of(wait_s=0.3), prompts)
    await baresip.event("CALL_CLOSED")
    heard = baresip.heard()
    begins = []
    for state in ("greeting", "keys", "goodbye"):
        alike, begins_s = likeness(heard, prompts.samples[state])
        assert alike >= 0.99, state
        begins.append(begins_s)
    assert told.result is CallResult.NO_ANSWER_KEY
    assert begins == sorted(begins)
    # The last word is not cut off: what follows it is silence.
    assert len(heard) >= begins[-1] * RATE + len(prompts.samples["goodbye"])


@pytest.mark.rule("C-3", "C-4")
async def test_keys_pressed_on_baresip(
    baresip: Baresip, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    talk = calling(await open_trunk(baresip.address), script_of(), prompts)
    await baresip.event("CALL_ESTABLISHED")
    await baresip.command("sndcode", "2")
    told = await talk
    await baresip.event("CALL_CLOSED")
    assert told.answer is Answer.RESCHEDULE
    assert likeness(baresip.heard(), prompts.samples["moved"])[0] >= 0.99


@pytest.mark.parametrize(("ours", "theirs"), [("optional", "srtp"), ("mandatory", "srtp-mand")])
async def test_encrypted_sound_is_heard_and_keys_work(
    ours: str, theirs: Any, tmp_path: Path, ports: Block, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    folder = tmp_path / "baresip"
    async with Baresip.running(folder, ports, answers="auto", srtp=theirs) as phone:
        talk = calling(await open_trunk(phone.address, srtp=ours), script_of(), prompts)
        await phone.event("CALL_ESTABLISHED")
        await phone.command("sndcode", "1")
        told = await talk
        await phone.event("CALL_CLOSED")
        heard = phone.heard()
    assert told.answer is Answer.CONFIRM
    assert likeness(heard, prompts.samples["confirmed"])[0] >= 0.99


async def test_mandatory_encryption_that_the_trunk_cannot_do_is_told_to_the_operator(
    baresip: Baresip, open_trunk: OpenTrunk
) -> None:
    trunk = await open_trunk(baresip.address, srtp="mandatory")
    with pytest.raises(NotPlaced) as told:
        await trunk.dial(order())
    assert told.value.alert


async def test_the_patient_declines_on_baresip(
    tmp_path: Path, ports: Block, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    async with Baresip.running(tmp_path / "baresip", ports) as phone:
        talk = calling(await open_trunk(phone.address), script_of(), prompts)
        await phone.event("CALL_INCOMING")
        await phone.command("hangup")
        with pytest.raises(NotAnswered) as told:
            await talk
    assert told.value.result in {CallResult.BUSY, CallResult.REJECTED}


async def test_the_patient_hangs_up_on_baresip(
    baresip: Baresip, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    talk = calling(await open_trunk(baresip.address), script_of(), prompts)
    await baresip.event("CALL_ESTABLISHED")
    await baresip.command("hangup")
    assert (await talk).end == HungUp()


async def test_tones_of_a_telephone_that_only_speaks(
    tmp_path: Path, ports: Block, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    """baresip plays a sound file in which key 3 is heard; its answer takes events all the same,
    so the tones are nobody's: equipment that takes events turns tones into them."""
    says = np.concatenate([key_tones("3", gap_ms=800), silence(20)])
    folder = tmp_path / "baresip"
    async with Baresip.running(folder, ports, answers="auto", says=says) as phone:
        told = await call(await open_trunk(phone.address), script_of(wait_s=0.2), prompts)
    assert told.result is CallResult.NO_ANSWER_KEY
