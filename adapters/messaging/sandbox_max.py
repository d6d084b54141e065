"""A small MAX of our own: the Bot API over a world of people and their dialogues with bots.

The production adapter runs against it unchanged: point `api_base` at where `max_app` is mounted;
the adapter's subscription tells it the gateway's hook. Written from the API's reference alone and
apart from the adapter. What it accepted stands in `Dialog.messages`, to be compared with the
gateway's own books.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from aiohttp import web

from adapters.http import HttpClient, HttpRequest
from adapters.json_values import Json, object_of, objects, read_json
from adapters.messaging.sandbox_memory import Book
from adapters.messaging.sandbox_traffic import Deliveries, answer_late
from adapters.messaging.sandbox_world import Chance, Faults
from gateway.clock import Clock
from gateway.errors import NotFound

CODES = {
    400: ("proto.payload", "Wrong request"),
    401: ("verify.token", "Invalid access_token"),
    403: ("chat.denied", "The dialogue is not available"),
    404: ("not.found", "No such resource"),
    429: ("too.many.requests", "Too many requests"),
    500: ("internal", "Internal error"),
    503: ("service.unavailable", "Service unavailable"),
}
_SEND_KEYS = frozenset({"text", "attachments", "link", "notify", "format"})
_BUTTON_KEYS = {
    "callback": frozenset({"type", "text", "payload"}),
    "request_contact": frozenset({"type", "text"}),
}


class MaxError(Exception):
    """The request is refused with this status and code."""

    def __init__(self, status: int, message: str = "", retry_after_s: int | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.retry_after_s = retry_after_s
        code, known = CODES.get(status, ("unknown", "Unknown"))
        self.document: Json = {"code": code, "message": message or known}


@dataclass(slots=True)
class SandboxBot:
    """A bot and the addresses that its updates go to, each with its secret."""

    token: str = field(repr=False)
    user_id: int = 7001
    hooks: dict[str, str] = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class Dialog:
    """One person's dialogue with one bot: messages by `mid`, both sides' together."""

    bot: SandboxBot
    person: int
    started: bool = False
    stopped: bool = False
    messages: dict[str, Json] = field(default_factory=dict)

    def of_bot(self) -> list[Json]:
        """Return what the bot wrote, oldest first."""
        return [m for m in self.messages.values() if object_of(m["sender"]).get("is_bot")]


class MaxWorld:
    """All dialogues. `run` must be running for anything to reach the gateway."""

    def __init__(
        self,
        clock: Clock,
        client: HttpClient,
        bots: Iterable[SandboxBot],
        *,
        seed: int = 0,
        book: Book | None = None,
    ) -> None:
        self.faults = Faults()
        self.bots = {bot.token: bot for bot in bots}
        self._book = book
        self.answered_taps: list[str] = []
        self._clock = clock
        self._chance = Chance(seed)
        self._deliveries = Deliveries(clock, client, self.faults, self._chance)
        self._dialogs: dict[tuple[int, int], Dialog] = {}

    async def run(self) -> None:
        """Let updates arrive, until cancelled."""
        await self._deliveries.run()

    async def idle(self) -> None:
        """Wait until nothing is on its way any more."""
        await self._deliveries.idle()

    # What patients do

    def dialog(self, person: int, bot: SandboxBot | None = None) -> Dialog:
        """Return a person's dialogue with a bot, the first one if none is named."""
        bot = bot or next(iter(self.bots.values()))
        return self._dialogs.setdefault((bot.user_id, person), Dialog(bot, person))

    def recall(self, records: Iterable[Json]) -> None:
        """Go on after an earlier life; updates that were not taken are told again."""
        untold: dict[str, tuple[Dialog, Json]] = {}
        for record in records:
            if record.get("what") == "told":
                untold.pop(str(record["id"]), None)
                continue
            bot = next(b for b in self.bots.values() if b.user_id == record["bot"])
            dialog = self.dialog(int(str(record["person"])), bot)
            match record.get("what"):
                case "dialog":
                    dialog.started = record["started"] is True
                    dialog.stopped = record["stopped"] is True
                case "message":
                    message = object_of(record["message"])
                    dialog.messages[_mid(message)] = message
                case "update":
                    untold[str(record["id"])] = (dialog, object_of(record["document"]))
        for name, (dialog, document) in untold.items():
            self._tell(dialog, name, document)

    def _write(self, dialog: Dialog, what: str, **more: object) -> None:
        if self._book is not None:
            record = {"what": what, "bot": dialog.bot.user_id, "person": dialog.person, **more}
            self._book.write({**record, "at": self._clock.now().isoformat()})

    def open(self, person: int) -> None:
        """Let the dialogue be one that was begun before anybody listened."""
        dialog = self.dialog(person)
        dialog.started, dialog.stopped = True, False
        self._write(dialog, "dialog", started=True, stopped=False)

    def start(self, person: int, token: str | None = None) -> None:
        """Open the dialogue by a deep link, or find the bot by its name."""
        self.open(person)
        dialog = self.dialog(person)
        content: Json = {"chat_id": person + 1, "user": _person(person)}
        self._update(dialog, "bot_started", {**content, "payload": token})

    def stop(self, person: int) -> None:
        """Stop the bot."""
        dialog = self.dialog(person)
        dialog.stopped = True
        self._write(dialog, "dialog", started=dialog.started, stopped=True)
        self._update(dialog, "bot_stopped", {"chat_id": person + 1, "user": _person(person)})

    def write(self, person: int, text: str | None, quote: str | None = None, **body: object) -> str:
        """Send a message; `body` is what else stands in its body."""
        dialog = self.dialog(person)
        said = {"text": text, "attachments": None, **body}
        message = self._keep(dialog, _person(person), said, quote)
        self._update(dialog, "message_created", {"message": message, "user_locale": "ru"})
        return _mid(message)

    def edit(self, person: int, mid: str, text: str) -> None:
        """Change a message that was sent."""
        dialog = self.dialog(person)
        body = {**object_of(dialog.messages[mid]["body"]), "text": text}
        dialog.messages[mid] = edited = {**dialog.messages[mid], "body": body}
        self._write(dialog, "message", message=edited)
        self._update(dialog, "message_edited", {"message": edited})

    def share_contact(self, person: int, number: str, owner: int | None = None) -> str:
        """Pass on one's own contact, or with `owner` somebody else's."""
        card = f"BEGIN:VCARD\r\nVERSION:3.0\r\nTEL;TYPE=cell:{number}\r\nFN:Anna\r\nEND:VCARD"
        payload = {"vcf_info": card, "max_info": _person(owner or person), "hash": "0"}
        return self.write(person, None, attachments=[{"type": "contact", "payload": payload}])

    def tap(self, person: int, mid: str, row: int) -> str:
        """Tap a button under a message of the bot; return the id of the tap."""
        dialog = self.dialog(person)
        shown = dialog.messages[mid]
        keyboards = objects(object_of(shown["body"]).get("attachments"))
        rows = object_of(keyboards[0]["payload"]).get("buttons") if keyboards else None
        if not isinstance(rows, list) or not 0 <= row < len(rows):
            raise NotFound("no such button")
        tap = self._chance.fresh(24)
        callback = {
            "timestamp": self._now_ms(),
            "callback_id": tap,
            "payload": rows[row][0]["payload"],
            "user": _person(person),
        }
        self._update(dialog, "message_callback", {"callback": callback, "message": shown})
        return tap

    def _keep(self, dialog: Dialog, sender: Json, body: Json, quote: str | None = None) -> Json:
        mid = f"mid.{self._chance.fresh(32)}"
        message: Json = {
            "sender": sender,
            "recipient": {"chat_id": dialog.person + 1, "chat_type": "dialog"},
            "timestamp": self._now_ms(),
            "body": {"mid": mid, "seq": len(dialog.messages), **body},
        }
        if quote is not None:
            quoted = object_of(dialog.messages[quote]["body"])
            message["link"] = {"type": "reply", "message": quoted}
        dialog.messages[mid] = message
        self._write(dialog, "message", message=message)
        return message

    def _update(self, dialog: Dialog, kind: str, content: Json) -> None:
        document = {"update_type": kind, "timestamp": self._now_ms(), **content}
        name = self._chance.fresh(16)
        self._write(dialog, "update", id=name, document=document)
        self._tell(dialog, name, document)

    def _tell(self, dialog: Dialog, name: str, document: Json) -> None:
        def taken() -> None:
            if self._book is not None:
                self._book.write({"what": "told", "id": name}, durable=False)

        body = json.dumps(document, ensure_ascii=False).encode()
        for url, secret in dialog.bot.hooks.items():
            headers = {"Content-Type": "application/json", "X-Max-Bot-Api-Secret": secret}
            request = HttpRequest("POST", url, headers, body)
            self._deliveries.send(f"{url}:{dialog.person}", partial(_same, request), taken=taken)

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)

    # What the bot asks for

    def take(self, bot: SandboxBot, person: int | None, body: Json) -> Json:
        """Accept a message, or raise `MaxError`."""
        planned = self.faults.take_planned(str(person))
        if planned is not None:
            raise MaxError(planned.code, retry_after_s=planned.retry_after_s)
        dialog = self._dialogs.get((bot.user_id, person or 0))
        if dialog is None or not dialog.started or dialog.stopped:
            raise MaxError(403)
        _check(body)
        link = object_of(body.get("link"))
        if link and link.get("mid") not in dialog.messages:
            raise MaxError(400, "link.mid")
        sender = {"user_id": bot.user_id, "first_name": "Clinic", "is_bot": True}
        attachments = body.get("attachments")
        said = {"text": body["text"], "attachments": attachments}
        message = self._keep(dialog, sender, said, str(link["mid"]) if link else None)
        return {"message": message}

    def answer_tap(self, tap: str | None, body: Json) -> Json:
        """Show a notification on a tapped button."""
        if not tap or not isinstance(body.get("notification"), str):
            raise MaxError(400, "notification")
        self.answered_taps.append(tap)
        return {"success": True}

    def subscribe(self, bot: SandboxBot, body: Json) -> Json:
        """Add an address for updates."""
        url, secret = body.get("url"), body.get("secret")
        if not isinstance(url, str) or not isinstance(secret, str) or len(secret) < 5:
            raise MaxError(400, "url, secret")
        bot.hooks[url] = secret
        return {"success": True}


