"""A gateway with real adapters, and the messengers and phones around it: all over sockets."""

from __future__ import annotations

import asyncio
import copy
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives.asymmetric import rsa

from adapters.http import HttpClient
from adapters.messaging import max_messenger, push_fcm, push_rustore, telegram
from adapters.messaging.max_settings import Config as MaxConfig
from adapters.messaging.sandbox_max import MaxWorld, max_app
from adapters.messaging.sandbox_max import SandboxBot as MaxBot
from adapters.messaging.sandbox_push_fcm import FcmWorld, fcm_app
from adapters.messaging.sandbox_push_rustore import RustoreWorld, rustore_app
from adapters.messaging.sandbox_telegram import SandboxBot, TelegramWorld, telegram_app
from adapters.store.memory_store import MemoryStore
from gateway.core.case import Case, Contact, Entry
from gateway.core.model import Channel
from gateway.ports.messaging import Messaging
from gateway.ports.store import Kind, Ref
from gateway.scripts import load_texts
from gateway.service.assembly import Parts, Service, assemble
from gateway.service.supervisor import Supervisor
from gateway.web.auth import new_key
from gateway.web.join import JoinPages
from gateway.web.patient import PatientPages
from gateway.web.server import build_app
from tests.adapters.support import ManualClock
from tests.service.support import SILENT
from tests.web.support import CLINIC, NOW, NUMBER, Recording, appointment

BOT_TOKEN = "7000000001:AAsampleSampleSampleSampleSample"
BOT_ID = "7000000001"
SECRET = "sandbox-webhook-secret"
PROJECT, SERVICE_TOKEN = "sandbox-project", "sandbox-service-token"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ANNA, BORIS = 100200300, 100200301


class TownClock(ManualClock):
    """Also waits for an event."""

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        if seconds is None:
            await event.wait()
            return
        both = [asyncio.ensure_future(one) for one in (event.wait(), self.sleep(seconds))]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for one in both:
            one.cancel()
        await asyncio.gather(*both, return_exceptions=True)


