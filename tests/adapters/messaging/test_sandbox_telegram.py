"""The sandbox keeps the Bot API's rules, and the adapter holds against it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from aiohttp import web

from adapters.http import HttpClient, HttpRequest
from adapters.messaging.sandbox_telegram import (
    SandboxBot,
    TelegramError,
    TelegramWorld,
    telegram_app,
)
from adapters.messaging.telegram import CAPABILITIES, Config, Telegram
from gateway.core.events import Failure
from gateway.core.model import Channel
from gateway.errors import NotFound
from gateway.ports.messaging import LinkStep, SendError
from tests.adapters.messaging.gateway_hook import GatewayHook
from tests.adapters.support import CONTENT, PATIENT, ManualClock, address, outgoing, serve
from tests.contracts.messaging_conformance import MessagingConformance, Peer

TOKEN = "7000000001:AAsampleSampleSampleSampleSample"
SECRET = "sandbox-webhook-secret"
ANNA = 100200300


@dataclass
class Town:
    """A world, the adapter that talks to it, and the gateway's hook that hears from it."""

    world: TelegramWorld
    clock: ManualClock
    channel: Telegram
    hook: GatewayHook
    client: HttpClient
    url: str

    async def idle(self) -> None:
        await self.clock.drive(self.world.idle())

    async def send(self, **more: Any) -> str:
        out = outgoing(**{"channel": Channel.TELEGRAM, "account": str(ANNA), **more})
        sent = await self.channel.send(out)
        assert sent is not None
        return sent

    async def refused(self, **more: Any) -> SendError:
        with pytest.raises(SendError) as caught:
            await self.send(**more)
        return caught.value


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    clock, client = ManualClock(), HttpClient()
    world = TelegramWorld(clock, client, [], seed=7)
    app = web.Application()
    app.add_subapp("/sandbox/telegram", telegram_app(world, clock))
    server = await serve(app)
    sender = {
        "token": TOKEN,
        "username": "sandbox_bot",
        "webhook_secrets": [SECRET],
        "clinic": "c1",
    }
    config = Config.model_validate(
        {"senders": [sender], "api_base": address(server, "/sandbox/telegram")}
    )
    channel = Telegram(config, client, clock)
    hook = GatewayHook(channel)
    gateway = await serve(hook.app)
    url = address(gateway, "/hooks/telegram")
    world.bots[TOKEN] = SandboxBot(TOKEN, "sandbox_bot", url, SECRET)
    running = asyncio.ensure_future(world.run())
    yield Town(world, clock, channel, hook, client, address(server))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await client.close()
    await server.close()
    await gateway.close()


@pytest.mark.rule("H-1")
async def test_nobody_gets_a_message_who_has_not_started_the_bot(town: Town) -> None:
    error = await town.refused()
    assert (error.failure, error.code) == (Failure.IMPOSSIBLE, "400.not_started")


async def test_a_deep_link_joins_the_chat_and_then_messages_arrive(town: Town) -> None:
    address_of_chat = town.channel.link("c1", "b1", "Zk3_9-ab")
    assert address_of_chat is not None
    town.world.start(ANNA, address_of_chat.rpartition("=")[2])
    await town.idle()
    [link] = town.hook.links
    assert (link.step, link.token) == (LinkStep.STARTED, "Zk3_9-ab")
    await town.send(account=link.account)
    [message] = town.world.chat(ANNA).of_bot()
    assert message["text"] == CONTENT.text


async def test_a_number_is_believed_only_from_its_owner(town: Town) -> None:
    town.world.start(ANNA)
    await town.send(asks_number="Поделиться номером")
    town.world.share_contact(ANNA, "15550100777", owner=999)
    town.world.share_contact(ANNA, PATIENT.lstrip("+"))
    await town.idle()
    assert [(link.step, link.number) for link in town.hook.links] == [
        (LinkStep.STARTED, None),
        (LinkStep.SHARED, PATIENT),
    ]
    assert [message.kind for message in town.hook.messages] == ["contact"]


@pytest.mark.rule("C-11", "U-7")
async def test_a_tap_names_its_visit_and_its_message_and_is_answered(town: Town) -> None:
    town.world.start(ANNA)
    sent = await town.send()
    tap = town.world.tap(ANNA, int(sent.rpartition(":")[2]), 2)
    await town.idle()
    [found] = town.hook.messages
    assert (found.text, found.payload, found.quoted) == ("Отменить", "v1.cancel.1.A-1", sent)
    answer = replace(CONTENT, buttons=())
    await town.send(reply_to=found.id, content=answer)
    assert town.world.answered_taps == [tap]
    last = town.world.chat(ANNA).of_bot()[-1]
    assert last["reply_to_message"]["message_id"] == int(sent.rpartition(":")[2])  # type: ignore[index]


@pytest.mark.rule("C-11")
async def test_a_quoted_answer_names_the_message(town: Town) -> None:
    town.world.start(ANNA)
    sent = await town.send()
    await town.send(reply_to=f"{sent.rpartition(':')[0]}:999")  # gone: answered without a quote
    quote = int(sent.rpartition(":")[2])
    written = town.world.write(ANNA, "2", quote)
    town.world.edit(ANNA, written, "3")
    await town.idle()
    first, second = town.hook.messages
    assert (first.text, first.quoted) == ("2", sent)
    assert (second.kind, second.text, second.quoted) == ("edit", "3", sent)
    assert first.id != second.id


