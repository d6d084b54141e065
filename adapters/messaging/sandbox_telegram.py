"""A small Telegram of our own: the Bot API over a world of people and their chats with bots.

The production adapter runs against it unchanged: point `api_base` at where `telegram_app` is
mounted, and give the world the gateway's hook. Written from the API's reference alone and apart
from the adapter, so that a mistake in one of them does not hide in the other. What it accepted
stands in `Chat.messages`, to be compared with the gateway's own books.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from aiohttp import web

from adapters.http import HttpClient, HttpRequest
from adapters.json_values import Json, integer_of, object_of, objects, read_json
from adapters.messaging.sandbox_memory import Book
from adapters.messaging.sandbox_traffic import Deliveries, answer_late
from adapters.messaging.sandbox_world import Chance, Faults
from gateway.clock import Clock
from gateway.errors import NotFound

DESCRIPTIONS = {
    400: "Bad Request: message text is empty",
    401: "Unauthorized",
    403: "Forbidden: bot was blocked by the user",
    404: "Not Found",
    429: "Too Many Requests: retry after {retry_after}",
    500: "Internal Server Error",
}
_SEND_KEYS = frozenset(
    {"chat_id", "text", "reply_markup", "reply_parameters", "link_preview_options"}
)


class TelegramError(Exception):
    """The request is refused with this code and description."""

    def __init__(self, code: int, description: str = "", retry_after: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        known = DESCRIPTIONS.get(code, "Unknown").format(retry_after=retry_after)
        self.description = description or known
        self.retry_after = retry_after

    @property
    def document(self) -> Json:
        """The body of the answer."""
        body: Json = {"ok": False, "error_code": self.code, "description": self.description}
        if self.retry_after is not None:
            body["parameters"] = {"retry_after": self.retry_after}
        return body


@dataclass(frozen=True, slots=True)
class SandboxBot:
    """A bot and where its updates go."""

    token: str = field(repr=False)
    username: str = "sandbox_bot"
    hook: str = ""
    secret: str = field(default="", repr=False)

    @property
    def id(self) -> int:
        """The bot's id."""
        return int(self.token.partition(":")[0])


@dataclass(slots=True)
class Chat:
    """One person's chat with one bot: messages by their ids, both sides' together."""

    bot: SandboxBot
    person: int
    started: bool = False
    blocked: bool = False
    messages: dict[int, Json] = field(default_factory=dict)

    def of_bot(self) -> list[Json]:
        """Return what the bot wrote, oldest first."""
        return [m for m in self.messages.values() if object_of(m["from"]).get("is_bot")]


