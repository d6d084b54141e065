"""The sandbox is as strict as Twilio and signs like it; both channels hold against it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.http import HttpClient, HttpLimits
from adapters.messaging.sandbox_twilio_messaging import (
    ContentSpec,
    TwilioAccount,
    TwilioError,
    TwilioMessages,
    twilio_messaging_app,
)
from adapters.messaging.sandbox_world import State
from adapters.messaging.twilio_messaging import (
    SMS_CAPABILITIES,
    WHATSAPP_CAPABILITIES,
    TwilioMessaging,
)
from adapters.messaging.twilio_messaging_settings import Config
from gateway.core.events import Failure, Receipt
from gateway.core.model import Channel
from gateway.ports.messaging import InboundReceipt
from tests.adapters.messaging.sms_support import Town, hook_served, running
from tests.adapters.support import CONTENT, PATIENT, ManualClock, address, outgoing, serve
from tests.contracts.messaging_conformance import MessagingConformance, Peer

ACCOUNT, SERVICE = "AC" + "1" * 32, "MG" + "1" * 32
CONTENT_SID = "HX" + "1" * 32
SMS_FROM, CHAT_FROM = "+15550100001", "whatsapp:+15550100002"
TEMPLATE = ContentSpec(
    "{{1}} ждёт вас {{2}}: {{3}}",
    tuple((b.title, f"{{{{{4 + index}}}}}") for index, b in enumerate(CONTENT.buttons)),
)
SENDERS = [
    {"channel": "sms", "number": SMS_FROM, "clinic": "c1"},
    {"channel": "whatsapp", "number": "+15550100002", "clinic": "c1"},
    {"channel": "sms", "messaging_service_sid": SERVICE, "clinic": "c1", "branches": ["b2"]},
]


async def town_of(channel: Channel) -> AsyncIterator[Town]:
    clock, client = ManualClock(), HttpClient(HttpLimits(total_s=10))
    async with hook_served() as hook:
        account = TwilioAccount(
            ACCOUNT,
            "sandbox-token",
            frozenset({SMS_FROM, CHAT_FROM, "Clinic"}),
            {SERVICE: SMS_FROM},
            f"{hook.url}/hooks/twilio/messages",
        )
        twilio = TwilioMessages(clock, client, [account], contents={CONTENT_SID: TEMPLATE}, seed=3)
        server = await serve(twilio_messaging_app(twilio, clock))
        config = Config.model_validate(
            {
                "accounts": [{"account_sid": ACCOUNT, "auth_tokens": ["sandbox-token"]}],
                "senders": SENDERS,
                "templates": {"confirmation": {"ru": {"content_sid": CONTENT_SID}}},
                "api_base": address(server),
            }
        )
        adapter = TwilioMessaging(channel, config, client, clock, hook.url)
        hook.town = town = TwilioTown(adapter, twilio.world, clock)
        town.twilio = twilio
        async with running(twilio.world, client):
            yield town
        await server.close()


class TwilioTown(Town):
    twilio: TwilioMessages


@pytest.fixture
async def sms() -> AsyncIterator[TwilioTown]:
    async for town in town_of(Channel.SMS):
        yield town  # type: ignore[misc]


@pytest.fixture
async def chat() -> AsyncIterator[TwilioTown]:
    async for town in town_of(Channel.WHATSAPP):
        yield town  # type: ignore[misc]


async def test_an_sms_arrives_and_is_reported_with_our_own_id(sms: TwilioTown) -> None:
    sid = await sms.send()
    await sms.idle()
    [accepted] = sms.twilio.world.accepted
    assert (accepted.id, accepted.text, accepted.number) == (sid, CONTENT.text, PATIENT)
    assert accepted.state is State.DELIVERED
    assert sms.receipts == [Receipt.SENT, Receipt.DELIVERED]
    for item in sms.said:
        assert isinstance(item, InboundReceipt)
        assert (item.provider_id, item.opaque, item.number) == (sid, "case|c1|2|A-1", PATIENT)


async def test_a_service_chooses_the_number(sms: TwilioTown) -> None:
    await sms.send(branch="b2")
    assert [message.sender for message in sms.twilio.world.accepted] == [SMS_FROM]


async def test_an_answer_by_sms_comes_in(sms: TwilioTown) -> None:
    sms.twilio.write(PATIENT, SMS_FROM, "1")
    await sms.idle()
    [found] = sms.messages
    assert (found.channel, found.sender, found.number) == (Channel.SMS, SMS_FROM, PATIENT)
    assert found.text == "1"


@pytest.mark.rule("C-15")
async def test_after_a_stop_nothing_more_is_taken_for_the_number(sms: TwilioTown) -> None:
    sms.twilio.write(PATIENT, SMS_FROM, "QUIT")
    await sms.idle()
    assert [message.text for message in sms.messages] == ["STOP"]
    error = await sms.refused()
    assert (error.failure, error.code, error.alert) == (Failure.OPTED_OUT, "21610", False)
    sms.twilio.write(PATIENT, SMS_FROM, "START")
    await sms.send()


@pytest.mark.rule("H-1")
async def test_an_unknown_handset_is_reported_later(sms: TwilioTown) -> None:
    sms.twilio.world.unreachable[PATIENT] = 30005
    await sms.send()
    await sms.idle()
    [found] = sms.said
    assert isinstance(found, InboundReceipt)
    assert (found.receipt, found.failure) == (Receipt.FAILED, Failure.IMPOSSIBLE)


@pytest.mark.rule("H-2")
async def test_a_limit_asks_for_its_pause(sms: TwilioTown) -> None:
    sms.twilio.world.faults.fail_next(20429, retry_after_s=9)
    error = await sms.refused()
    assert (error.failure, error.retry_after_s) == (Failure.TEMPORARY, 9)
    sms.twilio.world.faults.per_second = 1
    await sms.send()
    assert (await sms.refused()).code == "20429"


async def test_a_gateway_that_is_down_is_temporary(sms: TwilioTown) -> None:
    sms.twilio.world.faults.down = True
    assert (await sms.refused()).failure is Failure.TEMPORARY


@pytest.mark.rule("G-6")
async def test_a_lost_answer_is_proved_by_its_receipts(sms: TwilioTown) -> None:
    sms.twilio.world.faults.cut_next = 1
    assert (await sms.refused()).failure is None
    await sms.idle()
    assert [item.opaque for item in sms.said if isinstance(item, InboundReceipt)] == [
        "case|c1|2|A-1",
        "case|c1|2|A-1",
    ]


async def test_callbacks_come_again_until_they_are_taken(sms: TwilioTown) -> None:
    sms.refuse = 2
    await sms.send()
    await sms.idle()
    assert set(sms.receipts) == {Receipt.SENT, Receipt.DELIVERED}


async def test_callbacks_may_come_twice_and_in_any_order(sms: TwilioTown) -> None:
    sms.twilio.world.faults.repeat_webhooks = 1.0
    await sms.send()
    await sms.idle()
    assert sms.receipts == [Receipt.SENT] * 2 + [Receipt.DELIVERED] * 2


@pytest.mark.rule("C-9", "C-11")
async def test_a_template_has_buttons_that_bring_their_payload(chat: TwilioTown) -> None:
    sid = await chat.send(Channel.WHATSAPP)
    await chat.idle()
    [accepted] = chat.twilio.world.accepted
    assert accepted.text.startswith("Здоровье ждёт вас 24 ноября")
    assert [b.payload for b in accepted.buttons] == [b.payload for b in CONTENT.buttons]
    chat.twilio.tap(PATIENT, sid, 2)
    await chat.idle()
    [found] = chat.messages
    assert (found.kind, found.payload, found.quoted) == ("button", "v1.cancel.1.A-1", sid)
    assert found.text == "Отменить"


async def test_free_text_goes_only_into_an_open_conversation(chat: TwilioTown) -> None:
    chat.twilio.write(PATIENT, CHAT_FROM, "Здравствуйте")
    await chat.idle()
    await chat.send(Channel.WHATSAPP, session_open=True)
    assert chat.twilio.world.accepted[-1].text == CONTENT.text
    chat.clock.advance(24 * 3600)
    await chat.send(Channel.WHATSAPP, session_open=True)
    assert chat.twilio.world.accepted[-1].template == CONTENT_SID


async def test_a_read_message_is_reported(chat: TwilioTown) -> None:
    await chat.send(Channel.WHATSAPP)
    [accepted] = chat.twilio.world.accepted
    chat.twilio.world.tell(accepted, State.READ)
    await chat.idle()
    assert chat.receipts == [Receipt.SENT, Receipt.DELIVERED, Receipt.READ]


# The sandbox is strict

GOOD = {"To": PATIENT, "From": SMS_FROM, "Body": "x"}


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({**GOOD, "Text": "x"}, 20422),
        ({**GOOD, "To": "5550100"}, 21211),
        ({**GOOD, "To": ""}, 21604),
        ({**GOOD, "From": "+15550100099"}, 21606),
        ({**GOOD, "From": CHAT_FROM}, 21606),
        ({**GOOD, "MessagingServiceSid": SERVICE}, 20422),
        ({**GOOD, "Body": ""}, 21602),
        ({**GOOD, "Body": "x" * 1601}, 21617),
        ({**GOOD, "StatusCallback": "clinic.example"}, 21609),
        ({**GOOD, "ValidityPeriod": "36001"}, 20422),
        ({**GOOD, "ContentSid": CONTENT_SID}, 20422),
        ({"To": PATIENT, "From": SMS_FROM, "ContentSid": "HX0"}, 21655),
        ({"To": PATIENT, "From": SMS_FROM, "ContentSid": CONTENT_SID}, 20422),
        ({**GOOD, "To": f"whatsapp:{PATIENT}", "From": CHAT_FROM}, 63016),
    ],
)
async def test_a_wrong_request_is_refused(sms: TwilioTown, form: dict[str, str], code: int) -> None:
    [account] = sms.twilio.accounts.values()
    with pytest.raises(TwilioError, match=str(code)):
        sms.twilio.take(account, form)
    assert not sms.twilio.world.accepted


class _Conforms(MessagingConformance):
    channel: Channel
    address: str

    async def peer_of(self, town: TwilioTown) -> Peer:
        twilio, faults = town.twilio, town.twilio.world.faults
        sid = await town.send(self.channel)
        await town.idle()
        if self.channel is Channel.WHATSAPP:
            twilio.world.tell(twilio.world.message(sid), State.READ)
        twilio.write(PATIENT, self.address, "1")
        await town.idle()
        twilio.world.unreachable[PATIENT] = 30003
        await town.send(self.channel)
        await town.idle()
        twilio.world.unreachable.clear()
        before = twilio.asked

        def fails(code: int) -> Any:
            return lambda: faults.fail_next(code)

        def lose() -> None:
            faults.cut_next = 1

        is_sms = self.channel is Channel.SMS
        return Peer(
            messaging=town.channel,
            capabilities=SMS_CAPABILITIES if is_sms else WHATSAPP_CAPABILITIES,
            message=outgoing(channel=self.channel),
            accept=lambda: None,
            impossible=fails(21211),
            temporary=fails(20503),
            reject=fails(21606),
            opted_out=fails(21610),
            lose=lose,
            asked=lambda: twilio.asked - before,
            secrets=("sandbox-token",),
            webhook=town.channel,
            inbound=tuple(town.heard),
        )


class TestSmsConforms(_Conforms):
    """SMS keeps the contract, with the sandbox as its provider."""

    channel, address = Channel.SMS, SMS_FROM

    @pytest.fixture
    async def peer(self, sms: TwilioTown) -> Peer:
        return await self.peer_of(sms)


class TestWhatsAppConforms(_Conforms):
    """WhatsApp keeps the contract, with the sandbox as its provider."""

    channel, address = Channel.WHATSAPP, CHAT_FROM

    @pytest.fixture
    async def peer(self, chat: TwilioTown) -> Peer:
        return await self.peer_of(chat)
