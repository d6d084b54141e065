"""A whole edge for tests: real sockets, real engine, memory store, a clock that stands still."""

from __future__ import annotations

import asyncio
import copy
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from adapters.messaging.whatsapp_cloud import Config, WhatsAppCloud
from adapters.store.memory_store import MemoryStore
from gateway.core.case import Case
from gateway.core.model import Channel
from gateway.ports.messaging import OutgoingMessage
from gateway.ports.schedule import FreeTimes
from gateway.ports.store import Room
from gateway.scripts import load_texts
from gateway.service.assembly import Parts, Service, assemble
from gateway.service.supervisor import Supervisor
from gateway.web.auth import new_key
from gateway.web.changes import Bell
from gateway.web.metrics import Metrics
from gateway.web.server import build_app
from tests.service.support import SILENT

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)  # 13:00 in Yekaterinburg
NUMBER = "+79161234567"
APP_SECRET = "app_secret_123"
SENDER = "106540350000001"
CLINIC: dict[str, Any] = {
    "id": "zdorovie",
    "name": "Здоровье",
    "branches": [
        {
            "id": "lenina",
            "name": "Клиника «Здоровье» на Ленина",
            "name_in_messages": "Здоровье",
            "timezone": "Asia/Yekaterinburg",
            "phone": "+73433000000",
            "functions": {"confirmation": {"method": "message"}},
            "channels": ["whatsapp", "sms"],
        }
    ],
}


def appointment(appointment_id: str = "A-1", **more: Any) -> dict[str, Any]:
    """Return an appointment as a clinic would send it: the day after `NOW`, afternoon."""
    person = {"phones": [NUMBER], **more.pop("person", {})}
    return {
        "id": appointment_id,
        "branch": "lenina",
        "start": "2026-11-24T14:30:00+05:00",
        "created": "2026-11-20T12:00:00+05:00",
        "doctor": {"name": "Петров Иван Сергеевич", "specialty": "терапевт"},
        "patient": {
            "id": "P-1",
            "first_name": "Мария",
            "middle_name": "Ивановна",
            "last_name": "Сидорова",
            "consent": True,
            **person,
        },
        **more,
    }


class StillClock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self._now = NOW

    def now(self) -> datetime:
        return self._now

    def advance(self, **more: float) -> None:
        self._now += timedelta(**more)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        await event.wait()


class Recording:
    """A channel that accepts everything and keeps it."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.sent: list[OutgoingMessage] = []

    def serves(self, clinic: str, branch: str) -> bool:
        return True

    def limits(self, clinic: str, branch: str) -> None:
        return None

    async def send(self, message: OutgoingMessage) -> str | None:
        self.sent.append(message)
        return f"{self.channel.value}-{len(self.sent)}"

    async def close(self) -> None:
        """Nothing to let go of."""


class WatchedBell(Bell):
    """Tells when somebody begins to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = asyncio.Event()

    def enter(self, clinic: str) -> asyncio.Event:
        self.entered.set()
        return super().enter(clinic)


