"""The small world around the demo: patients' phones, the clinic's schedule, and their memory.

Both sides speak the providers' own protocols, so the production adapters run against them
unchanged: `add_to` mounts WhatsApp's API and the schedule's webhook beside the gateway, and `run`
sends what patients and staff do to the gateway's own addresses. Everything that happens is kept
in two journals; a world that is opened again on the same folder goes on where it was.
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
from adapters.http import HttpClient
from adapters.journal import Journal
from adapters.json_values import Json
from adapters.messaging.sandbox import World, templates_of, whatsapp_cloud_app
from adapters.messaging.sandbox_world import Business, Callback, ChatMessage
from adapters.schedule.sandbox import Api, ClinicWorld, clinic_schedule_app
from gateway.clock import Clock
from gateway.core.model import Status
from gateway.core.wording import Texts

WHATSAPP_PATH = "/sandbox/whatsapp"
SCHEDULE_PATH = "/sandbox/schedule"

PHONES_FILE, SCHEDULE_FILE = "phones.jsonl", "schedule.jsonl"

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


class Sandbox:
    """One clinic's schedule and its patients' phones. `url` is where the gateway is served."""

    def __init__(
        self, clock: Clock, texts: Texts, folder: Path, *, url: str, clinic: str, keys: Keys
    ) -> None:
        self._books = Journal(folder / PHONES_FILE), Journal(folder / SCHEDULE_FILE)
        self._clock = clock
        self._client = HttpClient()
        phones, schedule = self._books
        self.phones = World(
            clock,
            self._client,
            [Business(PHONE_NUMBER_ID, keys.access_token)],
            templates=templates_of(texts, TEMPLATES),
            callback=Callback(f"{url}/hooks/whatsapp", keys.app_secret, keys.verify_token),
            seed=secrets.randbits(64),  # message ids of two lives must not meet
            book=phones,
        )
        api = Api(url, clinic, keys.api_key)
        self.schedule = ClinicWorld(clock, self._client, [keys.schedule_secret], api, book=schedule)
        self.changes = self.phones.changes = self.schedule.changes = Changes()
        self.phones.recall(phones.records)
        self.schedule.recall(schedule.records)
        self.known = {str(r["id"]) for r in schedule.records if r.get("what") == "put"}
        """Ids of all appointments that ever were in the schedule."""

    def add_to(self, app: web.Application) -> None:
        """Mount WhatsApp and the schedule."""
        app.add_subapp(WHATSAPP_PATH, whatsapp_cloud_app(self.phones, self._clock))
        app.add_subapp(SCHEDULE_PATH, clinic_schedule_app(self.schedule, self._clock))

    async def run(self) -> None:
        """Send what patients and staff do, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.phones.run())
            tasks.create_task(self.schedule.run())

    async def close(self) -> None:
        """Let go of connections and files."""
        await self._client.close()
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
    """Return when the newest message of a world was written; time must not go back before it."""
    book = Journal(folder / PHONES_FILE)
    book.close()
    moments = [datetime.fromisoformat(str(r["at"])) for r in book.records if "at" in r]
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
    )


def keys_document(keys: Keys) -> dict[str, str]:
    """Return the secrets as they are written to a file."""
    return asdict(keys)
