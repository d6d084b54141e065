"""Receipts that come before the gateway knows the provider's id of its message."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.store.memory_store import MemoryStore
from gateway.core.case import AttemptState
from gateway.core.events import Failure, MessageReceipt, Receipt
from gateway.core.model import Channel
from gateway.ports.messaging import InboundReceipt, OutgoingMessage
from gateway.service.early_receipts import EarlyReceipts
from tests.service.support import NOW, SENDER, Channels, node, on_virtual_time, told, until

EARLY = InboundReceipt(Channel.SMS, SENDER, "p1", None, Receipt.SENT, NOW)


@pytest.mark.rule("G-6", "H-4")
@pytest.mark.parametrize("receipt", [Receipt.DELIVERED, Receipt.READ, Receipt.FAILED])
@on_virtual_time
async def test_a_receipt_may_come_before_the_response_with_its_id(receipt: Receipt) -> None:
    whatsapp = Channels()
    async with node(whatsapp=whatsapp) as here:

        async def reports_first(message: OutgoingMessage) -> str:
            await here.tells(message, receipt, opaque=None, code="c")
            await here.tells(message, Receipt.SENT, opaque=None)
            return "whatsapp-1"

        whatsapp.replies.append(reports_first)
        await here.record()
        here.start()
        await until(lambda: bool(whatsapp.sent))
        await here.clock.sleep(0.1)
        attempt = (await here.case()).attempts[0]
        assert (attempt.state, attempt.provider_id) == (AttemptState(receipt), "whatsapp-1")
        assert here.service.inbox.unmatched == 2
        assert attempt.price is not None
        assert attempt.reversed is (receipt is Receipt.FAILED)


@on_virtual_time
async def test_a_receipt_of_another_message_is_not_taken_for_it() -> None:
    async with node() as here:
        await here.record()
        here.start()
        await until(lambda: bool(here.whatsapp.sent))
        await here.clock.sleep(0.1)
        foreign = told(here.whatsapp.sent[0], Receipt.READ, NOW, opaque=None, provider_id="other")
        await here.service.inbox.take([foreign])
        assert (await here.case()).attempts[0].state is AttemptState.ACCEPTED


@on_virtual_time
async def test_of_several_receipts_the_furthest_is_kept() -> None:
    early = EarlyReceipts(MemoryStore())
    assert await early.of(Channel.SMS, "p1", "7") is None
    for receipt in (Receipt.DELIVERED, Receipt.SENT):
        await early.keep(replace(EARLY, receipt=receipt))
    found = await early.of(Channel.SMS, "p1", "7")
    assert found == MessageReceipt("7", Receipt.DELIVERED, provider_id="p1")
    failed = replace(EARLY, receipt=Receipt.FAILED, failure=Failure.IMPOSSIBLE, code="a|b")
    await early.keep(failed)
    found = await early.of(Channel.SMS, "p1", "7")
    assert found == MessageReceipt("7", Receipt.FAILED, Failure.IMPOSSIBLE, "a|b", "p1")
    assert await early.of(Channel.WHATSAPP, "p1", "7") is None
