"""Malformed and hostile messages at a line card's SIP port: calls in progress do not notice.

Ideas from RFC 4475 (SIP torture tests). The firewall of docs/sip.md lets only the trunk in, but a
trunk passes on what others send.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from adapters.telephony.sandbox_sip_message import sdp, tag_in, uri_in, write
from gateway.core.model import Answer
from tests.telephony.conftest import OpenTrunk
from tests.telephony.peers.audio import likeness
from tests.telephony.peers.branch_trunks import BranchTrunks
from tests.telephony.peers.dialogue import Prompts, Told, calling, script_of
from tests.telephony.peers.phone_call import PhoneCall
from tests.telephony.peers.processes import owner_of
from tests.telephony.peers.sip_phone import SipPhone

pytestmark = pytest.mark.slow


@dataclass
class Victim:
    """A call in progress, and a stranger who knows the address of its line card."""

    trunk: BranchTrunks
    call: PhoneCall
    talk: asyncio.Task[Told]
    stranger: SipPhone
    prompts: Prompts
    card: int

    def send(self, data: bytes) -> None:
        """Send a datagram from the stranger to the card."""
        self.stranger.way_to(*self.call.source)(data)

    async def asked(self, method: str, **more: Any) -> int:
        """Send a request out of the blue; return the code of the answer, 0 for none."""
        request = blue(self.stranger, self.call, method, **more)
        way = self.stranger.way_to(*self.call.source)
        try:
            return (await self.stranger.ask(request, way, within_s=0.7, tries=1)).code
        except TimeoutError:
            return 0

    async def has_taken_it_in(self, number: int) -> None:
        """The card has read all that was sent before, and still answers."""
        assert await self.asked("OPTIONS", number=f"9{number}") == 200

    async def is_unharmed(self) -> None:
        """The greeting was heard without a hole, the key works, the process is the same one."""
        assert not self.talk.done()
        await self.call.hears(max(1, 115 - self.call.rtp.count))
        assert likeness(self.call.heard(), self.prompts.samples["greeting"])[0] > 0.99
        assert owner_of(self.call.source[1]) == self.card
        await self.call.press("1")
        assert (await self.talk).answer is Answer.CONFIRM
        assert await self.call.ended() == "BYE"


@pytest.fixture
async def victim(phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts) -> AsyncIterator[Victim]:
    trunk = await open_trunk(phone)
    talk = calling(trunk, script_of(wait_s=4.0), prompts)
    call = await phone.picks_up()
    await call.hears(3)
    async with SipPhone() as stranger:
        yield Victim(trunk, call, talk, stranger, prompts, owner_of(call.source[1]))
    talk.cancel()


def blue(
    sender: SipPhone,
    call: PhoneCall,
    method: str,
    *,
    call_id: str = "",
    to_tag: str = "",
    number: str = "1",
    cseq: str = "",
    extra: tuple[tuple[str, str], ...] = (),
    body: bytes = b"",
) -> bytes:
    """Return a request that belongs to no dialog, with whatever the test bends."""
    us = f"127.0.0.1:{sender.port}"
    target = uri_in(call.invite.header("contact"))
    lines = [
        ("Via", f"SIP/2.0/UDP {us};branch=z9hG4bKblue{method}{number};rport"),
        ("From", f"<sip:stranger@{us}>;tag=blue{number}"),
        ("To", f"<{target}>" + (f";tag={to_tag}" if to_tag else "")),
        ("Call-ID", call_id or f"blue-{method}-{number}"),
        ("CSeq", cseq or f"{number} {method}"),
        ("Contact", f"<sip:stranger@{us}>"),
        ("Max-Forwards", "70"),
        *extra,
    ]
    if body:
        lines.append(("Content-Type", "application/sdp"))
    return write(f"{method} {target} SIP/2.0", lines, body)


# Requests out of the blue


async def test_a_call_from_a_stranger_is_declined(victim: Victim) -> None:
    request = blue(victim.stranger, victim.call, "INVITE", body=sdp(40_000))
    way = victim.stranger.way_to(*victim.call.source)
    assert (await victim.stranger.ask(request, way)).code == 603
    await victim.is_unharmed()


async def test_a_bye_for_another_dialog_ends_nothing(victim: Victim) -> None:
    """Neither an unknown Call-ID nor the right one with wrong tags."""
    assert await victim.asked("BYE", to_tag="x") == 481
    assert await victim.asked("BYE", call_id=victim.call.id, to_tag="x", number="2") == 481
    await victim.is_unharmed()


async def test_a_cancel_for_another_call_ends_nothing(victim: Victim) -> None:
    assert await victim.asked("CANCEL") == 481
    await victim.is_unharmed()


async def test_nobody_can_send_us_elsewhere(victim: Victim) -> None:
    """REFER out of the blue, and within the call from the trunk itself: nobody is dialled."""
    elsewhere = (("Refer-To", f"<sip:900@127.0.0.1:{victim.stranger.port}>"),)
    assert await victim.asked("REFER", extra=elsewhere) not in range(200, 300)
    answered = await victim.call.ask("REFER", headers=list(elsewhere))
    assert answered.code >= 400
    await victim.is_unharmed()
    assert victim.stranger.invites == 0


async def test_nobody_can_take_over_a_call(victim: Victim) -> None:
    """RFC 3891: an INVITE with `Replaces` would put the stranger in the patient's place."""
    invite = victim.call.invite
    ours = f"{invite.header('call-id')};to-tag={tag_in(invite.header('from'))}"
    replaces = (("Replaces", f"{ours};from-tag={victim.call.tag}"),)
    assert await victim.asked("INVITE", extra=replaces, body=sdp(40_000)) >= 400
    await victim.is_unharmed()


