"""The embedded store: a private server in the data folder.

It listens on a unix socket only, writes every change to disk before it answers, and ends with
us. The folder is locked for as long as either of us lives, because two servers on one
append-only file would both write it. Whoever finds the folder locked joins the running server.

    <data>/lock        process id of the owner and path of the socket; locked with flock
    <data>/server      product and version that last wrote the folder
    <data>/server.log  what the server says
    <data>/appendonlydir/
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from adapters.store import binaries
from adapters.store.connection import Connection, parse_url
from gateway.errors import StoreError, StoreUnavailable, StoreUnusable

SOCKET_PATH_BYTES_MAX: Final = 107
"""`sun_path` of unix(7) holds 108 bytes, its final zero included."""

START_TIMEOUT_S: Final = 300.0
"""Reading a million cases back takes about 15 s; a slow disk gets the rest."""

JOIN_TIMEOUT_S: Final = 30.0
"""So long may the owner of a locked folder take to start, or to end."""

STOP_TIMEOUT_S: Final = 30.0
DEATHS_MAX: Final = 5
"""A server that dies so often in a row, each time before it lived `LIVED_S`, is given up."""
LIVED_S: Final = 10.0

_POLL_S: Final = 0.02
_WATCH_S: Final = 0.2
_PR_SET_PDEATHSIG: Final = 1
_DAMAGED: Final = re.compile(r"Bad file format reading the append only file ([^\s:]+)")

_log = logging.getLogger("callahead.store")


class Joined:
    """A server that another process of ours runs."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def watch(self) -> None:
        """Wait for ever: its owner watches it."""
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Leave it running."""


class EmbeddedServer:
    """A server that we run. Made by `open_embedded`; `url` is for `open_store`."""

    def __init__(self, folder: Path, lock: int, socket: str, binary: binaries.Binary) -> None:
        self.url = f"unix://{socket}"
        self._folder = folder
        self._lock = lock
        self._socket = socket
        self._binary = binary
        self._process: subprocess.Popen[bytes] | None = None
        self._closing = False

    @property
    def pid(self) -> int | None:
        """The process id of the server."""
        return self._process.pid if self._process is not None else None

    async def start(self) -> None:
        """Start the server and wait until it answers.

        Raises `StoreUnusable` when it cannot read its data or does not start.
        """
        loop = asyncio.get_running_loop()
        self._process = process = self._spawn()
        deadline = loop.time() + START_TIMEOUT_S
        while not await answers(self.url):
            if process.poll() is not None:
                raise StoreUnusable(await asyncio.to_thread(self._why))
            if loop.time() > deadline:
                await self._stop()
                raise StoreUnusable(f"the store's server did not start in {START_TIMEOUT_S:.0f} s")
            await asyncio.sleep(_POLL_S)
        (self._folder / "server").write_text(f"{self._binary}\n")

    async def watch(self) -> None:
        """Start the server again whenever it dies; ends with `close`.

        Raises `StoreUnusable` when it keeps dying or cannot read its data any more.
        """
        loop, deaths, born = asyncio.get_running_loop(), 0, 0.0
        while self._wanted():
            await asyncio.sleep(_WATCH_S)
            if not self._died():
                continue
            deaths = deaths + 1 if loop.time() - born < LIVED_S else 1
            _log.error("store_server_died", extra={"deaths": deaths})
            if deaths >= DEATHS_MAX:
                raise StoreUnusable(await asyncio.to_thread(self._why))
            try:
                await self.start()
            except StoreUnusable:
                if self._wanted():
                    raise
                return
            born = loop.time()
            _log.warning("store_server_restarted", extra={"pid": self.pid})

    def _wanted(self) -> bool:
        return not self._closing

    def _died(self) -> bool:
        process = self._process
        return self._wanted() and process is not None and process.poll() is not None

    async def close(self) -> None:
        """End the server, wait for it, and unlock the folder."""
        self._closing = True
        await self._stop()
        _clear(self._socket, self._folder)
        os.close(self._lock)

    async def _stop(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        deadline = asyncio.get_running_loop().time() + STOP_TIMEOUT_S
        while process.poll() is None:
            if asyncio.get_running_loop().time() > deadline:
                process.kill()
            await asyncio.sleep(_POLL_S)

    def _spawn(self) -> subprocess.Popen[bytes]:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._socket)  # of a server that was killed: nobody else has the lock
        with (self._folder / "server.log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603  a server program that we found ourselves
                [self._binary.path, *self._flags()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                start_new_session=True,
                pass_fds=(self._lock,),
                preexec_fn=_die_with_parent(),
            )

    def _flags(self) -> list[str]:
        return [
            "--port", "0",
            "--unixsocket", self._socket,
            "--unixsocketperm", "700",
            "--dir", str(self._folder),
            "--daemonize", "no",
            "--appendonly", "yes",
            "--appendfsync", "always",
            "--aof-load-truncated", "yes",
            "--save", "",
            "--auto-aof-rewrite-percentage", "100",
            "--auto-aof-rewrite-min-size", "64mb",
            "--maxmemory-policy", "noeviction",
        ]  # fmt: skip

    def _why(self) -> str:
        """Say why the server ended."""
        log = self._folder / "server.log"
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            tail = file.read().decode("utf-8", "replace")
        if damaged := _DAMAGED.search(tail):
            tool = binaries.check_aof(self._binary, self._folder)
            file_ = self._folder / "appendonlydir" / damaged[1]
            return (
                f"the store in {self._folder} is damaged (after a power loss?). "
                f"Copy the folder, then repair it: {tool} --fix {file_}"
            )
        lines = tail.strip().splitlines()
        last = lines[-1].strip() if lines else "it said nothing"
        return (
            f"the store's server ({self._binary}) ended: {last} (more in {log}; "
            f"the folder was last written by {_written_by(self._folder) or 'nobody'})"
        )


async def open_embedded(data_dir: Path | str) -> EmbeddedServer | Joined:
    """Start the private server of a data folder, or join the one that runs there.

    Call it from the main thread: the server is told to end with the thread that started it.
    Raises `StoreUnusable` when the folder is locked and nobody answers, when its data are
    damaged (the message names the repair command), or when there is no server program.
    """
    folder = _prepare(Path(data_dir))
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        joined = await _lock_or_join(folder, lock)
        if joined is not None:
            os.close(lock)
            return joined
        server = await asyncio.to_thread(_describe, folder, lock)
        try:
            await server.start()
        except BaseException:
            await server.close()
            lock = -1
            raise
    except BaseException:
        if lock >= 0:
            os.close(lock)
        raise
    return server


async def answers(url: str) -> bool:
    """Tell whether a server answers and has read all its data."""
    connection = Connection(parse_url(url))
    try:
        await connection.call("PING")
    except StoreUnavailable:
        return False
    finally:
        await connection.close()
    return True


async def _lock_or_join(folder: Path, lock: int) -> Joined | None:
    """Lock the folder (None) or join the server of the process that has locked it."""
    deadline = asyncio.get_running_loop().time() + JOIN_TIMEOUT_S
    while not _try_lock(lock):
        owner, socket = _owner(lock)
        if owner and _alive(owner):
            if await answers(f"unix://{socket}"):
                return Joined(f"unix://{socket}")
        elif owner:
            await _shut_down(f"unix://{socket}")
        if asyncio.get_running_loop().time() > deadline:
            raise StoreUnusable(
                f"the store in {folder} is locked by process {owner or 'unknown'}, "
                "which does not answer: stop it first"
            )
        await asyncio.sleep(_POLL_S * 5)
    return None


async def _shut_down(url: str) -> None:
    """Ask a server whose owner has died to end; where the system does that, it is ending."""
    connection = Connection(parse_url(url))
    with contextlib.suppress(StoreError):
        await connection.call("SHUTDOWN")
    await connection.close()


def _prepare(folder: Path) -> Path:
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder


def _describe(folder: Path, lock: int) -> EmbeddedServer:
    """Choose the program and the socket, and write down who has the lock."""
    binary = binaries.find(_written_by(folder))
    socket = str(folder / "store.sock")
    if len(os.fsencode(socket)) > SOCKET_PATH_BYTES_MAX:
        socket = os.path.join(tempfile.mkdtemp(prefix="callahead-"), "store.sock")
        _log.warning("store_socket_elsewhere", extra={"folder": str(folder), "socket": socket})
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n{socket}\n".encode(), 0)
    return EmbeddedServer(folder, lock, socket, binary)


def _written_by(folder: Path) -> str:
    path = folder / "server"
    return path.read_text().strip() if path.exists() else ""


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _owner(lock: int) -> tuple[int, str]:
    """Read who has the lock; (0, "") while it is being written."""
    lines = os.pread(lock, 4096, 0).decode("utf-8", "replace").split("\n")
    if len(lines) < 3 or not lines[0].isdecimal():
        return 0, ""
    return int(lines[0]), lines[1]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _clear(socket: str, folder: Path) -> None:
    """Remove the socket, and its own folder if it had to have one."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(socket)
    if Path(socket).parent != folder:
        with contextlib.suppress(OSError):
            os.rmdir(Path(socket).parent)


def _die_with_parent() -> Callable[[], None] | None:
    """Return what a child runs before the server so that it ends with us (Linux)."""
    if not sys.platform.startswith("linux"):
        return None
    if threading.current_thread() is not threading.main_thread():
        _log.warning("store_server_may_outlive_us", extra={"reason": "not the main thread"})
        return None
    libc, parent = ctypes.CDLL(None), os.getpid()

    def set_signal() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return set_signal
