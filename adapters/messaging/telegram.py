"""Telegram through the Bot API.

Messages   https://core.telegram.org/bots/api#sendmessage
Webhooks   https://core.telegram.org/bots/api#setwebhook and #update
Buttons    https://core.telegram.org/bots/api#inlinekeyboardbutton and #callbackquery
Links      https://core.telegram.org/bots/features#deep-linking

A bot can write only to somebody who has started it, so a patient is known by an opaque id
(`account`), which comes in with a deep link or a shared contact. The API has neither an
idempotency key nor receipts: whether a request that timed out was carried out, nobody can tell.

Message ids are counted for each bot, so ours are `<bot>:<chat>:<message>`; an edited message and a
tap on a button, which have no message of their own, add what tells them apart.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from pydantic import Field, SecretStr, field_validator

from adapters.http import HttpClient, HttpRequest, HttpResponse
from adapters.json_values import (
    Json,
    integer_of,
    object_of,
    objects,
    read_json,
    text_of,
    unix_moment,
)
from adapters.messaging.capabilities import Capabilities
from adapters.messaging.senders import (
    PerSecond,
    RatedSender,
    Senders,
    Strict,
    check_different,
    sender_of,
)
from adapters.messaging.taps import data_of, said_by
from adapters.messaging.telegram_codes import failure_of
from gateway.clock import Clock
from gateway.core.case import Button
from gateway.core.events import Failure
from gateway.core.model import Channel
from gateway.errors import Forbidden, Unauthenticated
from gateway.ports.messaging import (
    Inbound,
    InboundLink,
    InboundMessage,
    LinkStep,
    OutgoingMessage,
    SenderLimits,
    SendError,
)
from gateway.ports.schema_problems import bad
from gateway.ports.webhook import RawRequest, RawResponse

# --- Config ---------------------------------------------------------------------------------------

_BOT_TOKEN = re.compile(r"([1-9][0-9]{0,19}):[A-Za-z0-9_-]{20,100}")
_WEBHOOK_SECRET = re.compile(r"[A-Za-z0-9_-]{16,256}")
"""Telegram allows 1 to 256 of these characters; fewer than 16 could be guessed."""


class Bot(RatedSender):
    """A bot and what its webhook carries; several `webhook_secrets` hold while they change.

    `per_second`: "bots are able to send around 30 messages per second" to all chats together.

    https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
    """

    token: SecretStr
    username: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{3,31}$")
    webhook_secrets: tuple[SecretStr, ...] = Field(min_length=1)
    per_second: PerSecond | None = 30.0

    @field_validator("token")
    @classmethod
    def _token_is_one(cls, token: SecretStr) -> SecretStr:
        if not _BOT_TOKEN.fullmatch(token.get_secret_value()):
            raise bad("must be the bot's token: digits, a colon and a secret")
        return token

    @field_validator("webhook_secrets")
    @classmethod
    def _secrets_are_strong(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not all(_WEBHOOK_SECRET.fullmatch(secret.get_secret_value()) for secret in secrets):
            raise bad("must be 16 to 256 characters of A-Z a-z 0-9 _ -")
        return secrets

    @property
    def id(self) -> str:
        """The bot's own id, the part of its token that is no secret."""
        return self.token.get_secret_value().partition(":")[0]


class Config(Strict):
    """The bots. `api_base` may be a Bot API server of one's own, or a relay that reaches it."""

    senders: Senders[Bot]
    api_base: str = Field("https://api.telegram.org", pattern=r"^https?://[^/?#@]+[^?#@]*$")


def _webhook_secrets(bot: Bot) -> list[str]:
    return [secret.get_secret_value() for secret in bot.webhook_secrets]


# --- Capabilities ---------------------------------------------------------------------------------

CAPABILITIES = Capabilities(
    channel=Channel.TELEGRAM,
    text_max=4096,  # UTF-16 units, as Telegram counts; no more than so many characters
    free_text=True,
    by_account=True,
    rich_text=True,
    buttons_max=8,  # a bound of ours: more do not stay on a phone's screen
    button_title_max=30,  # likewise
    button_payload_max=64,  # bytes; a longer one is replaced by the button's title
    quotes=True,
    receives=True,
)

# --- Vocabulary -----------------------------------------------------------------------------------

UPDATES = ("message", "edited_message", "callback_query", "my_chat_member")
"""What a webhook has to be subscribed to (`allowed_updates`)."""

