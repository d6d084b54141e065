"""The small world around the demo: patients' phones, the clinic's schedule, and their memory.

All of it speaks the providers' own protocols, so the production adapters run against it unchanged:
`add_to` mounts the APIs of WhatsApp, MAX, Telegram, an SMS provider, the clinic's own app and
Twilio and the schedule's webhook beside the gateway, and `run` sends what patients and staff do to
the gateway's own addresses. Everything that happens is kept
in journals; a world that is opened again on the same folder goes on where it was.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from aiohttp import web

from adapters.changes import Changes
from adapters.http import HttpClient, HttpLimits, HttpRequest
from adapters.journal import Journal
from adapters.json_values import Json, object_of, objects, read_json
from adapters.messaging.sandbox import World, templates_of, whatsapp_cloud_app
from adapters.messaging.sandbox_phones import FILES as APP_FILES
from adapters.messaging.sandbox_phones import PUSH, SMS, Has, Phones
from adapters.messaging.sandbox_world import Business, Callback, ChatMessage, State
from adapters.sandbox_settings import (
    CALLER_NUMBER,
    PHONE_NUMBER_ID,
    SCHEDULE_PATH,
    TEMPLATES,
    TWILIO_PATH,
    WHATSAPP_PATH,
    Keys,
    fresh_keys,
    keys_document,
    over_sip,
    sections,
)
from adapters.schedule.sandbox import Api, ClinicWorld, clinic_schedule_app
from adapters.telephony import sandbox as telephony
from adapters.telephony.sandbox_phone import ON_THE_PHONE, Habit
from adapters.telephony.sandbox_sip import Exchange
from gateway.clock import Clock
from gateway.core.model import Status
from gateway.core.wording import Texts
from gateway.errors import NotFound
from gateway.ports.messaging import SendError

WHATSAPP = "whatsapp"

PHONES_FILE, CALLS_FILE, SCHEDULE_FILE = "phones.jsonl", "calls.jsonl", "schedule.jsonl"

TWILIO_LIMITS = HttpLimits(connect_s=5.0, total_s=15.0, response_bytes=8 << 20)
"""As Twilio itself waits for a callback; prompts are larger than other answers."""

__all__ = [
    "CALLER_NUMBER",
    "Keys",
    "Sandbox",
    "fresh_keys",
    "keys_document",
    "last_moment",
    "over_sip",
    "sections",
]


class Sandbox:
    """One clinic's schedule and its patients' phones. `url` is where the gateway is served."""

    def __init__(
        self, clock: Clock, texts: Texts, folder: Path, *, url: str, clinic: str, keys: Keys
    ) -> None:
        names = (PHONES_FILE, CALLS_FILE, SCHEDULE_FILE)
        self._books = phones, calls, schedule = [Journal(folder / name) for name in names]
        self._clock = clock
        self._client, self._caller = HttpClient(), HttpClient(TWILIO_LIMITS)
        self.phones = World(
            clock,
            self._client,
            [Business(PHONE_NUMBER_ID, keys.access_token)],
            templates=templates_of(texts, TEMPLATES),
            callback=Callback(f"{url}/hooks/whatsapp", keys.app_secret, keys.verify_token),
            seed=secrets.randbits(64),  # message ids of two lives must not meet
            book=phones,
        )
        account = telephony.TwilioAccount(
            keys.twilio_account_sid, keys.twilio_auth_token, frozenset({CALLER_NUMBER})
        )
        self.telephones = telephony.World(clock, self._caller, [account], book=calls)
        self.exchange = Exchange(self.telephones, clock)
        api = Api(url, clinic, keys.api_key)
        self.schedule = ClinicWorld(clock, self._client, [keys.schedule_secret], api, book=schedule)
        self.apps = Phones(clock, self._client, folder, keys, url=url, seed=secrets.randbits(64))
        self._api = api
        self.changes = Changes()
        self.phones.changes = self.telephones.changes = self.schedule.changes = self.changes
        self.apps.changes = self.changes
        self.phones.recall(phones.records)
        self.telephones.recall(calls.records)
        self.schedule.recall(schedule.records)
        self.known = {str(r["id"]) for r in schedule.records if r.get("what") == "put"}
        """Ids of all appointments that ever were in the schedule."""

    def add_to(self, app: web.Application) -> None:
        """Mount the providers and the schedule."""
        self.apps.add_to(app)
        app.add_subapp(WHATSAPP_PATH, whatsapp_cloud_app(self.phones, self._clock))
        app.add_subapp(TWILIO_PATH, telephony.twilio_app(self.telephones, self._clock))
        app.add_subapp(SCHEDULE_PATH, clinic_schedule_app(self.schedule, self._clock))

    async def run(self) -> None:
        """Send what patients and staff do, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.phones.run())
            tasks.create_task(self.apps.run())
            tasks.create_task(self.telephones.run())
            tasks.create_task(self.exchange.run())
            tasks.create_task(self.schedule.run())

    async def close(self) -> None:
        """Let go of connections and files."""
        self.exchange.close()
        await self._client.close()
        await self._caller.close()
        self.apps.close()
        for book in self._books:
            book.close()

    def set_up(
        self,
        number: str,
        *,
        whatsapp: bool,
        max: str,
        telegram: str,
        app: str,
        reads_at_once: bool,
    ) -> None:
        """Give a patient a phone with these apps (`Has`); an earlier start's stay as they are."""
        self.phones.set_account(number, whatsapp)
        self.phones.phone(number).reads_at_once = reads_at_once
        self.apps.set_up(number, messenger=Has(max), telegram=Has(telegram), app=Has(app))

    # What the page shows

    async def changed(self, count: int) -> int:
        """Wait until there were more than `count` changes; return how many."""
        return await self.changes.after(count)

    def visits(self) -> tuple[Json, ...]:
        """Return the schedule's appointments, by start."""
        return self.schedule.appointments

    def chats(self) -> tuple[Json, ...]:
        """Return every phone with its apps, and its messages in all of them, oldest first."""
        chats = {phone.number: phone for phone in self.phones.phones}
        numbers = dict.fromkeys((*chats, *self.apps.numbers()))
        found = []
        for number in numbers:
            phone = chats.get(number)
            messages = [_shown(message) for message in phone.messages] if phone else []
            messages += self.apps.messages(number)
            messages.sort(key=lambda message: datetime.fromisoformat(str(message["at"])))
            apps = {WHATSAPP: Has.ON.value} if phone and phone.has_account else {}
            found.append(
                {
                    "number": number,
                    "apps": apps | self.apps.apps(number),
                    "reads_at_once": phone is not None and phone.reads_at_once,
                    "messages": messages,
                }
            )
        return tuple(found)

    def calls(self) -> tuple[Json, ...]:
        """Return every call to a patient, oldest first."""
        return tuple(call.shown for call in self.telephones.calls)

    def audio(self, name: str) -> bytes:
        """Return the WAV file that a call was told to play; raise `NotFound`."""
        return self.telephones.audio(name)

    def sound(self, call: str) -> AsyncIterator[bytes]:
        """Return what is heard in a call from now on, 16-bit little-endian at 8 kHz.

        Raises `NotFound` when it does not go on, or plays files.
        """
        return self.exchange.sound(call)

    # What patients do

    async def say(self, number: str, text: str, quote: str | None, app: str | None = None) -> None:
        """Write to the clinic in an app of a patient's phone; None: where the clinic wrote last.

        Raises `NotFound` where nobody can write.
        """
        app = app or self._last_app(number)
        if app != WHATSAPP:
            self.apps.say(number, app, text, quote)
        elif self.phones.phone(number).has_account:
            await self.phones.reply(number, text, quote)
        else:
            raise NotFound("there is no WhatsApp on this number")

    def _last_app(self, number: str) -> str:
        chat = next((chat for chat in self.chats() if chat["number"] == number), {})
        told = [
            message
            for message in objects(chat.get("messages"))
            if not message["mine"] and message["channel"] != PUSH and message["kind"] != "service"
        ]
        if told:
            return str(told[-1]["channel"])
        return WHATSAPP if WHATSAPP in object_of(chat.get("apps")) or not chat else SMS

    async def tap(self, number: str, message: str, button: int) -> None:
        """Tap a button of a message, or of a notification; raise `NotFound`."""
        app, colon, _ = message.partition(":")
        if not colon:
            await self.phones.tap(number, message, button)
        elif app == PUSH:
            await self._answer_in_app(number, message, button)
        else:
            self.apps.tap(number, message, button)

    async def _answer_in_app(self, number: str, message: str, button: int) -> None:
        """Do what the clinic's app does: it tells Callahead what was chosen, and shows the answer.

        Raises `NotFound` when Callahead does not take it; the patient may try again.
        """
        taken = self.apps.notification(number, message)
        visit = str(taken.request.get("appointment"))
        if not 0 <= button < len(taken.actions):
            raise NotFound("no such button")
        chosen, title = taken.actions[button]
        answer = {
            "id": f"{taken.id}-{button}",
            "answer": chosen,
            "start": self.schedule.appointment(visit)["start"],
            "at": self._clock.now().isoformat(),
        }
        headers = {
            "Authorization": f"Bearer {self._api.key}",
            "Content-Type": "application/json",
        }
        path = f"/v1/clinics/{self._api.clinic}/appointments/{quote(visit, safe='')}/answers"
        body = json.dumps(answer).encode()
        try:
            got = await self._client.send(HttpRequest("POST", self._api.url + path, headers, body))
        except SendError:
            raise NotFound("Callahead does not answer") from None
        if got.status != 200:
            raise NotFound("Callahead did not take the answer")
        result = object_of(read_json(got.body)).get("text") or ""
        self.apps.read(number, PUSH)
        self.apps.push.answered(taken.id, title, str(result))

    async def read(self, number: str, app: str | None = None) -> None:
        """Look at everything that has arrived in one app of a phone, or in all."""
        if app in (None, WHATSAPP):
            await self.phones.read(number)
        if app != WHATSAPP:
            self.apps.read(number, app)

    def start_bot(self, number: str, app: str) -> None:
        """Open the clinic's bot; raise `NotFound`."""
        self.apps.start(number, app)

    def share_number(self, number: str, app: str) -> None:
        """Let the clinic's bot know one's number; raise `NotFound`."""
        self.apps.share(number, app)

    def stop_bot(self, number: str, app: str) -> None:
        """Stop the clinic's bot; raise `NotFound`."""
        self.apps.stop(number, app)

    def let_answer(
        self, number: str, keys: str = "", *, after_s: float = 5.0, declines: bool = False
    ) -> None:
        """Let a patient take calls without anybody's help: pick up after so long and press one
        of `keys` per question, or press the call away."""
        habit = Habit(answers_after_s=after_s, keys=keys, declines=declines)
        self.telephones.phone(number).habit = habit

    def in_hand(self) -> tuple[str, ...]:
        """Return the states of the calls that a person has to take, or holds.

        Sound that is sent live knows no other time than the machine's, whoever listens.
        """
        return tuple(
            call.state.value
            for call in self.telephones.calls
            if call.state in ON_THE_PHONE and (call.in_hand or call.live_sound)
        )

    def answer(self, number: str) -> None:
        """Pick up a patient's phone that rings; raise `NotFound`."""
        self.telephones.answer(number)

    def decline(self, number: str) -> None:
        """Press a call away; raise `NotFound`."""
        self.telephones.decline(number)

    def ignore(self, number: str) -> None:
        """Silence a phone and let it ring; raise `NotFound`."""
        self.telephones.ignore(number)

    def press(self, call: str, key: str) -> None:
        """Press a key during a call; raise `NotFound`."""
        self.telephones.press(call, key)

    def hang_up(self, call: str) -> None:
        """End a call; raise `NotFound`."""
        self.telephones.hang_up(call)

    # What the staff does

    def put(self, appointment: Json) -> None:
        """Write an appointment into the schedule, new or changed."""
        self.known.add(str(appointment["id"]))
        self.schedule.put(appointment)

    def move(self, appointment: str, start: str) -> None:
        """Move an appointment; raise `NotFound`."""
        self.schedule.move(appointment, start)

    def mark(self, appointment: str, status: str) -> None:
        """Give an appointment another status; raise `NotFound`."""
        self.schedule.set_status(appointment, Status(status))

    def remove(self, appointment: str) -> None:
        """Take an appointment out of the schedule; raise `NotFound`."""
        self.schedule.remove(appointment)


def last_moment(folder: Path) -> datetime | None:
    """Return when the newest message or call of a world was made; time must not go back."""
    moments: list[datetime] = []
    for name in (PHONES_FILE, CALLS_FILE, *APP_FILES):
        book = Journal(folder / name)
        book.close()
        moments += [datetime.fromisoformat(str(r["at"])) for r in book.records if "at" in r]
    return max(moments, default=None)


def _shown(message: ChatMessage) -> Json:
    return {
        "id": message.id,
        "channel": WHATSAPP,
        "mine": message.from_patient,
        "seen": message.from_patient or message.state is State.READ,
        "at": message.at.isoformat(),
        "text": message.text,
        "kind": message.kind,
        "buttons": [button.title for button in message.buttons],
        "quote": message.quote,
        "state": message.state.value,
        "template": message.template,
    }
