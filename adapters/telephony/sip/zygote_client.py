"""The gateway's side of the zygote: starts it, has cards forked, logs what they print."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import Final

import adapters
from adapters.telephony.sip.protocol import ZYGOTE_FORK, ZYGOTE_READY

START_TIMEOUT_S: Final = 10.0
FORK_TIMEOUT_S: Final = 1.0

_ROOT: Final = Path(adapters.__file__).parents[1]
_ENVIRONMENT: Final = {
    # A library that starts threads of its own would make forking unsafe.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    # The card's main thread must not wait long for a name server (TLS only; see docs/sip.md).
    "RES_OPTIONS": "timeout:1 attempts:1",
}

_log = logging.getLogger("callahead.sip")


class ZygoteDied(Exception):
    """The zygote does not fork any more."""


class Zygote:
    """One zygote process. `died` is set when it is of no more use."""

    def __init__(self) -> None:
        self.died = asyncio.Event()
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._said: asyncio.ReadTransport | None = None
        self._answers: deque[asyncio.Future[int]] = deque()
        self._ready: asyncio.Future[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process id."""
        return self._process.pid if self._process is not None else None

    async def start(self) -> None:
        """Start the process and wait until it has read the library; raise `ZygoteDied`."""
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        reading = self._spawn(theirs)
        self._control = ours
        self._ready = loop.create_future()
        loop.add_reader(ours, self._read)
        self._said, _ = await loop.connect_read_pipe(_Said, os.fdopen(reading, "rb"))
        try:
            await asyncio.wait_for(self._ready, START_TIMEOUT_S)
        except TimeoutError:
            self._end()
        if self.died.is_set():
            await self.close()
            raise ZygoteDied

    def _spawn(self, theirs: socket.socket) -> int:
        """Start the program; return where to read what it prints."""
        reading, writing = os.pipe()
        with theirs, os.fdopen(writing, "wb") as errors:
            self._process = subprocess.Popen(  # noqa: S603  our own program
                [sys.executable, "-m", "adapters.telephony.sip.zygote", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=_ROOT,
                env=os.environ | _ENVIRONMENT,
                pass_fds=(theirs.fileno(),),
            )
        return reading

    async def fork(self) -> tuple[socket.socket, int]:
        """Return our end of a new card's socket, and a handle of its process.

        Raises `ZygoteDied`. The handle is to be closed.
        """
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        try:
            self._order(theirs, answer)
            return ours, await asyncio.wait_for(answer, FORK_TIMEOUT_S)
        except (OSError, TimeoutError):  # a full buffer, a broken socket, no answer
            self._end()
            ours.close()
            raise ZygoteDied from None
        except BaseException:
            ours.close()
            raise

    def _order(self, theirs: socket.socket, answer: asyncio.Future[int]) -> None:
        with theirs:
            if self._control is None:
                raise ZygoteDied
            socket.send_fds(self._control, [ZYGOTE_FORK], [theirs.fileno()])
        self._answers.append(answer)

    async def close(self) -> None:
        """End the process and wait for it; cards that still live go on."""
        self._end()
        process = self._process
        if process is not None and process.poll() is None:
            process.kill()
            await asyncio.to_thread(process.wait)
        if self._said is not None:
            self._said.close()

    def _read(self) -> None:
        """Take what the zygote says; nothing is its end."""
        try:
            message, handles, _, _ = socket.recv_fds(self._control, 64, 1)  # type: ignore[arg-type]  # read only while it is open
        except BlockingIOError:
            return
        except OSError:
            message, handles = b"", []
        if not message:
            self._end()
        elif message == ZYGOTE_READY and self._ready is not None and not self._ready.done():
            self._ready.set_result(None)
        elif handles:
            self._forked(handles[0])

    def _forked(self, handle: int) -> None:
        answer = self._answers.popleft() if self._answers else None
        if answer is not None and not answer.done():
            answer.set_result(handle)
        else:
            os.close(handle)  # nobody waits any more: the card ends by itself

    def _end(self) -> None:
        """Let go of the control socket, which ends the zygote, and of whoever waits."""
        control, self._control = self._control, None
        if control is not None:
            asyncio.get_running_loop().remove_reader(control)
            control.close()
        self.died.set()
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(None)
        while self._answers:
            answer = self._answers.popleft()
            if not answer.done():
                answer.set_exception(ZygoteDied())


class _Said(asyncio.Protocol):
    """What the zygote and its cards print: the library's last words before it aborts."""

    def data_received(self, data: bytes) -> None:
        for line in data.decode("utf-8", "replace").splitlines():
            if line.strip():
                _log.warning("sip_card_said", extra={"text": line.strip()[:500]})


def kill(handle: int) -> None:
    """End a process by its handle; harmless when it is dead."""
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(handle, signal.SIGKILL)
