"""A trunk in a test's hand: every SIP message of it is written by the test."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from adapters.http import HttpClient
from adapters.telephony.sandbox import World
from adapters.telephony.sandbox_phone import Call, CallState
from adapters.telephony.sandbox_sip import Exchange
from adapters.telephony.sandbox_sip_message import Message, parse, response, sdp, tag_in, write
from gateway.clock import SystemClock

NUMBER = "+79161234567"


class Caller(asyncio.DatagramProtocol):
    """Calls the exchange; `got` are the messages that came, in order."""

    def __init__(self) -> None:
        self.got: list[Message] = []
        self._news = asyncio.Event()
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.got.append(parse(data))
        self._news.set()

    @property
    def port(self) -> int:
        return int(self._transport.get_extra_info("sockname")[1])

    def send(self, data: bytes) -> None:
        self._transport.sendto(data)

    def ask(
        self,
        method: str,
        *,
        number: int = 1,
        tag: str = "",
        body: bytes = b"",
        call: str = "c-1",
        to: str = NUMBER,
    ) -> None:
        """Send a request of a call."""
        user = f"<sip:{to}@127.0.0.1>"
        headers = [
            ("Via", f"SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{number}{method}"),
            ("From", "<sip:+74950000000@127.0.0.1>;tag=ours"),
            ("To", f"{user};tag={tag}" if tag else user),
            ("Call-ID", call),
            ("CSeq", f"{number} {method}"),
            ("Contact", f"<sip:gateway@127.0.0.1:{self.port}>"),
        ]
        self.send(write(f"{method} sip:{to}@127.0.0.1 SIP/2.0", headers, body))

    def invite(self, **more: Any) -> None:
        """Call, offering A-law at a port where nobody listens."""
        self.ask("INVITE", **{"body": sdp(9), **more})

    def answer(self, request: Message) -> None:
        """Say 200 to a request of the telephone's."""
        self.send(response(request, 200))

    async def gets(self, what: int | str, times: int = 1) -> Message:
        """Wait until a response or request has come so often; return the last of them."""
        async with asyncio.timeout(10):
            while True:
                found = [m for m in self.got if what in ((m.code,) if m.code else (m.method,))]
                if len(found) >= times:
                    return found[-1]
                self._news.clear()
                await self._news.wait()


class Town:
    """An exchange with its world, and a caller."""

    def __init__(self, world: World, exchange: Exchange, caller: Caller) -> None:
        self.world, self.exchange, self.caller = world, exchange, caller

    async def until(self, state: CallState) -> Call:
        """Wait until the newest call stands so."""
        async with asyncio.timeout(10):
            while not self.world.calls or self.world.calls[-1].state is not state:
                await self.world.changes.after(self.world.changes.count)
        return self.world.calls[-1]

    async def talk(self) -> str:
        """Call, let it be answered, acknowledge; return the telephone's tag."""
        self.caller.invite()
        await self.until(CallState.RINGING)
        self.world.answer(NUMBER)
        tag = tag_in((await self.caller.gets(200)).header("to"))
        self.caller.ask("ACK", tag=tag)
        await self.until(CallState.IN_PROGRESS)
        return tag


@asynccontextmanager
async def open_town() -> AsyncIterator[Town]:
    client, clock = HttpClient(), SystemClock()
    world = World(clock, client, [])
    exchange = Exchange(world, clock)
    port = await exchange.bind()
    running = asyncio.create_task(exchange.run())
    loop = asyncio.get_running_loop()
    transport, caller = await loop.create_datagram_endpoint(
        Caller, local_addr=("127.0.0.1", 0), remote_addr=("127.0.0.1", port)
    )
    await asyncio.sleep(0)
    try:
        yield Town(world, exchange, caller)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        exchange.close()
        transport.close()
        await client.close()
