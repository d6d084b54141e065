"""What else is on patients' phones beside WhatsApp: MAX, Telegram, SMS and the clinic's own app.

Each is a small provider of its own that the production adapter talks to over HTTP; here they are
put side by side as a person sees them, and what stands in them outlives the process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from aiohttp import web

from adapters.changes import Changes
from adapters.http import HttpClient
from adapters.journal import Journal
from adapters.json_values import Json, object_of, objects, text_of
from adapters.messaging import sandbox_max, sandbox_telegram
from adapters.messaging.sandbox_push_backend import AppBackend, Notification, app_backend_app
from adapters.messaging.sandbox_sms_exolve import Application, ExolveMessages, exolve_app
from adapters.messaging.sandbox_world import ChatMessage, State
from gateway.clock import Clock
from gateway.errors import NotFound

MAX_PATH, TELEGRAM_PATH = "/sandbox/max", "/sandbox/telegram"
SMS_PATH, PUSH_PATH = "/sandbox/exolve", "/sandbox/app"

SMS_SENDER = "79000000000"
BOT_NAME = "zdorovie_bot"
BACKEND_NAME = "demo"

MAX, TELEGRAM, SMS, PUSH = "max", "telegram", "sms", "push"
FILES = tuple(f"{name}.jsonl" for name in (MAX, TELEGRAM, SMS, PUSH, "seen"))


class Has(StrEnum):
    """Whether an app is on a phone."""

    NO = "no"
    INSTALLED = "installed"  # a messenger whose owner has not written to the clinic's bot
    ON = "on"
    OFF = "off"  # push was switched off
    GONE = "gone"  # the app was removed, and nobody has noticed yet


@dataclass(frozen=True, slots=True)
class AppKeys:
    """The secrets between the gateway and the providers."""

    max_token: str = field(repr=False)
    max_secret: str = field(repr=False)
    telegram_token: str = field(repr=False)
    telegram_secret: str = field(repr=False)
    sms_api_key: str = field(repr=False)
    sms_callback_key: str = field(repr=False)
    push_secret: str = field(repr=False)


class NotedBook:
    """A journal of which every record is a change that a page may want to show."""

    def __init__(self, journal: Journal, changes: Callable[[], Changes]) -> None:
        self._journal = journal
        self._changes = changes

    def write(self, record: Json, *, durable: bool = True) -> None:
        """Append a record."""
        self._journal.write(record, durable=durable)
        self._changes().note()


class Phones:
    """The apps of all phones. `url` is where the gateway is served."""

    def __init__(
        self, clock: Clock, client: HttpClient, folder: Path, keys: AppKeys, *, url: str, seed: int
    ) -> None:
        self.changes = Changes()
        self._clock = clock
        self._journals = [Journal(folder / name) for name in FILES]
        books = [NotedBook(journal, lambda: self.changes) for journal in self._journals]
        max_bot = sandbox_max.SandboxBot(
            keys.max_token, hooks={f"{url}/hooks/max": keys.max_secret}
        )
        self.max = sandbox_max.MaxWorld(clock, client, [max_bot], seed=seed, book=books[0])
        telegram_bot = sandbox_telegram.SandboxBot(
            keys.telegram_token, BOT_NAME, f"{url}/hooks/telegram", keys.telegram_secret
        )
        self.telegram = sandbox_telegram.TelegramWorld(
            clock, client, [telegram_bot], seed=seed, book=books[1]
        )
        callback = f"{url}/hooks/sms/exolve?key={keys.sms_callback_key}"
        application = Application(keys.sms_api_key, frozenset({SMS_SENDER}), callback)
        self.sms = ExolveMessages(clock, client, [application], seed=seed, book=books[2])
        hook = f"{url}/hooks/push?sender={BACKEND_NAME}"
        self.push = AppBackend(
            clock, client, [keys.push_secret], hook=hook, seed=seed, book=books[3]
        )
        self._seen_book = books[4]
        self._seen: dict[tuple[str, str], datetime] = {}
        self._numbers: dict[str, dict[str, Has]] = {}
        self.max.recall(self._journals[0].records)
        self.telegram.recall(self._journals[1].records)
        self.sms.world.recall(self._journals[2].records)
        self.push.recall(self._journals[3].records)
        for record in self._journals[4].records:
            at = datetime.fromisoformat(str(record["at"]))
            self._seen[(str(record["number"]), str(record["app"]))] = at

    def add_to(self, app: web.Application) -> None:
        """Mount the providers."""
        app.add_subapp(MAX_PATH, sandbox_max.max_app(self.max, self._clock))
        app.add_subapp(TELEGRAM_PATH, sandbox_telegram.telegram_app(self.telegram, self._clock))
        app.add_subapp(SMS_PATH, exolve_app(self.sms, self._clock))
        app.add_subapp(PUSH_PATH, app_backend_app(self.push, self._clock))

    async def run(self) -> None:
        """Let callbacks arrive, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for world in (self.max, self.telegram, self.sms.world, self.push):
                tasks.create_task(world.run())

    def close(self) -> None:
        """Let go of the files."""
        for journal in self._journals:
            journal.close()

    # What is there

    def set_up(self, number: str, *, messenger: Has, telegram: Has, app: Has) -> None:
        """Give a phone its apps. Who uses a messenger has written to the clinic's bot before, and
        shown whose number theirs is."""
        self._numbers[number] = {MAX: messenger, TELEGRAM: telegram, PUSH: app}
        if app is not Has.NO:
            self.push.install(number, push_on=app is not Has.OFF).gone = app is Has.GONE
        for name, has in ((MAX, messenger), (TELEGRAM, telegram)):
            if has is Has.ON and not self._chat(name, number).started:
                self._world(name).open(account_of(number))
                self.share(number, name)

    def numbers(self) -> tuple[str, ...]:
        """Return every number that was set up or has got an SMS."""
        known = dict.fromkeys(self._numbers)
        known |= dict.fromkeys(message.number for message in self._texts())
        return tuple(known)

    def apps(self, number: str) -> dict[str, str]:
        """Return which apps are on a phone, and how they stand."""
        has = self._numbers.get(number, {})
        found = {SMS: Has.ON, PUSH: has.get(PUSH, Has.NO)}
        for name in (MAX, TELEGRAM):
            known = has.get(name, Has.NO)
            if known is not Has.NO:
                known = Has.ON if self._reads(name, number) else Has.INSTALLED
            found[name] = known
        return {name: state.value for name, state in found.items() if state is not Has.NO}

    def _reads(self, name: str, number: str) -> bool:
        if name == MAX:
            dialog = self.max.dialog(account_of(number))
            return dialog.started and not dialog.stopped
        chat = self.telegram.chat(account_of(number))
        return chat.started and not chat.blocked

    def _chat(self, name: str, number: str) -> sandbox_max.Dialog | sandbox_telegram.Chat:
        return self._world_chat(name)(account_of(number))

    def _world(self, name: str) -> sandbox_max.MaxWorld | sandbox_telegram.TelegramWorld:
        return self.max if name == MAX else self.telegram

    def _world_chat(self, name: str) -> Callable[[int], sandbox_max.Dialog | sandbox_telegram.Chat]:
        return self.max.dialog if name == MAX else self.telegram.chat

    def messages(self, number: str) -> list[Json]:
        """Return everything that stands on a phone, app by app, each oldest first."""
        account = account_of(number)
        found = [_of_max(m) for m in self.max.dialog(account).messages.values()]
        found += [_of_telegram(m) for m in self.telegram.chat(account).messages.values()]
        found += [_of_sms(m) for m in self._texts() if m.number == number and m.error is None]
        found += [line for n in self._shown_pushes(number) for line in _of_push(n)]
        for before, message in zip([{}, *found], found, strict=False):
            if not message["mine"] and before.get("kind") == "contact":
                message["kind"] = "service"  # the bot thanks for the number
            seen = self._seen.get((number, str(message["channel"])))
            at = datetime.fromisoformat(str(message["at"]))
            message["seen"] = message["mine"] or (seen is not None and at <= seen)
        return found

    def _texts(self) -> Iterator[ChatMessage]:
        world = self.sms.world
        yield from sorted((*world.accepted, *world.written), key=lambda message: message.at)

    def _shown_pushes(self, number: str) -> list[Notification]:
        return [
            taken
            for taken in self.push.notifications.values()
            if taken.request.get("number") == number and not taken.gone
        ]

    # What patients do

    def say(self, number: str, name: str, text: str, quote: str | None) -> None:
        """Write to the clinic in an app; raise `NotFound` where nobody can."""
        _, _, quoted = (quote or "").partition(":")
        if name == SMS:
            self.sms.write(number, SMS_SENDER, text)
        elif name in (MAX, TELEGRAM) and self._reads(name, number):
            account = account_of(number)
            if name == MAX:
                self.max.write(account, text, quoted or None)
            else:
                self.telegram.write(account, text, int(quoted) if quoted else None)
        else:
            raise NotFound("nobody can write there")
        self.read(number, name)

    def tap(self, number: str, message: str, button: int) -> None:
        """Tap a button of a bot's message; raise `NotFound`."""
        name, _, inner = message.partition(":")
        shown = next((m for m in self.messages(number) if m["id"] == message), None)
        if shown is None or not 0 <= button < len(_titles(shown)):
            raise NotFound("no such button")
        if shown["kind"] == "asks_number":
            self.share(number, name)
        elif name == MAX:
            self.max.tap(account_of(number), inner, button)
        else:
            self.telegram.tap(account_of(number), int(inner), button)
        self.read(number, name)

    def start(self, number: str, name: str) -> None:
        """Open the clinic's bot; raise `NotFound` where the messenger is not installed."""
        if self.apps(number).get(name) != Has.INSTALLED.value:
            raise NotFound("there is no such messenger")
        self._world(name).start(account_of(number))

    def share(self, number: str, name: str) -> None:
        """Let the bot know one's number; raise `NotFound`."""
        if self.apps(number).get(name) != Has.ON.value:
            raise NotFound("there is no such chat")
        self._world(name).share_contact(account_of(number), number.lstrip("+"))

    def stop(self, number: str, name: str) -> None:
        """Stop the bot; raise `NotFound`."""
        if self.apps(number).get(name) != Has.ON.value:
            raise NotFound("there is no such chat")
        if name == MAX:
            self.max.stop(account_of(number))
        else:
            self.telegram.block(account_of(number))

    def read(self, number: str, name: str | None = None) -> None:
        """Look at everything in one app, or in all."""
        for app in (MAX, TELEGRAM, SMS, PUSH) if name is None else (name,):
            news = [m for m in self.messages(number) if m["channel"] == app and not m["seen"]]
            if news:
                at = max(datetime.fromisoformat(str(message["at"])) for message in news)
                self._seen[(number, app)] = at
                record: Json = {"number": number, "app": app, "at": at.isoformat()}
                self._seen_book.write(record, durable=False)
        if name in (None, PUSH):
            for taken in self._shown_pushes(number):
                if taken.state is State.DELIVERED:
                    self.push.read(taken.id)

    def notification(self, number: str, message: str) -> Notification:
        """Return a notification that stands on a phone; raise `NotFound`."""
        for taken in self._shown_pushes(number):
            if f"{PUSH}:{taken.id}" == message:
                return taken
        raise NotFound("no such notification")


