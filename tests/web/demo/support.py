"""A town without any wire: what the page's tests see and what they did to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from gateway.errors import NotFound
from tests.web.support import NUMBER, appointment

MESSAGE: dict[str, Any] = {
    "id": "wamid.1",
    "channel": "whatsapp",
    "mine": False,
    "seen": False,
    "at": "2026-11-23T08:00:00+00:00",
    "text": "Просим подтвердить",
    "kind": "template",
    "buttons": ["Подтвердить", "Перенести", "Отменить"],
    "quote": None,
    "state": "delivered",
    "template": "callahead_confirmation_ru",
}


CALL: dict[str, Any] = {
    "id": "CA1",
    "number": NUMBER,
    "caller": "+74950000000",
    "state": "ringing",
    "at": "2026-11-23T08:00:00+00:00",
    "ended_by": None,
    "seconds": 0,
    "machine": False,
    "silenced": False,
    "in_hand": True,
    "listening": False,
    "live_sound": False,
    "keys": "",
    "playing": None,
}


class PaperTown:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.appointments: dict[str, dict[str, Any]] = {"A-1": appointment()}
        self.phones: list[dict[str, Any]] = [
            {
                "number": NUMBER,
                "apps": {"whatsapp": "on", "sms": "on"},
                "reads_at_once": False,
                "messages": [MESSAGE],
            },
            {
                "number": "+79990000002",
                "apps": {"sms": "on"},
                "reads_at_once": False,
                "messages": [],
            },
        ]
        self.done: list[tuple[Any, ...]] = []
        self.spoken: list[bytes] = []
        self.goes_on = False

    def visits(self) -> tuple[dict[str, Any], ...]:
        return tuple(self.appointments.values())

    def chats(self) -> tuple[dict[str, Any], ...]:
        return tuple(self.phones)

    def calls(self) -> tuple[dict[str, Any], ...]:
        return (CALL,)

    def audio(self, name: str) -> bytes:
        if name != "a1":
            raise NotFound
        return b"RIFF"

    def sound(self, call: str) -> AsyncIterator[bytes]:
        if call != CALL["id"]:
            raise NotFound
        return self._pieces()

    async def _pieces(self) -> AsyncIterator[bytes]:
        for piece in self.spoken:
            yield piece
        if self.goes_on:
            await asyncio.Event().wait()

    def answer(self, number: str) -> None:
        if number != NUMBER:
            raise NotFound
        self.done.append(("answer", number))

    def decline(self, number: str) -> None:
        self.done.append(("decline", number))

    def ignore(self, number: str) -> None:
        self.done.append(("ignore", number))

    def press(self, call: str, key: str) -> None:
        self.done.append(("press", call, key))

    def hang_up(self, call: str) -> None:
        self.done.append(("hang_up", call))

    async def changed(self, count: int) -> int:
        await asyncio.Event().wait()
        return count

    async def say(self, number: str, text: str, quote: str | None, app: str | None = None) -> None:
        if app == "max":
            raise NotFound
        self.done.append(("say", number, text, quote, app))

    async def tap(self, number: str, message: str, button: int) -> None:
        if message != MESSAGE["id"]:
            raise NotFound
        self.done.append(("tap", number, message, button))

    async def read(self, number: str, app: str | None = None) -> None:
        self.done.append(("read", number, app))

    def start_bot(self, number: str, app: str) -> None:
        self.done.append(("start", number, app))

    def share_number(self, number: str, app: str) -> None:
        self.done.append(("share", number, app))

    def stop_bot(self, number: str, app: str) -> None:
        self.done.append(("stop", number, app))

    def put(self, appointment: dict[str, Any]) -> None:
        self.appointments[str(appointment["id"])] = appointment

    def move(self, appointment: str, start: str) -> None:
        self.done.append(("move", appointment, start))

    def mark(self, appointment: str, status: str) -> None:
        if appointment not in self.appointments:
            raise NotFound
        self.appointments[appointment] = {**self.appointments[appointment], "status": status}

    def remove(self, appointment: str) -> None:
        self.appointments.pop(appointment)


class PaperClock:
    """Notes how fast it should go."""

    def __init__(self) -> None:
        self.shown_factor = 1.0

    def change(self, factor: float) -> None:
        self.shown_factor = factor
