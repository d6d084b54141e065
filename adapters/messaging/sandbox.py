"""A small WhatsApp of our own: the Cloud API's wire protocol over a world of patients' phones.

The production adapter runs against it unchanged: point `api_base` at where `whatsapp_cloud_app`
is mounted, and `Callback.url` at the gateway's own hook. It answers with the API's errors, sends
signed webhooks, repeats them with growing pauses until they are taken, and goes wrong on demand
(`Faults`). The demo page shows the phones; tests and load runs use the same world without it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web

from adapters.changes import Changes
from adapters.http import HttpClient, HttpRequest
from adapters.json_values import Json, object_of, read_json
from adapters.messaging.sandbox_memory import Book, Memory, of_message, of_phone, of_state, of_told
from adapters.messaging.sandbox_meta import TITLES, MetaError, Order, read_order
from adapters.messaging.sandbox_world import (
    Business,
    Callback,
    Chance,
    ChatMessage,
    Faults,
    Limits,
    Pace,
    PatientPhone,
    State,
    TemplateSpec,
)
from adapters.messaging.whatsapp_cloud import template_name
from gateway.clock import Clock
from gateway.core.wording import WITH_BUTTONS, Family, Texts, template_body
from gateway.errors import NotFound
from gateway.ports.messaging import SendError

RETRY_FIRST_S = 1.0
RETRY_MAX_S = 600.0
RETRY_FOR = timedelta(days=7)
"""A webhook that is not taken comes again for a week, as Meta's do."""

_UNREACHABLE = 131026
_WINDOW_CLOSED = 131047


@dataclass(frozen=True, slots=True)
class _Step:
    """After a pause, a message reaches a state; `state` None: a patient's message arrives."""

    pause_s: float
    message: ChatMessage
    state: State | None
    item: Json
    contact: Json | None = None


