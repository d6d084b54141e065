"""All apps of a phone side by side, and the same after a restart."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from adapters.http import HttpClient
from adapters.json_values import object_of
from adapters.messaging.sandbox_phones import (
    MAX,
    PUSH,
    SMS,
    SMS_SENDER,
    TELEGRAM,
    AppKeys,
    Has,
    Phones,
    account_of,
)
from adapters.messaging.sandbox_world import State
from adapters.standard_webhooks import headers_of, key_of
from gateway.errors import NotFound
from tests.adapters.support import PATIENT, ManualClock, Recorder, address, serve

SECRET = "whsec_" + "c2FuZGJveC1zZWNyZXQtb2YtdGhlLWFwcCE="
KEYS = AppKeys(
    max_token="max-token",
    max_secret="max-secret",
    telegram_token="7000000001:telegram-token",
    telegram_secret="telegram-secret",
    sms_api_key="sms-key",
    sms_callback_key="sms-callback-key",
    push_secret=SECRET,
)
TAP = [[{"type": "callback", "text": "Да", "payload": "v1"}]]


@dataclass
class Town:
    """The phones, and the gateway's address that hears from them."""

    phones: Phones
    clock: ManualClock
    gateway: Recorder

    def heard(self, part: str) -> list[str]:
        """Return what came to the hooks whose address holds this."""
        return [body.decode() for _, path, _, body in self.gateway.requests if part in path]

    async def idle(self) -> None:
        p = self.phones
        for world in (p.max, p.telegram, p.sms.world, p.push):
            await self.clock.drive(world.idle())

    def shown(self, app: str) -> list[dict[str, Any]]:
        return [m for m in self.phones.messages(PATIENT) if m["channel"] == app]

    def set_up(self, max_: Has = Has.ON, telegram: Has = Has.ON, app: Has = Has.ON) -> None:
        self.phones.set_up(PATIENT, messenger=max_, telegram=telegram, app=app)

    def ask(self) -> None:
        """Let the clinic write in every app."""
        account = account_of(PATIENT)
        keyboard = [{"type": "inline_keyboard", "payload": {"buttons": TAP}}]
        bot = next(iter(self.phones.max.bots.values()))
        self.phones.max.take(bot, account, {"text": "MAX?", "attachments": keyboard})
        inline = {"inline_keyboard": [[{"text": "Да", "callback_data": "v1"}]]}
        body = {"chat_id": account, "text": "Telegram?", "reply_markup": inline}
        self.phones.telegram.take(next(iter(self.phones.telegram.bots.values())), body)
        sms = {"number": SMS_SENDER, "destination": PATIENT.lstrip("+"), "text": "СМС?"}
        self.phones.sms.take(self.phones.sms.applications[0], dict(sms))
        self.push()

    def push(self, name: str = "ntf_1", **more: object) -> None:
        data = {"id": name, "number": PATIENT, "text": "Push?", "kind": "confirmation", **more}
        document = {"type": "notification.requested", "data": data}
        body = json.dumps(document).encode()
        headers = headers_of([key_of(SECRET)], name, self.clock.now(), body)
        self.phones.push.take({k.lower(): v for k, v in headers.items()}, body)


@contextmanager
def closing(phones: Phones) -> Iterator[Phones]:
    try:
        yield phones
    finally:
        phones.close()


@asynccontextmanager
async def opened(folder: Path, *, status: int = 200, seed: int = 1) -> AsyncIterator[Town]:
    """Open the phones as a start of the program does."""
    clock, client, gateway = ManualClock(), HttpClient(), Recorder(status)
    server = await serve(gateway.app)
    with closing(Phones(clock, client, folder, KEYS, url=address(server), seed=seed)) as phones:
        running = asyncio.ensure_future(phones.run())
        yield Town(phones, clock, gateway)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    await client.close()
    await server.close()


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with opened(tmp_path) as found:
        yield found


async def test_a_phone_has_the_apps_that_it_was_given(town: Town) -> None:
    assert town.phones.apps(PATIENT) == {"sms": "on"}
    town.set_up(Has.ON, Has.INSTALLED, Has.GONE)
    assert town.phones.apps(PATIENT) == {
        "sms": "on",
        "push": "gone",
        "max": "on",
        "telegram": "installed",
    }
    assert town.phones.numbers() == (PATIENT,)