_KINDS = (
    *("animation", "audio", "contact", "dice", "document", "game", "location", "paid_media"),
    *("photo", "poll", "sticker", "story", "venue", "video", "video_note", "voice"),
)
_ENDED = frozenset({"kicked", "left"})
_START = re.compile(r"/start(?:@\w+)?(?:\s+([A-Za-z0-9_-]{1,64}))?\s*")
_LINK_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NUMBER = re.compile(r"\+?([0-9]{5,15})")
_ACCOUNT = re.compile(r"[1-9][0-9]{0,18}")
_PLACE = re.compile(r"(?P<bot>\d+):(?P<chat>\d+):(?P<message>\d+)(?::tap:(?P<tap>.+))?(?::.*)?")
# --- Verify ---------------------------------------------------------------------------------------


def verify(config: Config, request: RawRequest) -> None:
    """Check the secret of `setWebhook`, which comes back with every update."""
    if not request.headers.get("x-telegram-bot-api-secret-token"):
        raise Unauthenticated("the webhook carries no secret")
    if bot_of(config, request) is None:
        raise Forbidden("the webhook's secret does not match")


def bot_of(config: Config, request: RawRequest) -> Bot | None:
    """Return the bot of an update, which only its secret names."""
    given = request.headers.get("x-telegram-bot-api-secret-token", "").encode("utf-8", "replace")
    found = None
    for bot in config.senders:
        for secret in bot.webhook_secrets:
            if hmac.compare_digest(secret.get_secret_value().encode(), given):
                found = bot
    return found


# --- Parse ----------------------------------------------------------------------------------------


def parse(config: Config, request: RawRequest, now: datetime) -> list[Inbound]:
    """Return what an update says; `now` is when a tap happened, which Telegram does not tell."""
    bot = bot_of(config, request)
    if bot is None:
        return []
    update = object_of(read_json(request.body))
    found: Inbound | None = None
    if "message" in update:
        found = _parse_message(bot, object_of(update["message"]))
    elif "edited_message" in update:
        found = _parse_edit(bot, object_of(update["edited_message"]))
    elif "callback_query" in update:
        found = _parse_tap(bot, object_of(update["callback_query"]), now)
    elif "my_chat_member" in update:
        found = _parse_member(bot, object_of(update["my_chat_member"]))
    return [] if found is None else [found]


def _account(item: Json, chat: Json) -> str | None:
    """Return the sender's id in a private chat; groups, channels and other bots say nothing."""
    person = object_of(item.get("from"))
    account = integer_of(person.get("id"))
    if account is None or account <= 0 or person.get("is_bot") is True:
        return None
    return str(account) if chat.get("type") == "private" else None


def _parse_message(bot: Bot, item: Json) -> InboundMessage | InboundLink | None:
    message, at = integer_of(item.get("message_id")), unix_moment(item.get("date"))
    account = _account(item, object_of(item.get("chat")))
    if message is None or at is None or account is None:
        return None
    place = f"{bot.id}:{account}:{message}"
    link = _link(item, account)
    if link is not None:
        step, token, number = link
        return InboundLink(place, Channel.TELEGRAM, bot.id, at, account, step, token, number)
    return _said(bot, item, account, place, at)


def _link(item: Json, account: str) -> tuple[LinkStep, str | None, str | None] | None:
    """Return step, token and number of a message that is about being reachable."""
    if _is_forwarded(item):
        return None
    start = _START.fullmatch(text_of(item.get("text")) or "")
    if start is not None:
        return LinkStep.STARTED, start[1], None
    contact = object_of(item.get("contact"))
    number = _NUMBER.fullmatch(text_of(contact.get("phone_number")) or "")
    # Anybody's contact can be passed on; only the sender's own says whose chat this is.
    if number is None or str(integer_of(contact.get("user_id"))) != account:
        return None
    return LinkStep.SHARED, None, f"+{number[1]}"


def _parse_edit(bot: Bot, item: Json) -> InboundMessage | None:
    message, at = integer_of(item.get("message_id")), unix_moment(item.get("edit_date"))
    account = _account(item, object_of(item.get("chat")))
    if message is None or at is None or account is None or "text" not in item:
        return None
    place = f"{bot.id}:{account}:{message}:edit:{int(at.timestamp())}"
    return _said(bot, item, account, place, at, kind="edit")