@dataclass
class Town:
    """What a test talks to and looks into."""

    client: TestClient[Any, Any]
    service: Service
    store: MemoryStore
    clock: TownClock
    supervisor: Supervisor
    key: str
    sms: Recording
    telegram: TelegramWorld
    max: MaxWorld
    fcm: FcmWorld
    rustore: RustoreWorld

    async def api(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Call the clinic's API."""
        headers = {"Authorization": f"Bearer {self.key}"}
        address = f"/v1/clinics/zdorovie{path}"
        async with self.client.request(method, address, json=body, headers=headers) as got:
            text = await got.text()
            return got.status, await got.json(content_type=None) if text else None

    async def settle(self) -> None:
        """Let everything that is due or on its way happen."""
        for _ in range(3):
            await self.clock.drive(self.telegram.idle())
            await self.clock.drive(self.max.idle())
            while True:
                await self.clock.drive(self.supervisor.drain())
                claim = await self.store.claim(0, self.clock.now(), 64, timedelta(seconds=60))
                if not claim.items:
                    break
                for item in claim.items:
                    await self.service.engine.granted(item)

    async def visit(self, appointment_id: str = "A-1", **person: Any) -> str:
        """Record tomorrow's visit, let the question go out, return the page's path."""
        body = appointment(appointment_id, person=person)
        status, _ = await self.api("PUT", f"/appointments/{appointment_id}", body)
        assert status == 201
        await self.settle()
        content = (await self.case(appointment_id)).attempts[-1].content
        assert content is not None
        return (content.link or "").removeprefix("https://visits.example")

    async def case(self, appointment_id: str = "A-1") -> Case:
        case, _ = await self.store.load_case("zdorovie", appointment_id)
        assert case is not None
        return case

    async def contact(self, number: str = NUMBER) -> Contact:
        contact, _ = await self.store.load_contact("zdorovie", number)
        assert contact is not None
        return contact

    async def timeline(self, number: str = NUMBER) -> list[Entry]:
        return list(await self.store.timeline(Ref(Kind.CONTACT, "zdorovie", number)))

    async def channels_of(self, appointment_id: str = "A-1") -> list[tuple[str, str]]:
        case = await self.case(appointment_id)
        return [(a.channel.value, a.state.value) for a in case.attempts]

    def heard(self, person: int = ANNA) -> list[str]:
        """What the bot wrote to a person on Telegram."""
        return [str(message["text"]) for message in self.telegram.chat(person).of_bot()]

    async def pressed(self, path: str, channel: str) -> str:
        """Press a button of the page's row; return the one-time link that comes of it."""
        async with self.client.post(f"{path}/join/{channel}", allow_redirects=False) as got:
            page = await got.text()
            assert got.status == 200, page
            link = got.headers["Refresh"].removeprefix("0;url=")
        assert f'href="{link}"' in page
        return link

    def buttons(self, page: str) -> list[str]:
        return re.findall(r'action="[0-9a-z]+/join/(\w+)"', page)


@asynccontextmanager
async def town(*order: str, trust_contacts: bool = False) -> AsyncIterator[Town]:
    """Run it; `order` is the branch's channel order."""
    clock, store, client = TownClock(NOW), MemoryStore(), HttpClient()
    chats = TelegramWorld(clock, client, [], seed=7)
    dialogs = MaxWorld(clock, client, [], seed=7)
    fcm = FcmWorld(clock, seed=7, key=KEY)
    rustore = RustoreWorld(project=PROJECT, service_token=SERVICE_TOKEN)
    around = web.Application()
    around.add_subapp("/telegram", telegram_app(chats, clock))
    around.add_subapp("/max", max_app(dialogs, clock))
    around.add_subapp("/fcm", fcm_app(fcm, clock))
    around.add_subapp("/rustore", rustore_app(rustore, clock))
    async with TestServer(around, access_log=None) as server, Supervisor() as supervisor:
        fcm.url = str(server.make_url("/fcm"))
        bots = _adapters(server, client, clock, fcm, trust_contacts=trust_contacts)
        sms = Recording(Channel.SMS)
        service = assemble(
            Parts(
                store=store,
                clock=clock,
                texts=load_texts(),
                channels=(*bots, sms),
                trunks=(),
                voice=SILENT,
                schedule=lambda _: None,
                senders={
                    (Channel.TELEGRAM, BOT_ID): "zdorovie",
                    (Channel.MAX, "sandbox_bot"): "zdorovie",
                },
                link_base="https://visits.example/v/",
                link_secret=b"secret",
                spawn=supervisor.spawn,
            ),
            poll_s=None,
        )
        document = copy.deepcopy(CLINIC)
        document["branches"][0]["channels"] = list(order)
        document["branches"][0]["functions"]["details"] = {"enabled": False}  # one question only
        clock.advance(-30 * 86_400)
        await service.clinics.save(document)
        clock.advance(30 * 86_400)
        key, digest = new_key()
        await store.save_key(digest, "zdorovie", clock.now(), "test")
        join = JoinPages(service)
        app = build_app(
            service,
            webhooks={"/hooks/telegram": bots[0], "/hooks/max": bots[1]},
            public_url="https://gateway.example",
            extra=[PatientPages(service, rows=(join.row,)).add_to, join.add_to],
        )
        async with TestClient(TestServer(app, access_log=None)) as browser:
            hook = str(browser.make_url("/hooks/telegram"))
            chats.bots[BOT_TOKEN] = SandboxBot(BOT_TOKEN, "sandbox_bot", hook, SECRET)
            dialogs.bots["max-token"] = MaxBot(
                "max-token", hooks={str(browser.make_url("/hooks/max")): SECRET}
            )
            running = [asyncio.ensure_future(one.run()) for one in (chats, dialogs)]
            found = Town(
                browser, service, store, clock, supervisor, key, sms, chats, dialogs, fcm, rustore
            )
            try:
                yield found
                await clock.drive(supervisor.drain())
            finally:
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)
                await client.close()


def _adapters(
    server: TestServer,
    client: HttpClient,
    clock: TownClock,
    fcm: FcmWorld,
    *,
    trust_contacts: bool,
) -> tuple[telegram.Telegram, max_messenger.MaxMessenger, Messaging, Messaging]:
    bot = {
        "token": BOT_TOKEN,
        "username": "sandbox_bot",
        "webhook_secrets": [SECRET],
        "clinic": "zdorovie",
    }
    max_bot = {
        "name": "sandbox_bot",
        "token": "max-token",
        "webhook_secrets": [SECRET],
        "clinic": "zdorovie",
    }
    base = {name: str(server.make_url(f"/{name}")) for name in ("telegram", "max", "rustore")}
    return (
        telegram.Telegram(
            telegram.Config.model_validate({"senders": [bot], "api_base": base["telegram"]}),
            client,
            clock,
        ),
        max_messenger.MaxMessenger(
            MaxConfig.model_validate(
                {"senders": [max_bot], "api_base": base["max"], "trust_contacts": trust_contacts}
            ),
            client,
            clock,
        ),
        push_fcm.PushFcm(
            push_fcm.Config.model_validate(
                {
                    "senders": [{"service_account": fcm.service_account, "clinic": "zdorovie"}],
                    "api_base": fcm.url,
                }
            ),
            client,
            clock,
        ),
        push_rustore.PushRustore(
            push_rustore.Config.model_validate(
                {
                    "senders": [
                        {
                            "project_id": PROJECT,
                            "service_token": SERVICE_TOKEN,
                            "clinic": "zdorovie",
                        }
                    ],
                    "api_base": base["rustore"],
                }
            ),
            client,
        ),
    )
