"""The program of a line card: one SIP endpoint, four lines, no opinion of its own.

It takes commands and sends events (`protocol`) over an inherited socket. One thread reads the
socket; everything else happens in the main loop, where the library handles SIP and sound as well.
The library's own threads only post jobs. Nothing in the library can be woken from outside, so a
job is followed by the keep-alive of RFC 5626 §3.5.1 to our own SIP port: four bytes that
the library ignores, but that end its waiting.
"""

from __future__ import annotations

import contextlib
import gc
import os
import queue
import socket
import threading
import traceback
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

import pjsua2 as pj

from adapters.telephony.sip.linecard_call import LineCall, StrangerCall
from adapters.telephony.sip.linecard_endpoint import (
    account_config,
    destination,
    dial_options,
    start_endpoint,
)
from adapters.telephony.sip.linecard_player import Graveyard, destroy
from adapters.telephony.sip.protocol import (
    LINES_MAX,
    Command,
    Dial,
    Event,
    HangUp,
    MessageReader,
    NoLine,
    Ping,
    Play,
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

WAIT_MS: Final = 100
"""How long the library may wait for packets; jobs do not wait that long, they wake it."""

LEAVE_S: Final = 2.0
"""How long calls and the registration may take to end before the process does."""

SETTLE_S: Final = 0.1
"""What the other side answers to our last BYE has so long to arrive."""

_KEEP_ALIVE: Final = b"\r\n\r\n"
_TOO_MANY: Final = 70010  # PJ_ETOOMANY
_LOOK_S: Final = 1.0
_READ_BYTES: Final = 65536


class LineCard:
    """The card's state and its main loop."""

    def __init__(self, stream: socket.socket) -> None:
        self.graveyard = Graveyard()
        self.media_timeout_s = 0.0
        self._stream = stream
        self._messages = MessageReader()
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._calls: dict[str, LineCall] = {}
        self._strangers: list[StrangerCall] = []
        self._leaving = False
        self._wake: socket.socket | None = None

    def run(self) -> int:
        """Serve until told to quit; return the exit code."""
        setup, early = self._first_message()
        if setup is None:
            return 1
        self._setup, self.media_timeout_s = setup, setup.media_timeout_s
        nice = _be_nice(setup.nice)
        try:
            self._endpoint, wake_port, sip_port = start_endpoint(setup)
        except pj.Error as error:
            self.emit(Trouble("start", f"{error.status} {error.reason}"))
            return 1
        self._wake = _waker(setup.bind if setup.transport == "udp" else "", wake_port)
        self._account = _Account(self)
        self._account.create(account_config(setup))
        self.emit(Ready(sip_port, nice))
        for command in early:
            self._obey(command)
        threading.Thread(target=self._read, daemon=True).start()
        self._serve()
        return self._leave()

    def emit(self, event: Event) -> None:
        """Send an event; a gateway that is gone ends us."""
        try:
            self._stream.sendall(encode(event))
        except OSError:
            self._leaving = True

    def post(self, job: Callable[[], None]) -> None:
        """Do something in the main loop, soon; any thread may ask."""
        self._jobs.put(job)
        if self._wake is not None:
            with contextlib.suppress(OSError):  # a full buffer means that it wakes anyway
                self._wake.send(_KEEP_ALIVE)

    def stranger(self, number: int) -> None:
        """Take note of a call from outside, which is to be refused."""
        self._strangers.append(StrangerCall(self.graveyard, self._account, number))

    # --- The loop -------------------------------------------------------------------------------

    def _serve(self) -> None:
        look_at = monotonic() + _LOOK_S
        while not self._leaving:
            self._step(WAIT_MS)
            now = monotonic()
            if now >= look_at:
                look_at = now + _LOOK_S
                for call in self._calls.values():
                    call.look(now)

    def _step(self, wait_ms: int) -> None:
        self._endpoint.libHandleEvents(wait_ms)
        for call in self._strangers:
            call.refuse(monotonic())
        self._bury()
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            try:
                job()
            except Exception as error:  # noqa: BLE001  one bad job must not end four calls
                self.emit(Trouble("job", type(error).__name__))

    def _bury(self) -> None:
        """Destroy what is over: before any new call is made, and never in a callback."""
        over = [name for name, call in self._calls.items() if call.over]
        for name in over:
            del self._calls[name]
        self._strangers = [call for call in self._strangers if not call.over]
        self.graveyard.bury(monotonic())

    # --- Commands -------------------------------------------------------------------------------

    def _first_message(self) -> tuple[Setup | None, list[Command]]:
        """Read the setup, and what came with it."""
        while data := self._stream.recv(_READ_BYTES):
            messages = list(self._messages.feed(data))
            if messages and isinstance(messages[0], Setup):
                return messages[0], messages[1:]  # type: ignore[return-value]  # commands only
            if messages:
                break
        return None, []

    def _read(self) -> None:
        """Read commands until the gateway goes; its end is ours. A thread of its own."""
        with contextlib.suppress(OSError, ProtocolError):
            while data := self._stream.recv(_READ_BYTES):
                for message in self._messages.feed(data):
                    self._take(message)
        self.post(self._quit)

    def _take(self, message: Any) -> None:
        self.post(lambda: self._obey(message))

    def _obey(self, command: Command) -> None:
        match command:
            case Play() | HangUp():
                self._direct(command)
            case Dial(name, number):
                self._dial(name, number)
            case Ping(number):
                self.emit(Pong(number))
            case Register(on):
                self._register(on=on)
            case Quit():
                self._quit()
            case Setup():
                self.emit(Trouble("setup", "it was done before"))

    def _direct(self, command: Play | HangUp) -> None:
        """Hand a command to its call, unless that is over."""
        call = self._calls.get(command.call)
        if call is None:
            return
        if isinstance(command, Play):
            call.play(command.token, command.file, barge_in=command.barge_in)
        else:
            call.end()

    def _dial(self, name: str, number: str) -> None:
        if len(self._calls) >= LINES_MAX:
            self.emit(NoLine(name))
            return
        call = LineCall(self, self._account, name)
        try:
            call.makeCall(destination(self._setup, number), dial_options(self._setup))
        except pj.Error as error:
            if error.status == _TOO_MANY and not call.over:
                call.over = True
                self.graveyard.add(call, 0.0)
                self.emit(NoLine(name))
            else:
                call.finish(0, "transport", f"{error.status} {error.reason}")
            return
        self._calls[name] = call

    def _register(self, *, on: bool) -> None:
        try:
            self._account.setRegistration(on)
        except pj.Error as error:
            self.emit(Registration(0, False, f"{error.status} {error.reason}"))

    def _quit(self) -> None:
        self._leaving = True

    def _leave(self) -> int:
        """End calls, then objects, then the library, in the only order that does not abort."""
        self._endpoint.hangupAllCalls()
        if self._account.registered:
            self._register(on=False)
        until = monotonic() + LEAVE_S
        while (self._calls or self._account.registered) and monotonic() < until:
            self._step(20)
        self._account.shutdown()
        settle_until = monotonic() + SETTLE_S
        while monotonic() < settle_until:
            self._step(20)
        for call in self._calls.values():
            destroy(call)
        self._calls.clear()
        self.graveyard.bury(float("inf"))
        gc.collect()
        self._endpoint.libDestroy(pj.PJSUA_DESTROY_NO_NETWORK)  # else it waits a second or more
        return 0


class _Account(pj.Account):  # type: ignore[misc]  # the library has no types
    """Who we are to the trunk."""

    def __init__(self, card: LineCard) -> None:
        super().__init__()
        self._card = card
        self.registered = False

    def onRegState(self, prm: Any) -> None:  # noqa: N802  the library's name
        """Tell how the registration stands."""
        self.registered = prm.code // 100 == 2 and prm.expiration > 0
        self._card.emit(Registration(prm.code, self.registered, prm.reason))

    def onIncomingCall(self, prm: Any) -> None:  # noqa: N802  the library's name
        """Nobody calls the robot."""
        self._card.stranger(prm.callId)


def _be_nice(nice: int) -> int:
    """Change our priority as far as we are let; return what it is."""
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, nice)
    return os.getpriority(os.PRIO_PROCESS, 0)


def _waker(bind: str, port: int) -> socket.socket:
    address = "127.0.0.1" if bind in {"", "0.0.0.0"} else bind  # noqa: S104  not bound, compared
    waker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    waker.connect((address, port))
    waker.setblocking(False)
    return waker


def main(fd: int) -> None:
    """Be a line card on an inherited socket, and end with the process."""
    stream = socket.socket(fileno=fd)
    code = 1
    try:
        code = LineCard(stream).run()
    except BaseException:  # noqa: BLE001  nobody above us; the gateway logs what we print
        traceback.print_exc()
    finally:
        os._exit(code)  # the library's threads and objects are not for the interpreter to end
