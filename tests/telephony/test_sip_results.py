"""Calls that nobody picks up, and trunks that do not work: what the product is told."""

from __future__ import annotations

import asyncio
import socket

import pytest

from gateway.core.model import CallResult
from gateway.ports.telephony import NotAnswered, NotPlaced
from tests.telephony.conftest import OpenTrunk
from tests.telephony.peers.dialogue import Prompts, calling, order, script_of
from tests.telephony.peers.ports import Block
from tests.telephony.peers.sip_phone import SipPhone

pytestmark = pytest.mark.slow

RINGING = "ringing"
AT_ONCE = "at once"


@pytest.mark.rule("C-6")
@pytest.mark.parametrize(("code", "when", "result"), [
    (486, RINGING, CallResult.BUSY),
    (486, AT_ONCE, CallResult.BUSY),
    (600, RINGING, CallResult.BUSY),
    (603, RINGING, CallResult.REJECTED),
    (403, RINGING, CallResult.REJECTED),
    (480, RINGING, CallResult.NO_ANSWER),
    (408, RINGING, CallResult.NO_ANSWER),
    (480, AT_ONCE, CallResult.UNREACHABLE),
    (404, AT_ONCE, CallResult.UNREACHABLE),
    (410, AT_ONCE, CallResult.UNREACHABLE),
    (484, AT_ONCE, CallResult.UNREACHABLE),
    (604, AT_ONCE, CallResult.UNREACHABLE),
    (302, AT_ONCE, CallResult.UNREACHABLE),
])  # fmt: skip
async def test_a_refusal_says_why_nobody_could_be_asked(
    code: int, when: str, result: CallResult, phone: SipPhone, open_trunk: OpenTrunk
) -> None:
    trunk = await open_trunk(phone)
    dialling = asyncio.create_task(trunk.dial(order()))
    call = await phone.rings()
    if when == RINGING:
        call.ring()
        await asyncio.sleep(0.05)
    call.refuse(code, [("Contact", "<sip:elsewhere@127.0.0.1:9>")] if code == 302 else None)
    with pytest.raises(NotAnswered) as told:
        await dialling
    assert told.value.result is result
    assert told.value.code == str(code)
    await call.acked()
    assert phone.invites == 1


@pytest.mark.rule("C-6")
@pytest.mark.parametrize(("code", "alert"), [
    (503, False), (500, False), (502, False), (408, False), (401, True), (407, True),
    (402, True), (403, True), (488, True), (482, False), (400, True),
])  # fmt: skip
async def test_trouble_of_the_trunk_is_no_attempt(
    code: int, alert: bool, phone: SipPhone, open_trunk: OpenTrunk
) -> None:
    trunk = await open_trunk(phone)
    dialling = asyncio.create_task(trunk.dial(order()))
    call = await phone.rings()
    challenge = [("WWW-Authenticate", 'Digest realm="x", nonce="1", qop="auth"')]
    call.refuse(code, challenge if code == 401 else None)
    with pytest.raises(NotPlaced) as told:
        await dialling
    assert told.value.alert is alert
    assert told.value.code


@pytest.mark.parametrize(("cause", "code", "result"), [
    (17, 500, CallResult.BUSY),
    (19, 480, CallResult.NO_ANSWER),
    (21, 503, CallResult.REJECTED),
    (1, 503, CallResult.UNREACHABLE),
    (20, 480, CallResult.UNREACHABLE),
])  # fmt: skip
async def test_the_telephone_network_says_more_than_the_code(
    cause: int, code: int, result: CallResult, phone: SipPhone, open_trunk: OpenTrunk
) -> None:
    """RFC 3326: `Reason: Q.850;cause=…`."""
    trunk = await open_trunk(phone)
    dialling = asyncio.create_task(trunk.dial(order()))
    (await phone.rings()).refuse(code, [("Reason", f'Q.850;cause={cause};text="it"')])
    with pytest.raises(NotAnswered) as told:
        await dialling
    assert told.value.result is result


