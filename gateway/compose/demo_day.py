"""What happens in the demo's clinic by itself: bookings, arrivals, and patients who answer.

Nothing is remembered here: what is to be done is read off the schedule, the chats and the time,
so a demo that was killed and started again does everything once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from gateway.clock import Clock
from gateway.compose.demo_script import Script
from gateway.core.model import Status
from gateway.errors import NotFound

STEP_S = 10.0
"""How often somebody looks, in seconds of the demo's clock."""

COMES_BEFORE = timedelta(minutes=5)
GIVEN_UP_AFTER = timedelta(minutes=15)


class Life(Protocol):
    """The part of the small world that is needed here."""

    known: set[str]

    def visits(self) -> tuple[dict[str, object], ...]:
        """Return the schedule's appointments."""
        ...

    def chats(self) -> tuple[dict[str, object], ...]:
        """Return every phone with its messages."""
        ...

    def put(self, appointment: dict[str, object]) -> None:
        """Write an appointment into the schedule."""
        ...

    def mark(self, appointment: str, status: str) -> None:
        """Give an appointment another status."""
        ...

    async def say(self, number: str, text: str, quote: str | None) -> None:
        """Write from a patient's phone."""
        ...


class Day:
    """The clinic's day. `visits` are all that the script has, the later ones included."""

    def __init__(
        self, script: Script, visits: Sequence[dict[str, Any]], life: Life, clock: Clock
    ) -> None:
        self._visits = visits
        self._life = life
        self._clock = clock
        self._absent = {f"P-{key}" for key, p in script.patients.items() if p.absent}
        self._answers = {p.number: p.answers for p in script.patients.values() if p.answers}

    async def run(self) -> None:
        """Live until cancelled."""
        while True:
            await self.step()
            await self._clock.sleep(STEP_S)

    async def step(self) -> None:
        """Do everything whose time has come."""
        now = self._clock.now()
        for visit in self._visits:
            if str(visit["id"]) not in self._life.known and _moment(visit["created"]) <= now:
                self._life.put(visit)
        for visit in self._life.visits():
            status = self._next_status(visit, now)
            if status is not None:
                self._life.mark(str(visit["id"]), status.value)
        for chat in self._life.chats():
            await self._answer(chat, now)

    def _next_status(self, visit: Mapping[str, object], now: datetime) -> Status | None:
        start, status = _moment(visit["start"]), visit.get("status")
        if status == Status.ARRIVED:
            minutes = int(str(visit.get("duration", "30m")).rstrip("m"))
            return Status.COMPLETED if now >= start + timedelta(minutes=minutes) else None
        if status not in (Status.CONFIRMED, Status.UNCONFIRMED):
            return None
        patient = visit.get("patient")
        if isinstance(patient, dict) and patient.get("id") in self._absent:
            return Status.NO_SHOW if now >= start + GIVEN_UP_AFTER else None
        return Status.ARRIVED if now >= start - COMES_BEFORE else None

    async def _answer(self, chat: Mapping[str, object], now: datetime) -> None:
        answer = self._answers.get(str(chat["number"]))
        messages = chat["messages"]
        if answer is None or not isinstance(messages, list) or not messages:
            return
        last = messages[-1]
        due = _moment(last["at"]) + timedelta(minutes=answer.after)
        if last["mine"] or not last["buttons"] or last["channel"] == "push" or now < due:
            return
        try:
            await self._life.say(str(chat["number"]), answer.text, None)
        except NotFound:
            return


def _moment(text: object) -> datetime:
    return datetime.fromisoformat(str(text))
