"""A Twilio town: the sandbox, the production adapter, and a gateway with the product's dialogue."""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from adapters.http import HttpClient, HttpRequest, HttpResponse
from adapters.telephony.sandbox import TwilioAccount, World, twilio_app
from adapters.telephony.sandbox_memory import Book
from adapters.telephony.sandbox_phone import Call, CallState, Pace
from adapters.telephony.twilio_settings import Config
from adapters.telephony.twilio_voice import ASK_PATH, STATUS_PATH, TwilioVoice
from gateway.core.model import Appointment, Person
from gateway.ivr.menu import Session, Turn, resume, start, turn_of
from gateway.ports.store import Kind, Ref
from gateway.ports.telephony import CallAsks, CallOrder, CallProgress, NextTurn
from gateway.ports.webhook import RawRequest
from gateway.scripts import load_scripts
from tests.adapters.support import PATIENT, ManualClock, address, serve

ACCOUNT_SID = "AC" + "0a" * 16
AUTH_TOKEN = "sandbox-auth-token"
CALLER = "+15550100000"
ACCOUNT = TwilioAccount(ACCOUNT_SID, AUTH_TOKEN, frozenset({CALLER}))
SETTINGS: dict[str, Any] = {
    "accounts": [{"account_sid": ACCOUNT_SID, "auth_tokens": [AUTH_TOKEN]}],
    "callers": [{"number": CALLER, "clinic": "c1"}],
}
START = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
VISIT = Appointment("A-1", "b1", START, START, Person("p1", first_name="Анна"))
SETTLES = 20
"""So many turns of the loop let everything that has just happened have its consequences."""

SCRIPT = load_scripts().of("ru")


def config(**more: Any) -> Config:
    return Config.model_validate({**SETTINGS, **more})


def order(to: str = PATIENT, **more: Any) -> CallOrder:
    """Return a call to be placed, with whatever the test changes."""
    values: dict[str, Any] = {
        "ref": Ref(Kind.CASE, "c1", "A-1"),
        "attempt": "2",
        "branch": "b1",
        "to": to,
        "language": "ru",
        "snapshot": VISIT,
    }
    return CallOrder(**{**values, **more})


def wav(seconds: float) -> bytes:
    """Return silence as the product's prompts are: 8 kHz, mono, 16 bits."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(8000)
        writer.writeframes(b"\0\0" * round(seconds * 8000))
    return file.getvalue()


class CountingClient(HttpClient):
    """Knows how many requests are under way: no time passes for calls meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.under_way = 0

    async def send(self, request: HttpRequest) -> HttpResponse:
        self.under_way += 1
        try:
            return await super().send(request)
        finally:
            self.under_way -= 1


