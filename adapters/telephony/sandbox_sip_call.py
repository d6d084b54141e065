"""One call to a telephone of the sandbox over SIP: it rings, is picked up, is listened to, ends.

SIP and sound know no other time than the machine's own, whatever the world's clock does; only a
habit's patience before it picks up is the world's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from adapters.telephony.sandbox_call import Deed, Did
from adapters.telephony.sandbox_phone import By, Call, CallState, Phone, Playing
from adapters.telephony.sandbox_rtp import PCMA, PCMU, RtpEnd, is_loud
from adapters.telephony.sandbox_sip_message import (
    Message,
    Offer,
    read_sdp,
    response,
    sdp,
    uri_in,
    write,
)
from gateway.clock import Clock

T1_S: Final = 0.5
"""RFC 3261, section 17.1.1.1: the first wait before something is sent again."""
T2_S: Final = 4.0
GIVE_UP_S: Final = 32.0
"""64 × T1: nobody is there any more."""

QUIET_S: Final = 0.5
"""A voice that pauses for so long has finished its sentence."""

TAP_PACKETS: Final = 500
"""A page that is ten seconds behind hears no more."""

BUSY, OFF, CANCELLED, DECLINED, NOT_ACCEPTABLE = 486, 480, 487, 603, 488


@dataclass(frozen=True, slots=True)
class Side:
    """Where this telephone is found: its address, and how it sends to the caller."""

    host: str
    port: int
    send: Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Around:
    """What the world does with a call: `changed` for a page, `moved` when it stands differently,
    `engaged` tells whether the telephone is on another call."""

    clock: Clock
    changed: Callable[[], None]
    moved: Callable[[Call], None]
    engaged: Callable[[Call], bool]


class _Over(Exception):
    """The call ends; `code` is what a caller is refused with."""

    def __init__(self, state: CallState, by: By, code: int | None = None) -> None:
        super().__init__(state.value)
        self.state, self.by, self.code = state, by, code


class SipCall:
    """A call from its INVITE to its end. `call` is what the page shows of it."""

    def __init__(
        self, invite: Message, call: Call, phone: Phone, side: Side, around: Around
    ) -> None:
        self.call = call
        self._invite = invite
        self._phone = phone
        self._side = side
        self._around = around
        self._tag = call.sid
        self._cseq = 0
        self._mailbox: asyncio.Queue[Did] = asyncio.Queue()
        self._acknowledged = asyncio.Event()
        self._answered = asyncio.Event()
        self._last = b""
        self._rtp: RtpEnd | None = None
        self._offer = Offer("", 0, (), None)
        self._taps: set[asyncio.Queue[bytes | None]] = set()
        self._quiet: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        habit = phone.habit
        self._in_hand = call.in_hand = habit is None
        self._keys_left = habit.keys if habit is not None and not habit.machine else ""

    # What happens to it

    def do(self, did: Did) -> None:
        """Let a patient do something."""
        self._mailbox.put_nowait(did)

    def take(self, request: Message) -> None:
        """Take a request of the caller that belongs to this call."""
        if request.method == "ACK":
            self._acknowledged.set()
        elif request.method == "INVITE" and request.cseq == self._invite.cseq:
            self._side.send(self._last)  # it comes again because our answer got lost
        elif request.method == "INVITE":
            self._side.send(self._response(request, 200, self._sdp()))
        else:
            self._side.send(response(request, 200, tag=self._tag))
            if request.method in ("CANCEL", "BYE"):
                self.do(Did(Deed.CALLER_ENDS))

    def answered(self) -> None:
        """Our own request in this call was answered."""
        self._answered.set()

    async def sound(self) -> AsyncIterator[bytes]:
        """Yield what is heard from now on, 16-bit little-endian at 8 kHz, until the call ends."""
        tap: asyncio.Queue[bytes | None] = asyncio.Queue(TAP_PACKETS)
        self._taps.add(tap)
        try:
            while self.call.live and (piece := await tap.get()) is not None:
                yield piece
        finally:
            self._taps.discard(tap)

    async def run(self) -> None:
        """Hold the call to its end."""
        try:
            self._offer = read_sdp(self._invite.body)
            await self._ring()
            await self._talk()
        except ValueError:
            await self._ended(_Over(CallState.FAILED, By.NETWORK, NOT_ACCEPTABLE))
        except _Over as over:
            await self._ended(over)
        finally:
            self._let_go()

    # Ringing

    async def _ring(self) -> None:
        self._provisional(100)
        if not self._phone.reachable:
            raise _Over(CallState.FAILED, By.NETWORK, OFF)
        if self._around.engaged(self.call):
            raise _Over(CallState.BUSY, By.NETWORK, BUSY)
        self._provisional(180)
        self._move(CallState.RINGING)
        habit = self._phone.habit
        if habit is not None and habit.answers_after_s is not None:
            deed = Deed.DECLINE if habit.declines else Deed.ANSWER
            self._later(self._around.clock.sleep, habit.answers_after_s, Did(deed))
        await self._picked_up()

    async def _picked_up(self) -> None:
        while True:
            did = await self._mailbox.get()
            if did.deed is Deed.CALLER_ENDS:
                raise _Over(CallState.NO_ANSWER, By.NETWORK, CANCELLED)
            if did.deed is Deed.DECLINE:
                raise _Over(CallState.BUSY, By.PATIENT, DECLINED)
            if did.deed is Deed.ANSWER:
                if did.by_hand:
                    self._in_hand, self._keys_left = True, ""
                    self.call.in_hand = True
                return

    # Talking

    async def _talk(self) -> None:
        codec = next((kind for kind in self._offer.formats if kind in (PCMA, PCMU)), None)
        if codec is None:
            raise _Over(CallState.FAILED, By.NETWORK, NOT_ACCEPTABLE)
        self._rtp = await RtpEnd.bound(self._side.host, self._hear)
        self._rtp.start(self._offer.host, self._offer.port, codec, self._offer.events)
        self._last = self._response(self._invite, 200, self._sdp())
        await self._repeated(self._last, self._acknowledged)
        self.call.answered_at = self._around.clock.now()
        self.call.machine = self._phone.habit is not None and self._phone.habit.machine
        self.call.listening = True
        self._move(CallState.IN_PROGRESS)
        self._plan_hang_up()
        while True:
            did = await self._mailbox.get()
            if did.deed is Deed.CALLER_ENDS:
                raise _Over(CallState.COMPLETED, By.CLINIC)
            if did.deed is Deed.HANG_UP:
                raise _Over(CallState.COMPLETED, By.PATIENT)
            if did.deed is Deed.KEY:
                self.call.keys += did.key
                self._rtp.press(did.key)
                self._around.changed()

    def _plan_hang_up(self) -> None:
        habit = self._phone.habit
        if habit is not None and habit.hangs_up_after_s is not None and not self._in_hand:
            self._later(asyncio.sleep, habit.hangs_up_after_s, Did(Deed.HANG_UP))

    def _hear(self, samples: bytes) -> None:
        for tap in self._taps:
            if not tap.full():
                tap.put_nowait(samples)
        if not is_loud(samples):
            return
        if self._quiet is not None:
            self._quiet.cancel()
        self._quiet = asyncio.get_running_loop().call_later(QUIET_S, self._fell_silent)
        if self.call.playing is None:
            self.call.played += 1
            self.call.playing = Playing("", 0.0, self.call.played)
            self._around.changed()

    def _fell_silent(self) -> None:
        """The robot waits for an answer: a habit gives it."""
        if not self.call.live:
            return
        self.call.playing = None
        self._around.changed()
        if self._keys_left and self.call.answered_at is not None:
            key, self._keys_left = self._keys_left[0], self._keys_left[1:]
            self.do(Did(Deed.KEY, key))

    # The end

    async def _ended(self, over: _Over) -> None:
        call = self.call
        call.end(over.state, over.by, over.code, self._around.clock.now())
        self._around.moved(call)
        for tap in self._taps:
            if not tap.full():
                tap.put_nowait(None)
        if over.code is not None:
            self._last = self._response(self._invite, over.code)
            await self._repeated(self._last, self._acknowledged)
        elif over.by is By.PATIENT:
            await self._repeated(self._bye(), self._answered)

    def _let_go(self) -> None:
        if self._quiet is not None:
            self._quiet.cancel()
        for task in self._tasks:
            task.cancel()
        if self._rtp is not None:
            self._rtp.close()

    # Within

    def _later(self, sleep: Callable[[float], Awaitable[None]], seconds: float, did: Did) -> None:
        async def wait() -> None:
            await sleep(seconds)
            self.do(did)

        self._tasks.add(asyncio.get_running_loop().create_task(wait()))

    async def _repeated(self, data: bytes, until: asyncio.Event) -> None:
        """Send until the other side has taken it in, as UDP loses what it likes."""
        wait, waited = T1_S, 0.0
        while not until.is_set() and waited < GIVE_UP_S:
            self._side.send(data)
            try:
                async with asyncio.timeout(wait):
                    await until.wait()
            except TimeoutError:
                waited += wait
                wait = min(2 * wait, T2_S)

    def _move(self, state: CallState) -> None:
        self.call.state = state
        self._around.moved(self.call)

    def _provisional(self, code: int) -> None:
        self._last = self._response(self._invite, code)
        self._side.send(self._last)

    def _response(self, request: Message, code: int, body: bytes = b"") -> bytes:
        headers = [self._contact] if code != 100 else []
        return response(request, code, tag=self._tag, headers=headers, body=body)

    def _sdp(self) -> bytes:
        if self._rtp is None:
            raise AssertionError("there is sound once a call is picked up")
        return sdp(self._rtp.port, events=self._offer.events)

    @property
    def _contact(self) -> tuple[str, str]:
        return "Contact", f"<sip:{self._side.host}:{self._side.port}>"

    def _bye(self) -> bytes:
        """A request in the dialog: From and To are those of the INVITE, swapped."""
        self._cseq += 1
        branch = f"z9hG4bK{self._tag}{self._cseq}"
        way = f"SIP/2.0/UDP {self._side.host}:{self._side.port};branch={branch};rport"
        lines = [
            ("Via", way),
            ("From", f"{self._invite.header('to')};tag={self._tag}"),
            ("To", self._invite.header("from")),
            ("Call-ID", self._invite.header("call-id")),
            ("CSeq", f"{self._cseq} BYE"),
            ("Max-Forwards", "70"),
        ]
        return write(f"BYE {uri_in(self._invite.header('contact'))} SIP/2.0", lines)