async def test_who_uses_a_messenger_has_shown_the_bot_their_number(town: Town) -> None:
    """Once: a phone that is set up again by the next start says nothing more."""
    town.set_up()
    town.set_up()
    await town.idle()
    (told,) = town.heard("/hooks/max")
    assert PATIENT.lstrip("+") in told
    (told,) = town.heard("/hooks/telegram")
    assert json.loads(told)["message"]["contact"]["user_id"] == account_of(PATIENT)
    assert [m["kind"] for m in town.phones.messages(PATIENT)] == ["contact", "contact"]


async def test_what_the_bot_says_to_a_contact_is_no_news(town: Town) -> None:
    town.set_up(telegram=Has.NO, app=Has.NO)
    bot = next(iter(town.phones.max.bots.values()))
    town.phones.max.take(bot, account_of(PATIENT), {"text": "Спасибо"})
    town.phones.max.take(bot, account_of(PATIENT), {"text": "Вопрос"})
    assert [m["kind"] for m in town.shown(MAX)] == ["contact", "service", "text"]


async def test_messages_of_every_app_are_shown_answered_and_seen(town: Town) -> None:
    town.set_up()
    town.ask()
    await town.idle()
    asked = {app: town.shown(app)[-1] for app in (MAX, TELEGRAM, SMS, PUSH)}
    assert {app: m["text"] for app, m in asked.items()} == {
        MAX: "MAX?",
        TELEGRAM: "Telegram?",
        SMS: "СМС?",
        PUSH: "Push?",
    }
    assert asked[MAX]["buttons"] == asked[TELEGRAM]["buttons"] == ["Да"]
    assert len(asked[PUSH]["buttons"]) == 3
    assert not any(m["seen"] for m in asked.values())
    town.clock.advance(1)
    for app in (MAX, TELEGRAM):
        town.phones.tap(PATIENT, asked[app]["id"], 0)
        town.phones.say(PATIENT, app, "1", asked[app]["id"])
    town.phones.say(PATIENT, SMS, "2", None)
    town.phones.read(PATIENT, PUSH)
    await town.idle()
    assert "message_callback" in town.heard("/hooks/max")[1]
    assert "callback_query" in town.heard("/hooks/telegram")[1]
    assert town.shown(MAX)[-1]["quote"] == asked[MAX]["id"]
    assert town.shown(TELEGRAM)[-1]["quote"] == asked[TELEGRAM]["id"]
    assert '"DIRECTION_INCOMING"' in town.heard("/hooks/sms")[-1]
    assert '"read"' in town.heard("/hooks/push")[-1]
    assert all(m["seen"] for app in asked for m in town.shown(app))


async def test_a_bot_is_opened_shown_the_number_and_stopped(town: Town) -> None:
    town.set_up(Has.INSTALLED, Has.INSTALLED)
    for app in (MAX, TELEGRAM):
        with pytest.raises(NotFound):
            town.phones.share(PATIENT, app)
        town.phones.start(PATIENT, app)
        with pytest.raises(NotFound):
            town.phones.start(PATIENT, app)
    account = account_of(PATIENT)
    asks = [{"type": "inline_keyboard", "payload": {"buttons": [[_CONTACT]]}}]
    bot = next(iter(town.phones.max.bots.values()))
    town.phones.max.take(bot, account, {"text": "Чей номер?", "attachments": asks})
    keyboard = {"keyboard": [[{"text": "Мой номер", "request_contact": True}]]}
    body = {"chat_id": account, "text": "Чей номер?", "reply_markup": keyboard}
    town.phones.telegram.take(next(iter(town.phones.telegram.bots.values())), body)
    for app in (MAX, TELEGRAM):
        question = town.shown(app)[-1]
        assert (question["kind"], question["buttons"]) == ("asks_number", ["Мой номер"])
        town.phones.tap(PATIENT, question["id"], 0)
        assert town.shown(app)[-1]["kind"] == "contact"
        town.phones.stop(PATIENT, app)
        assert town.phones.apps(PATIENT)[app] == "installed"
        with pytest.raises(NotFound):
            town.phones.say(PATIENT, app, "1", None)
        with pytest.raises(NotFound):
            town.phones.stop(PATIENT, app)
    await town.idle()
    assert "bot_stopped" in town.heard("/hooks/max")[-1]
    assert '"kicked"' in town.heard("/hooks/telegram")[-1]


