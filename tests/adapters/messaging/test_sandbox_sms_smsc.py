"""The sandbox answers and signs like smsc.ru, and the adapter holds against it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from adapters.http import HttpClient, HttpLimits
from adapters.messaging.sandbox_sms_smsc import SmscAccount, SmscError, SmscMessages, smsc_app
from adapters.messaging.sandbox_world import State
from adapters.messaging.sms_smsc import CAPABILITIES, Config, SmsSmsc
from gateway.core.events import Failure, Receipt
from gateway.core.model import Channel
from gateway.errors import StoreUnavailable
from gateway.ports.messaging import Inbound, InboundMessage, InboundReceipt
from gateway.ports.webhook import RawRequest
from tests.adapters.messaging.sms_support import Town, hook_served, running
from tests.adapters.support import CONTENT, PATIENT, ManualClock, address, outgoing, serve
from tests.contracts.messaging_conformance import MessagingConformance, Peer

NUMBER, SECRET = "+15550100001", "sandbox-callback-secret"


class SmscTown(Town):
    smsc: SmscMessages
    config: Config


@pytest.fixture
async def town() -> AsyncIterator[SmscTown]:
    clock, client = ManualClock(), HttpClient(HttpLimits(total_s=10))
    async with hook_served() as hook:
        account = SmscAccount(
            "sandbox-password",
            "clinic",
            frozenset({"Clinic"}),
            f"{hook.url}/hooks/sms/smsc",
            SECRET,
        )
        smsc = SmscMessages(clock, client, [account], seed=5)
        server = await serve(smsc_app(smsc, clock))
        config = Config.model_validate(
            {
                "accounts": [
                    {
                        "login": "clinic",
                        "password": "sandbox-password",
                        "callback_secret": SECRET,
                    }
                ],
                "senders": [{"name": "Clinic", "answers_to": NUMBER, "clinic": "c1"}],
                "api_base": address(server),
            }
        )
        hook.town = town = SmscTown(SmsSmsc(config, client, clock), smsc.world, clock)
        town.smsc, town.config = smsc, config
        async with running(smsc.world, client):
            yield town
        await server.close()


async def test_a_message_arrives_and_is_reported(town: SmscTown) -> None:
    sent = await town.send()
    await town.idle()
    [accepted] = town.smsc.world.accepted
    assert (f"smsc:{accepted.id}", accepted.text, accepted.number) == (sent, CONTENT.text, PATIENT)
    assert town.receipts == [Receipt.SENT, Receipt.DELIVERED]
    assert {item.provider_id for item in town.said if isinstance(item, InboundReceipt)} == {sent}


@pytest.mark.rule("H-1")
async def test_a_wrong_number_is_reported_later(town: SmscTown) -> None:
    town.smsc.world.unreachable[PATIENT] = 22
    await town.send()
    await town.idle()
    [found] = town.said
    assert isinstance(found, InboundReceipt)
    assert (found.receipt, found.failure) == (Receipt.FAILED, Failure.IMPOSSIBLE)


@pytest.mark.rule("H-2")
async def test_a_repetition_within_a_minute_waits(town: SmscTown) -> None:
    town.smsc.world.faults.fail_next(9)
    error = await town.refused()
    assert (error.failure, error.retry_after_s) == (Failure.TEMPORARY, 60)


async def test_a_sandbox_that_is_down_is_temporary(town: SmscTown) -> None:
    town.smsc.world.faults.down = True
    assert (await town.refused()).failure is Failure.TEMPORARY


@pytest.mark.rule("G-6")
async def test_answers_are_fetched_until_they_are_stored(town: SmscTown) -> None:
    """An outage on either side loses nothing and repeats nothing."""
    taken: asyncio.Queue[Inbound] = asyncio.Queue()
    refuse = [True]

    async def take(news: Sequence[Inbound]) -> None:
        if refuse:
            refuse.clear()
            raise StoreUnavailable("not now")
        for item in news:
            taken.put_nowait(item)

    async def next_text() -> str | None:
        found = await town.clock.drive(taken.get())
        assert isinstance(found, InboundMessage)
        return found.text

    assert isinstance(town.channel, SmsSmsc)
    fetching = asyncio.ensure_future(town.channel.run(take))
    town.smsc.answer(PATIENT, NUMBER, "1")
    town.smsc.answer(PATIENT, NUMBER, "спасибо")
    assert [await next_text(), await next_text()] == ["1", "спасибо"]
    town.smsc.world.faults.down = True
    town.smsc.answer(PATIENT, NUMBER, "3")
    town.clock.wake_next()
    await asyncio.sleep(0.05)
    town.smsc.world.faults.down = False
    assert await next_text() == "3"
    assert taken.empty()
    fetching.cancel()
    await asyncio.gather(fetching, return_exceptions=True)


GOOD = {
    "login": "clinic",
    "psw": "sandbox-password",
    "phones": "15550100123",
    "mes": "x",
    "charset": "utf-8",
    "fmt": "3",
}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"psw": "wrong"}, 2),
        ({"apikey": "sandbox-password", "psw": "", "login": ""}, 2),
        ({"text": "x"}, 1),
        ({"fmt": "1"}, 1),
        ({"charset": "windows-1251"}, 1),
        ({"mes": ""}, 1),
        ({"phones": "Anna"}, 7),
        ({"sender": "Other"}, 6),
    ],
)
def test_a_wrong_request_is_refused(town: SmscTown, changes: dict[str, str], code: int) -> None:
    form = {**GOOD, **changes}
    with pytest.raises(SmscError, match=str(code)):
        town.smsc.take(town.smsc.account(form), form)
    assert not town.smsc.world.accepted


class TestSmscConforms(MessagingConformance):
    """The adapter keeps the contract, with the sandbox as its provider."""

    @pytest.fixture
    async def peer(self, town: SmscTown) -> Peer:
        smsc, faults = town.smsc, town.smsc.world.faults
        await town.send()
        smsc.world.tell(smsc.world.accepted[0], State.READ)
        await town.idle()
        smsc.world.unreachable[PATIENT] = 22
        await town.send()
        await town.idle()
        smsc.world.unreachable.clear()
        smsc.answer(PATIENT, NUMBER, "1")
        fetched: list[Inbound] = []

        async def take(news: Sequence[Inbound]) -> None:
            fetched.extend(news)

        assert isinstance(town.channel, SmsSmsc)
        await town.channel.fetch(town.config.accounts[0], take)
        before = smsc.asked

        def fails(code: int) -> Any:
            return lambda: faults.fail_next(code)

        def lose() -> None:
            faults.cut_next = 1

        def unproven(request: RawRequest) -> RawRequest:
            body = request.body.partition(b"&sha1=")[0]
            return RawRequest(request.method, request.url, request.query, request.headers, body)

        return Peer(
            messaging=town.channel,
            capabilities=CAPABILITIES,
            message=outgoing(channel=Channel.SMS),
            accept=lambda: None,
            impossible=fails(8),
            temporary=fails(9),
            reject=fails(6),
            lose=lose,
            asked=lambda: smsc.asked - before,
            secrets=("sandbox-password", SECRET),
            webhook=town.channel,
            inbound=tuple(town.heard),
            unproven=unproven,
            heard=tuple(fetched),
        )


async def test_an_answer_that_cannot_be_taken_does_not_end_the_fetching(
    town: SmscTown, caplog: pytest.LogCaptureFixture
) -> None:
    taken: asyncio.Queue[Inbound] = asyncio.Queue()
    faults = [KeyError("a fault of ours")]

    async def take(news: Sequence[Inbound]) -> None:
        if faults:
            raise faults.pop()
        taken.put_nowait(news[0])

    assert isinstance(town.channel, SmsSmsc)
    fetching = asyncio.ensure_future(town.channel.run(take))
    town.smsc.answer(PATIENT, NUMBER, "1")
    found = await town.clock.drive(taken.get())
    assert isinstance(found, InboundMessage)
    assert found.text == "1"
    assert "answers could not be taken" in caplog.messages
    fetching.cancel()
    await asyncio.gather(fetching, return_exceptions=True)