def _said(
    bot: Bot, item: Json, account: str, place: str, at: datetime, kind: str = "text"
) -> InboundMessage:
    text, quoted = text_of(item.get("text")), _quoted(bot, account, item)
    if _is_forwarded(item):  # somebody else's words are no answer
        kind, text, quoted = "forwarded", None, None
    elif text is None:
        kind = next((name for name in _KINDS if name in item), "unknown")
    return InboundMessage(
        id=place,
        channel=Channel.TELEGRAM,
        sender=bot.id,
        at=at,
        number=None,
        account=account,
        kind=kind,
        text=text,
        quoted=quoted,
    )


def _is_forwarded(item: Json) -> bool:
    return "forward_origin" in item or "forward_date" in item


def _quoted(bot: Bot, account: str, item: Json) -> str | None:
    """Return the quoted message; one of another chat is named too, so that it is not ours."""
    if "external_reply" in item:
        return f"{bot.id}:external"
    message = integer_of(object_of(item.get("reply_to_message")).get("message_id"))
    return None if message is None else f"{bot.id}:{account}:{message}"


def _parse_tap(bot: Bot, item: Json, now: datetime) -> InboundMessage | None:
    tap, message = text_of(item.get("id")), object_of(item.get("message"))
    private: Json = {"type": "private"}  # a message that is too old may be left out
    account = _account(item, object_of(message.get("chat")) if message else private)
    if tap is None or account is None:
        return None
    place = f"{bot.id}:{account}:{integer_of(message.get('message_id')) or 0}"
    data = text_of(item.get("data"))
    text, payload = said_by(data, _title(message, data))
    return InboundMessage(
        id=f"{place}:tap:{tap}",
        channel=Channel.TELEGRAM,
        sender=bot.id,
        at=now,
        number=None,
        account=account,
        kind="button",
        text=text,
        payload=payload,
        quoted=place if message else None,
    )


def _title(message: Json, data: str | None) -> str | None:
    """Return what stands on a tapped button."""
    rows = object_of(message.get("reply_markup")).get("inline_keyboard")
    for row in rows if isinstance(rows, list) else []:
        for button in objects(row):
            if data is not None and button.get("callback_data") == data:
                return text_of(button.get("text"))
    return None


def _parse_member(bot: Bot, item: Json) -> InboundLink | None:
    """A patient who blocks the bot becomes unreachable; who comes back starts it again."""
    account = _account(item, object_of(item.get("chat")))
    at = unix_moment(item.get("date"))
    status = text_of(object_of(item.get("new_chat_member")).get("status"))
    if account is None or at is None or status not in _ENDED:
        return None
    return InboundLink(
        id=f"{bot.id}:{account}:ended:{int(at.timestamp())}",
        channel=Channel.TELEGRAM,
        sender=bot.id,
        at=at,
        account=account,
        step=LinkStep.ENDED,
    )


# --- Build ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    """A message in the chat that is written to, and the tap on its button that is answered."""

    message: int
    tap: str | None


def build(config: Config, bot: Bot, message: OutgoingMessage) -> HttpRequest:
    """Return the request that says exactly this message, or raise `SendError` and say why not."""
    content = message.content
    account = account_of(message)
    if not content.text.strip() or _utf16_units(content.text) > CAPABILITIES.text_max:
        raise _refused("text_length")
    body: Json = {
        "chat_id": int(account),
        "text": content.text,
        # A preview would open the patient's page from Telegram's servers, to no use.
        "link_preview_options": {"is_disabled": True},
    }
    markup = _markup(message)
    if markup:
        body["reply_markup"] = markup
    quote = _place_of(bot, account, message.reply_to)
    if quote is not None and quote.message > 0:
        body["reply_parameters"] = {
            "message_id": quote.message,
            "allow_sending_without_reply": True,  # the patient may have deleted it
        }
    return _request(config, bot, "sendMessage", body)


def build_tap_answer(config: Config, bot: Bot, message: OutgoingMessage) -> HttpRequest | None:
    """Return the request that ends the waiting sign on a tapped button, if this answers a tap."""
    place = _place_of(bot, account_of(message), message.reply_to)
    if place is None or place.tap is None:
        return None
    return _request(config, bot, "answerCallbackQuery", {"callback_query_id": place.tap})


def account_of(message: OutgoingMessage) -> str:
    """Return whom to write to; without an id the patient has never started the bot."""
    account = message.account or ""
    if not _ACCOUNT.fullmatch(account):
        raise SendError(Failure.IMPOSSIBLE, "no_account")
    return account


def _request(config: Config, bot: Bot, method: str, body: Json) -> HttpRequest:
    url = f"{config.api_base}/bot{bot.token.get_secret_value()}/{method}"
    return HttpRequest("POST", url, {"Content-Type": "application/json"}, json.dumps(body).encode())


