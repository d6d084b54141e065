"""The small world around the demo: patients' phones, the clinic's schedule, and their memory.

All of it speaks the providers' own protocols, so the production adapters run against it unchanged:
`add_to` mounts WhatsApp's API, Twilio's and the schedule's webhook beside the gateway, and `run`
sends what patients and staff do to the gateway's own addresses. Everything that happens is kept
in journals; a world that is opened again on the same folder goes on where it was.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from aiohttp import web

from adapters.changes import Changes
from adapters.http import HttpClient, HttpLimits
from adapters.journal import Journal
from adapters.json_values import Json
from adapters.messaging.sandbox import World, templates_of, whatsapp_cloud_app
from adapters.messaging.sandbox_world import Business, Callback, ChatMessage
from adapters.schedule.sandbox import Api, ClinicWorld, clinic_schedule_app
from adapters.telephony import sandbox as telephony
from adapters.telephony.sandbox_phone import ON_THE_PHONE, Habit
from gateway.clock import Clock
from gateway.core.model import Status
from gateway.core.wording import Texts

WHATSAPP_PATH = "/sandbox/whatsapp"
TWILIO_PATH = "/sandbox/twilio"
SCHEDULE_PATH = "/sandbox/schedule"

PHONES_FILE, CALLS_FILE, SCHEDULE_FILE = "phones.jsonl", "calls.jsonl", "schedule.jsonl"

CALLER_NUMBER = "+74950000000"
"""The number that patients see when the clinic calls: that of the demo's branch."""

TWILIO_LIMITS = HttpLimits(connect_s=5.0, total_s=15.0, response_bytes=8 << 20)
"""As Twilio itself waits for a callback; prompts are larger than other answers."""

PHONE_NUMBER_ID = "106540350000001"
TEMPLATES = "callahead_{template}_{language}"
"""How the sandbox's approved templates are named: the adapter's own default."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The secrets between the gateway and its small world."""

    api_key: str = field(repr=False)
    access_token: str = field(repr=False)
    app_secret: str = field(repr=False)
    verify_token: str = field(repr=False)
    schedule_secret: str = field(repr=False)
    twilio_account_sid: str = field(repr=False)
    twilio_auth_token: str = field(repr=False)


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
        api = Api(url, clinic, keys.api_key)
        self.schedule = ClinicWorld(clock, self._client, [keys.schedule_secret], api, book=schedule)
        self.changes = Changes()
        self.phones.changes = self.telephones.changes = self.schedule.changes = self.changes
        self.phones.recall(phones.records)
        self.telephones.recall(calls.records)
        self.schedule.recall(schedule.records)
        self.known = {str(r["id"]) for r in schedule.records if r.get("what") == "put"}
        """Ids of all appointments that ever were in the schedule."""

    def add_to(self, app: web.Application) -> None:
        """Mount WhatsApp, Twilio and the schedule."""
        app.add_subapp(WHATSAPP_PATH, whatsapp_cloud_app(self.phones, self._clock))
        app.add_subapp(TWILIO_PATH, telephony.twilio_app(self.telephones, self._clock))
        app.add_subapp(SCHEDULE_PATH, clinic_schedule_app(self.schedule, self._clock))

    async def run(self) -> None:
        """Send what patients and staff do, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.phones.run())
            tasks.create_task(self.telephones.run())
            tasks.create_task(self.schedule.run())

    async def close(self) -> None:
        """Let go of connections and files."""
        await self._client.close()
        await self._caller.close()
        for book in self._books:
            book.close()

    # What the page shows

    async def changed(self, count: int) -> int:
        """Wait until there were more than `count` changes; return how many."""
        return await self.changes.after(count)

    def visits(self) -> tuple[Json, ...]:
        """Return the schedule's appointments, by start."""
        return self.schedule.appointments

    def chats(self) -> tuple[Json, ...]:
        """Return every phone with its messages, oldest first."""
        return tuple(
            {
                "number": phone.number,
                "has_account": phone.has_account,
                "reads_at_once": phone.reads_at_once,
                "messages": [_shown(message) for message in phone.messages],
            }
            for phone in self.phones.phones
        )

    def calls(self) -> tuple[Json, ...]:
        """Return every call to a patient, oldest first."""
        return tuple(call.shown for call in self.telephones.calls)

    def audio(self, name: str) -> bytes:
        """Return the WAV file that a call was told to play; raise `NotFound`."""
        return self.telephones.audio(name)

    # What patients do

    async def say(self, number: str, text: str, quote: str | None) -> None:
        """Write to the clinic from a patient's phone."""
        await self.phones.reply(number, text, quote)

    async def tap(self, number: str, message: str, button: int) -> None:
        """Tap a button of a message."""
        await self.phones.tap(number, message, button)

    async def read(self, number: str) -> None:
        """Look at everything that has arrived on a phone."""
        await self.phones.read(number)

    def let_answer(
        self, number: str, keys: str = "", *, after_s: float = 5.0, declines: bool = False
    ) -> None:
        """Let a patient take calls without anybody's help: pick up after so long and press one
        of `keys` per question, or press the call away."""
        habit = Habit(answers_after_s=after_s, keys=keys, declines=declines)
        self.telephones.phone(number).habit = habit

    def in_hand(self) -> tuple[str, ...]:
        """Return the states of the calls that a person has to take, or holds."""
        return tuple(
            call.state.value
            for call in self.telephones.calls
            if call.state in ON_THE_PHONE and call.in_hand
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
    for name in (PHONES_FILE, CALLS_FILE):
        book = Journal(folder / name)
        book.close()
        moments += [datetime.fromisoformat(str(r["at"])) for r in book.records if "at" in r]
    return max(moments, default=None)


def _shown(message: ChatMessage) -> Json:
    return {
        "id": message.id,
        "mine": message.from_patient,
        "at": message.at.isoformat(),
        "text": message.text,
        "kind": message.kind,
        "buttons": [button.title for button in message.buttons],
        "quote": message.quote,
        "state": message.state.value,
        "template": message.template,
    }


def fresh_keys(api_key: str) -> Keys:
    """Return new secrets beside the clinic's API key."""
    return Keys(
        api_key=api_key,
        access_token=secrets.token_urlsafe(24),
        app_secret=secrets.token_hex(16),
        verify_token=secrets.token_urlsafe(16),
        schedule_secret="whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(),
        twilio_account_sid="AC" + secrets.token_hex(16),
        twilio_auth_token=secrets.token_hex(16),
    )


def keys_document(keys: Keys) -> dict[str, str]:
    """Return the secrets as they are written to a file."""
    return asdict(keys)