_CONTACT = {"type": "request_contact", "text": "Мой номер"}


async def test_what_is_not_on_the_phone_cannot_be_used(town: Town) -> None:
    town.set_up(app=Has.NO)
    for message in ("max:nothing", "telegram:1000", "push:ntf_9"):
        with pytest.raises(NotFound):
            town.phones.tap(PATIENT, message, 0)
    for app in (PUSH, "fax"):
        with pytest.raises(NotFound):
            town.phones.say(PATIENT, app, "1", None)
    with pytest.raises(NotFound):
        town.phones.notification(PATIENT, "push:ntf_9")


@pytest.mark.rule("H-1")
async def test_a_push_to_an_app_that_is_gone_is_reported_and_not_shown(town: Town) -> None:
    town.set_up(app=Has.GONE)
    town.push()
    await town.idle()
    assert town.shown(PUSH) == []
    (report,) = [object_of(json.loads(text)["data"]) for text in town.heard("/hooks/push")]
    assert (report["status"], report["code"]) == ("failed", "no_device")


async def test_what_was_chosen_in_the_app_is_shown_there(town: Town) -> None:
    town.set_up()
    town.push()
    await town.idle()
    taken = town.phones.notification(PATIENT, "push:ntf_1")
    assert [answer for answer, _ in taken.actions] == ["confirm", "reschedule", "cancel"]
    town.phones.push.answered("ntf_1", "Подтвердить", "Запись подтверждена")
    question, chosen, result = town.shown(PUSH)
    assert (question["buttons"], chosen["mine"], chosen["text"]) == ([], True, "Подтвердить")
    assert (result["mine"], result["text"]) == (False, "Запись подтверждена")


async def test_a_notification_that_asks_nothing_offers_nothing(town: Town) -> None:
    town.set_up()
    town.push(kind="details")
    assert town.phones.notification(PATIENT, "push:ntf_1").actions == ()


@pytest.mark.rule("G-6")
async def test_after_a_restart_it_looks_the_same_and_nothing_is_told_twice(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as first:
        first.set_up()
        first.ask()
        first.phones.say(PATIENT, SMS, "1", None)
        await first.idle()
        first.phones.push.answered("ntf_1", "Отменить", "Отменена")
        first.phones.read(PATIENT)
        await first.idle()
        before = first.phones.messages(PATIENT)
    async with opened(tmp_path, seed=2) as second:
        second.set_up()
        assert second.phones.messages(PATIENT) == before
        await second.idle()
        assert second.gateway.requests == []
        second.phones.say(PATIENT, TELEGRAM, "ещё", None)
        await second.idle()
        assert len({m["id"] for m in second.phones.messages(PATIENT)}) == len(before) + 1


@pytest.mark.rule("G-6")
async def test_what_nobody_took_is_told_again_after_a_restart(tmp_path: Path) -> None:
    """The process dies while the gateway takes nothing: no answer and no receipt is lost."""
    async with opened(tmp_path, status=500) as first:
        first.set_up(app=Has.GONE)
        first.ask()
        first.phones.say(PATIENT, SMS, "1", None)
        first.phones.tap(PATIENT, first.shown(MAX)[-1]["id"], 0)
        while not first.heard("/hooks/push"):  # noqa: ASYNC110 - sockets need real time
            await asyncio.sleep(0.001)
    async with opened(tmp_path, seed=2) as second:
        second.set_up(app=Has.GONE)
        await second.idle()
        assert len(second.heard("/hooks/max")) == 2
        assert len(second.heard("/hooks/telegram")) == 1
        assert len(second.heard("/hooks/sms")) == 3  # an answer, sent, delivered
        assert '"failed"' in "".join(second.heard("/hooks/push"))
        assert second.shown(SMS)[0]["state"] == State.DELIVERED.value
