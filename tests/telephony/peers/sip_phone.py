"""A patient's telephone: answers SIP over UDP or TCP, sends and records RTP, as the test tells it.

    async with SipPhone() as phone:
        call = await phone.rings()
        call.ring()
        call.answer()
        await call.acked()
        call.press("1")
        assert await call.ended() == "BYE"

It also plays the trunk's registrar and proxy: with a `Guard` it asks for a password. Requests it
does not know what to do with are answered 200 and kept in `requests`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from adapters.telephony.sandbox_sip_message import Message, parse, response, split_stream
from tests.telephony.peers.digest import Guard
from tests.telephony.peers.phone_call import T1, PhoneCall, Send


class SipPhone:
    """A telephone at 127.0.0.1; see the module."""

    def __init__(
        self,
        transport: Literal["udp", "tcp"] = "udp",
        *,
        port: int = 0,
        guard: Guard | None = None,
    ) -> None:
        self.transport = transport
        self.port = port
        self.guard = guard
        self.guards_invites = False
        self.deaf = False
        """Take nothing in, like a telephone whose cable has been pulled."""
        self.serve: Callable[[PhoneCall], Awaitable[None]] | None = None
        """What to do with each call; None: they wait in `rings`."""
        self.refuses: int | None = None
        """Refuse every call with this code, at once."""
        self.requests: list[Message] = []
        self.calls: list[PhoneCall] = []
        self.invites = 0
        self.changed = asyncio.Event()
        self._by_id: dict[str, PhoneCall] = {}
        self._answered: dict[tuple[str, int, str], bytes] = {}
        self._waiting: asyncio.Queue[PhoneCall] = asyncio.Queue()
        self._asked: dict[tuple[str, int], asyncio.Future[Message]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._udp: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self._streams: set[asyncio.Transport] = set()

    async def __aenter__(self) -> SipPhone:
        loop = asyncio.get_running_loop()
        if self.transport == "udp":
            self._udp, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self), local_addr=("127.0.0.1", self.port)
            )
            self.port = self._udp.get_extra_info("sockname")[1]
        else:
            self._server = await loop.create_server(lambda: _Stream(self), "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang nothing up; be gone."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for call in self.calls:
            call.close()
        if self._udp is not None:
            self._udp.close()
        for stream in list(self._streams):
            stream.abort()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        await asyncio.sleep(0)

    async def rings(self, within_s: float = 5.0) -> PhoneCall:
        """Return the next call."""
        async with asyncio.timeout(within_s):
            return await self._waiting.get()

    async def picks_up(self, *, ringing_s: float = 0.0, **answer: Any) -> PhoneCall:
        """Wait for the next call, ring, pick up; return once the caller has acknowledged it."""
        call = await self.rings()
        call.ring()
        await asyncio.sleep(ringing_s)
        call.answer(**answer)
        await call.acked()
        return call

    @property
    def registrations(self) -> list[Message]:
        """The REGISTER requests that were accepted."""
        return [request for request in self.requests if request.method == "REGISTER"]

    async def asked(self) -> None:
        """Wait for the next request outside a call."""
        self.changed.clear()
        await self.changed.wait()

    def drop_connections(self) -> None:
        """Close every TCP connection, as a proxy that restarts."""
        for stream in list(self._streams):
            stream.abort()

    def way_to(self, host: str, port: int) -> Send:
        """Return how to send a datagram to an address."""
        return lambda data: self._udp.sendto(data, (host, port)) if self._udp else None

    async def ask(
        self, data: bytes, send: Send, *, within_s: float = 4.0, tries: int = 4
    ) -> Message:
        """Send a request until it is answered; return the final response."""
        request = parse(data)
        key = (request.header("call-id"), request.cseq)
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._asked[key] = answer
        try:
            async with asyncio.timeout(within_s):
                for wait in (T1 * 2**count for count in range(tries)):
                    send(data)
                    await asyncio.wait([answer], timeout=wait)
                    if answer.done() or self.transport == "tcp":
                        break
                return await answer
        finally:
            del self._asked[key]

    def take(self, data: bytes, send: Send, source: tuple[str, int]) -> None:
        """Take in one message."""
        if self.deaf or not data.strip():
            return
        message = parse(data)
        if message.code:
            self._response(message)
        elif message.method == "ACK":
            if call := self._by_id.get(message.header("call-id")):
                call.take_ack(message)
        else:
            self._request(message, send, source)

    def spawn(self, work: Awaitable[None]) -> None:
        """Do something beside."""
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _response(self, message: Message) -> None:
        waiting = self._asked.get((message.header("call-id"), message.cseq))
        if waiting is not None and not waiting.done() and message.code >= 200:
            waiting.set_result(message)

    def _request(self, request: Message, send: Send, source: tuple[str, int]) -> None:
        key = (request.header("call-id"), request.cseq, request.method)
        if key in self._answered:
            send(self._answered[key])
            return

        def reply(data: bytes) -> None:
            if parse(data).code >= 180:
                self._answered[key] = data
            send(data)

        call = self._by_id.get(request.header("call-id"))
        if request.method in ("REGISTER", "INVITE") and self._asks_who(request, reply):
            return
        if call is not None:
            call.take(request, reply)
        elif request.method == "INVITE":
            self._ring(PhoneCall(self, request, reply, send, source))
        elif request.method in ("BYE", "CANCEL"):
            reply(response(request, 481, "Call Does Not Exist"))
        else:
            self.requests.append(request)
            self.changed.set()
            contacts = [("Contact", value) for value in request.all("contact")]
            expires = [("Expires", "300")] if request.method == "REGISTER" else []
            reply(response(request, 200, headers=contacts + expires))

    def _asks_who(self, request: Message, reply: Send) -> bool:
        guard = self.guard
        if guard is None or (request.method == "INVITE" and not self.guards_invites):
            return False
        found = guard.is_answered(request)
        if found is None:
            reply(response(request, guard.code, headers=[guard.challenge]))
        elif not found:
            reply(response(request, 403))
        return not found

    def _ring(self, call: PhoneCall) -> None:
        self.invites += 1
        self.calls.append(call)
        self._by_id[call.id] = call
        if self.refuses is not None:
            call.refuse(self.refuses)
        elif self.serve is not None:
            self.spawn(self.serve(call))
        else:
            self._waiting.put_nowait(call)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, phone: SipPhone) -> None:
        self._phone = phone

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        def send(out: bytes) -> None:
            if not self._transport.is_closing():
                self._transport.sendto(out, addr)

        self._phone.take(data, send, addr)


class _Stream(asyncio.Protocol):
    def __init__(self, phone: SipPhone) -> None:
        self._phone = phone
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._phone._streams.add(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._phone._streams.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            message, self._buffer = split_stream(self._buffer)
            if message is None:
                return
            self._phone.take(message, self._send, self._transport.get_extra_info("peername"))

    def _send(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)