async def test_other_requests_change_nothing(victim: Victim) -> None:
    """Only OPTIONS is of use to the trunk, which asks in this way whether we live."""
    assert await victim.asked("OPTIONS") == 200
    for method in ("REGISTER", "SUBSCRIBE", "NOTIFY", "PUBLISH", "UPDATE", "PRACK", "NEWMETHOD"):
        code = await victim.asked(method, to_tag="x" if method == "NOTIFY" else "")
        assert code not in range(100, 300), method
    await victim.asked("MESSAGE")
    await victim.is_unharmed()


async def test_200_calls_at_once_are_declined_while_ours_goes_on(victim: Victim) -> None:
    """A flood at 200 a second; the patient hears every word."""
    for number in range(200):
        victim.send(
            blue(victim.stranger, victim.call, "INVITE", number=str(number + 1), body=sdp(40_000))
        )
        await asyncio.sleep(0.005)
    await victim.is_unharmed()


async def test_our_lines_are_free_after_a_flood(
    victim: Victim, phone: SipPhone, prompts: Prompts
) -> None:
    """Strangers' calls take the library's four calls; ours must get them back."""
    for number in range(50):
        victim.send(
            blue(victim.stranger, victim.call, "INVITE", number=str(number + 1), body=sdp(40_000))
        )
    await victim.is_unharmed()
    talks = [calling(victim.trunk, script_of(wait_s=4.0), prompts) for _ in range(3)]
    for _ in talks:
        call = await phone.picks_up()
        await call.hears(3)
        await call.press("1")
    assert [(await talk).answer for talk in talks] == [Answer.CONFIRM] * 3


# Bent messages


def _invite(victim: Victim) -> bytes:
    return blue(victim.stranger, victim.call, "INVITE", body=sdp(40_000))


def _changed(old: bytes, new: bytes) -> Callable[[Victim], bytes]:
    def make(victim: Victim) -> bytes:
        whole = _invite(victim)
        assert old in whole
        return whole.replace(old, new, 1)

    return make


def _header(name: str, value: str) -> Callable[[Victim], bytes]:
    return lambda victim: blue(
        victim.stranger, victim.call, "OPTIONS", extra=((name, value),)
    )  # fmt: skip


MALFORMED: dict[str, Callable[[Victim], bytes]] = {
    "content-length too large": _changed(b"Content-Length: ", b"Content-Length: 9"),
    "content-length negative": _changed(b"Content-Length: ", b"Content-Length: -"),
    "content-length no number": _changed(b"Content-Length: ", b"Content-Length: x"),
    "overflow": _changed(b"Content-Length: ", b"Content-Length: 99999999999999999999"),
    "cseq overflow": _changed(b"1 INVITE", b"99999999999999 INVITE"),
    "cseq of another method": _changed(b"1 INVITE", b"1 OPTIONS"),
    "cseq without a number": _changed(b"1 INVITE", b"INVITE"),
    "another version": _changed(b"SIP/2.0\r\n", b"SIP/7.0\r\n"),
    "via of no transport": _changed(b"SIP/2.0/UDP", b"SIP/2.0/\xff\xfe"),
    "two From": _changed(b"\r\nFrom:", b"\r\nFrom: <sip:a@b>;tag=1;tag=2\r\nFrom:"),
    "max-forwards overflow": _changed(b"Max-Forwards: 70", b"Max-Forwards: 300000"),
    "no call-id": _changed(b"\r\nCall-ID:", b"\r\nX-Call:"),
    "sdp with an impossible port": _changed(b"m=audio 40000", b"m=audio 99999999"),
    "sdp with 400 attributes": _changed(b"v=0", b"v=0\r\n" + b"a=x\r\n" * 400),
    "sdp with a format string": _changed(b"c=IN IP4 127.0.0.1", b"c=IN IP4 %n%n%s"),
    "one huge header": _header("X-Huge", "a" * 3500),
    "100 via": _header("Via", ", ".join(f"SIP/2.0/UDP h{n}" for n in range(100))),
    "100 routes": _header("Route", ", ".join(f"<sip:r{n}>" for n in range(100))),
    "authorization of nonsense": _header("Authorization", "Digest " + "=,\"" * 200),
    "an unknown extension": _header("Require", "nothing-known"),
    "a response without headers": lambda _: b"SIP/2.0 200 OK\r\n\r\n",
    "empty lines only": lambda _: b"\r\n" * 500,
    "half a line": lambda _: b"INVITE",
    "zeros": lambda _: b"\x00" * 1500,
    "cut in the headers": lambda v: _invite(v)[:150],
    "line feeds only": lambda v: _invite(v).replace(b"\r\n", b"\n"),
}  # fmt: skip


