"""One connection to an SMSC: bind, window, responses, enquire_link. SMPP 3.4, chapter 2 and 7.

What the SMSC delivers is answered only after whoever listens has committed it; a listener that
cannot makes it a temporary error, and the SMSC delivers it again.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from adapters.messaging.smpp_pdu import (
    RESPONSE,
    Command,
    Pdu,
    PduError,
    Sm,
    Status,
    bind_body,
    decode,
    encode,
    length_of,
    message_id_body,
    read_sm,
)
from gateway.errors import StoreError

Listener: TypeAlias = Callable[[Sm], Awaitable[None]]

log = logging.getLogger("callahead.smpp")


class SessionLost(ConnectionError):
    """The connection ended; `written` tells whether the request had begun to leave."""

    def __init__(self, *, written: bool) -> None:
        super().__init__("the SMPP connection is lost")
        self.written = written


class BindRefused(ConnectionError):
    """The SMSC does not let us in; `status` says why."""

    def __init__(self, status: int) -> None:
        super().__init__(f"bind refused: 0x{status:02x}")
        self.status = status


class Session:
    """A bound connection. `run` must be running for anything to be answered."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        window: int,
        response_s: float,
        idle_s: float,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._window = asyncio.Semaphore(window)
        self._response_s = response_s
        self._idle_s = idle_s
        self._sequences = itertools.cycle(range(1, 0x7FFF_FFFF))
        self._waiting: dict[int, asyncio.Future[Pdu]] = {}
        self._heard = asyncio.Event()
        self._lost = False

    async def bind(self, system_id: str, password: str, system_type: str) -> None:
        """Bind as a transceiver; raise `BindRefused`, `OSError`, `TimeoutError` or `PduError`."""
        body = bind_body(system_id, password, system_type)
        async with asyncio.timeout(self._response_s):
            self._write(Command.BIND_TRANSCEIVER, next(self._sequences), body)
            answer = await self._read()
        if answer.command != Command.BIND_TRANSCEIVER_RESP or answer.status != Status.OK:
            raise BindRefused(answer.status)

    async def run(self, listener: Listener) -> None:
        """Serve the connection until it ends; raise `SessionLost`."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._receive(listener))
                tasks.create_task(self._keep_alive())
        except* (OSError, EOFError, TimeoutError, PduError) as errors:
            log.info("an SMPP connection ended", extra={"errors": len(errors.exceptions)})
        finally:
            self._end()
        raise SessionLost(written=True)

    async def request(self, command: Command, body: bytes) -> Pdu:
        """Send a request and return its response.

        Raises `SessionLost`, or `TimeoutError` when the response does not come in time (then the
        request may have been carried out); waiting for room in the window counts as not written.
        """
        try:
            async with asyncio.timeout(self._response_s):
                await self._window.acquire()
        except TimeoutError:
            raise SessionLost(written=False) from None
        try:
            return await self._answered(command, body)
        finally:
            self._window.release()

    async def close(self) -> None:
        """Say goodbye and hang up."""
        self._end()

    async def _answered(self, command: Command, body: bytes) -> Pdu:
        if self._lost:
            raise SessionLost(written=False)
        sequence = next(self._sequences)
        answer: asyncio.Future[Pdu] = asyncio.get_running_loop().create_future()
        self._waiting[sequence] = answer
        try:
            self._write(command, sequence, body)
            async with asyncio.timeout(self._response_s):
                return await answer
        finally:
            self._waiting.pop(sequence, None)

    async def _receive(self, listener: Listener) -> None:
        while True:
            pdu = await self._read()
            self._heard.set()
            if pdu.command & RESPONSE:
                waiting = self._waiting.get(pdu.sequence)
                if waiting is not None and not waiting.done():
                    waiting.set_result(pdu)
            elif pdu.command == Command.DELIVER_SM:
                await self._deliver(pdu, listener)
            elif pdu.command == Command.ENQUIRE_LINK:
                self._write(Command.ENQUIRE_LINK_RESP, pdu.sequence)
            elif pdu.command == Command.UNBIND:
                self._write(Command.UNBIND_RESP, pdu.sequence)
                raise EOFError
            else:
                self._write(Command.GENERIC_NACK, pdu.sequence, status=Status.INVALID_COMMAND)

    async def _deliver(self, pdu: Pdu, listener: Listener) -> None:
        status = Status.OK
        try:
            await listener(read_sm(pdu.body))
        except PduError:
            # It would not become readable by being delivered again.
            log.warning("a delivered message could not be read", extra={"bytes": len(pdu.body)})
        except StoreError:
            status = Status.TEMPORARY_ERROR
        except Exception:
            # As a webhook is answered 500: one message must not end the connection for all.
            log.exception("a delivered message could not be taken")
            status = Status.TEMPORARY_ERROR
        body = message_id_body("")
        self._write(Command.DELIVER_SM_RESP, pdu.sequence, body, status=status)

    async def _keep_alive(self) -> None:
        """Ask whether the other side is still there when nothing has come for a while."""
        while True:
            self._heard.clear()
            try:
                async with asyncio.timeout(self._idle_s):
                    await self._heard.wait()
            except TimeoutError:
                await self._answered(Command.ENQUIRE_LINK, b"")

    async def _read(self) -> Pdu:
        header = await self._reader.readexactly(4)
        return decode(await self._reader.readexactly(length_of(header)))

    def _write(
        self, command: Command, sequence: int, body: bytes = b"", *, status: int = 0
    ) -> None:
        self._writer.write(encode(command, sequence, body, status))

    def _end(self) -> None:
        if self._lost:
            return
        self._lost = True
        self._write(Command.UNBIND, next(self._sequences))
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(SessionLost(written=True))
        self._writer.close()
