"""The sandbox is as strict and as moody as the provider, and the adapter holds against it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from adapters.http import HttpClient, HttpLimits, HttpRequest
from adapters.messaging.sandbox import World, templates_of, whatsapp_cloud_app
from adapters.messaging.sandbox_meta import MetaError, read_order
from adapters.messaging.sandbox_world import (
    Business,
    Callback,
    Chance,
    ChatButton,
    Faults,
    State,
    TemplateSpec,
)
from adapters.messaging.whatsapp_cloud import CAPABILITIES, Config, WhatsAppCloud, build
from gateway.core.events import Failure, Receipt
from gateway.core.model import Channel
from gateway.core.wording import ABOUTS, compose, sample_visit
from gateway.errors import NotFound
from gateway.ports.messaging import InboundMessage, InboundReceipt, SendError
from gateway.ports.webhook import RawRequest
from gateway.scripts import load_texts
from tests.adapters.support import CONTENT, PATIENT, ManualClock, address, outgoing, serve
from tests.contracts.messaging_conformance import MessagingConformance, Peer

BUSINESS = Business("106540350000001", "sandbox-token")
BODY = "Здравствуйте! {{1}} ждёт вас {{2}}. Ответ: {{3}}"
TITLES = tuple(button.title for button in CONTENT.buttons)
TEMPLATES = (
    TemplateSpec("callahead_confirmation_ru", "ru", BODY, buttons=TITLES),
    TemplateSpec("paused", "ru", "x", paused=True),
    TemplateSpec("headed", "ru", "{{1}}", header="{{1}}!"),
)
SETTINGS: dict[str, Any] = {
    "app_secrets": ["sandbox-secret"],
    "verify_token": "verify",
    "senders": [
        {
            "phone_number_id": BUSINESS.phone_number_id,
            "access_token": "sandbox-token",
            "clinic": "c1",
        }
    ],
}
TEXTS = load_texts()


@dataclass
class Town:
    """A world, the adapter that talks to it, and the gateway's hook that hears from it."""

    world: World
    clock: ManualClock
    channel: WhatsAppCloud
    client: HttpClient
    url: str
    heard: list[RawRequest] = field(default_factory=list)
    refuse: int = 0

    @property
    def said(self) -> list[InboundMessage | InboundReceipt]:
        """Everything that came in, in order."""
        return [item for request in self.heard for item in self.channel.parse(request)]

    @property
    def receipts(self) -> list[Receipt]:
        return [item.receipt for item in self.said if isinstance(item, InboundReceipt)]

    async def idle(self) -> None:
        await self.clock.drive(self.world.idle())

    async def send(self, **more: Any) -> str:
        wamid = await self.channel.send(outgoing(**more))
        assert wamid is not None
        return wamid

    async def refused(self, **more: Any) -> SendError:
        with pytest.raises(SendError) as caught:
            await self.channel.send(outgoing(**more))
        return caught.value


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    clock, client = ManualClock(), HttpClient()
    world = World(clock, client, [BUSINESS], templates=TEMPLATES, seed=7)
    app, hook = web.Application(), web.Application()
    app.add_subapp("/sandbox/whatsapp", whatsapp_cloud_app(world, clock))
    server = await serve(app)
    api = {"api_base": address(server, "/sandbox/whatsapp")}
    config = Config.model_validate({**SETTINGS, **api})
    town = Town(world, clock, WhatsAppCloud(config, client), client, address(server))

    async def take(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        found = RawRequest("POST", str(request.url), {}, headers, await request.read())
        town.channel.verify(found)
        if town.refuse > 0:
            town.refuse -= 1
            return web.Response(status=500)
        town.heard.append(found)
        return web.Response()

    hook.router.add_post("/hooks/whatsapp", take)
    gateway = await serve(hook)
    world.callback = Callback(address(gateway, "/hooks/whatsapp"), "sandbox-secret")
    running = asyncio.ensure_future(world.run())
    yield town
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await client.close()
    await server.close()
    await gateway.close()


# The adapter against the sandbox


async def test_a_template_arrives_and_is_reported_with_our_own_id(town: Town) -> None:
    wamid = await town.send()
    await town.idle()
    [message] = town.world.messages(PATIENT)
    assert (message.id, message.state) == (wamid, State.DELIVERED)
    assert message.text.startswith("Здравствуйте! Здоровье ждёт вас 24 ноября")
    assert [button.title for button in message.buttons] == list(TITLES)
    assert town.receipts == [Receipt.SENT, Receipt.DELIVERED]
    for item in town.said:
        assert isinstance(item, InboundReceipt)
        assert (item.provider_id, item.opaque) == (wamid, "case|c1|2|A-1")
        assert item.number == PATIENT


@pytest.mark.rule("C-11", "U-7")
@pytest.mark.parametrize("context", [True, False])
async def test_a_tap_brings_the_payload_and_its_message(town: Town, context: bool) -> None:
    wamid = await town.send()
    await town.idle()
    await town.world.tap(PATIENT, wamid, 2, context=context)
    await town.idle()
    found = town.said[-1]
    assert isinstance(found, InboundMessage)
    assert (found.kind, found.text) == ("button", "Отменить")
    assert found.payload == "v1.cancel.1.A-1"
    assert found.quoted == (wamid if context else None)
    assert town.receipts[-1] is Receipt.READ


@pytest.mark.rule("C-9")
async def test_an_answer_opens_the_conversation_for_text_with_buttons(town: Town) -> None:
    wamid = await town.send()
    await town.idle()
    await town.world.reply(PATIENT, "1", quote=wamid)
    await town.idle()
    answer = town.said[-1]
    assert isinstance(answer, InboundMessage)
    assert (answer.text, answer.quoted, answer.number) == ("1", wamid, PATIENT)
    second = await town.send(session_open=True, reply_to=answer.id, account=answer.account)
    await town.idle()
    shown = town.world.message(second)
    assert (shown.kind, shown.text, shown.quote) == ("interactive", CONTENT.text, answer.id)
    await town.world.tap(PATIENT, second, 0)
    await town.idle()
    tapped = town.said[-1]
    assert isinstance(tapped, InboundMessage)
    assert (tapped.kind, tapped.payload) == ("button_reply", "v1.confirm.1.A-1")


async def test_a_patient_without_a_visible_number_is_known_by_account(town: Town) -> None:
    phone = town.world.phone(PATIENT)
    phone.hides_number = True
    await town.world.reply(PATIENT, "1")
    await town.idle()
    [found] = town.said
    assert (found.number, found.account) == (None, phone.account)
    await town.send(session_open=True, account=phone.account)
    await town.idle()
    [receipt] = [item for item in town.said if isinstance(item, InboundReceipt)][:1]
    assert (receipt.number, receipt.account) == (None, phone.account)


@pytest.mark.rule("H-1")
async def test_a_number_without_an_account_is_reported_later(town: Town) -> None:
    """The API takes the message; that nobody is there comes as a receipt."""
    town.world.set_account(PATIENT, False)
    wamid = await town.send()
    await town.idle()
    [found] = town.said
    assert isinstance(found, InboundReceipt)
    assert (found.provider_id, found.receipt) == (wamid, Receipt.FAILED)
    assert (found.failure, found.code) == (Failure.IMPOSSIBLE, "131026")
    assert town.world.messages(PATIENT) == ()


@pytest.mark.parametrize("hours", [23, 25])
async def test_the_conversation_closes_after_a_day(town: Town, hours: int) -> None:
    """A closed one makes the adapter send its template instead."""
    await town.world.reply(PATIENT, "1")
    await town.idle()
    town.clock.advance(timedelta(hours=hours).total_seconds())
    wamid = await town.send(session_open=True)
    assert town.world.message(wamid).kind == ("interactive" if hours < 24 else "template")


async def test_a_closed_conversation_may_be_reported_later(town: Town) -> None:
    town.world.faults.window_as_status = True
    await town.send(session_open=True)
    await town.idle()
    [found] = town.said
    assert isinstance(found, InboundReceipt)
    assert (found.failure, found.code) == (Failure.TEMPORARY, "131047")


@pytest.mark.rule("H-2")
async def test_the_service_is_down(town: Town) -> None:
    town.world.faults.down = True
    error = await town.refused()
    assert (error.failure, error.code) == (Failure.TEMPORARY, "http_503")
    town.world.faults.down = False
    await town.send()


@pytest.mark.rule("G-6")
async def test_a_connection_that_breaks_after_acceptance_is_proved_by_receipts(town: Town) -> None:
    town.world.faults.cut_next = 1
    error = await town.refused()
    assert error.failure is None
    await town.idle()
    assert [item.opaque for item in town.said if isinstance(item, InboundReceipt)] == [
        "case|c1|2|A-1"
    ] * 2
    assert len(town.world.messages(PATIENT)) == 1


@pytest.mark.rule("G-6")
async def test_an_answer_that_comes_too_late_is_unknown(town: Town) -> None:
    town.world.faults.slow_s = 60
    hasty = HttpClient(HttpLimits(total_s=0.1))
    channel = WhatsAppCloud(town.channel._config, hasty)
    with pytest.raises(SendError) as caught:
        await channel.send(outgoing())
    assert (caught.value.failure, caught.value.code) == (None, "timeout")
    await town.idle()
    assert town.receipts[-1] is Receipt.DELIVERED
    await hasty.close()
    town.clock.wake_next()


@pytest.mark.rule("H-2")
async def test_planned_errors_meet_the_number_they_are_meant_for(town: Town) -> None:
    town.world.faults.fail_next(131056, number="+15550100199")
    town.world.faults.fail_next(130429, retry_after_s=9)
    error = await town.refused()
    assert (error.code, error.retry_after_s) == ("130429", 9)
    await town.send()
    error = await town.refused(to="+15550100199")
    assert (error.code, error.retry_after_s) == ("131056", 6)


@pytest.mark.rule("H-7")
async def test_speed_limits_hold_per_number_and_per_patient(town: Town) -> None:
    town.world.faults.pair_gap_s = 6
    await town.send()
    assert (await town.refused()).code == "131056"
    town.clock.advance(6)
    await town.send()
    town.world.faults.pair_gap_s = None
    town.world.faults.per_second = 2
    town.clock.advance(2)
    for number in ("+15550100101", "+15550100102"):
        await town.send(to=number)
    assert (await town.refused(to="+15550100103")).code == "130429"
    town.clock.advance(1)
    await town.send(to="+15550100103")


async def test_a_webhook_that_is_refused_comes_again_later(town: Town) -> None:
    town.refuse = 3
    started = town.clock.now()
    await town.send()
    await town.idle()
    assert Counter(town.receipts) == {Receipt.SENT: 1, Receipt.DELIVERED: 1}
    assert town.clock.now() - started >= timedelta(seconds=3)


async def test_a_hook_that_is_gone_is_called_again(town: Town) -> None:
    callback = town.world.callback
    assert callback is not None
    town.world.callback = replace(callback, url="http://127.0.0.1:1/")
    await town.world.reply(PATIENT, "1")
    for _ in range(20):
        town.clock.wake_next()
        await asyncio.sleep(0.001)
    assert town.said == []
    town.world.callback = callback
    await town.idle()
    assert len(town.said) == 1


async def test_after_a_week_a_webhook_is_given_up(town: Town) -> None:
    town.refuse = 10**6
    await town.world.reply(PATIENT, "1")
    await asyncio.sleep(0.01)
    town.clock.advance(timedelta(days=7).total_seconds())
    await town.idle()
    assert town.said == []


@pytest.mark.parametrize(
    ("faults", "receipts"),
    [
        ({"lose_webhooks": 1.0}, []),
        ({"repeat_webhooks": 1.0}, [Receipt.SENT] * 2 + [Receipt.DELIVERED] * 2),
        ({"reorder_webhooks": 1.0}, [Receipt.DELIVERED, Receipt.SENT]),
    ],
)
async def test_webhooks_are_lost_repeated_and_out_of_order(
    town: Town, faults: dict[str, float], receipts: list[Receipt]
) -> None:
    for name, share in faults.items():
        setattr(town.world.faults, name, share)
    wamid = await town.send()
    await town.idle()
    assert town.receipts == receipts
    assert town.world.message(wamid).state is State.DELIVERED


async def test_a_patient_who_reads_at_once_is_reported(town: Town) -> None:
    town.world.phone(PATIENT).reads_at_once = True
    await town.send()
    await town.idle()
    assert town.receipts == [Receipt.SENT, Receipt.DELIVERED, Receipt.READ]


async def test_reading_is_reported_once(town: Town) -> None:
    wamid = await town.send()
    await town.idle()
    for _ in range(2):
        await town.world.read(PATIENT, wamid)
        await town.idle()
    assert town.receipts.count(Receipt.READ) == 1


async def test_any_kind_of_message_can_be_sent(town: Town) -> None:
    body = {"type": "audio", "audio": {"id": "1", "voice": True}}
    await town.world.write(PATIENT, body, "voice message")
    await town.idle()
    [found] = town.said
    assert isinstance(found, InboundMessage)
    assert (found.kind, found.text) == ("audio", None)


async def test_a_page_hears_of_every_change(town: Town) -> None:
    seen = town.world.changes.count
    waiting = asyncio.ensure_future(town.world.changes.after(seen))
    await town.send()
    assert await waiting > seen
    assert [phone.number for phone in town.world.phones] == [PATIENT]


async def test_what_is_not_there_cannot_be_tapped(town: Town) -> None:
    wamid = await town.send()
    for missing, button in ((wamid, 3), (wamid, -1), ("wamid.none", 0)):
        with pytest.raises(NotFound):
            await town.world.tap(PATIENT, missing, button)


async def test_without_a_callback_nothing_is_reported(town: Town) -> None:
    town.world.callback = None
    wamid = await town.send()
    await town.idle()
    assert town.heard == []
    assert town.world.message(wamid).state is State.DELIVERED


async def post(town: Town, body: Any, *, token: str = "sandbox-token", number: str = "") -> Any:
    path = f"/sandbox/whatsapp/v25.0/{number or BUSINESS.phone_number_id}/messages"
    request = HttpRequest(
        "POST",
        town.url + path,
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        json.dumps(body).encode(),
    )
    response = await town.client.send(request)
    return response.status, json.loads(response.body)


async def test_a_wrong_token_and_an_unknown_number_are_refused(town: Town) -> None:
    status, body = await post(town, {}, token="wrong")
    assert (status, body["error"]["code"]) == (401, 190)
    status, body = await post(town, {}, number="5")
    assert (status, body["error"]["code"]) == (400, 100)


async def test_marking_as_read_is_taken(town: Town) -> None:
    body = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.1"}
    assert await post(town, body) == (200, {"success": True})


async def test_an_unknown_account_is_refused(town: Town) -> None:
    body = {"messaging_product": "whatsapp", "recipient": "US.1", "text": {"body": "x"}}
    status, answer = await post(town, {**body, "type": "text"})
    assert (status, answer["error"]["code"]) == (400, 131009)


# What the provider refuses


def order(**more: Any) -> dict[str, Any]:
    return {"messaging_product": "whatsapp", "to": "15550100123", "type": "text", **more}


def template(name: str = "callahead_confirmation_ru", *parts: Any, code: str = "ru") -> Any:
    shown = {"name": name, "language": {"code": code}, "components": list(parts)}
    return order(type="template", template=shown)


def body_of(*texts: Any) -> Any:
    return {"type": "body", "parameters": [{"type": "text", "text": text} for text in texts]}


def quick_reply(index: int, **more: Any) -> Any:
    parameter = {"type": "payload", "payload": "p"}
    part = {"type": "button", "sub_type": "quick_reply", "index": str(index)}
    return {**part, "parameters": [parameter], **more}


def buttons(*pairs: tuple[str, str], text: str = "x", kind: str = "button") -> Any:
    replies = [{"type": "reply", "reply": {"title": a, "id": b}} for a, b in pairs]
    inner = {"type": kind, "body": {"text": text}, "action": {"buttons": replies}}
    return order(type="interactive", interactive=inner)


GOOD = body_of("a", "b", "c")
IMAGE = {"type": "body", "parameters": [{"type": "image"}]}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 100),
        (order(surprise=1), 100),
        (order(recipient_type="group"), 131009),
        (order(to=None), 131008),
        (order(to="Anna"), 131009),
        (order(to=15550100123), 131009),
        (order(type="video"), 131051),
        (order(), 131008),
        (order(text={"body": ""}), 131008),
        (order(text={"body": 5}), 131009),
        (order(text={"body": "x" * 4097}), 131009),
        (order(text={"body": "x"}, biz_opaque_callback_data="x" * 513), 131009),
        (order(text={"body": "x"}, context={"message_id": "7"}), 131009),
        (template("none"), 132001),
        (template(code="en"), 132001),
        (template("paused"), 132015),
        (template(), 132000),
        (template("callahead_confirmation_ru", body_of("a", "b")), 132000),
        (template("headed", body_of("a")), 132000),
        (template("callahead_confirmation_ru", body_of("a", "b\nc", "d")), 132018),
        (template("callahead_confirmation_ru", body_of("a", "b\tc", "d")), 132018),
        (template("callahead_confirmation_ru", body_of("a", "b    c", "d")), 132018),
        (template("callahead_confirmation_ru", body_of("a", "", "d")), 131008),
        (
            template(
                "callahead_confirmation_ru", {"type": "body", "parameters": [{"type": "image"}]}
            ),
            132012,
        ),
        (template("callahead_confirmation_ru", GOOD, *map(quick_reply, range(4))), 132000),
        (template("callahead_confirmation_ru", GOOD, quick_reply(0, sub_type="url")), 132012),
        (template("callahead_confirmation_ru", GOOD, quick_reply(0, parameters=[])), 132012),
        (
            template(
                "callahead_confirmation_ru", GOOD, quick_reply(0, parameters=[{"type": "text"}])
            ),
            132012,
        ),
        (buttons(("a", "1"), kind="flow"), 131009),
        (buttons(), 131009),
        (buttons(("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")), 131009),
        (buttons(("a" * 21, "1")), 131009),
        (buttons(("a", "1"), ("a", "2")), 131009),
        (buttons(("a", "1"), ("b", "1")), 131009),
        (buttons(("a", "1"), text="x" * 1025), 131009),
    ],
)
def test_a_request_is_refused(body: dict[str, Any], code: int) -> None:
    with pytest.raises(MetaError) as caught:
        read_order(body, TEMPLATES)
    assert caught.value.code == code
    assert caught.value.document["error"]["code"] == code  # type: ignore[index]


