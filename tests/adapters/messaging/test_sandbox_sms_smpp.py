"""The adapter and the sandbox's SMSC over a real socket, on good days and bad ones."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from adapters.messaging.sandbox_sms_smpp import Smsc
from adapters.messaging.sandbox_world import State
from adapters.messaging.sms_smpp import CAPABILITIES
from gateway.core.events import Failure, Receipt
from gateway.core.model import Channel
from gateway.ports.messaging import SendError
from tests.adapters.messaging.smpp_support import NUMBER, Line, config, line, until
from tests.adapters.support import CONTENT, PATIENT, ManualClock, outgoing
from tests.contracts.messaging_conformance import MessagingConformance, Peer


@asynccontextmanager
async def served(hex_ids: bool = False, **more: Any) -> AsyncIterator[Line]:
    clock = ManualClock()
    smsc = Smsc(clock, "clinic", "pass-1", seed=9, hex_ids=hex_ids)
    await smsc.start()
    delivering = asyncio.ensure_future(smsc.run())
    async with line(config(smsc.port, **more), clock) as found:
        found.smsc = smsc
        yield found
    delivering.cancel()
    await asyncio.gather(delivering, return_exceptions=True)
    await smsc.close()


@pytest.fixture
async def town() -> AsyncIterator[Line]:
    async with served() as found:
        yield found


async def test_a_long_message_arrives_whole_and_is_reported(town: Line) -> None:
    sent = await town.send()
    assert await town.receipts(2) == [Receipt.SENT, Receipt.DELIVERED]
    [accepted] = town.smsc.accepted
    assert (accepted.text, accepted.number, accepted.state) == (
        CONTENT.text,
        PATIENT,
        State.DELIVERED,
    )
    assert len(town.smsc.submitted) == 2
    assert sent == f"smsc:{int(accepted.id):010d}"


async def test_an_answer_comes_in(town: Line) -> None:
    town.smsc.write(PATIENT, NUMBER, "1")
    found = await town.message()
    assert (found.number, found.sender, found.text) == (PATIENT, NUMBER, "1")


async def test_a_long_answer_comes_in_whole(town: Line) -> None:
    text = "Здравствуйте! " * 20 + "😀"
    town.smsc.write(PATIENT, NUMBER, text)
    assert (await town.message()).text == text


@pytest.mark.rule("G-6")
async def test_an_answer_is_acknowledged_only_when_it_is_stored(town: Line) -> None:
    """What could not be committed is delivered again, under the same id."""
    town.refuse = 2
    town.smsc.write(PATIENT, NUMBER, "2")
    found = await town.message()
    assert town.refused_ids == [found.id] * 2
    town.smsc.write(PATIENT, NUMBER, "2")
    assert (await town.message()).id != found.id


@pytest.mark.rule("H-1")
async def test_a_wrong_destination_is_impossible(town: Line) -> None:
    town.smsc.faults.fail_next(0x0B)
    error = await town.refused()
    assert (error.failure, error.code) == (Failure.IMPOSSIBLE, "0x0b")


@pytest.mark.rule("H-2")
async def test_throttling_makes_the_next_message_wait(town: Line) -> None:
    await town.send()
    before = town.clock.now()
    town.smsc.faults.fail_next(0x58)
    error = await town.refused()
    assert (error.failure, error.retry_after_s) == (Failure.TEMPORARY, 5)
    await town.send()
    assert (town.clock.now() - before).total_seconds() >= 5


@pytest.mark.rule("G-6")
async def test_a_lost_response_leaves_the_outcome_unknown(town: Line) -> None:
    town.smsc.faults.cut_next = 1
    error = await town.refused()
    assert (error.failure, error.code) == (None, "connection_lost")
    await town.send()
    assert town.smsc.binds == 2, "the adapter has bound again"


async def test_a_broken_connection_is_made_again(town: Line) -> None:
    await town.send()
    town.smsc.drop()
    await until(lambda: town.smsc.binds > 1)
    await town.send()
    town.smsc.write(PATIENT, NUMBER, "1")
    texts = {item.text async for item in _messages(town, 1)}
    assert texts == {"1"}


async def _messages(town: Line, count: int) -> AsyncIterator[Any]:
    while count:
        item = await town.taken.get()
        if hasattr(item, "text"):
            count -= 1
            yield item


async def test_an_undelivered_message_is_reported(town: Line) -> None:
    town.smsc.undeliverable.add(PATIENT)
    await town.send()
    assert (await town.receipt()).receipt is Receipt.SENT
    found = await town.receipt()
    assert (found.receipt, found.failure, found.code) == (
        Receipt.FAILED,
        Failure.REJECTED,
        "UNDELIV 011",
    )


async def test_receipts_may_come_twice_and_in_any_order(town: Line) -> None:
    town.smsc.faults.repeat_webhooks = town.smsc.faults.reorder_webhooks = 1.0
    await town.send()
    assert await town.receipts(4) == [Receipt.DELIVERED] * 2 + [Receipt.SENT] * 2


async def test_ids_in_hexadecimal_are_found_in_decimal_receipts() -> None:
    async with served(hex_ids=True, receipt_ids="decimal_of_hex") as town:
        sent = await town.send()
        assert (await town.receipt()).provider_id == sent


async def test_a_silent_smsc_is_noticed_and_left() -> None:
    """enquire_link without an answer ends the connection."""
    async with served(enquire_link_s=0.05, response_s=0.2) as town:
        await town.send()
        town.smsc.answers_links = False
        await until(lambda: town.smsc.binds > 1)


async def test_a_refused_bind_asks_for_an_operator(caplog: pytest.LogCaptureFixture) -> None:
    async with served(password="wrong") as town:
        with pytest.raises(SendError) as caught:
            await town.channel.send(outgoing(channel=Channel.SMS))
        assert (caught.value.failure, caught.value.code) == (Failure.TEMPORARY, "not_connected")
        await until(lambda: any(r.levelno == logging.ERROR for r in caplog.records))
    found = next(r for r in caplog.records if r.levelno == logging.ERROR)
    assert (found.message, vars(found)["code"]) == ("an SMSC refuses us", "0x0e")


class TestSmppConforms(MessagingConformance):
    """The adapter keeps the contract, with the sandbox's SMSC as its provider."""

    @pytest.fixture
    async def peer(self) -> AsyncIterator[Peer]:
        async with served(long_messages="payload") as town:
            smsc = town.smsc
            heard = [await self._sent(town), *[await town.taken.get() for _ in range(2)]][1:]
            smsc.undeliverable.add(PATIENT)
            await town.send()
            heard += [await town.taken.get() for _ in range(2)]
            smsc.undeliverable.clear()
            smsc.write(PATIENT, NUMBER, "1")
            heard.append(await town.taken.get())
            before = len(smsc.submitted)

            def fails(status: int, smsc: Smsc = smsc) -> Any:
                return lambda: smsc.faults.fail_next(status)

            def lose(smsc: Smsc = smsc) -> None:
                smsc.faults.cut_next = 1

            yield Peer(
                messaging=town.channel,
                capabilities=CAPABILITIES,
                message=outgoing(channel=Channel.SMS),
                accept=lambda: None,
                impossible=fails(0x0B),
                temporary=fails(0x58),
                reject=fails(0x0A),
                lose=lose,
                asked=lambda smsc=smsc, before=before: len(smsc.submitted) - before,  # type: ignore[misc]
                secrets=("pass-1",),
                heard=tuple(heard),
            )

    async def _sent(self, town: Line) -> Any:
        return await town.send(content=replace(CONTENT, text="1"))
