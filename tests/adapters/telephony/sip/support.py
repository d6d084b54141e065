"""Real line cards for tests: one that is talked to by hand, and pools of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeVar

from adapters.telephony.sip.pool import Pool, Slots, Zygotes
from adapters.telephony.sip.protocol import (
    Command,
    Event,
    MessageReader,
    Quit,
    Ready,
    Setup,
    encode,
)
from adapters.telephony.sip.zygote_client import Zygote, kill
from tests.telephony.peers.ports import Block
from tests.telephony.peers.sip_phone import SipPhone

_Kind = TypeVar("_Kind")
RTP_PORTS = 32


def setup_for(phone: SipPhone | str, ports: Block, **more: object) -> Setup:
    """Return a card's settings with ports of its own."""
    proxy = phone if isinstance(phone, str) else f"127.0.0.1:{phone.port}"
    values = {
        "bind": "127.0.0.1", "public": "", "sip_port": ports.take(),
        "rtp_port": ports.take(RTP_PORTS, even=True), "rtp_ports": RTP_PORTS, "nice": 0,
        "transport": "udp" if isinstance(phone, str) else phone.transport, "proxy": proxy,
        "domain": "trunk.example", "caller": "+74950000001", "display": "", "username": "",
        "password": "", "realm": "*", "register": False, "expires_s": 60, "srtp": "off",
        "ca_file": "", "verify": True, "media_timeout_s": 0.0,
    }  # fmt: skip
    return Setup(**(values | more))  # type: ignore[arg-type]  # all fields of Setup


class Talk:
    """A card, and what it says."""

    def __init__(self, stream: socket.socket, handle: int) -> None:
        self.events: list[Event] = []
        self.handle = handle
        self._stream = stream
        self._reader = MessageReader()

    def send(self, command: Command) -> None:
        self._stream.send(encode(command))

    async def hears(self, kind: type[_Kind], within_s: float = 5.0) -> _Kind:
        """Return the next event of a kind; it is taken out of `events`, with all before it."""
        async with asyncio.timeout(within_s):
            while True:
                for index, event in enumerate(self.events):
                    if isinstance(event, kind):
                        del self.events[: index + 1]
                        return event
                data = await asyncio.get_running_loop().sock_recv(self._stream, 65536)
                if not data:
                    raise EOFError(f"the card ended; it had said {self.events}")
                self.events += self._reader.feed(data)  # type: ignore[arg-type]  # events only

    async def ends(self, within_s: float = 5.0) -> None:
        """Wait until the card has gone."""
        async with asyncio.timeout(within_s):
            while data := await asyncio.get_running_loop().sock_recv(self._stream, 65536):
                self.events += self._reader.feed(data)  # type: ignore[arg-type]  # events only

    def close(self) -> None:
        self._stream.close()
        kill(self.handle)
        os.close(self.handle)


@contextlib.asynccontextmanager
async def card(setup: Setup | None = None) -> AsyncIterator[Talk]:
    """Fork a card; with settings it is ready, without it waits for them."""
    zygote = Zygote()
    await zygote.start()
    talk = Talk(*await zygote.fork())
    try:
        if setup is not None:
            talk.send(setup)
            await talk.hears(Ready)
        yield talk
        with contextlib.suppress(OSError):
            talk.send(Quit())
            await talk.ends()
    finally:
        talk.close()
        await zygote.close()


@contextlib.asynccontextmanager
async def pool(
    phone: SipPhone | str, ports: Block, *, lines: int = 4, cards: int = 1
) -> AsyncIterator[Pool]:
    """Run a pool of cards."""
    zygotes, setups = Zygotes(), [setup_for(phone, ports) for _ in range(cards + 2)]
    found = Pool("t", lines, cards, setups.__getitem__, zygotes, Slots(len(setups)))
    running = asyncio.create_task(found.run())
    try:
        yield found
    finally:
        await found.close()
        await running
        await zygotes.close()


def pids_of(parent: int | None) -> list[int]:
    """Return the children of a process: the cards of a zygote."""
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that is dead but not collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def until(true: object, within_s: float = 5.0) -> None:
    """Wait until a condition (a function without arguments) holds."""
    async with asyncio.timeout(within_s):
        while not true():  # type: ignore[operator]  # noqa: ASYNC110  nobody tells of a process
            await asyncio.sleep(0.01)