class World:
    """All phones and chats. `run` must be running for anything to reach the callback.

    With a `book` the world survives its process: `recall` brings back what stands in it.
    """

    def __init__(
        self,
        clock: Clock,
        client: HttpClient,
        businesses: Iterable[Business],
        *,
        templates: Iterable[TemplateSpec] = (),
        callback: Callback | None = None,
        pace: Pace | None = None,
        seed: int = 0,
        book: Book | None = None,
    ) -> None:
        self.changes = Changes()
        self.faults = Faults()
        self.callback = callback
        self.templates = {(t.name, t.language): t for t in templates}
        self.businesses = {business.phone_number_id: business for business in businesses}
        self._clock = clock
        self._client = client
        self._book = book
        self._pace = pace or Pace()
        self._chance = Chance(seed)
        self._limits = Limits()
        self._phones: dict[str, PatientPhone] = {}
        self._messages: dict[str, ChatMessage] = {}
        self._steps: asyncio.Queue[tuple[_Step, ...]] = asyncio.Queue()
        self._under_way = 0

    # What is there

    @property
    def phones(self) -> tuple[PatientPhone, ...]:
        """All phones that anyone has written to or used."""
        return tuple(self._phones.values())

    def phone(self, number: str) -> PatientPhone:
        """Return a patient's phone; it exists as soon as it is asked for."""
        if number not in self._phones:
            account = f"ZZ.{int(self._chance.fresh(16), 16)}"
            self._phones[number] = PatientPhone(number, account)
            self._write(of_phone(self._phones[number]))
        return self._phones[number]

    def messages(self, number: str, sender: str | None = None) -> tuple[ChatMessage, ...]:
        """Return a patient's messages, oldest first, with one business number or with all."""
        found = self.phone(number).messages
        return tuple(item for item in found if sender in (None, item.sender))

    def message(self, wamid: str) -> ChatMessage:
        """Return a message by its id; raise `NotFound`."""
        try:
            return self._messages[wamid]
        except KeyError:
            raise NotFound("no such message") from None

    def recall(self, records: Iterable[Json]) -> None:
        """Go on after an earlier life of this world; what was not taken then is told again."""
        memory = Memory.of(records)
        self._phones |= memory.phones
        self._messages |= memory.messages
        untold: dict[str, list[_Step]] = {number: [] for number in memory.phones}
        for message in memory.messages.values():
            untold[message.number] += self._untold(message, memory)
        for steps in untold.values():
            if steps:
                self._set_out(*steps)
        self.changes.note()

    def _untold(self, message: ChatMessage, memory: Memory) -> list[_Step]:
        phone = self.phone(message.number)
        if message.from_patient:
            item = memory.items[message.id]
            steps = [_Step(0.0, message, None, item, _contact(phone))]
        elif message.error is not None:
            steps = [self._failed(message, message.error)]
        else:
            steps = self._journey(phone, message)
            if message.state is State.READ and not phone.reads_at_once:
                steps.append(self._status(0.0, message, State.READ))
        return [step for step in steps if not memory.was_told(message, step.state)]

    def _write(self, record: Json, *, durable: bool = True) -> None:
        if self._book is not None:
            self._book.write(record, durable=durable)

    async def idle(self) -> None:
        """Wait until nothing is on its way any more."""
        while self._under_way:
            await self.changes.after(self.changes.count)

    # What patients do

    def set_account(self, number: str, has_account: bool) -> None:
        """Give a number an account on the messenger, or take it away."""
        phone = self.phone(number)
        if phone.has_account is not has_account:
            phone.has_account = has_account
            self._write(of_phone(phone))
        self.changes.note()

    async def reply(
        self, number: str, text: str, quote: str | None = None, *, sender: str | None = None
    ) -> str:
        """Write to a business number, the one that wrote last if none is named."""
        body: Json = {"type": "text", "text": {"body": text}}
        return await self.write(number, body, text, quote=quote, sender=sender)

    async def tap(self, number: str, wamid: str, button: int, *, context: bool = True) -> str:
        """Tap a button of a message; `context` False leaves out which message it was."""
        message = self.message(wamid)
        if not 0 <= button < len(message.buttons):
            raise NotFound("no such button")
        tapped = message.buttons[button]
        body: Json
        if message.template is not None:
            inner = {"payload": tapped.payload, "text": tapped.title}
            body = {"type": "button", "button": inner}
        else:
            inner = {"id": tapped.payload, "title": tapped.title}
            body = {
                "type": "interactive",
                "interactive": {"type": "button_reply", "button_reply": inner},
            }
        quote = wamid if context else None
        return await self.write(number, body, tapped.title, quote=quote, sender=message.sender)

    async def write(
        self,
        number: str,
        body: Json,
        shown: str,
        *,
        quote: str | None = None,
        sender: str | None = None,
    ) -> str:
        """Send any kind of message from a patient: `body` holds `type` and what belongs to it."""
        phone = self.phone(number)
        business = self.businesses[sender or self._last_sender(phone)]
        await self.read(number, sender=business.phone_number_id)
        now = self._clock.now()
        message = ChatMessage(
            id=f"wamid.{self._chance.fresh()}",
            sender=business.phone_number_id,
            number=number,
            from_patient=True,
            at=now,
            text=shown,
            kind=str(body["type"]),
            quote=quote,
            state=State.DELIVERED,
        )
        phone.wrote_at[business.phone_number_id] = now
        item = {"id": message.id, "timestamp": _unix(message), **_from(phone), **body}
        if quote is not None:
            item["context"] = {"from": business.display_number, "id": quote}
        self._write(of_message(message, item))
        self._keep(phone, message)
        self._set_out(_Step(0.0, message, None, item, _contact(phone)))
        return message.id

    async def read(
        self, number: str, wamid: str | None = None, *, sender: str | None = None
    ) -> None:
        """Look at a message, or at everything that was delivered."""
        for message in self.messages(number, sender):
            looked_at = wamid in (None, message.id) and not message.from_patient
            if looked_at and message.state is State.DELIVERED:
                self._set_out(self._status(0.0, message, State.READ))

    def _last_sender(self, phone: PatientPhone) -> str:
        return phone.messages[-1].sender if phone.messages else next(iter(self.businesses))

    # What the business asks for

    def take(self, sender: str, body: Json) -> tuple[ChatMessage, PatientPhone]:
        """Accept a request to send, or raise `MetaError`."""
        order = read_order(body, self.templates.values())
        phone = self._find(order.recipient)
        now = self._clock.now()
        planned = self.faults.take_planned(phone.number)
        if planned is not None:
            raise MetaError(planned.code, retry_after_s=planned.retry_after_s)
        broken = self._limits.broken(sender, phone.number, self.faults, now)
        if broken is not None:
            raise MetaError(broken)
        closed = order.template is None and not phone.session_open(sender, now)
        if closed and not self.faults.window_as_status:
            raise MetaError(_WINDOW_CLOSED)
        message = self._message(sender, phone, order)
        if not phone.has_account:
            message.error = _UNREACHABLE
        elif closed:
            message.error = _WINDOW_CLOSED
        self._write(of_message(message))
        if message.error is not None:
            self._set_out(self._failed(message, message.error))
        else:
            self._keep(phone, message)
            self._set_out(*self._journey(phone, message))
        return message, phone

    def _find(self, recipient: str) -> PatientPhone:
        if recipient.startswith("+"):
            return self.phone(recipient)
        for phone in self._phones.values():
            if phone.account == recipient:
                return phone
        raise MetaError(131009, "recipient")

    def _message(self, sender: str, phone: PatientPhone, order: Order) -> ChatMessage:
        return ChatMessage(
            id=f"wamid.{self._chance.fresh()}",
            sender=sender,
            number=phone.number,
            from_patient=False,
            at=self._clock.now(),
            text=order.text,
            kind=order.kind,
            buttons=order.buttons,
            template=order.template,
            quote=order.quote,
            opaque=order.opaque,
        )

    def _keep(self, phone: PatientPhone, message: ChatMessage) -> None:
        phone.messages.append(message)
        self._messages[message.id] = message
        self.changes.note()

    # What is reported

    def _journey(self, phone: PatientPhone, message: ChatMessage) -> list[_Step]:
        pace = self._pace
        steps = [
            self._status(pace.sent_s, message, State.SENT),
            self._status(pace.delivered_s, message, State.DELIVERED),
        ]
        if phone.reads_at_once:
            steps.append(self._status(pace.read_s, message, State.READ))
        if self._chance.hits(self.faults.reorder_webhooks):
            steps.reverse()
        return steps

    def _failed(self, message: ChatMessage, code: int) -> _Step:
        title = TITLES[code]
        error = {"code": code, "title": title, "message": title}
        step = self._status(self._pace.sent_s, message, State.FAILED)
        step.item["errors"] = [{**error, "error_data": {"details": title}}]
        return step

    def _status(self, pause_s: float, message: ChatMessage, state: State) -> _Step:
        phone = self.phone(message.number)
        status: Json = {
            "id": message.id,
            "status": state.value,
            "recipient_user_id": phone.account,
        }
        if not phone.hides_number:
            status["recipient_id"] = phone.number.lstrip("+")
        if message.opaque is not None:
            status["biz_opaque_callback_data"] = message.opaque
        return _Step(pause_s, message, state, status)

    def _set_out(self, *steps: _Step) -> None:
        self._under_way += 1
        self._steps.put_nowait(steps)

    async def run(self) -> None:
        """Let everything on its way arrive, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                steps = await self._steps.get()
                tasks.create_task(self._carry(tasks, steps))

    async def _carry(self, tasks: asyncio.TaskGroup, steps: tuple[_Step, ...]) -> None:
        for step in steps:
            await self._clock.sleep(step.pause_s)
            if step.state is not None:
                if step.message.move(step.state):
                    self._write(of_state(step.message), durable=False)
                step.item["timestamp"] = str(int(self._clock.now().timestamp()))
            self.changes.note()
            if self._chance.hits(self.faults.lose_webhooks):
                continue
            body = self._webhook(step)
            for _ in range(1 + self._chance.hits(self.faults.repeat_webhooks)):
                if not await self._tell(step, body):
                    self._under_way += 1
                    tasks.create_task(self._tell_again(step, body))
        self._done()

    async def _tell_again(self, step: _Step, body: bytes) -> None:
        pause, until = RETRY_FIRST_S, self._clock.now() + RETRY_FOR
        while self._clock.now() < until:
            await self._clock.sleep(pause)
            if await self._tell(step, body):
                break
            pause = min(pause * 2, RETRY_MAX_S)
        self._done()

    def _done(self) -> None:
        self._under_way -= 1
        self.changes.note()

    def _webhook(self, step: _Step) -> bytes:
        business = self.businesses[step.message.sender]
        value: Json = {
            "messaging_product": "whatsapp",
            "metadata": {
                "display_phone_number": business.display_number,
                "phone_number_id": business.phone_number_id,
            },
        }
        if step.contact is not None:
            value["contacts"] = [step.contact]
        value["messages" if step.state is None else "statuses"] = [step.item]
        entry = {"id": business.account_id, "changes": [{"field": "messages", "value": value}]}
        document = {"object": "whatsapp_business_account", "entry": [entry]}
        # Escaped like Meta's own bodies, so that nobody gets away with signing a copy.
        return json.dumps(document).replace("/", "\\/").encode()

    async def _tell(self, step: _Step, body: bytes) -> bool:
        taken = await self._post(body)
        if taken:
            self._write(of_told(step.message, step.state), durable=False)
        return taken

    async def _post(self, body: bytes) -> bool:
        callback = self.callback
        if callback is None:
            return True
        digest = hmac.new(callback.app_secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "X-Hub-Signature-256": f"sha256={digest}",
        }
        try:
            answer = await self._client.send(HttpRequest("POST", callback.url, headers, body))
        except SendError:
            return False
        return answer.status == 200


def templates_of(texts: Texts, convention: str) -> list[TemplateSpec]:
    """Return the product's own chat messages as approved templates, named by the convention."""
    return [
        TemplateSpec(
            name=template_name(convention, about, language),
            language=language,
            body=template_body(words, about),
            buttons=tuple(words.buttons.values()) if about in WITH_BUTTONS else (),
        )
        for language, words in texts.by_language.items()
        for about, family in words.messages
        if family is Family.CHAT
    ]


