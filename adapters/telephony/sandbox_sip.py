"""A small telephone exchange of our own: where a SIP trunk of the sandbox leads to.

The production line cards call it as they call a provider; behind it are the same patients'
telephones that the sandbox's Twilio rings. UDP on the loopback interface, no password, A-law or
µ-law, keys as RFC 4733 events.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import AsyncIterator
from typing import Final

from adapters.telephony.sandbox import World
from adapters.telephony.sandbox_phone import Call
from adapters.telephony.sandbox_rest import Order
from adapters.telephony.sandbox_sip_call import Around, Side, SipCall
from adapters.telephony.sandbox_sip_message import Message, parse, response, uri_in, user_in
from gateway.clock import Clock
from gateway.errors import NotFound

SIP_ACCOUNT: Final = "sip"
"""In place of an account of Twilio's."""

BLOCKS: Final = (24_000, 32_000)
"""Where free ports are looked for: the system gives those above to other programs."""

REMEMBERED_S: Final = 32.0
"""An ended call still answers what comes late or again (RFC 3261, timers H and J)."""


class Exchange(asyncio.DatagramProtocol):
    """Listens for calls while `run` is running."""

    def __init__(self, world: World, clock: Clock, host: str = "127.0.0.1") -> None:
        self._world = world
        self._clock = clock
        self._host = host
        self._numbers = itertools.count(1)
        self._transport: asyncio.DatagramTransport | None = None
        self._calls: dict[str, SipCall] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._open = asyncio.Event()

    async def bind(self) -> int:
        """Take a free port and return it; calls are taken once `run` runs."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(self._host, 0)
        )
        return self._port

    async def run(self) -> None:
        """Take calls until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            await asyncio.Event().wait()

    def close(self) -> None:
        """Let go of the port."""
        if self._transport is not None:
            self._transport.close()

    def sound(self, sid: str) -> AsyncIterator[bytes]:
        """Return what is heard in a call from now on (`SipCall.sound`); raise `NotFound`."""
        call = self.call(sid)
        if call is None:
            raise NotFound("no such call going on")
        return call.sound()

    def call(self, sid: str) -> SipCall | None:
        """Return a call that goes on, by the id that a page knows."""
        return next((c for c in self._calls.values() if c.call.sid == sid and c.call.live), None)

    @property
    def _port(self) -> int:
        if self._transport is None:
            raise AssertionError("an exchange is bound before it is used")
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Take a message; what is not SIP is dropped."""
        try:
            message = parse(data)
            self._take(message, addr)
        except (ValueError, IndexError):
            return

    def _take(self, message: Message, addr: tuple[str, int]) -> None:
        call = self._calls.get(message.header("call-id"))
        if message.code:
            if call is not None and message.code >= 200:
                call.answered()
        elif call is not None:
            call.take(message)
        elif message.method == "INVITE" and self._tasks is not None:
            self._tasks.create_task(self._hold(self._begun(message, addr), message))
        elif message.method != "ACK":
            code = 481 if message.method in ("BYE", "CANCEL") else 200
            self._send(response(message, code), addr)

    def _send(self, data: bytes, addr: tuple[str, int]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, addr)

    def _begun(self, invite: Message, addr: tuple[str, int]) -> SipCall:
        to = user_in(invite.start.split(" ")[1])
        caller = user_in(uri_in(invite.header("from")))
        now = self._clock.now()
        sid = f"SIP{now:%Y%m%d%H%M%S}{next(self._numbers)}"
        call = Call(sid, SIP_ACCOUNT, Order(_international(to), _international(caller), ""), now)
        call.live_sound = True
        world = self._world
        around = Around(self._clock, world.changes.note, world.moved, world.engaged)
        side = Side(self._host, self._port, lambda data: self._send(data, addr))
        return SipCall(invite, call, world.phone(call.order.to), side, around)

    async def _hold(self, call: SipCall, invite: Message) -> None:
        self._calls[invite.header("call-id")] = call
        with self._world.held(call):
            await call.run()
        await asyncio.sleep(REMEMBERED_S)
        del self._calls[invite.header("call-id")]


def free_block(count: int, host: str = "127.0.0.1") -> int:
    """Return the first, even, of so many UDP ports in a row that nobody uses now.

    Raises `OSError` when there are none.
    """
    for first in range(*BLOCKS, 2 * count):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(first, first + count):
                    probe = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
                    probe.bind((host, port))
            except OSError:
                continue
            return first
    raise OSError("no free ports for telephone calls")


def _international(number: str) -> str:
    """Return a number as telephones of the sandbox are named."""
    return number if number.startswith("+") else f"+{number}"