class TelegramWorld:
    """All chats. `run` must be running for anything to reach the gateway."""

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
        self._chats: dict[tuple[int, int], Chat] = {}
        self._last_message = 0
        self._last_update = 700_000_000

    async def run(self) -> None:
        """Let updates arrive, until cancelled."""
        await self._deliveries.run()

    async def idle(self) -> None:
        """Wait until nothing is on its way any more."""
        await self._deliveries.idle()

    # What patients do

    def chat(self, person: int, bot: SandboxBot | None = None) -> Chat:
        """Return a person's chat with a bot, the first one if none is named."""
        bot = bot or next(iter(self.bots.values()))
        return self._chats.setdefault((bot.id, person), Chat(bot, person))

    def recall(self, records: Iterable[Json]) -> None:
        """Go on after an earlier life; updates that were not taken are told again."""
        untold: dict[str, tuple[Chat, Json]] = {}
        for record in records:
            if record.get("what") == "told":
                untold.pop(str(record["id"]), None)
                continue
            bot = next(b for b in self.bots.values() if b.id == record["bot"])
            chat = self.chat(int(str(record["person"])), bot)
            match record.get("what"):
                case "chat":
                    chat.started = record["started"] is True
                    chat.blocked = record["blocked"] is True
                case "message":
                    message = object_of(record["message"])
                    number = int(str(message["message_id"]))
                    chat.messages[number] = message
                    self._last_message = max(self._last_message, number)
                case "update":
                    document = object_of(record["document"])
                    number = int(str(document["update_id"]))
                    self._last_update = max(self._last_update, number)
                    untold[str(number)] = (chat, document)
        for chat, document in untold.values():
            self._tell(chat, document)

    def _write(self, chat: Chat, what: str, **more: object) -> None:
        if self._book is not None:
            record = {"what": what, "bot": chat.bot.id, "person": chat.person, **more}
            self._book.write({**record, "at": self._clock.now().isoformat()})

    def open(self, person: int) -> None:
        """Let the chat be one that was begun before anybody listened."""
        chat = self.chat(person)
        chat.started, chat.blocked = True, False
        self._write(chat, "chat", started=True, blocked=False)

    def start(self, person: int, token: str | None = None) -> None:
        """Open the chat by a deep link, or find the bot by its name."""
        self.open(person)
        self.write(person, "/start" if token is None else f"/start {token}")

    def write(self, person: int, text: str, quote: int | None = None, **more: object) -> int:
        """Send a message; `more` are other fields of it."""
        item: Json = {"text": text, **more}
        if quote is not None:
            item["reply_to_message"] = self.chat(person).messages[quote]
        return self._say(person, item)

    def send(self, person: int, **item: object) -> int:
        """Send a picture, a voice message or anything else."""
        return self._say(person, dict(item))

    def edit(self, person: int, message: int, text: str) -> None:
        """Change a message that was sent."""
        chat = self.chat(person)
        edited = {**chat.messages[message], "text": text, "edit_date": self._unix()}
        chat.messages[message] = edited
        self._write(chat, "message", message=edited)
        self._update(chat, {"edited_message": edited})

    def share_contact(self, person: int, number: str, owner: int | None = None) -> int:
        """Pass on one's own contact, or with `owner` somebody else's."""
        contact = {"phone_number": number, "first_name": "Анна", "user_id": owner or person}
        return self._say(person, {"contact": contact})

    def tap(self, person: int, message: int, row: int) -> str:
        """Tap a button under a message of the bot; return the id of the tap."""
        chat = self.chat(person)
        shown = chat.messages[message]
        rows = object_of(shown.get("reply_markup")).get("inline_keyboard")
        if not isinstance(rows, list) or not 0 <= row < len(rows):
            raise NotFound("no such button")
        tap = self._chance.fresh(18)
        query = {
            "id": tap,
            "from": _person(person),
            "message": shown,
            "chat_instance": "1",
            "data": rows[row][0]["callback_data"],
        }
        self._update(chat, {"callback_query": query})
        return tap

    def block(self, person: int) -> None:
        """Stop the bot."""
        chat = self.chat(person)
        chat.blocked = True
        self._write(chat, "chat", started=chat.started, blocked=True)
        self._update(chat, {"my_chat_member": self._membership(chat, "member", "kicked")})

    def _membership(self, chat: Chat, before: str, after: str) -> Json:
        user = {"id": chat.bot.id, "is_bot": True, "first_name": "Клиника"}
        return {
            "chat": _private(chat.person),
            "from": _person(chat.person),
            "date": self._unix(),
            "old_chat_member": {"user": user, "status": before},
            "new_chat_member": {"user": user, "status": after, "until_date": 0},
        }

    def _say(self, person: int, item: Json) -> int:
        chat = self.chat(person)
        message = self._keep(chat, _person(person), item)
        self._update(chat, {"message": message})
        return int(str(message["message_id"]))

    def _keep(self, chat: Chat, sender: Json, item: Json) -> Json:
        self._last_message += 1
        message = {
            "message_id": self._last_message,
            "from": sender,
            "chat": _private(chat.person),
            "date": self._unix(),
            **item,
        }
        chat.messages[self._last_message] = message
        self._write(chat, "message", message=message)
        return message

    def _update(self, chat: Chat, content: Json) -> None:
        if not chat.bot.hook:
            return
        self._last_update += 1
        document = {"update_id": self._last_update, **content}
        self._write(chat, "update", document=document)
        self._tell(chat, document)

    def _tell(self, chat: Chat, document: Json) -> None:
        def taken() -> None:
            if self._book is not None:
                self._book.write({"what": "told", "id": str(document["update_id"])}, durable=False)

        body = json.dumps(document).encode()
        headers = {
            "Content-Type": "application/json",
            "X-Telegram-Bot-Api-Secret-Token": chat.bot.secret,
        }
        request = HttpRequest("POST", chat.bot.hook, headers, body)
        self._deliveries.send(f"{chat.bot.id}:{chat.person}", lambda: request, taken=taken)

    def _unix(self) -> int:
        return int(self._clock.now().timestamp())

    # What the bot asks for

    def take(self, bot: SandboxBot, body: Json) -> Json:
        """Accept a message, or raise `TelegramError`."""
        person = integer_of(body.get("chat_id"))
        planned = self.faults.take_planned(str(person))
        if planned is not None:
            raise TelegramError(planned.code, retry_after=planned.retry_after_s)
        chat = self._chats.get((bot.id, person or 0))
        if chat is None or not chat.started:
            raise TelegramError(400, "Bad Request: chat not found")
        if chat.blocked:
            raise TelegramError(403)
        text = _checked_text(body)
        item: Json = {"text": text}
        markup = _checked_markup(object_of(body.get("reply_markup")))
        if markup:
            item["reply_markup"] = markup
        reply = object_of(body.get("reply_parameters"))
        if reply:
            quoted = chat.messages.get(integer_of(reply.get("message_id")) or 0)
            if quoted is None and reply.get("allow_sending_without_reply") is not True:
                raise TelegramError(400, "Bad Request: message to be replied not found")
            if quoted is not None:
                item["reply_to_message"] = quoted
        sender = {"id": bot.id, "is_bot": True, "first_name": "Клиника", "username": bot.username}
        return self._keep(chat, sender, item)

    def answer_tap(self, body: Json) -> bool:
        """End the waiting sign on a button."""
        tap = body.get("callback_query_id")
        if not isinstance(tap, str) or not tap:
            raise TelegramError(400, "Bad Request: query is too old and response timeout expired")
        self.answered_taps.append(tap)
        return True


