"""The gateway's side of one line card: its socket, its calls, its pulse."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from typing import Final, Protocol, get_args

from adapters.telephony.sip.call import Call
from adapters.telephony.sip.protocol import (
    LINES_MAX,
    CallEvent,
    Command,
    Dial,
    Disconnected,
    MessageReader,
    NoLine,
    Ping,
    Pong,
    ProtocolError,
    Quit,
    Ready,
    Register,
    Registration,
    Setup,
    Trouble,
    encode,
)
from adapters.telephony.sip.zygote_client import kill

HANG_S: Final = 1.0
"""A card whose main thread says nothing for so long hangs: its callers hear nothing either."""

START_S: Final = 5.0
"""A card that is not ready by then will never be."""

DIAL_GAP_S: Final = 0.05
"""A card keeps closed sockets for half a second and aborts when it runs out of them, at about 55
dials a second; 20 are safe."""

LATE_DIAL_S: Final = 0.01
"""A dial that comes late by up to so much does not put off those after it."""

NO_LINE_REST_S: Final = 1.0
"""A line may be taken for up to 32 s after its call ended, while the other side says nothing."""

STUCK_S: Final = 40.0
"""A call that we ended so long ago and that is still not over never will be: every timer of SIP
has run out after 32 s (RFC 3261, 64*T1)."""

_CALL_EVENTS: Final = get_args(CallEvent)

_log = logging.getLogger("callahead.sip")


class Owner(Protocol):
    """Who is told what happens to a card."""

    def card_ready(self, card: Card) -> None:
        """It takes calls."""
        ...

    def card_freed(self, card: Card) -> None:
        """One of its lines is free."""
        ...

    def card_registered(self, card: Card, registration: Registration) -> None:
        """Its registration changed."""
        ...

    def card_died(self, card: Card) -> None:
        """It is gone, and its calls are lost."""
        ...


class Card(asyncio.Protocol):
    """A card from its fork to its end. `slot` says which ports it has."""

    def __init__(self, owner: Owner, slot: int, handle: int, now: Callable[[], float]) -> None:
        self.slot = slot
        self.ready = self.dead = self.retired = False
        self.born = now()
        self.calls: dict[str, Call] = {}
        self.dial_at = self.rest_until = 0.0
        self._owner = owner
        self._handle = handle
        self._now = now
        self._transport: asyncio.Transport | None = None
        self._messages = MessageReader()
        self._pings = 0
        self._silent_since: float | None = None
        self.gone = asyncio.Event()

    async def connect(self, stream: socket.socket, setup: Setup) -> None:
        """Begin to talk."""
        loop = asyncio.get_running_loop()
        self._silent_since = self._now()
        try:
            await loop.create_unix_connection(lambda: self, sock=stream)
        except BaseException:
            stream.close()  # the card takes that for the end
            self.connection_lost(None)
            raise
        self.send(setup)

    @property
    def free(self) -> int:
        """How many lines are free, as far as we know."""
        return LINES_MAX - len(self.calls)

    def send(self, command: Command) -> None:
        """Give a command; one to a dead card goes nowhere, its calls are told otherwise."""
        if self._transport is not None and not self.dead:
            self._transport.write(encode(command))

    def dial(self, name: str, number: str, call_max_s: float) -> Call:
        """Place a call on a free line."""
        call = self.calls[name] = Call(name, self.send, call_max_s)
        self.dial_at = max(self.dial_at, self._now() - LATE_DIAL_S) + DIAL_GAP_S
        self.send(Dial(name, number))
        return call

    def register(self) -> None:
        """Make this card the one that is registered."""
        self.send(Register(on=True))

    def check(self) -> None:
        """Feel the pulse. A card that owes an answer for too long is killed."""
        self._let_go_of_stuck_calls()
        if self._silent_since is None:
            self._pings += 1
            self._silent_since = self._now()
            self.send(Ping(self._pings))
        elif self._now() - self._silent_since > (HANG_S if self.ready else START_S):
            _log.error("sip_card_hangs", extra={"slot": self.slot, "calls": len(self.calls)})
            self.kill()

    def _let_go_of_stuck_calls(self) -> None:
        """A line that never gets free would be lost for ever: another card takes its place."""
        before = self._now() - STUCK_S
        stuck = [
            name
            for name, call in self.calls.items()
            if call.hung_up_at is not None and call.hung_up_at < before
        ]
        if stuck:
            _log.error("sip_call_does_not_end", extra={"slot": self.slot, "calls": len(stuck)})
            for name in stuck:
                del self.calls[name]
            self.retire()
            self._owner.card_freed(self)

    def forgive(self) -> None:
        """Begin to count its silence anew: it was we who were late."""
        if self._silent_since is not None:
            self._silent_since = self._now()

    def retire(self) -> None:
        """Take no new calls, and quit when the last one has ended."""
        self.retired = True
        if not self.calls:
            self.quit()

    def quit(self) -> None:
        """Ask it to end its calls and itself."""
        self.send(Quit())

    def kill(self) -> None:
        """End it now."""
        if not self.dead:
            kill(self._handle)

    # --- asyncio.Protocol -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where commands go."""
        self._transport = transport  # type: ignore[assignment]  # asyncio names the base only

    def data_received(self, data: bytes) -> None:
        """Take what it reports."""
        self._silent_since = None
        try:
            for message in self._messages.feed(data):
                self._take(message)
        except ProtocolError:
            _log.exception("sip_card_talks_nonsense", extra={"slot": self.slot})
            self.kill()

    def connection_lost(self, error: Exception | None) -> None:
        """Its process has ended."""
        if self.dead:
            return
        self.dead = True
        os.close(self._handle)
        calls, self.calls = self.calls, {}
        for call in calls.values():
            call.lose("card_died")
        self.gone.set()
        self._owner.card_died(self)

    def _take(self, message: object) -> None:
        if isinstance(message, _CALL_EVENTS):
            self._take_of_call(message)
            return
        match message:
            case Ready(nice=nice):
                self.ready = True
                _log.info("sip_card_ready", extra={"slot": self.slot, "nice": nice})
                self._owner.card_ready(self)
            case Registration():
                self._owner.card_registered(self, message)
            case Trouble(where, what):
                extra = {"slot": self.slot, "where": where, "what": what}
                _log.error("sip_card_trouble", extra=extra)
            case Pong():
                pass

    def _take_of_call(self, event: CallEvent) -> None:
        call = self.calls.get(event.call)
        if call is None:
            return
        call.take(event)
        if isinstance(event, NoLine):
            self.rest_until = self._now() + NO_LINE_REST_S
        if isinstance(event, Disconnected | NoLine):
            del self.calls[event.call]
            if self.retired and not self.calls:
                self.quit()
            self._owner.card_freed(self)