def account_of(number: str) -> int:
    """Return a patient's opaque id on the messengers."""
    return int(number.lstrip("+"))


def _titles(shown: Json) -> list[object]:
    titles = shown["buttons"]
    return titles if isinstance(titles, list) else []


def _line(channel: str, name: object, **more: object) -> Json:
    return {
        "id": f"{channel}:{name}",
        "channel": channel,
        "kind": "text",
        "buttons": [],
        "quote": None,
        "state": State.DELIVERED.value,
        "template": None,
        **more,
    }


def _of_max(message: Json) -> Json:
    body = object_of(message["body"])
    attachments = objects(body.get("attachments"))
    rows = object_of(attachments[0].get("payload")).get("buttons") if attachments else None
    buttons = [row[0] for row in rows] if isinstance(rows, list) else []
    kinds = {str(button["type"]) for button in buttons}
    at = datetime.fromtimestamp(int(str(message["timestamp"])) / 1000, UTC)
    quoted = object_of(object_of(message.get("link")).get("message")).get("mid")
    kind = "asks_number" if "request_contact" in kinds else "text"
    return _line(
        MAX,
        body["mid"],
        mine=object_of(message["sender"]).get("is_bot") is not True,
        at=at.isoformat(),
        text=text_of(body.get("text")) or "",
        kind="contact" if attachments and attachments[0].get("type") == "contact" else kind,
        buttons=[button["text"] for button in buttons],
        quote=f"{MAX}:{quoted}" if quoted else None,
    )