@dataclass
class Edge:
    """What a test talks to and looks into."""

    client: TestClient[Any, Any]
    service: Service
    store: MemoryStore
    clock: StillClock
    metrics: Metrics
    bell: WatchedBell
    key: str
    supervisor: Supervisor
    channel: Recording = field(default_factory=lambda: Recording(Channel.WHATSAPP))

    async def call(
        self, method: str, path: str, body: Any = None, *, key: str | None = "", **more: Any
    ) -> tuple[int, Any]:
        """Call the API with the clinic's key; return the status and the JSON."""
        headers = dict(more.pop("headers", {}))
        if key is not None:
            headers["Authorization"] = f"Bearer {key or self.key}"
        data = body if isinstance(body, bytes | str) or body is None else json.dumps(body)
        async with self.client.request(method, path, data=data, headers=headers, **more) as got:
            text = await got.text()
            self.headers = got.headers
            return got.status, json.loads(text) if text else None

    headers: Any = None

    async def put(self, body: Any, appointment_id: str | None = None) -> tuple[int, Any]:
        path = f"/v1/clinics/zdorovie/appointments/{appointment_id or body['id']}"
        return await self.call("PUT", path, body)

    async def recorded(self, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Record an appointment and return it."""
        body = body or appointment()
        status, _ = await self.put(body)
        assert status == 201
        return body

    async def case(self, appointment_id: str = "A-1") -> Case:
        case, _ = await self.store.load_case("zdorovie", appointment_id)
        assert case is not None
        return case

    async def work(self) -> None:
        """Do everything that is due now, as the workers would."""
        while True:
            await self.supervisor.drain()
            claim = await self.store.claim(0, self.clock.now(), 64, timedelta(seconds=60))
            if not claim.items:
                return
            for item in claim.items:
                assert item.room in (None, Room.MESSAGE)
                await self.service.engine.granted(item)

    async def answered(self, answer: str = "confirm", **more: Any) -> dict[str, Any]:
        """Answer in the app."""
        body = {"id": "x1", "answer": answer, "start": appointment()["start"], **more}
        body.setdefault("at", self.clock.now().isoformat())
        status, result = await self.call(
            "POST", "/v1/clinics/zdorovie/appointments/A-1/answers", body
        )
        assert status == 200, result
        return dict(result)

    async def hook(
        self, payload: bytes, *, secret: str = APP_SECRET, path: str = "/hooks/whatsapp"
    ) -> int:
        digest = hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()
        headers = {"X-Hub-Signature-256": f"sha256={digest}"}
        async with self.client.post(path, data=payload, headers=headers) as got:
            return got.status


def whatsapp() -> WhatsAppCloud:
    config = Config.model_validate(
        {
            "app_secrets": [APP_SECRET],
            "verify_token": "verify-me",
            "senders": [
                {"phone_number_id": SENDER, "access_token": "token-1", "clinic": "zdorovie"}
            ],
        }
    )
    return WhatsAppCloud(config, None)  # type: ignore[arg-type]  # nothing is sent by it


@asynccontextmanager
async def edge(
    store: MemoryStore | None = None,
    *,
    free_times: Callable[[str], FreeTimes | None] = lambda _: None,
    **options: Any,
) -> AsyncIterator[Edge]:
    """Run a whole edge on 127.0.0.1."""
    store, clock = store or MemoryStore(), StillClock()
    metrics, bell = Metrics(), WatchedBell()
    channel = Recording(Channel.WHATSAPP)
    async with Supervisor() as supervisor:
        service = assemble(
            Parts(
                store=store,
                clock=clock,
                texts=load_texts(),
                channels=(channel, Recording(Channel.SMS)),
                trunks=(),
                voice=SILENT,
                schedule=lambda _: None,
                senders={(Channel.WHATSAPP, SENDER): "zdorovie"},
                free_times=free_times,
                link_base="https://visits.example/v/",
                link_secret=b"secret",
                spawn=supervisor.spawn,
            ),
            observe=metrics.observe,
            published=bell.ring,
            poll_s=None,
        )
        clock.advance(days=-30)  # connected long before the visits were made: nothing is adopted
        await service.clinics.save(copy.deepcopy(CLINIC))
        clock.advance(days=30)
        key, digest = new_key()
        await store.save_key(digest, "zdorovie", clock.now(), "test")
        options.setdefault("webhooks", {"/hooks/whatsapp": whatsapp()})
        app = build_app(
            service,
            public_url="https://gateway.example",
            metrics=metrics,
            bell=bell,
            feed_poll_s=options.pop("feed_poll_s", 0.01),
            **options,
        )
        async with TestClient(TestServer(app, access_log=None)) as client:
            yield Edge(client, service, store, clock, metrics, bell, key, supervisor, channel)
        await supervisor.drain()
