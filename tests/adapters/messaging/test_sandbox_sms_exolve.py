"""The sandbox speaks Exolve's wire format, and the adapter holds against it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from adapters.http import HttpClient, HttpLimits
from adapters.messaging.sandbox_sms_exolve import (
    DELIVERY_STATUSES,
    REFUSALS,
    Application,
    ExolveError,
    ExolveMessages,
    exolve_app,
)
from adapters.messaging.sms_exolve import CAPABILITIES, Config, SmsExolve
from gateway.core.events import Failure, Receipt
from gateway.core.model import Channel
from gateway.ports.messaging import InboundReceipt
from tests.adapters.messaging.sms_support import Town, hook_served, running
from tests.adapters.support import CONTENT, PATIENT, ManualClock, address, outgoing, serve
from tests.contracts.messaging_conformance import MessagingConformance, Peer

DIGITS, KEY = "15550100001", "sandbox-callback-key"


class ExolveTown(Town):
    exolve: ExolveMessages


@pytest.fixture
async def town() -> AsyncIterator[ExolveTown]:
    clock, client = ManualClock(), HttpClient(HttpLimits(total_s=10))
    async with hook_served() as hook:
        application = Application(
            "sandbox-api-key", frozenset({DIGITS}), f"{hook.url}/hooks/sms/exolve?key={KEY}"
        )
        exolve = ExolveMessages(clock, client, [application], seed=5)
        server = await serve(exolve_app(exolve, clock))
        config = Config.model_validate(
            {
                "senders": [
                    {
                        "number": f"+{DIGITS}",
                        "api_key": "sandbox-api-key",
                        "callback_keys": [KEY],
                        "clinic": "c1",
                    }
                ],
                "delivery_statuses": DELIVERY_STATUSES,
                "refusals": REFUSALS,
                "api_base": address(server),
            }
        )
        hook.town = town = ExolveTown(SmsExolve(config, client, clock), exolve.world, clock)
        town.exolve = exolve
        async with running(exolve.world, client):
            yield town
        await server.close()


async def test_a_message_arrives_and_is_reported(town: ExolveTown) -> None:
    sent = await town.send()
    await town.idle()
    [accepted] = town.exolve.world.accepted
    assert (accepted.id, accepted.text, accepted.number) == (sent, CONTENT.text, PATIENT)
    assert town.receipts == [Receipt.SENT, Receipt.DELIVERED]
    assert {item.provider_id for item in town.said if isinstance(item, InboundReceipt)} == {sent}


async def test_an_answer_that_is_posted_again_is_the_same_message(town: ExolveTown) -> None:
    town.exolve.world.faults.repeat_webhooks = 1.0
    town.exolve.write(PATIENT, DIGITS, "2")
    await town.idle()
    first, second = town.messages
    assert first == second
    assert (first.sender, first.number, first.text) == (f"+{DIGITS}", PATIENT, "2")


@pytest.mark.rule("H-1")
async def test_an_unreachable_number_is_reported_later(town: ExolveTown) -> None:
    town.exolve.world.unreachable[PATIENT] = 1
    await town.send()
    await town.idle()
    [found] = town.said
    assert isinstance(found, InboundReceipt)
    assert (found.receipt, found.failure) == (Receipt.FAILED, Failure.IMPOSSIBLE)


@pytest.mark.rule("H-2")
async def test_a_limit_asks_for_its_pause(town: ExolveTown) -> None:
    town.exolve.world.faults.fail_next(429, retry_after_s=11)
    error = await town.refused()
    assert (error.failure, error.retry_after_s) == (Failure.TEMPORARY, 11)


async def test_a_sandbox_that_is_down_is_temporary(town: ExolveTown) -> None:
    town.exolve.world.faults.down = True
    assert (await town.refused()).failure is Failure.TEMPORARY


async def test_late_receipts_are_overtaken(town: ExolveTown) -> None:
    town.exolve.world.faults.reorder_webhooks = 0.5
    for _ in range(8):
        await town.send()
    await town.idle()
    assert len(town.receipts) == 16
    order = [Receipt.SENT, Receipt.DELIVERED] * 8
    assert sorted(town.receipts) == sorted(order)
    assert town.receipts != order


GOOD = {"number": DIGITS, "destination": "15550100123", "text": "x"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({**GOOD, "from": "x"}, 400),
        ({"number": DIGITS}, 400),
        ({**GOOD, "number": "15550100009"}, 403),
        ({**GOOD, "destination": "+15550100123"}, 400),
        ({**GOOD, "text": ""}, 400),
    ],
)
def test_a_wrong_request_is_refused(town: ExolveTown, body: dict[str, Any], status: int) -> None:
    with pytest.raises(ExolveError, match=str(status)):
        town.exolve.take(town.exolve.applications[0], body)
    assert not town.exolve.world.accepted


class TestExolveConforms(MessagingConformance):
    """The adapter keeps the contract, with the sandbox as its provider."""

    @pytest.fixture
    async def peer(self, town: ExolveTown) -> Peer:
        exolve, faults = town.exolve, town.exolve.world.faults
        await town.send()
        await town.idle()
        exolve.write(PATIENT, DIGITS, "1")
        await town.idle()
        exolve.world.unreachable[PATIENT] = 1
        await town.send()
        await town.idle()
        exolve.world.unreachable.clear()
        before = exolve.asked

        def lose() -> None:
            faults.cut_next = 1

        return Peer(
            messaging=town.channel,
            capabilities=CAPABILITIES,
            message=outgoing(channel=Channel.SMS),
            accept=lambda: None,
            impossible=lambda: faults.fail_next(404),
            temporary=lambda: faults.fail_next(503),
            reject=lambda: faults.fail_next(403),
            lose=lose,
            asked=lambda: exolve.asked - before,
            secrets=("sandbox-api-key", KEY),
            webhook=town.channel,
            inbound=tuple(town.heard),
            signs_body=False,
            unproven=lambda request: replace(request, query={}),
        )
