"""One call on a test phone: what the patient does, hears and sends; see `sip_phone`."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from adapters.telephony.sandbox_sip_message import (
    Message,
    read_sdp,
    response,
    sdp,
    uri_in,
    user_in,
    write,
)
from tests.telephony.peers.audio import Samples
from tests.telephony.peers.key_presses import Style, presses
from tests.telephony.peers.rtp import spoken
from tests.telephony.peers.rtp_port import RtpPort

if TYPE_CHECKING:
    from tests.telephony.peers.sip_phone import SipPhone

T1 = 0.5
"""RFC 3261, section 17: the first wait before something is sent again, in seconds."""
T2 = 4.0

Send = Callable[[bytes], None]
_numbers = itertools.count(1)


@dataclass(eq=False)
class PhoneCall:
    """One call on a test phone."""

    phone: SipPhone
    invite: Message
    reply: Send
    send: Send
    """Straight to where the INVITE came from, as through a NAT."""
    source: tuple[str, int]
    ignored_acks: int = 0
    """So many ACKs get lost on the way."""
    acks: int = 0
    picks_up_when_cancelled: bool = False
    """Pick up at the moment at which the caller gives up."""
    ignores_bye: bool = False
    ended_by: str = ""
    answered_reinvites: list[Message] = field(default_factory=list)
    infos: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.rang_at = self.loop.time()
        self.number = next(_numbers)
        self.tag = f"phone{self.number}"
        self.rtp = RtpPort()
        self.offer = read_sdp(self.invite.body)
        self._ack, self._end = asyncio.Event(), asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._moved: list[RtpPort] = []
        self._cseq = 0
        self._version = 1
        self._events: int | None = 101

    @property
    def id(self) -> str:
        """The Call-ID."""
        return self.invite.header("call-id")

    @property
    def callee(self) -> str:
        """The number that was dialled."""
        return user_in(self.invite.start.split(" ")[1])

    @property
    def caller(self) -> str:
        """The number that calls."""
        return user_in(uri_in(self.invite.header("from")))

    # What the patient does

    def trying(self) -> None:
        """Let the caller know that its INVITE has come, as a proxy does."""
        self.reply(response(self.invite, 100))

    def ring(self) -> None:
        """Ring."""
        self._respond(180)

    def early_media(self) -> None:
        """Let the caller hear the network before anybody picks up."""
        self._respond(183, body=self._sdp())
        self.rtp.start(self.offer.host, self.offer.port)

    def answer(
        self, *, events: int | None = 101, direction: str = "sendrecv", lost: int = 0
    ) -> None:
        """Pick up. The 200 is sent again until it is acknowledged; the first `lost` get lost."""
        self._events = events
        self.rtp.start(self.offer.host, self.offer.port)
        self._final(200, body=self._sdp(direction), lost=lost)

    def refuse(self, code: int, headers: list[tuple[str, str]] | None = None) -> None:
        """Do not pick up, for this reason."""
        self._final(code, headers=headers)
        self._over(str(code))

    def answer_as(self, tag: str) -> None:
        """Send another 200 with a tag of one's own, as a second phone of a forked call does."""
        body, headers = self._sdp(), [self._contact]
        self.send(response(self.invite, 200, tag=tag, headers=headers, body=body))

    async def hang_up(self) -> Message:
        """Put the receiver down; return what was answered."""
        self._over("patient")
        return await self.ask("BYE")

    async def ask(
        self,
        method: str,
        body: bytes = b"",
        content_type: str = "",
        headers: list[tuple[str, str]] | None = None,
    ) -> Message:
        """Send a request within the call and return the final response."""
        data = self.request(method, body, content_type, headers=headers)
        return await self.phone.ask(data, self.send)

    async def reinvite(self, direction: str = "sendrecv", *, body: bytes | None = None) -> Message:
        """Ask for other media: "sendonly" or "inactive" put the caller on hold."""
        self._version += 1
        found = await self.ask(
            "INVITE", self._sdp(direction) if body is None else body, "application/sdp"
        )
        self.send(self.request("ACK", cseq=self._cseq))
        return found

    def move_sound(self) -> RtpPort:
        """Listen at another port from now on; the next re-INVITE says so. Returns the old one."""
        old, self.rtp = self.rtp, RtpPort()
        old.talks = False
        self.rtp.start(self.offer.host, self.offer.port)
        self._moved.append(old)
        return old

    def press(
        self,
        keys: str,
        style: Style = Style.NORMAL,
        *,
        length_ms: int = 160,
        gap_ms: int = 120,
        payload_type: int | None = None,
    ) -> asyncio.Future[int]:
        """Press keys; the result is when the first packet left, in ns since the epoch."""
        kind = payload_type or self._events or 101
        slots = presses(keys, style, payload_type=kind, length_ms=length_ms, gap_ms=gap_ms)
        return self.rtp.send(slots)

    def say(self, samples: Samples) -> asyncio.Future[int]:
        """Speak, or sound the tones of a key."""
        return self.rtp.send(spoken(samples))

    # What the patient sees

    async def acked(self, within_s: float = 5.0) -> None:
        """Wait until the caller has taken in that we picked up."""
        async with asyncio.timeout(within_s):
            await self._ack.wait()

    async def ended(self, within_s: float = 10.0) -> str:
        """Wait for the end; "BYE" and "CANCEL" are the caller's, "patient" or a code is ours."""
        async with asyncio.timeout(within_s):
            await self._end.wait()
        return self.ended_by

    async def hears(self, packets: int, within_s: float = 5.0) -> None:
        """Wait until so many more packets have come."""
        async with asyncio.timeout(within_s):
            await self.rtp.reaches(self.rtp.count + packets)

    def heard(self, since: int = 0) -> Samples:
        """Return the sound that came, from the packet `since` on."""
        return self.rtp.heard(since)

    # Within

    def take_ack(self, ack: Message) -> None:
        """Take in an ACK: of the 200, or of a refusal."""
        if ack.cseq != self.invite.cseq:
            return
        self.acks += 1
        if self.ignored_acks >= self.acks:
            return
        self._stop_repeating()
        self._ack.set()

    def take(self, request: Message, reply: Send) -> None:
        """Take in a request that belongs to this call."""
        headers: list[tuple[str, str]] = []
        body = b""
        if request.method == "BYE" and self.ignores_bye:
            return
        if request.method == "INVITE":
            self.answered_reinvites.append(request)
            headers, body = [self._contact], self._sdp()
        elif request.method == "INFO":
            self.infos.append(request)
        reply(response(request, 200, tag=self.tag, headers=headers, body=body))
        if request.method == "CANCEL" and not self._end.is_set():
            self._cancelled()
        elif request.method == "BYE":
            self._over("BYE")

    def _cancelled(self) -> None:
        if self.picks_up_when_cancelled:
            self.answer()
        else:
            self._final(487)
            self._over("CANCEL")

    def close(self) -> None:
        """Let go of port and timers."""
        self._stop_repeating()
        for port in (self.rtp, *self._moved):
            port.close()

    @property
    def _contact(self) -> tuple[str, str]:
        way = ";transport=tcp" if self.phone.transport == "tcp" else ""
        return "Contact", f"<sip:patient@127.0.0.1:{self.phone.port}{way}>"

    def _sdp(self, direction: str = "sendrecv") -> bytes:
        return sdp(self.rtp.port, events=self._events, direction=direction, version=self._version)

    def _respond(self, code: int, body: bytes = b"") -> None:
        self.reply(response(self.invite, code, tag=self.tag, headers=[self._contact], body=body))

    def _final(self, code: int, *, lost: int = 0, **more: Any) -> None:
        headers = [self._contact, *(more.pop("headers", None) or [])]
        data = response(self.invite, code, tag=self.tag, headers=headers, **more)
        self._repeat(data, lost, T1)

    def _repeat(self, data: bytes, lost: int, wait: float) -> None:
        if lost <= 0:
            self.reply(data)
        self._timer = self.loop.call_later(wait, self._repeat, data, lost - 1, min(2 * wait, T2))

    def _stop_repeating(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _over(self, by: str) -> None:
        if not self._end.is_set():
            self.ended_by = by
            self._end.set()
            if by in ("BYE", "patient"):
                self._stop_repeating()

    def request(
        self,
        method: str,
        body: bytes = b"",
        content_type: str = "",
        *,
        cseq: int | None = None,
        headers: list[tuple[str, str]] | None = None,
        tag: str | None = None,
    ) -> bytes:
        """Return a request of ours in this dialog: From and To are those of the INVITE, swapped."""
        if cseq is None:
            self._cseq += 1
            cseq = self._cseq
        way = self.phone.transport.upper()
        branch = f"z9hG4bK{self.tag}{method}{cseq}"
        lines = [
            ("Via", f"SIP/2.0/{way} 127.0.0.1:{self.phone.port};branch={branch};rport"),
            ("From", f"{self.invite.header('to')};tag={tag or self.tag}"),
            ("To", self.invite.header("from")),
            ("Call-ID", self.id),
            ("CSeq", f"{cseq} {method}"),
            ("Max-Forwards", "70"),
            self._contact,
            *(headers or []),
        ]
        if content_type:
            lines.append(("Content-Type", content_type))
        return write(f"{method} {uri_in(self.invite.header('contact'))} SIP/2.0", lines, body)