def _same(request: HttpRequest) -> HttpRequest:
    return request


def _person(account: int) -> Json:
    return {"user_id": account, "first_name": "Анна", "is_bot": False}


def _mid(message: Json) -> str:
    return str(object_of(message["body"])["mid"])


def _check(body: Json) -> None:
    unexpected = set(body) - _SEND_KEYS
    text = body.get("text")
    if unexpected or not isinstance(text, str) or not 0 < len(text) <= 4000:
        raise MaxError(400, "text")
    for attachment in objects(body.get("attachments")):
        rows = object_of(attachment.get("payload")).get("buttons")
        if attachment.get("type") != "inline_keyboard" or not isinstance(rows, list):
            raise MaxError(400, "attachments")
        if not 0 < len(rows) <= 30:
            raise MaxError(400, "attachments.payload.buttons")
        for button in [button for row in rows for button in objects(row)]:
            _check_button(button)


def _check_button(button: Json) -> None:
    known = _BUTTON_KEYS.get(str(button.get("type")))
    if known is None or set(button) != known:
        raise MaxError(400, "button")
    if not 0 < len(str(button["text"])) <= 128 or len(str(button.get("payload", "x"))) > 1024:
        raise MaxError(400, "button")


def max_app(world: MaxWorld, clock: Clock) -> web.Application:
    """Return the API as an application to be mounted anywhere, e.g. under /sandbox/max."""

    async def call(request: web.Request) -> web.StreamResponse:
        if world.faults.down:
            return web.Response(status=502, text="<html>Bad Gateway</html>")
        try:
            result = _called(world, request, object_of(read_json(await request.read())))
        except MaxError as error:
            return _refusal(error)
        await answer_late(world.faults, clock, request)
        return web.json_response(result)

    app = web.Application()
    app.router.add_post("/messages", call)
    app.router.add_post("/answers", call)
    app.router.add_route("*", "/subscriptions", call)
    return app


def _refusal(error: MaxError) -> web.Response:
    pause = error.retry_after_s
    headers = {} if pause is None else {"Retry-After": str(pause)}
    return web.json_response(error.document, status=error.status, headers=headers)


def _called(world: MaxWorld, request: web.Request, body: Json) -> Json:
    bot = world.bots.get(request.headers.get("Authorization", ""))
    if bot is None:
        raise MaxError(401)
    match request.method, request.path.rsplit("/", 1)[-1]:
        case "POST", "messages":
            return world.take(bot, _number(request.query.get("user_id")), body)
        case "POST", "answers":
            return world.answer_tap(request.query.get("callback_id"), body)
        case "POST", "subscriptions":
            return world.subscribe(bot, body)
    return {"subscriptions": [{"url": url, "update_types": []} for url in bot.hooks]}


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None
