"""The gateway as its users start it: a process of its own, with a small world beside it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web

from adapters import registry
from adapters.http import HttpClient
from adapters.json_values import Json
from adapters.messaging.sandbox import World, templates_of, whatsapp_cloud_app
from adapters.messaging.sandbox_world import Business, Callback, Pace
from adapters.schedule.sandbox import ClinicWorld, clinic_schedule_app
from gateway.clock import SystemClock
from gateway.ports.store import Store
from gateway.scripts import load_texts

ROOT = Path(__file__).parents[2]
SENDER = "106540350000001"
ACCESS_TOKEN = "EAAtoken1234567890"
APP_SECRET = "app_secret_123"
SCHEDULE_SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
READY_S = 30.0
STOP_S = 60.0


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "gateway", *arguments]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def callahead(
    *arguments: str, text: str | None = None, cwd: Path | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        command(*arguments),
        input=text,
        stdin=subprocess.DEVNULL if text is None else None,
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd or ROOT,
        env=environment(**env),
        timeout=60,
        check=False,
    )


def noon_zone(now: datetime) -> tuple[str, timezone]:
    """Return a zone in which it is about noon: today and tomorrow are clear of midnight."""
    east = (12 - now.astimezone(UTC).hour + 12) % 24 - 12  # hours east of Greenwich
    return f"Etc/GMT{-east:+d}", timezone(timedelta(hours=east))


def clinic_document(zone: str, **branch: Any) -> dict[str, Any]:
    return {
        "id": "zdorovie",
        "name": "Здоровье",
        "branches": [
            {
                "id": "lenina",
                "name": "Клиника «Здоровье» на Ленина",
                "name_in_messages": "Здоровье",
                "timezone": zone,
                "phone": "+73433000000",
                "per_minute": 600,
                "functions": {
                    "details": {"enabled": False},
                    "confirmation": {
                        "method": "message",
                        "start": "00:00",
                        "hours": ["00:00", "23:59"],
                    },
                },
                "channels": ["whatsapp"],
                **branch,
            }
        ],
    }


def number_of(index: int) -> str:
    return f"+7916{2000000 + index}"


def visit(index: int, now: datetime, zone: timezone) -> dict[str, Any]:
    """Return a visit for tomorrow evening, made three days ago: its question is due now."""
    local = now.astimezone(zone)
    start = (local + timedelta(days=1)).replace(hour=20, minute=0, second=0, microsecond=0)
    return {
        "id": f"V-{index}",
        "branch": "lenina",
        "start": start.isoformat(),
        "created": (local - timedelta(days=3)).replace(microsecond=0).isoformat(),
        "doctor": {"name": "Петров Иван Сергеевич", "specialty": "терапевт"},
        "patient": {
            "id": f"P-{index}",
            "first_name": "Мария",
            "middle_name": "Ивановна",
            "last_name": "Сидорова",
            "phones": [number_of(index)],
            "consent": True,
        },
    }


class Told:
    """What the gateway has answered 200 to: the world's own record of it."""

    def __init__(self) -> None:
        self.taken: list[Json] = []

    def write(self, record: Json, *, durable: bool = True) -> None:
        if record.get("what") == "told":
            self.taken.append(record)


@dataclass
class Town:
    """The outside world of one gateway: WhatsApp and the clinic's schedule."""

    phones: World
    schedule: ClinicWorld
    told: Told
    url: str


@contextlib.asynccontextmanager
async def town(gateway_port: int, seed: int = 0, pace: Pace | None = None) -> AsyncIterator[Town]:
    """Serve the sandboxes on 127.0.0.1; nothing but the gateway's callback leads out."""
    clock, client, told = SystemClock(), HttpClient(), Told()
    phones = World(
        clock,
        client,
        [Business(SENDER, ACCESS_TOKEN)],
        templates=templates_of(load_texts(), "callahead_{template}_{language}"),
        callback=Callback(f"http://127.0.0.1:{gateway_port}/hooks/whatsapp", APP_SECRET, "v"),
        pace=pace or Pace(0.05, 0.1, 0.2),
        seed=seed,
        book=told,
    )
    schedule = ClinicWorld(clock, client, [SCHEDULE_SECRET])
    app = web.Application()
    app.add_subapp("/whatsapp", whatsapp_cloud_app(phones, clock))
    app.add_subapp("/schedule", clinic_schedule_app(schedule, clock))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    running = asyncio.create_task(phones.run())
    try:
        yield Town(phones, schedule, told, f"http://127.0.0.1:{runner.addresses[0][1]}")
    finally:
        running.cancel()
        await asyncio.wait({running})
        await runner.cleanup()
        await client.close()