async def test_malformed_messages_change_nothing(victim: Victim) -> None:
    for number, (name, message) in enumerate(MALFORMED.items(), start=1):
        for _ in range(3):
            victim.send(message(victim))
        await victim.has_taken_it_in(number)
        assert not victim.talk.done(), name
    await victim.is_unharmed()


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_random_changes_of_good_messages_change_nothing(seed: int, victim: Victim) -> None:
    """600 messages, each with some bytes turned over, cut or doubled; and 200 of pure noise."""
    chance = random.Random(seed)
    methods = enumerate(("INVITE", "OPTIONS", "BYE", "NOTIFY", "INFO"), start=1)
    own = [
        blue(victim.stranger, victim.call, method, number=str(number), body=sdp(40_000))
        for number, method in methods
    ]
    for number in range(800):
        data = bytearray(chance.choice(own) if number % 4 else chance.randbytes(600))
        for _ in range(chance.randrange(1, 12)):
            at = chance.randrange(len(data))
            data[at : at + chance.choice((0, 1, 1, 1, 20))] = chance.randbytes(1)
        victim.send(bytes(data))
        if number % 20 == 0:
            await asyncio.sleep(0.02)
    await victim.is_unharmed()


# Bent messages of the trunk itself, inside the call


async def test_requests_with_an_old_number_are_refused(victim: Victim) -> None:
    """RFC 3261, section 12.2.2: a lower CSeq within a dialog is answered 500."""
    call = victim.call
    assert (await call.ask("INFO", b"Signal=5\r\n", "text/plain")).code >= 200
    old = call.request("INFO", b"Signal=1\r\nDuration=160\r\n", "application/dtmf-relay", cseq=0)
    assert (await call.phone.ask(old, call.send)).code == 500
    assert not victim.talk.done()
    await victim.is_unharmed()


async def test_a_reinvite_of_nonsense_is_refused_and_the_call_goes_on(victim: Victim) -> None:
    refused = await victim.call.reinvite(body=b"v=0\r\nm=video 1 nothing 1\r\n")
    assert refused.code >= 400
    await victim.is_unharmed()


async def test_a_reinvite_with_no_codec_of_ours_is_refused_and_the_call_goes_on(
    victim: Victim,
) -> None:
    body = sdp(victim.call.rtp.port)
    body = body.replace(b"AVP 8 101", b"AVP 18").replace(b":8 PCMA", b":18 G729")
    assert (await victim.call.reinvite(body=body)).code >= 400
    await victim.is_unharmed()


NO_KEYS = [
    ("application/dtmf-relay", b""),
    ("application/dtmf-relay", b"Signal=\r\nDuration=160\r\n"),
    ("application/dtmf-relay", b"Signal=Z\r\n"),
    ("application/dtmf-relay", b"Signal=%s%n\r\nDuration=-1\r\n"),
    ("application/dtmf-relay", b"Duration=160\r\n" * 40),
    ("application/dtmf", b""),
    ("application/dtmf", b"one"),
    ("application/dtmf", b"\xff" * 900),
    ("application/dtmf", b"12345"),
    ("text/plain", b"1"),
]  # fmt: skip


async def test_an_info_that_holds_no_key_presses_none(victim: Victim) -> None:
    for kind, body in NO_KEYS:
        assert (await victim.call.ask("INFO", body, kind)).code >= 200
    await victim.is_unharmed()


async def test_a_stranger_cannot_press_keys(victim: Victim) -> None:
    """INFO with the call's id, but from outside its dialog."""
    request = blue(victim.stranger, victim.call, "INFO", call_id=victim.call.id, to_tag="x",
                   extra=(("Content-Type", "application/dtmf-relay"),))  # fmt: skip
    body = b"Signal=3\r\nDuration=160\r\n"
    request = request.replace(b"Content-Length: 0\r\n\r\n", b"Content-Length: 24\r\n\r\n" + body)
    way = victim.stranger.way_to(*victim.call.source)
    assert (await victim.stranger.ask(request, way)).code == 481
    await victim.is_unharmed()
