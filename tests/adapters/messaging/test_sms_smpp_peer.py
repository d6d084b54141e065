"""The adapter against an SMSC that others wrote: what we call SMPP 3.4 is what they call it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from gateway.core.events import Failure, Receipt
from tests.adapters.messaging.smpp_support import NUMBER, Line, config, line
from tests.adapters.support import CONTENT, PATIENT, ManualClock

smpp34 = pytest.importorskip("smpp34", reason="the SMSC of another maker is not installed")


@dataclass
class Other:
    """The other maker's SMSC: it accepts, or rejects with a status, and remembers."""

    server: Any
    bound: asyncio.Event = field(default_factory=asyncio.Event)
    esme: Any = None
    submitted: list[Any] = field(default_factory=list)
    reject: int | None = None

    async def serve(self) -> None:
        while True:
            event = await self.server.next()
            if isinstance(event, smpp34.Esme):
                self.esme = event
                self.bound.set()
            elif isinstance(event, smpp34.SubmitSmEvent):
                self.submitted.append(event)
                if self.reject is None:
                    event.accept(f"id-{len(self.submitted)}")
                else:
                    event.reject(self.reject)


@pytest.fixture
async def other(unused_tcp_port: int) -> AsyncIterator[tuple[Other, Line]]:
    found = Other(smpp34.Server("127.0.0.1", unused_tcp_port))
    await found.server.start()
    serving = asyncio.ensure_future(found.serve())
    async with line(config(unused_tcp_port), ManualClock()) as bound:
        async with asyncio.timeout(10):
            await found.bound.wait()
        yield found, bound
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    await found.server.stop()


async def test_it_takes_our_messages_in_both_alphabets(other: tuple[Other, Line]) -> None:
    smsc, bound = other
    assert await bound.send(content=replace(CONTENT, text="Hello {1}")) == "smpp:id-1"
    await bound.send(content=replace(CONTENT, text="Да"))
    first, second = smsc.submitted
    assert (first.short_message, first.data_coding) == (b"Hello \x1b\x281\x1b\x29", 0)
    assert (second.short_message.decode("utf-16-be"), second.data_coding) == ("Да", 8)
    assert (first.source_addr, first.destination_addr) == (NUMBER[1:], PATIENT[1:])
    assert (first.source_addr_ton, first.source_addr_npi, first.registered_delivery) == (1, 1, 1)


async def test_it_takes_long_messages_in_parts(other: tuple[Other, Line]) -> None:
    smsc, bound = other
    assert await bound.send() == "smpp:id-2"
    headers = [event.short_message[:6] for event in smsc.submitted]
    assert headers == [b"\x05\x00\x03" + bytes((1, 2, n)) for n in (1, 2)]
    assert {event.esm_class for event in smsc.submitted} == {0x40}
    whole = b"".join(event.short_message[6:] for event in smsc.submitted)
    assert whole.decode("utf-16-be") == CONTENT.text


async def test_its_refusals_are_understood(other: tuple[Other, Line]) -> None:
    smsc, bound = other
    smsc.reject = smpp34.ESME_RTHROTTLED
    assert (await bound.refused()).failure is Failure.TEMPORARY
    smsc.reject = smpp34.ESME_RINVDSTADR
    assert (await bound.refused()).failure is Failure.IMPOSSIBLE


async def test_its_receipts_and_answers_are_understood(other: tuple[Other, Line]) -> None:
    smsc, bound = other
    sent = await bound.send(content=replace(CONTENT, text="Hello"))
    text = b"id:id-1 sub:001 dlvrd:001 submit date:2611231100 done date:2611231101 stat:DELIVRD"
    numbers = {"source_addr": PATIENT[1:], "destination_addr": NUMBER[1:]}
    taken = await smsc.esme.deliver_sm(short_message=text, esm_class=4, **numbers)
    assert taken.is_success
    receipt = await bound.receipt()
    assert (receipt.provider_id, receipt.receipt) == (sent, Receipt.DELIVERED)
    answer = "Перенести 😀".encode("utf-16-be")
    await smsc.esme.deliver_sm(short_message=answer, data_coding=8, **numbers)
    message = await bound.message()
    assert (message.text, message.number, message.sender) == ("Перенести 😀", PATIENT, NUMBER)


@pytest.mark.rule("G-6")
async def test_what_we_cannot_store_is_not_acknowledged(other: tuple[Other, Line]) -> None:
    smsc, bound = other
    bound.refuse = 1
    numbers = {"source_addr": PATIENT[1:], "destination_addr": NUMBER[1:]}
    refused = await smsc.esme.deliver_sm(short_message=b"1", **numbers)
    assert refused.command_status == 0x64
    await smsc.esme.deliver_sm(short_message=b"1", **numbers)
    assert bound.refused_ids == [(await bound.message()).id]