@pytest.mark.rule("H-1")
async def test_who_blocks_the_bot_is_told_at_once_and_cannot_be_reached(town: Town) -> None:
    town.world.start(ANNA)
    town.world.block(ANNA)
    await town.idle()
    assert town.hook.links[-1].step is LinkStep.ENDED
    error = await town.refused()
    assert (error.failure, error.code) == (Failure.IMPOSSIBLE, "403.blocked")
    town.world.start(ANNA)
    await town.send()


@pytest.mark.rule("H-2")
async def test_too_many_messages_wait_as_long_as_is_asked(town: Town) -> None:
    town.world.start(ANNA)
    town.world.faults.fail_next(429, retry_after_s=11)
    error = await town.refused()
    assert (error.failure, error.retry_after_s) == (Failure.TEMPORARY, 11)


@pytest.mark.rule("G-6")
async def test_a_broken_connection_after_acceptance_leaves_the_outcome_unknown(town: Town) -> None:
    town.world.start(ANNA)
    town.world.faults.cut_next = 1
    assert (await town.refused()).failure is None
    assert len(town.world.chat(ANNA).of_bot()) == 1


async def test_updates_come_again_until_they_are_taken(town: Town) -> None:
    town.hook.refuse = 2
    town.world.start(ANNA)
    town.world.write(ANNA, "1")
    await town.idle()
    assert sorted(type(item).__name__ for item in town.hook.said) == [
        "InboundLink",
        "InboundMessage",
    ]


async def test_a_bot_without_a_webhook_tells_nobody(town: Town) -> None:
    town.world.bots[TOKEN] = SandboxBot(TOKEN)
    town.world.start(ANNA)
    await town.idle()
    assert town.hook.said == []
    assert (await town.send()).startswith(TOKEN.partition(":")[0])


@pytest.mark.rule("G-6")
async def test_a_gateways_page_leaves_the_outcome_unknown(town: Town) -> None:
    town.world.start(ANNA)
    town.world.faults.down = True
    assert (await town.refused()).failure is None


async def test_media_say_nothing_by_themselves(town: Town) -> None:
    town.world.start(ANNA)
    town.world.send(ANNA, voice={"file_id": "x", "duration": 2})
    await town.idle()
    assert [(item.kind, item.text) for item in town.hook.messages] == [("voice", None)]


def ask(**body: Any) -> dict[str, Any]:
    return {"chat_id": ANNA, "text": "ok", **body}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (ask(text=" "), "empty"),
        (ask(text="x" * 4097), "too long"),
        (ask(chat_id=5), "chat not found"),
        (ask(parse="x"), "unexpected parse"),
        (
            ask(
                reply_markup={"inline_keyboard": [[{"text": "ok", "callback_data": "я" * 33}]]},
            ),
            "BUTTON_DATA_INVALID",
        ),
        (ask(reply_markup={"inline_keyboard": [[{"callback_data": "x"}]]}), "empty"),
        (ask(reply_markup={"inline_keyboard": []}), "reply markup"),
        (ask(reply_parameters={"message_id": 99}), "replied not found"),
    ],
)
async def test_the_sandbox_is_as_strict_as_the_api(
    town: Town, body: dict[str, Any], words: str
) -> None:
    town.world.start(ANNA)
    with pytest.raises(TelegramError) as caught:
        town.world.take(town.world.bots[TOKEN], body)
    assert (caught.value.code, words in caught.value.description) == (400, True)


@pytest.mark.parametrize(
    ("path", "status"),
    [(f"bot{TOKEN}/sendNothing", 404), ("bot7:wrong/sendMessage", 401)],
)
async def test_unknown_methods_and_tokens_are_refused(town: Town, path: str, status: int) -> None:
    request = HttpRequest("POST", f"{town.url}/sandbox/telegram/{path}", {}, b"{}")
    answer = await town.client.send(request)
    assert (answer.status, json.loads(answer.body)["ok"]) == (status, False)


async def test_there_is_no_button_beside_the_buttons(town: Town) -> None:
    town.world.start(ANNA)
    sent = await town.send()
    with pytest.raises(NotFound):
        town.world.tap(ANNA, int(sent.rpartition(":")[2]), 3)
    with pytest.raises(TelegramError):
        town.world.answer_tap({})


class TestTelegramConforms(MessagingConformance):
    """The adapter keeps the contract, with the sandbox as its provider."""

    @pytest.fixture
    async def peer(self, town: Town) -> Peer:
        faults, asked = town.world.faults, [0]
        take = town.world.take

        def counted(bot: SandboxBot, body: Any) -> Any:
            asked[0] += 1
            return take(bot, body)

        town.world.start(ANNA, "token")
        town.world.write(ANNA, "1")
        await town.idle()
        town.world.take = counted  # type: ignore[method-assign]

        def lose() -> None:
            faults.cut_next = 1

        return Peer(
            messaging=town.channel,
            capabilities=CAPABILITIES,
            message=outgoing(channel=Channel.TELEGRAM, account=str(ANNA)),
            accept=lambda: None,
            impossible=lambda: faults.fail_next(403),
            temporary=lambda: faults.fail_next(429, retry_after_s=3),
            reject=lambda: faults.fail_next(400),
            lose=lose,
            asked=lambda: asked[0],
            secrets=(TOKEN.partition(":")[2], SECRET),
            webhook=town.channel,
            inbound=tuple(town.hook.heard),
            signs_body=False,
        )