@dataclass
class Town:
    """The world, the adapter, and a gateway that leads the product's own dialogue."""

    world: World
    clock: ManualClock
    client: CountingClient
    api: str
    base: str = ""
    provider: TwilioVoice = field(init=False)
    heard: list[CallAsks | CallProgress] = field(default_factory=list)
    requests: list[RawRequest] = field(default_factory=list)
    played: list[str] = field(default_factory=list)
    sessions: dict[str, Session] = field(default_factory=dict)
    fail: list[int] = field(default_factory=list)
    barge_in: bool = True
    audio: bytes = field(default_factory=lambda: wav(4.0))

    @property
    def progress(self) -> list[CallProgress]:
        return [item for item in self.heard if isinstance(item, CallProgress)]

    @property
    def asked(self) -> list[CallAsks]:
        return [item for item in self.heard if isinstance(item, CallAsks)]

    @property
    def call(self) -> Call:
        [call] = self.world.calls
        return call

    async def idle(self) -> None:
        """Let time pass until no call is under way and all is reported."""
        await self.drive(self.world.idle())

    async def until(self, state: CallState) -> None:
        """Let time pass until the only call stands so."""
        await self.drive(self._seen(lambda: self.call.state is state))

    async def until_it(self, what: str) -> None:
        """Let time pass until the only call is `listening`, or is `playing`."""
        await self.drive(self._seen(lambda: bool(getattr(self.call, what))))

    async def _seen(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self.world.changes.after(self.world.changes.count)

    async def drive(self, work: Awaitable[Any]) -> Any:
        """Let time pass until `work` is done, but none while a request is under way."""
        task = asyncio.ensure_future(work)
        while not task.done():
            for _ in range(SETTLES):
                await asyncio.sleep(0)
            busy = self.client.under_way > 0
            if busy or not (task.done() or self.clock.wake_next()):
                await asyncio.sleep(0.001)  # sockets need real time
        return await task

    async def place(self, to: str = PATIENT, **more: Any) -> str:
        return await self.provider.place(order(to, **more))

    def turn(self, news: CallAsks) -> Turn | None:
        """Return the next turn of the product's dialogue; a repeated callback moves nothing."""
        session = self.sessions.get(news.attempt)
        if session is None:
            self.sessions[news.attempt], turn = start(SCRIPT)
            return turn
        if news.heard is None or news.turn != session.turn:
            return turn_of(SCRIPT, session)
        self.sessions[news.attempt], after = resume(SCRIPT, session, news.heard)
        return after


def app_of(town: Town) -> web.Application:
    """Return the gateway's side: its two hooks and its audio."""

    async def hook(request: web.Request) -> web.Response:
        raw = RawRequest(
            "POST",
            town.base + request.raw_path,
            request.query,
            {name.lower(): value for name, value in request.headers.items()},
            await request.read(),
        )
        town.provider.verify(raw)
        if town.fail:
            return web.Response(status=town.fail.pop(0))
        town.requests.append(raw)
        news = town.provider.parse(raw)
        town.heard.append(news)
        if isinstance(news, CallProgress):
            return web.Response()
        turn = None if news.machine else town.turn(news)
        then = None
        if turn is not None:
            number = town.sessions[news.attempt].turn
            if not town.barge_in:
                turn = Turn(turn.state, turn.result, turn.answer, turn.wait_s, False)
            then = NextTurn(turn, number, f"{town.base}/audio/{turn.state}.wav")
        content_type, body = town.provider.render(news.ref, news.attempt, then)
        return web.Response(body=body, content_type=content_type, charset="utf-8")

    async def audio(request: web.Request) -> web.Response:
        town.played.append(request.match_info["state"])
        return web.Response(body=town.audio, content_type="audio/wav")

    app = web.Application()
    app.router.add_post(ASK_PATH, hook)
    app.router.add_post(STATUS_PATH, hook)
    app.router.add_get("/audio/{state}.wav", audio)
    return app


@asynccontextmanager
async def open_town(
    *,
    book: Book | None = None,
    account: TwilioAccount = ACCOUNT,
    real: Callable[[float], Awaitable[None]] | None = None,
    recall: Callable[[str], Sequence[dict[str, object]]] = lambda _base: (),
    **more: Any,
) -> AsyncIterator[Town]:
    """Start both servers and the world; everything real but the time."""
    clock, client = ManualClock(), CountingClient()
    pace = Pace(person_s=1.0)
    world = World(clock, client, [account], pace=pace, book=book, real=real or clock.sleep)
    api = web.Application()
    api.add_subapp("/sandbox/twilio", twilio_app(world, clock))
    provider_side = await serve(api)
    api_base = address(provider_side, "/sandbox/twilio")
    town = Town(world, clock, client, api_base)
    gateway_side = await serve(app_of(town))
    town.base = address(gateway_side)
    town.provider = TwilioVoice(config(api_base=api_base, **more), client, town.base)
    world.recall(recall(town.base))
    running = asyncio.ensure_future(world.run())
    try:
        yield town
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await client.close()
        await provider_side.close()
        await gateway_side.close()