@dataclass
class Gateway:
    """One gateway on one data folder; it may be started, stopped and killed again and again."""

    folder: Path
    port: int
    config: Path
    process: subprocess.Popen[bytes] | None = None
    lives: int = 0
    _log: list[Path] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def where(self) -> list[str]:
        return ["--config", str(self.config), "--data", str(self.data)]

    @property
    def log(self) -> str:
        return "".join(file.read_text("utf-8", "replace") for file in self._log)

    async def start(self, role: str = "run") -> None:
        """Start it and wait until it is ready."""
        self.lives += 1
        log = self.folder / f"log-{self.port}-{self.lives}"
        self._log.append(log)
        with log.open("wb") as out:
            self.process = subprocess.Popen(  # noqa: ASYNC220 - it starts at once
                command(role, *self.where),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=environment(),
                start_new_session=True,
            )
        await self.ready()

    async def ready(self) -> None:
        end = time.monotonic() + READY_S
        async with aiohttp.ClientSession() as session:
            while True:
                assert self.process is not None
                assert self.process.poll() is None, self.log
                assert time.monotonic() < end, self.log
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"{self.url}/health/ready") as got:
                        if got.status == 200:
                            return
                await asyncio.sleep(0.02)

    def children(self) -> list[int]:
        """Return the processes that the gateway has started: its store's server."""
        assert self.process is not None
        listed = subprocess.run(
            ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
        )
        pairs = [line.split() for line in listed.stdout.splitlines()]
        return [int(pid) for pid, parent in pairs if int(parent) == self.process.pid]

    def kill(self) -> None:
        """End it and its server in the middle of whatever they do."""
        assert self.process is not None
        children = self.children()
        for pid in (self.process.pid, *children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(STOP_S)

    async def stop(self) -> int:
        """Ask it to stop, as an init system would; return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.process.wait, STOP_S)

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()

    async def cli(self, *arguments: str, text: str | None = None) -> str:
        """Run a command beside it and return what it printed; it must succeed."""
        done = await asyncio.to_thread(callahead, *arguments, *self.where, text=text)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextlib.asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        """Look into the store while the gateway stands still."""
        server = await registry.open_server(self.data)
        try:
            store = await registry.open_store(
                server.url, partitions=64, retention=timedelta(days=400)
            )
            try:
                yield store
            finally:
                await store.close()
        finally:
            await server.close()


def gateway_in(folder: Path, outside: Town | None, port: int, **settings: Any) -> Gateway:
    """Write a gateway's configuration."""
    document: dict[str, Any] = {
        "listen": {"port": port},
        "public_url": f"http://127.0.0.1:{port}",
        "webhooks": {"allow_private": True},
        **settings,
    }
    if outside is not None:
        document["whatsapp"] = {
            "app_secrets": [APP_SECRET],
            "verify_token": "v",
            "api_base": f"{outside.url}/whatsapp",
            "senders": [
                {"phone_number_id": SENDER, "access_token": ACCESS_TOKEN, "clinic": "zdorovie"}
            ],
        }
        document["schedules"] = {
            "zdorovie": {
                "webhook": {"url": f"{outside.url}/schedule/changes", "secret": SCHEDULE_SECRET}
            }
        }
    config = folder / f"gateway-{port}.yaml"
    config.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return Gateway(folder, port, config)


@dataclass
class Clinic:
    """The clinic's side of the API."""

    session: aiohttp.ClientSession
    url: str
    key: str

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with self.session.request(
            method,
            f"{self.url}/v1/clinics/zdorovie/{path}",
            data=None if body is None else json.dumps(body),
            headers={"Authorization": f"Bearer {self.key}"},
        ) as got:
            text = await got.text()
            return got.status, json.loads(text) if text else None


async def eventually(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.02)
