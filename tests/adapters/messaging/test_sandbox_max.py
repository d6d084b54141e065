"""The sandbox keeps the rules of MAX's API, and the adapter holds against it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from aiohttp import web

from adapters.http import HttpClient, HttpRequest
from adapters.json_values import object_of
from adapters.messaging.max_messenger import CAPABILITIES, MaxMessenger
from adapters.messaging.max_settings import Config
from adapters.messaging.sandbox_max import MaxError, MaxWorld, SandboxBot, max_app
from gateway.core.events import Failure
from gateway.core.model import Channel
from gateway.errors import NotFound
from gateway.ports.messaging import LinkStep, SendError
from tests.adapters.messaging.gateway_hook import GatewayHook
from tests.adapters.support import CONTENT, PATIENT, ManualClock, address, outgoing, serve
from tests.contracts.messaging_conformance import MessagingConformance, Peer

TOKEN = "bot-token-of-max"
SECRET = "sandbox-webhook-secret"
ANNA = 500600700


@dataclass
class Town:
    """A world, the adapter that talks to it, and the gateway's hook that hears from it."""

    world: MaxWorld
    clock: ManualClock
    channel: MaxMessenger
    hook: GatewayHook
    client: HttpClient
    url: str

    async def idle(self) -> None:
        await self.clock.drive(self.world.idle())

    async def send(self, **more: Any) -> str:
        out = outgoing(**{"channel": Channel.MAX, "account": str(ANNA), **more})
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
    bot = SandboxBot(TOKEN)
    world = MaxWorld(clock, client, [bot], seed=7)
    app = web.Application()
    app.add_subapp("/sandbox/max", max_app(world, clock))
    server = await serve(app)
    sender = {
        "name": "sandbox_bot",
        "token": TOKEN,
        "webhook_secrets": [SECRET],
        "clinic": "c1",
    }
    config = Config.model_validate(
        {
            "senders": [sender],
            "api_base": address(server, "/sandbox/max"),
            "trust_contacts": True,
        }
    )
    channel = MaxMessenger(config, client, clock)
    hook = GatewayHook(channel)
    gateway = await serve(hook.app)
    bot.hooks[address(gateway, "/hooks/max")] = SECRET
    running = asyncio.ensure_future(world.run())
    yield Town(world, clock, channel, hook, client, address(server))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await channel.close()
    await server.close()
    await gateway.close()


@pytest.mark.rule("H-1")
async def test_nobody_gets_a_message_who_has_not_started_the_bot(town: Town) -> None:
    error = await town.refused()
    assert (error.failure, error.code) == (Failure.IMPOSSIBLE, "chat.denied")


async def test_a_deep_link_joins_the_dialogue_and_then_messages_arrive(town: Town) -> None:
    opened = town.channel.link("c1", "b1", "Zk3_9-ab")
    assert opened is not None
    town.world.start(ANNA, opened.rpartition("=")[2])
    await town.idle()
    [link] = town.hook.links
    assert (link.step, link.token) == (LinkStep.STARTED, "Zk3_9-ab")
    sent = await town.send(account=link.account)
    assert object_of(town.world.dialog(ANNA).messages[sent]["body"])["text"] == CONTENT.text


async def test_a_number_is_believed_only_from_its_owner(town: Town) -> None:
    town.world.start(ANNA)
    await town.send(asks_number="Поделиться номером")
    town.world.share_contact(ANNA, "+15550100777", owner=999)
    town.world.share_contact(ANNA, PATIENT)
    await town.idle()
    assert [(link.step, link.number) for link in town.hook.links] == [
        (LinkStep.STARTED, None),
        (LinkStep.SHARED, PATIENT),
    ]


@pytest.mark.rule("C-11", "U-7")
async def test_a_tap_names_its_visit_and_its_message_and_is_answered(town: Town) -> None:
    town.world.start(ANNA)
    sent = await town.send()
    tap = town.world.tap(ANNA, sent, 2)
    await town.idle()
    [found] = town.hook.messages
    assert (found.text, found.payload, found.quoted) == ("Отменить", "v1.cancel.1.A-1", sent)
    answer = await town.send(reply_to=found.id, content=replace(CONTENT, buttons=()))
    assert town.world.answered_taps == [tap]
    link = object_of(town.world.dialog(ANNA).messages[answer]["link"])
    assert object_of(link["message"])["mid"] == sent


@pytest.mark.rule("C-11")
async def test_a_quoted_answer_names_the_message(town: Town) -> None:
    town.world.start(ANNA)
    sent = await town.send()
    written = town.world.write(ANNA, "2", sent)
    town.world.edit(ANNA, written, "3")
    await town.idle()
    first, second = town.hook.messages
    assert (first.text, first.quoted) == ("2", sent)
    assert (second.kind, second.text, second.quoted) == ("edit", "3", sent)
    assert first.id != second.id


async def test_an_answer_to_a_message_that_is_gone_goes_without_a_quote(town: Town) -> None:
    town.world.start(ANNA)
    sent = await town.send(reply_to="mid.gone")
    assert "link" not in town.world.dialog(ANNA).messages[sent]


@pytest.mark.rule("H-1")
async def test_who_stops_the_bot_is_told_at_once_and_cannot_be_reached(town: Town) -> None:
    town.world.start(ANNA)
    town.world.stop(ANNA)
    await town.idle()
    assert town.hook.links[-1].step is LinkStep.ENDED
    assert (await town.refused()).failure is Failure.IMPOSSIBLE
    town.world.start(ANNA)
    await town.send()


