"""What the tests of SMPP share: the adapter bound to an SMSC, and time that flows by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from adapters.messaging.sandbox_sms_smpp import Smsc
from adapters.messaging.sms_smpp import Config, SmsSmpp
from gateway.core.events import Receipt
from gateway.core.model import Channel
from gateway.errors import StoreUnavailable
from gateway.ports.messaging import Inbound, InboundMessage, InboundReceipt, SendError
from tests.adapters.support import ManualClock, outgoing

NUMBER = "+15550100001"


def config(port: int, **more: Any) -> Config:
    connection = {
        "host": "127.0.0.1",
        "port": port,
        "system_id": "clinic",
        "password": "pass-1",
        "response_s": 5,
        "per_second": 1000,
    }
    sender = {"number": NUMBER, "clinic": "c1"}
    values = {"connections": [{**connection, **more}], "senders": [sender]}
    return Config.model_validate(values)


@dataclass
class Line:
    """An adapter, and the gateway that takes what comes in; it may refuse some of it first."""

    channel: SmsSmpp
    clock: ManualClock
    taken: asyncio.Queue[Inbound] = field(default_factory=asyncio.Queue)
    refuse: int = 0
    refused_ids: list[str] = field(default_factory=list)
    smsc: Smsc = field(init=False, repr=False)

    async def take(self, news: Sequence[Inbound]) -> None:
        if self.refuse > 0:
            self.refuse -= 1
            self.refused_ids += [item.id for item in news if isinstance(item, InboundMessage)]
            raise StoreUnavailable("not now")
        for item in news:
            self.taken.put_nowait(item)

    async def message(self) -> InboundMessage:
        found = await self.taken.get()
        assert isinstance(found, InboundMessage)
        return found

    async def receipt(self) -> InboundReceipt:
        found = await self.taken.get()
        assert isinstance(found, InboundReceipt)
        return found

    async def receipts(self, count: int) -> list[Receipt]:
        return [(await self.receipt()).receipt for _ in range(count)]

    async def send(self, **more: object) -> str:
        """Send; while the connection is not there, try again."""
        for _ in range(2000):
            try:
                sent = await self.channel.send(outgoing(channel=Channel.SMS, **more))
            except SendError as error:
                if error.code != "not_connected":
                    raise
                await asyncio.sleep(0.002)
            else:
                assert sent is not None
                return sent
        raise AssertionError("the connection never came")

    async def refused(self, **more: object) -> SendError:
        with pytest.raises(SendError) as caught:
            await self.send(**more)
        return caught.value


@asynccontextmanager
async def line(settings: Config, clock: ManualClock) -> AsyncIterator[Line]:
    """Keep an adapter's connections while time flows."""
    found = Line(SmsSmpp(settings, clock), clock)
    keeping = asyncio.ensure_future(found.channel.run(found.take))
    flowing = asyncio.ensure_future(_flow(clock))
    try:
        yield found
    finally:
        for task in (keeping, flowing):
            task.cancel()
        await asyncio.gather(keeping, flowing, return_exceptions=True)
        await found.channel.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what happens on a socket."""
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.002)
    raise AssertionError("it never happened")


async def _flow(clock: ManualClock) -> None:
    while True:
        clock.wake_next()
        await asyncio.sleep(0.001)  # sockets need real time