def _person(account: int) -> Json:
    return {"id": account, "is_bot": False, "first_name": "Анна", "language_code": "ru"}


def _private(account: int) -> Json:
    return {"id": account, "first_name": "Анна", "type": "private"}


def _checked_text(body: Json) -> str:
    unexpected = set(body) - _SEND_KEYS
    if unexpected:
        raise TelegramError(400, f"Bad Request: unexpected {min(unexpected)}")
    text = body.get("text")
    if not isinstance(text, str) or not text.strip():
        raise TelegramError(400)
    if len(text.encode("utf-16-le")) > 2 * 4096:
        raise TelegramError(400, "Bad Request: message is too long")
    return text


def _checked_markup(markup: Json) -> Json:
    rows = markup.get("inline_keyboard", markup.get("keyboard"))
    if not markup:
        return {}
    if not isinstance(rows, list) or not rows:
        raise TelegramError(400, "Bad Request: object expected as reply markup")
    for button in [button for row in rows for button in objects(row)]:
        data = button.get("callback_data", "")
        if not button.get("text"):
            raise TelegramError(400, "Bad Request: text buttons are empty")
        if "inline_keyboard" in markup and not 1 <= len(str(data).encode()) <= 64:
            raise TelegramError(400, "Bad Request: BUTTON_DATA_INVALID")
    return markup


def telegram_app(world: TelegramWorld, clock: Clock) -> web.Application:
    """Return the API as an application to be mounted anywhere, e.g. under /sandbox/telegram."""

    async def call(request: web.Request) -> web.StreamResponse:
        if world.faults.down:
            return web.Response(status=502, text="<html>Bad Gateway</html>")
        try:
            result = _called(world, request, object_of(read_json(await request.read())))
        except TelegramError as error:
            return web.json_response(error.document, status=error.code)
        await answer_late(world.faults, clock, request)
        return web.json_response({"ok": True, "result": result})

    app = web.Application()
    app.router.add_post("/bot{token}/{method}", call)
    return app


def _called(world: TelegramWorld, request: web.Request, body: Json) -> object:
    bot = world.bots.get(request.match_info["token"])
    if bot is None:
        raise TelegramError(401)
    match request.match_info["method"]:
        case "sendMessage":
            return world.take(bot, body)
        case "answerCallbackQuery":
            return world.answer_tap(body)
    raise TelegramError(404)
