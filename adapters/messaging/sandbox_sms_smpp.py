"""A small SMSC of our own: SMPP 3.4 over a real socket, with receipts, answers and bad days.

The production adapter runs against it unchanged: point `host` and `port` at it. What was accepted
stands in `accepted`, long messages put together again. `faults.planned` are command_status values;
`cut_next` accepts a submission and drops the connection in place of its response; while `silent`
it does everything but respond.
"""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import TypeAlias

from adapters.messaging.sandbox_world import Chance, ChatMessage, Faults, Pace, State
from adapters.messaging.smpp_pdu import (
    RESPONSE,
    UDH,
    Address,
    Command,
    Pdu,
    PduError,
    Sm,
    Status,
    decode,
    encode,
    length_of,
    message_id_body,
    read_bind,
    read_sm,
    sm_body,
)
from adapters.messaging.smpp_text import Part, code, read_part, with_header
from gateway.clock import Clock

_Work: TypeAlias = Callable[[], Coroutine[object, object, None]]

_RECEIPT = 0x04
_RESPONSE_S = 10.0
_AGAIN_S = 2.0
"""Between two deliveries of what was not taken."""


class _Esme:
    """A bound client."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.waiting: dict[int, asyncio.Future[Pdu]] = {}

    def hang_up(self) -> None:
        self.writer.close()
        for waiting in self.waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionResetError())


class Smsc:
    """An SMSC with one account. `run` must be running for anything to be delivered."""

    def __init__(
        self,
        clock: Clock,
        system_id: str,
        password: str,
        *,
        pace: Pace | None = None,
        seed: int = 0,
        hex_ids: bool = False,
    ) -> None:
        self.faults = Faults()
        self.accepted: list[ChatMessage] = []
        self.submitted: list[Sm] = []
        self.undeliverable: set[str] = set()
        self.silent = False
        self.binds = 0
        self._clock = clock
        self._account = (system_id, password)
        self._pace = pace or Pace()
        self._chance = Chance(seed)
        self._hex_ids = hex_ids
        self._esmes: list[_Esme] = []
        self._sequences = itertools.count(1)
        self._parts: dict[tuple[str, int], dict[int, Part]] = {}
        self._work: asyncio.Queue[_Work] = asyncio.Queue()
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._server: asyncio.Server | None = None
        self._open: dict[_Esme, asyncio.Task[object] | None] = {}

    @property
    def port(self) -> int:
        """The port that it listens on."""
        if self._server is None:
            raise RuntimeError("the SMSC is not started")
        return int(self._server.sockets[0].getsockname()[1])

    async def start(
        self, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, host, port, ssl=tls)

    async def close(self) -> None:
        """Hang up and stop listening."""
        if self._server is not None:
            self._server.close()
        self.drop()
        tasks = [task for task in self._open.values() if task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)

    def drop(self) -> None:
        """Break every connection."""
        for esme in self._open:
            esme.hang_up()

    async def run(self) -> None:
        """Deliver receipts and answers, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                tasks.create_task(self._carry(await self._work.get()))

    async def idle(self) -> None:
        """Wait until nothing is on its way any more."""
        await self._idle.wait()

    def _set_out(self, work: _Work) -> None:
        self._under_way += 1
        self._idle.clear()
        self._work.put_nowait(work)

    async def _carry(self, work: _Work) -> None:
        await work()
        self._under_way -= 1
        if not self._under_way:
            self._idle.set()

    # What patients do

    def write(self, number: str, to: str, text: str) -> None:
        """Send a message from a patient's phone, in parts where it is long."""
        coded = code(text)
        reference = int(self._chance.fresh(2), 16)
        total = len(coded.parts)
        bodies = [
            Sm(
                Address(number.lstrip("+"), 1, 1),
                Address(to.lstrip("+"), 1, 1),
                part if total == 1 else with_header(reference, total, index, part),
                coded.data_coding,
                UDH if total > 1 else 0,
            )
            for index, part in enumerate(coded.parts, 1)
        ]
        self._set_out(partial(self._deliver_all, bodies))

    async def _deliver_all(self, bodies: list[Sm]) -> None:
        for body in bodies:
            await self._deliver(body)

    # A client

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        esme = _Esme(writer)
        self._open[esme] = asyncio.current_task()
        with suppress(OSError, EOFError, PduError):
            while True:
                header = await reader.readexactly(4)
                pdu = decode(await reader.readexactly(length_of(header)))
                if pdu.command & RESPONSE:
                    waiting = esme.waiting.pop(pdu.sequence, None)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(pdu)
                elif not await self._answer(esme, pdu):
                    break
        if esme in self._esmes:
            self._esmes.remove(esme)
        self._open.pop(esme)
        esme.hang_up()

    async def _answer(self, esme: _Esme, pdu: Pdu) -> bool:
        """Answer a request; tell whether the connection goes on."""
        if pdu.command == Command.BIND_TRANSCEIVER:
            return self._bind(esme, pdu)
        if pdu.command == Command.SUBMIT_SM and esme in self._esmes:
            return await self._submit(esme, pdu)
        if pdu.command == Command.ENQUIRE_LINK:
            if not self.silent:
                esme.writer.write(encode(Command.ENQUIRE_LINK_RESP, pdu.sequence))
            return True
        if pdu.command == Command.UNBIND:
            esme.writer.write(encode(Command.UNBIND_RESP, pdu.sequence))
            return False
        wrong = Status.INVALID_COMMAND
        esme.writer.write(encode(Command.GENERIC_NACK, pdu.sequence, status=wrong))
        return True

    def _bind(self, esme: _Esme, pdu: Pdu) -> bool:
        self.binds += 1
        status = Status.OK
        if self.faults.down:
            status = Status.BIND_FAILED
        elif read_bind(pdu.body) != self._account:
            status = Status.INVALID_PASSWORD
        body = message_id_body("sandbox")
        esme.writer.write(encode(Command.BIND_TRANSCEIVER_RESP, pdu.sequence, body, status))
        if status == Status.OK:
            self._esmes.append(esme)
        return status == Status.OK

    async def _submit(self, esme: _Esme, pdu: Pdu) -> bool:
        sm = read_sm(pdu.body)
        self.submitted.append(sm)
        number = f"+{sm.destination.text}"
        planned = self.faults.take_planned(number)
        if planned is not None:
            esme.writer.write(encode(Command.SUBMIT_SM_RESP, pdu.sequence, status=planned.code))
            return True
        message_id = self._take(sm, number)
        await self._clock.sleep(self.faults.slow_s)
        if self.faults.take_cut():
            return False
        shown = f"{message_id:x}" if self._hex_ids else str(message_id)
        body = message_id_body(shown)
        if not self.silent:
            esme.writer.write(encode(Command.SUBMIT_SM_RESP, pdu.sequence, body))
        return True

    def _take(self, sm: Sm, number: str) -> int:
        """Write a message, once it is whole, into the book and set out its receipts."""
        message_id = int(self._chance.fresh(8), 16)
        part = read_part(sm)
        parts = self._parts.setdefault((number, part.reference), {})
        parts[part.number] = part
        if len(parts) == part.total:
            del self._parts[(number, part.reference)]
            text = "".join(parts[index].text for index in range(1, part.total + 1))
            self.accepted.append(
                ChatMessage(
                    id=str(message_id),
                    sender=sm.source.text,
                    number=number,
                    from_patient=False,
                    at=self._clock.now(),
                    text=text,
                )
            )
        if sm.registered_delivery:
            self._set_out(partial(self._report, sm, message_id, number))
        return message_id

    async def _report(self, sm: Sm, message_id: int, number: str) -> None:
        fails = number in self.undeliverable
        steps = [("ACCEPTD", State.SENT, self._pace.sent_s)]
        steps.append(
            ("UNDELIV", State.FAILED, self._pace.delivered_s)
            if fails
            else ("DELIVRD", State.DELIVERED, self._pace.delivered_s)
        )
        if self._chance.hits(self.faults.reorder_webhooks):
            steps.reverse()
        for word, state, pause_s in steps:
            await self._clock.sleep(pause_s)
            for message in self.accepted:
                if message.id == str(message_id):
                    message.move(state)
            if self._chance.hits(self.faults.lose_webhooks):
                continue
            text = (
                f"id:{message_id:010d} sub:001 dlvrd:001 submit date:2611231100 "
                f"done date:2611231101 stat:{word} err:{11 if fails else 0:03d} text:id:1 stat:X"
            )
            receipt = Sm(sm.destination, sm.source, text.encode("ascii"), 0, _RECEIPT)
            for _ in range(1 + self._chance.hits(self.faults.repeat_webhooks)):
                await self._deliver(receipt)

    async def _deliver(self, sm: Sm) -> None:
        """Deliver until it is taken."""
        while True:
            if self._esmes:
                with suppress(OSError, TimeoutError):
                    answer = await self._ask(self._esmes[0], sm)
                    if answer.status == Status.OK:
                        return
            await self._clock.sleep(_AGAIN_S)

    async def _ask(self, esme: _Esme, sm: Sm) -> Pdu:
        sequence = next(self._sequences)
        answer: asyncio.Future[Pdu] = asyncio.get_running_loop().create_future()
        esme.waiting[sequence] = answer
        esme.writer.write(encode(Command.DELIVER_SM, sequence, sm_body(sm)))
        try:
            async with asyncio.timeout(_RESPONSE_S):
                return await answer
        finally:
            esme.waiting.pop(sequence, None)
