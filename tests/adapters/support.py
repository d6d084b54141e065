"""What the adapters' tests share: a clock that is driven, servers on 127.0.0.1, messages."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import json
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.core.case import Button, Content
from gateway.core.model import Answer, Channel
from gateway.ports.messaging import OutgoingMessage
from gateway.ports.webhook import RawRequest

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
PATIENT = "+15550100123"
PAYLOADS = Path(__file__).parent / "messaging" / "payloads"


class ManualClock:
    """Stands still until it is driven; whoever sleeps is woken in the order of time."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now(self) -> datetime:
        return self._now

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        until = self._now + timedelta(seconds=seconds)
        heapq.heappush(self._sleepers, (until, next(self._order), waiter))
        await waiter

    def advance(self, seconds: float) -> None:
        """Let time pass for those who do not sleep."""
        self._now += timedelta(seconds=seconds)

    def wake_next(self) -> bool:
        """Go on to the moment at which the next sleeper wakes."""
        while self._sleepers:
            until, _, waiter = heapq.heappop(self._sleepers)
            if not waiter.done():
                self._now = max(self._now, until)
                waiter.set_result(None)
                return True
        return False

    async def drive(self, work: Awaitable[Any]) -> Any:
        """Let time pass until `work` is done."""
        task = asyncio.ensure_future(work)
        while not task.done():
            self.wake_next()
            await asyncio.sleep(0.001)  # sockets need real time
        return await task


async def serve(app: web.Application) -> TestServer:
    """Start a server on 127.0.0.1."""
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    return server


def address(server: TestServer, path: str = "") -> str:
    return str(server.make_url("/")).rstrip("/") + path


def raw(body: bytes, headers: dict[str, str] | None = None, **more: Any) -> RawRequest:
    """Return a webhook request as the web layer hands it over."""
    values: dict[str, Any] = {
        "method": "POST",
        "url": "https://gateway.example/hooks",
        "query": {},
        "headers": headers or {},
        "body": body,
    }
    return RawRequest(**{**values, **more})


def payload(folder: str, name: str) -> bytes:
    return (PAYLOADS / folder / f"{name}.json").read_bytes()


@dataclass
class Recorder:
    """A provider that answers what it is told and remembers what it was asked."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def answer(self, status: int, body: object = b"", **headers: str) -> None:
        self.status = status
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.headers = headers

    @property
    def app(self) -> web.Application:
        async def take(request: web.Request) -> web.StreamResponse:
            headers = {name.lower(): value for name, value in request.headers.items()}
            self.requests.append((request.method, request.path_qs, headers, await request.read()))
            if self.cut and request.transport is not None:
                request.transport.close()
            return web.Response(status=self.status, body=self.body, headers=self.headers)

        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", take)
        return app


CONTENT = Content(
    text="Здравствуйте! Просим подтвердить запись.\n1 — да, 2 — перенести, 3 — отменить",
    template="confirmation",
    language="ru",
    parameters=("Здоровье", "24 ноября в 14:30", "https://clinic.example/v/abc"),
    buttons=(
        Button(Answer.CONFIRM, "Подтвердить", "v1.confirm.1.A-1"),
        Button(Answer.RESCHEDULE, "Перенести", "v1.reschedule.1.A-1"),
        Button(Answer.CANCEL, "Отменить", "v1.cancel.1.A-1"),
    ),
    link="https://clinic.example/v/abc",
)


def outgoing(**more: Any) -> OutgoingMessage:
    """Return a confirmation outside a session, with whatever the test changes."""
    values: dict[str, Any] = {
        "clinic": "c1",
        "branch": "b1",
        "channel": Channel.WHATSAPP,
        "to": PATIENT,
        "account": None,
        "content": CONTENT,
        "opaque": "case|c1|2|A-1",
        "session_open": False,
    }
    return OutgoingMessage(**{**values, **more})