def _markup(message: OutgoingMessage) -> Json:
    if message.asks_number is not None:
        _check_title(message.asks_number)
        key = {"text": message.asks_number, "request_contact": True}
        return {"keyboard": [[key]], "resize_keyboard": True, "one_time_keyboard": True}
    buttons = message.content.buttons
    if len(buttons) > CAPABILITIES.buttons_max:
        raise _refused("too_many_buttons")
    rows = [[{"text": button.title, "callback_data": _data(button)}] for button in buttons]
    return {"inline_keyboard": rows} if rows else {}


def _data(button: Button) -> str:
    _check_title(button.title)
    data = data_of(button, CAPABILITIES.button_payload_max)
    if data is None:
        raise _refused("button_payload_length")
    return data


def _check_title(title: str) -> None:
    if not 0 < len(title) <= CAPABILITIES.button_title_max:
        raise _refused("button_title_length")


def _place_of(bot: Bot, account: str, name: str | None) -> _Place | None:
    """Read one of our ids; what is of another bot or chat cannot be quoted here."""
    found = _PLACE.fullmatch(name or "")
    if found is None or (found["bot"], found["chat"]) != (bot.id, account):
        return None
    return _Place(int(found["message"]), found["tap"])


def _utf16_units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _refused(code: str) -> SendError:
    return SendError(Failure.REJECTED, code, alert=True)


# --- Read -----------------------------------------------------------------------------------------


def read(bot: Bot, account: str, response: HttpResponse) -> str:
    """Return the message's id, or raise what the answer means.

    What does not come from the API itself (a gateway's 502 or 504, a page instead of JSON) tells
    nothing about the message, so its outcome is unknown.
    """
    document = object_of(read_json(response.body))
    if document.get("ok") is True:
        message = integer_of(object_of(document.get("result")).get("message_id"))
        if message is None:
            raise SendError(None, "unreadable_response")
        return f"{bot.id}:{account}:{message}"
    if document.get("ok") is not False and response.status in (200, 502, 504):
        raise SendError(None, f"http_{response.status}")
    raise failure_of(document, response)


# --- The channel ----------------------------------------------------------------------------------


class Telegram:
    """The channel and its webhook. The client belongs to whoever made it."""

    channel = Channel.TELEGRAM
    takes_contacts = True  # `contact.user_id` is Telegram's own word for whose it is

    def __init__(self, config: Config, client: HttpClient, clock: Clock) -> None:
        check_different(config.senders, "token", lambda bot: (bot.id,))
        check_different(config.senders, "webhook_secrets", _webhook_secrets)
        self._config = config
        self._client = client
        self._clock = clock

    def serves(self, clinic: str, branch: str) -> bool:
        """Tell whether there is a bot for this branch."""
        return sender_of(self._config.senders, clinic, branch) is not None

    def limits(self, clinic: str, branch: str) -> SenderLimits | None:
        """Return the bot's limit, which holds over all its chats."""
        bot = sender_of(self._config.senders, clinic, branch)
        if bot is None:
            return None
        return SenderLimits(f"telegram:{bot.id}", bot.per_second)

    def link(self, clinic: str, branch: str, token: str) -> str | None:
        """Return the deep link that starts the bot with a token."""
        if not _LINK_TOKEN.fullmatch(token):
            raise ValueError("a link's token has 1 to 64 characters of A-Z a-z 0-9 _ -")
        bot = sender_of(self._config.senders, clinic, branch)
        return None if bot is None else f"https://t.me/{bot.username}?start={token}"

    async def send(self, message: OutgoingMessage) -> str | None:
        """Send; if it answers a tap, tell Telegram so once the answer is there."""
        bot = sender_of(self._config.senders, message.clinic, message.branch)
        if bot is None:
            raise _refused("no_sender")
        response = await self._client.send(build(self._config, bot, message))
        sent = read(bot, account_of(message), response)
        answer = build_tap_answer(self._config, bot, message)
        if answer is not None:
            with suppress(SendError):  # only the look of a button depends on it
                await self._client.send(answer)
        return sent

    async def close(self) -> None:
        """Hold nothing: the shared client is closed by its owner."""

    def handshake(self, request: RawRequest) -> RawResponse | None:
        """Telegram does not verify an address."""
        return None

    def verify(self, request: RawRequest) -> None:
        """Check the webhook's secret."""
        verify(self._config, request)

    def parse(self, request: RawRequest) -> Sequence[Inbound]:
        """Return what one update says."""
        return parse(self._config, request, self._clock.now())
