"""A line card, talked to by hand over its protocol, and a telephone at the other end."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.telephony.sip.protocol import (
    LINES_MAX,
    Answered,
    Dial,
    Digit,
    Disconnected,
    HangUp,
    Media,
    MediaLost,
    NoLine,
    Ping,
    Play,
    Played,
    Pong,
    Quit,
    Ready,
    Register,
    Registration,
    Ringing,
    Stopped,
    Trouble,
    Trying,
    Unplayable,
)
from tests.adapters.telephony.sip.support import RTP_PORTS, Talk, card, setup_for
from tests.telephony.peers.audio import speech_like, write_wav
from tests.telephony.peers.ports import Block
from tests.telephony.peers.sip_phone import SipPhone

pytestmark = pytest.mark.slow


async def answered(talk: Talk, phone: SipPhone, name: str = "c1") -> object:
    talk.send(Dial(name, "+79161234567"))
    call = await phone.picks_up()
    await talk.hears(Answered)
    return call


async def test_a_call_from_dialling_to_hanging_up(
    phone: SipPhone, ports: Block, prompt: Path
) -> None:
    async with card(setup_for(phone, ports)) as talk:
        talk.send(Dial("c1", "+79161234567"))
        call = await phone.rings()
        assert (call.callee, call.caller) == ("+79161234567", "+74950000001")
        call.trying()
        assert await talk.hears(Trying) == Trying("c1")
        call.ring()
        assert await talk.hears(Ringing) == Ringing("c1", 180)
        call.answer()
        assert await talk.hears(Media) == Media("c1", True)
        assert await talk.hears(Answered) == Answered("c1", True)
        talk.send(Play("c1", 1, str(prompt), True))
        assert await talk.hears(Played) == Played("c1", 1)
        await call.press("5")
        assert await talk.hears(Digit) == Digit("c1", "5", "rfc4733")
        talk.send(HangUp("c1"))
        assert await talk.hears(Disconnected) == Disconnected("c1", 200, "local", 0, "OK")
        assert await call.ended() == "BYE"


async def test_a_new_playback_takes_the_place_of_the_old(
    phone: SipPhone, ports: Block, prompt: Path
) -> None:
    async with card(setup_for(phone, ports)) as talk:
        await answered(talk, phone)
        talk.send(Play("c1", 1, str(prompt), True))
        talk.send(Play("c1", 2, str(prompt), True))
        assert await talk.hears(Stopped) == Stopped("c1", 1)
        assert await talk.hears(Played) == Played("c1", 2)


async def test_a_file_that_cannot_be_played_is_reported_and_the_card_goes_on(
    phone: SipPhone, ports: Block, prompt: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.wav"
    empty.write_bytes(b"")
    async with card(setup_for(phone, ports)) as talk:
        await answered(talk, phone)
        for token, file in enumerate([empty, tmp_path / "missing.wav"], start=1):
            talk.send(Play("c1", token, str(file), True))
            assert (await talk.hears(Unplayable)).token == token
        talk.send(Play("c1", 3, str(prompt), True))
        assert await talk.hears(Played) == Played("c1", 3)


async def test_the_fifth_call_is_told_that_there_is_no_line(phone: SipPhone, ports: Block) -> None:
    async with card(setup_for(phone, ports)) as talk:
        for number in range(LINES_MAX):
            await answered(talk, phone, f"c{number}")
        talk.send(Dial("c5", "+79161234567"))
        assert await talk.hears(NoLine) == NoLine("c5")
        assert phone.invites == LINES_MAX


async def test_a_line_that_a_silent_peer_holds_is_no_result_of_the_next_call(
    phone: SipPhone, ports: Block
) -> None:
    """We hang up, nobody answers the BYE: the library keeps the line for up to 32 s."""
    async with card(setup_for(phone, ports)) as talk:
        for number in range(LINES_MAX):
            await answered(talk, phone, f"c{number}")
        phone.deaf = True
        talk.send(HangUp("c0"))
        assert (await talk.hears(Disconnected)).by == "local"
        talk.send(Dial("c5", "+79161234567"))
        assert await talk.hears(NoLine) == NoLine("c5")


async def test_old_calls_do_not_hang_up_new_ones(phone: SipPhone, ports: Block) -> None:
    """The library gives a new call the number of an old one; the old object must be gone."""
    async with card(setup_for(phone, ports)) as talk:
        for generation in range(3):
            calls = [await answered(talk, phone, f"c{generation}{n}") for n in range(LINES_MAX)]
            await asyncio.sleep(0.2)
            assert not [event for event in talk.events if isinstance(event, Disconnected)]
            for call in calls:
                await call.hang_up()  # type: ignore[attr-defined]  # a PhoneCall
                await talk.hears(Disconnected)


async def test_playbacks_that_are_stopped_at_any_moment_do_no_harm(
    phone: SipPhone, ports: Block, tmp_path: Path
) -> None:
    """Also at their very end, where the library crashes if its player goes at once."""
    short = write_wav(tmp_path / "short.wav", speech_like(0.06, seed=2))
    async with card(setup_for(phone, ports)) as talk:
        await answered(talk, phone)
        for token in range(1, 81):
            talk.send(Play("c1", token, str(short), True))
            await asyncio.sleep(0.04 + token % 8 * 0.005)
        ends: set[int] = set()
        while len(ends) < 80:
            event = await talk.hears(Played | Stopped)  # type: ignore[arg-type]  # either
            assert event.token not in ends
            ends.add(event.token)
        await asyncio.sleep(1.2)  # until the last player is destroyed
        talk.send(Ping(1))
        assert await talk.hears(Pong) == Pong(1)


async def test_commands_for_unknown_calls_are_nobodys(phone: SipPhone, ports: Block) -> None:
    async with card(setup_for(phone, ports)) as talk:
        talk.send(HangUp("ghost"))
        talk.send(Play("ghost", 1, "x.wav", True))
        talk.send(Ping(1))
        assert await talk.hears(Pong) == Pong(1)


async def test_a_port_that_is_taken_is_said_and_ends_the_card(
    phone: SipPhone, ports: Block
) -> None:
    setup = setup_for(phone, ports)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", setup.sip_port))
        async with card() as talk:
            talk.send(setup)
            trouble = await talk.hears(Trouble)
            assert trouble.where == "start"
            await talk.ends()


def listening_udp() -> Iterator[tuple[int, str]]:
    """Yield port and address (in the kernel's hexadecimal) of every UDP socket."""
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        address, _, port = line.split()[1].partition(":")
        yield int(port, 16), address


async def test_a_card_listens_where_it_is_told_and_nowhere_else(
    phone: SipPhone, ports: Block
) -> None:
    setup = setup_for(phone, ports)
    async with card(setup) as talk:
        await answered(talk, phone)
        ours = {
            port: address
            for port, address in listening_udp()
            if port == setup.sip_port or port - setup.rtp_port in range(RTP_PORTS)
        }
        assert len(ours) == 3  # SIP, RTP, RTCP
        assert set(ours.values()) == {"0100007F"}


async def test_a_card_that_is_told_nonsense_ends(phone: SipPhone, ports: Block) -> None:
    async with card(setup_for(phone, ports)) as talk:
        call = await answered(talk, phone)
        talk._stream.send(b"nonsense\n")
        await talk.ends()
        assert await call.ended() == "BYE"  # type: ignore[attr-defined]  # a PhoneCall


async def test_a_card_hangs_up_when_its_gateway_has_gone(phone: SipPhone, ports: Block) -> None:
    async with card(setup_for(phone, ports)) as talk:
        call = await answered(talk, phone)
        talk._stream.shutdown(socket.SHUT_WR)
        await talk.ends()
        assert await call.ended() == "BYE"  # type: ignore[attr-defined]  # a PhoneCall


async def test_quitting_in_the_middle_of_everything_is_clean(
    phone: SipPhone, ports: Block, prompt: Path
) -> None:
    async with card(setup_for(phone, ports)) as talk:
        call = await answered(talk, phone, "playing")
        talk.send(Play("playing", 1, str(prompt), True))
        talk.send(Dial("ringing", "+79161234568"))
        ringing = await phone.rings()
        ringing.ring()
        await talk.hears(Ringing)
        talk.send(Quit())
        assert await call.ended() == "BYE"  # type: ignore[attr-defined]  # a PhoneCall
        assert await ringing.ended() == "CANCEL"
        await talk.ends()


async def test_a_call_that_is_kept_on_hold_for_too_long_is_reported(
    phone: SipPhone, ports: Block
) -> None:
    async with card(setup_for(phone, ports, media_timeout_s=1.0)) as talk:
        call = await answered(talk, phone)
        await call.reinvite("inactive")  # type: ignore[attr-defined]  # a PhoneCall
        assert await talk.hears(MediaLost) == MediaLost("c1")


async def test_registering_without_a_registrar_is_said(phone: SipPhone, ports: Block) -> None:
    async with card(setup_for(phone, ports)) as talk:
        talk.send(Register(on=True))
        assert not (await talk.hears(Registration)).active


async def test_no_priority_that_we_may_not_have_is_no_reason_to_fail(
    phone: SipPhone, ports: Block
) -> None:
    async with card() as talk:
        talk.send(setup_for(phone, ports, nice=5))
        assert (await talk.hears(Ready)).nice == 5


async def test_a_service_manager_that_ends_all_processes_does_not_cut_calls(
    phone: SipPhone, ports: Block
) -> None:
    async with card(setup_for(phone, ports)) as talk:
        call = await answered(talk, phone)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.pidfd_send_signal(talk.handle, number)
        await call.hears(20)  # type: ignore[attr-defined]  # a PhoneCall
        assert not [event for event in talk.events if isinstance(event, Disconnected)]