def _of_telegram(message: Json) -> Json:
    markup = object_of(message.get("reply_markup"))
    asks = "keyboard" in markup
    rows = markup.get("keyboard" if asks else "inline_keyboard")
    buttons = [row[0]["text"] for row in rows] if isinstance(rows, list) else []
    quoted = object_of(message.get("reply_to_message")).get("message_id")
    kind = "asks_number" if asks else "text"
    return _line(
        TELEGRAM,
        message["message_id"],
        mine=object_of(message["from"]).get("is_bot") is not True,
        at=datetime.fromtimestamp(int(str(message["date"])), UTC).isoformat(),
        text=text_of(message.get("text")) or "",
        kind="contact" if "contact" in message else kind,
        buttons=buttons,
        quote=f"{TELEGRAM}:{quoted}" if quoted else None,
    )


def _of_sms(message: ChatMessage) -> Json:
    return _line(
        SMS,
        message.id,
        mine=message.from_patient,
        at=message.at.isoformat(),
        text=message.text,
        state=message.state.value,
    )


def _of_push(taken: Notification) -> Iterator[Json]:
    answered = taken.answered
    yield _line(
        PUSH,
        taken.id,
        mine=False,
        at=taken.at.isoformat(),
        text=text_of(taken.request.get("text")) or "",
        kind="push",
        buttons=[title for _, title in taken.actions],
        state=taken.state.value,
        link=taken.request.get("link"),
    )
    if answered is not None:
        at = answered.at.isoformat()
        yield _line(PUSH, f"{taken.id}:tap", mine=True, at=at, text=answered.title, kind="app")
        yield _line(PUSH, f"{taken.id}:app", mine=False, at=at, text=answered.result, kind="app")