@pytest.mark.rule("C-6")
async def test_a_telephone_that_only_rings_is_cancelled(
    phone: SipPhone, open_trunk: OpenTrunk
) -> None:
    trunk = await open_trunk(phone, ring_s=5)
    dialling = asyncio.create_task(trunk.dial(order()))
    call = await phone.rings()
    call.ring()
    rang = asyncio.get_running_loop().time()
    with pytest.raises(NotAnswered) as told:
        await dialling
    assert told.value.result is CallResult.NO_ANSWER
    assert asyncio.get_running_loop().time() - rang == pytest.approx(5.0, abs=0.3)
    assert await call.ended() == "CANCEL"
    await call.acked()  # of the 487


async def test_a_line_is_free_again_after_no_answer(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    """Four lines, six calls one after another, each cancelled or refused: none is lost."""
    trunk = await open_trunk(phone)
    phone.refuses = 486
    for _ in range(6):
        with pytest.raises(NotAnswered):
            await trunk.dial(order())
    phone.refuses = None
    talk = calling(trunk, script_of(), prompts)
    call = await phone.picks_up()
    await call.hears(5)
    await call.press("1")
    assert (await talk).states == ["greeting", "confirmed"]


@pytest.mark.rule("C-6")
async def test_a_trunk_that_is_dead_is_given_up_after_its_time(
    phone: SipPhone, open_trunk: OpenTrunk
) -> None:
    phone.deaf = True
    trunk = await open_trunk(phone, trunk_timeout_s=1)
    began = asyncio.get_running_loop().time()
    with pytest.raises(NotPlaced) as told:
        await trunk.dial(order())
    assert told.value.code == "trunk_timeout"
    assert asyncio.get_running_loop().time() - began < 3


async def test_a_trunk_that_has_said_trying_is_waited_for(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    """100 comes at once, the telephone rings much later than the trunk's own time."""
    trunk = await open_trunk(phone, trunk_timeout_s=1)
    talk = calling(trunk, script_of(), prompts)
    call = await phone.rings()
    call.trying()
    await asyncio.sleep(2.0)
    call.answer()
    await call.acked()
    await call.hears(5)
    await call.press("1")
    assert (await talk).states == ["greeting", "confirmed"]


@pytest.mark.rule("C-6")
async def test_a_refused_tcp_connection_is_no_attempt(open_trunk: OpenTrunk, ports: Block) -> None:
    nobody = {"proxy": f"127.0.0.1:{ports.take()}", "transport": "tcp"}
    trunk = await open_trunk(nobody)
    began = asyncio.get_running_loop().time()
    with pytest.raises(NotPlaced) as told:
        await trunk.dial(order())
    assert told.value.code == "trunk_unreachable"
    assert asyncio.get_running_loop().time() - began < 3


async def test_a_tcp_trunk_that_takes_connections_but_says_nothing_is_given_up(
    open_trunk: OpenTrunk,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        trunk = await open_trunk(
            {"proxy": f"127.0.0.1:{port}", "transport": "tcp"}, trunk_timeout_s=1
        )
        with pytest.raises(NotPlaced) as told:
            await trunk.dial(order())
    assert told.value.code == "trunk_timeout"


async def test_a_name_that_nobody_knows_is_no_attempt(open_trunk: OpenTrunk) -> None:
    trunk = await open_trunk("no-such-host.invalid:5060")
    with pytest.raises(NotPlaced):
        await trunk.dial(order())


async def test_a_refusal_is_acknowledged_even_when_it_is_repeated(
    phone: SipPhone, open_trunk: OpenTrunk
) -> None:
    """RFC 3261, section 17.1.1.3: every repetition of a final response is acknowledged."""
    trunk = await open_trunk(phone)
    dialling = asyncio.create_task(trunk.dial(order()))
    call = await phone.rings()
    call.ignored_acks = 1
    call.refuse(486)
    with pytest.raises(NotAnswered):
        await dialling
    await call.acked()
    assert call.acks == 2


async def test_an_answer_that_crosses_the_cancel_is_hung_up(
    phone: SipPhone, open_trunk: OpenTrunk
) -> None:
    """RFC 3261, section 9.1: a 200 that comes after the CANCEL is acknowledged, then ended."""
    trunk = await open_trunk(phone, ring_s=5)
    dialling = asyncio.create_task(trunk.dial(order()))
    call = await phone.rings()
    call.picks_up_when_cancelled = True
    call.ring()
    with pytest.raises(NotAnswered):
        await dialling
    await call.acked()
    assert await call.ended() == "BYE"