def _unix(message: ChatMessage) -> str:
    return str(int(message.at.timestamp()))


def _from(phone: PatientPhone) -> Json:
    if phone.hides_number:
        return {"from_user_id": phone.account}
    return {"from": phone.number.lstrip("+"), "from_user_id": phone.account}


def _contact(phone: PatientPhone) -> Json:
    contact: Json = {"profile": {"name": phone.name}, "user_id": phone.account}
    if not phone.hides_number:
        contact["wa_id"] = phone.number.lstrip("+")
    return contact


def whatsapp_cloud_app(world: World, clock: Clock) -> web.Application:
    """Return the API as an application to be mounted anywhere, e.g. under /sandbox/whatsapp."""

    async def send(request: web.Request) -> web.StreamResponse:
        if world.faults.down:
            return web.Response(status=503, text="Service Unavailable")
        try:
            sender = _authorised(world, request)
            body = object_of(read_json(await request.read()))
            if body.get("status") == "read":
                return web.json_response({"success": True})
            message, phone = world.take(sender, body)
        except MetaError as error:
            return _refusal(error)
        await clock.sleep(world.faults.slow_s)
        if world.faults.take_cut() and request.transport is not None:
            request.transport.close()
        return web.json_response(_acceptance(message, phone))

    app = web.Application()
    app.router.add_post("/{version:v[0-9]+\\.[0-9]+}/{phone_number_id}/messages", send)
    return app


def _authorised(world: World, request: web.Request) -> str:
    business = world.businesses.get(request.match_info["phone_number_id"])
    if business is None:
        raise MetaError(100, "Unsupported post request: no such object")
    given = request.headers.get("Authorization", "").encode()
    if not hmac.compare_digest(given, f"Bearer {business.access_token}".encode()):
        raise MetaError(190)
    return business.phone_number_id


def _refusal(error: MetaError) -> web.Response:
    headers = {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    return web.json_response(error.document, status=error.status, headers=headers)


def _acceptance(message: ChatMessage, phone: PatientPhone) -> Json:
    contact: Json = {"input": phone.number.lstrip("+"), "user_id": phone.account}
    if not phone.hides_number:
        contact["wa_id"] = phone.number.lstrip("+")
    return {
        "messaging_product": "whatsapp",
        "contacts": [contact],
        "messages": [{"id": message.id, "message_status": "accepted"}],
    }