def test_a_button_without_payload_brings_its_title() -> None:
    found = read_order(template("callahead_confirmation_ru", GOOD, quick_reply(1)), TEMPLATES)
    payloads = [ChatButton(TITLES[0], TITLES[0]), ChatButton(TITLES[1], "p")]
    assert list(found.buttons[:2]) == payloads


def test_a_header_stands_above_the_body() -> None:
    header = {"type": "header", "parameters": [{"type": "text", "text": "A"}]}
    assert read_order(template("headed", header, body_of("b")), TEMPLATES).text == "A!\nb"


# Repeatable


def test_the_same_seed_gives_the_same_chance() -> None:
    first, second = Chance(1), Chance(1)
    assert [first.fresh() for _ in range(3)] == [second.fresh() for _ in range(3)]
    drawn = [Chance(seed).hits(0.25) for seed in range(1000)]
    assert 200 < sum(drawn) < 300
    assert not Chance(1).hits(0.0)
    assert Chance(1).hits(1.0)


def test_planned_errors_are_used_up() -> None:
    faults = Faults()
    faults.fail_next(1, times=2)
    taken = [faults.take_planned(PATIENT) for _ in range(3)]
    assert [planned and planned.code for planned in taken] == [1, 1, None]


@pytest.mark.rule("C-9", "W-1")
@pytest.mark.parametrize("language", TEXTS.languages)
@pytest.mark.parametrize("about", ABOUTS)
def test_every_message_of_the_product_is_taken(language: str, about: str) -> None:
    """As a template outside a conversation and as text inside it, as Meta reads them."""
    branch, visit = sample_visit(TEXTS.by_language[language])
    content = compose(
        TEXTS,
        about,
        Channel.WHATSAPP,
        branch=replace(branch, link_secret=b"secret"),
        snapshot=visit,
        booking=1,
        choices=(
            ("A-1", visit.start, "Europe/Moscow"),
            ("A-2", visit.start + timedelta(hours=1), "Europe/Moscow"),
        ),
    )
    config = Config.model_validate(SETTINGS)
    templates = templates_of(TEXTS, "callahead_{template}_{language}")
    for session_open in (False, True):
        message = outgoing(content=content, session_open=session_open)
        request = build(config, config.senders[0], message)
        found = read_order(json.loads(request.body), templates)
        assert [button.payload for button in found.buttons] == [b.payload for b in content.buttons]
        assert (found.template is None) == session_open
        if session_open or "\n" not in "".join(content.parameters):
            assert found.text == content.text


class TestWhatsAppConforms(MessagingConformance):
    """The adapter keeps the contract, with the sandbox as its provider."""

    @pytest.fixture
    async def peer(self, town: Town) -> Peer:
        faults, asked = town.world.faults, Counter[str]()
        take = town.world.take

        def counted(sender: str, body: Any) -> Any:
            asked["requests"] += 1
            return take(sender, body)

        town.world.take = counted  # type: ignore[method-assign]
        await town.send()
        await town.idle()
        await town.world.reply(PATIENT, "1")
        await town.idle()
        town.world.set_account(PATIENT, False)
        await town.send()
        await town.idle()
        town.world.set_account(PATIENT, True)
        asked.clear()

        def lose() -> None:
            faults.cut_next = 1

        return Peer(
            messaging=town.channel,
            capabilities=CAPABILITIES,
            message=outgoing(),
            accept=lambda: None,
            impossible=lambda: faults.fail_next(131026),
            temporary=lambda: faults.fail_next(131016),
            reject=lambda: faults.fail_next(132015),
            lose=lose,
            asked=lambda: asked["requests"],
            secrets=("sandbox-token", "sandbox-secret", "verify"),
            webhook=town.channel,
            inbound=tuple(town.heard),
        )