@pytest.mark.rule("G-6")
async def test_a_broken_connection_after_acceptance_leaves_the_outcome_unknown(town: Town) -> None:
    """A quote does not lead to a second try either."""
    town.world.start(ANNA)
    quote = town.world.write(ANNA, "1")
    town.world.faults.cut_next = 1
    assert (await town.refused(reply_to=quote)).failure is None
    assert len(town.world.dialog(ANNA).of_bot()) == 1


async def test_a_lost_answer_to_a_tap_does_not_lose_the_message(town: Town) -> None:
    town.world.start(ANNA)
    sent = await town.send()
    town.world.tap(ANNA, sent, 0)
    await town.idle()
    [found] = town.hook.messages
    town.world.answer_tap = refusing  # type: ignore[method-assign]
    await town.send(reply_to=found.id)
    assert len(town.world.dialog(ANNA).of_bot()) == 2


def refusing(*_: object) -> Any:
    raise MaxError(400)


async def test_the_adapter_subscribes_its_own_hook(town: Town) -> None:
    [(url, _)] = town.world.bots[TOKEN].hooks.items()
    town.world.bots[TOKEN].hooks.clear()
    settings = {
        "senders": [
            {"name": "bot", "token": TOKEN, "webhook_secrets": [SECRET], "clinic": "c1"},
        ],
        "api_base": f"{town.url}/sandbox/max",
        "webhook_url": "https://gateway.example/hooks/max",
    }
    channel = MaxMessenger(Config.model_validate(settings), town.client, town.clock)
    watching = asyncio.ensure_future(channel.watch())
    while not town.world.bots[TOKEN].hooks:  # noqa: ASYNC110 (a socket needs real time)
        await asyncio.sleep(0.001)
    watching.cancel()
    assert town.world.bots[TOKEN].hooks == {"https://gateway.example/hooks/max": SECRET}
    assert url not in town.world.bots[TOKEN].hooks


def ask(**body: Any) -> dict[str, Any]:
    return {"text": "ok", **body}


def keyboard(*buttons: dict[str, Any]) -> dict[str, Any]:
    rows = [[button] for button in buttons]
    return ask(attachments=[{"type": "inline_keyboard", "payload": {"buttons": rows}}])


@pytest.mark.parametrize(
    "body",
    [
        ask(text=""),
        ask(text="x" * 4001),
        ask(to="x"),
        ask(attachments=[{"type": "image", "payload": {}}]),
        keyboard(),
        keyboard({"type": "link", "text": "x", "url": "https://clinic.example"}),
        keyboard({"type": "callback", "text": "", "payload": "x"}),
        keyboard({"type": "callback", "text": "x", "payload": "x" * 1025}),
        ask(link={"type": "reply", "mid": "mid.gone"}),
    ],
)
async def test_the_sandbox_is_as_strict_as_the_api(town: Town, body: dict[str, Any]) -> None:
    town.world.start(ANNA)
    with pytest.raises(MaxError) as caught:
        town.world.take(town.world.bots[TOKEN], ANNA, body)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("token", "path", "status"),
    [("wrong", "messages?user_id=1", 401), (TOKEN, "subscriptions", 400), (TOKEN, "answers", 400)],
)
async def test_wrong_requests_are_refused(town: Town, token: str, path: str, status: int) -> None:
    url = f"{town.url}/sandbox/max/{path}"
    answer = await town.client.send(HttpRequest("POST", url, {"Authorization": token}, b"{}"))
    assert answer.status == status
    assert set(json.loads(answer.body)) == {"code", "message"}


async def test_a_gateways_page_leaves_the_outcome_unknown(town: Town) -> None:
    town.world.faults.down = True
    assert (await town.refused()).failure is None


async def test_there_is_no_button_beside_the_buttons(town: Town) -> None:
    town.world.start(ANNA)
    sent = await town.send()
    for mid, row in ((sent, 3), (town.world.write(ANNA, "1"), 0)):
        with pytest.raises(NotFound):
            town.world.tap(ANNA, mid, row)


class TestMaxConforms(MessagingConformance):
    """The adapter keeps the contract, with the sandbox as its provider."""

    @pytest.fixture
    async def peer(self, town: Town) -> Peer:
        faults, asked = town.world.faults, [0]
        take = town.world.take

        def counted(bot: SandboxBot, person: int | None, body: Any) -> Any:
            asked[0] += 1
            return take(bot, person, body)

        town.world.start(ANNA, "token")
        town.world.write(ANNA, "1")
        await town.idle()
        town.world.take = counted  # type: ignore[method-assign]

        def lose() -> None:
            faults.cut_next = 1

        return Peer(
            messaging=town.channel,
            capabilities=CAPABILITIES,
            message=outgoing(channel=Channel.MAX, account=str(ANNA)),
            accept=lambda: None,
            impossible=lambda: faults.fail_next(403),
            temporary=lambda: faults.fail_next(429, retry_after_s=3),
            reject=lambda: faults.fail_next(400),
            lose=lose,
            asked=lambda: asked[0],
            secrets=(TOKEN, SECRET),
            webhook=town.channel,
            inbound=tuple(town.hook.heard),
            signs_body=False,
        )
