"""Plays a scenario's events against the running service, as the world would cause them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from gateway.core.clinic import Clinic
from gateway.core.events import AppointmentRemoved, PatientChose
from gateway.core.model import Channel, Source
from gateway.core.routing import Written
from gateway.ports.schema_scenario import (
    AppEvent,
    AppointmentEvent,
    ChannelDownEvent,
    DownEvent,
    LinkEvent,
    RemoveEvent,
    ReplyEvent,
    Scenario,
    ScenarioEvent,
    ScheduleDownEvent,
    SettingsEvent,
)
from gateway.ports.store import Kind, Ref
from gateway.rehearse.world import World, has_account
from gateway.service.assembly import Service
from gateway.service.supervisor import Supervisor

EVENTS_FIRST_S = 0.0002
"""Events of the scenario come just before what is due at the same moment: the clock shows
milliseconds, so both have the same time."""

_OUTSIDE = (ScheduleDownEvent, ChannelDownEvent, DownEvent)
"""Events that happen to the world whether or not the gateway runs."""

_SNAPSHOTS = (AppointmentEvent, RemoveEvent)


class Player:
    """Plays a scenario's events against the running service."""

    def __init__(
        self,
        scenario: Scenario,
        world: World,
        service: Service,
        supervisor: Supervisor,
        retime: Callable[[Clinic], None],
    ) -> None:
        self._scenario = scenario
        self._world = world
        self._service = service
        self._supervisor = supervisor
        self._retime = retime  # told of changed settings: lines show the branch's own time
        self._zero = asyncio.get_running_loop().time()
        self._held: list[ScenarioEvent] = []
        self._unseen: list[AppointmentEvent | RemoveEvent] = []
        self._events = 0
        self._started = False

    async def play(self) -> None:
        """Play everything up to the scenario's end."""
        await self._link_accounts()
        start, until = self._scenario.start, self._scenario.until
        found = [event for event in self._scenario.events if event.at < start]
        await self._find(found)
        for event in self._scenario.events[len(found) :]:
            if event.at > until:
                break
            if event.at > start:
                self._start_workers()
            await self._sleep_until(event.at, EVENTS_FIRST_S)
            if self._world.gateway_down and not isinstance(event, _OUTSIDE):
                self._note_in_schedule(event)
                self._held.append(event)
            else:
                await self._happen(event)
        self._start_workers()
        await self._sleep_until(until, -EVENTS_FIRST_S)
        self._service.workers.stop()

    def _start_workers(self) -> None:
        """The gateway starts once it has found the schedule as it stands."""
        if not self._started:
            self._started = True
            self._supervisor.serve(self._service.workers.run())

    async def _find(self, events: Sequence[ScenarioEvent]) -> None:
        """Hear of the schedule as it stands now: the newest snapshot of each visit, once."""
        newest: dict[str, AppointmentEvent | RemoveEvent] = {}
        for event in events:
            self._note_in_schedule(event)
            if isinstance(event, AppointmentEvent):
                newest[event.appointment.id] = event
            elif isinstance(event, RemoveEvent):
                newest[event.appointment] = event
        for change in newest.values():
            await self._hear_of(change)

    async def _sleep_until(self, at: datetime, earlier_s: float) -> None:
        seconds = (at - self._scenario.start).total_seconds() - earlier_s
        pause = self._zero + seconds - asyncio.get_running_loop().time()
        if pause > 0:
            await asyncio.sleep(pause)

    async def _link_accounts(self) -> None:
        """MAX and Telegram reach only patients who have linked an account."""
        engine = self._service.engine
        for number, person in self._scenario.patients.items():
            for channel in (Channel.MAX, Channel.TELEGRAM):
                if has_account(person, channel):
                    await engine.link_account(
                        self._world.clinic, number, channel, f"{channel.value}-account"
                    )

    def _note_in_schedule(self, event: ScenarioEvent) -> None:
        """The schedule changes whether or not anybody is there to hear of it."""
        if isinstance(event, AppointmentEvent):
            self._world.schedule[event.appointment.id] = event.appointment
        elif isinstance(event, RemoveEvent):
            self._world.schedule.pop(event.appointment, None)

    async def _happen(self, event: ScenarioEvent) -> None:
        self._note_in_schedule(event)
        match event:
            case AppointmentEvent() | RemoveEvent():
                if self._world.schedule_down:
                    self._unseen.append(event)
                else:
                    await self._hear_of(event)
            case ReplyEvent():
                await self._reply(event)
            case LinkEvent() | AppEvent():
                await self._choose(event)
            case SettingsEvent():
                clinics = self._service.clinics
                self._retime(await clinics.merge(self._world.clinic, event.branch, event.patch))
            case DownEvent() | ScheduleDownEvent() | ChannelDownEvent():
                self._begin_outage(event)

    async def _hear_of(self, event: AppointmentEvent | RemoveEvent) -> None:
        engine = self._service.engine
        if isinstance(event, AppointmentEvent):
            await engine.snapshot(self._world.clinic, event.appointment)
        else:
            ref = Ref(Kind.CASE, self._world.clinic, event.appointment)
            await engine.apply(ref, AppointmentRemoved())

    async def _reply(self, event: ReplyEvent) -> None:
        self._events += 1
        quoted = await self._newest_message(event.quotes) if event.quotes else None
        written = Written(
            id=f"in{self._events}", channel=event.channel, text=event.text, quoted=quoted
        )
        await self._service.engine.patient_wrote(self._world.clinic, event.sender, written)

    async def _newest_message(self, appointment: str) -> str | None:
        case, _ = await self._service.store.load_case(self._world.clinic, appointment)
        sent = [a.provider_id for a in case.attempts if a.provider_id] if case else []
        return sent[-1] if sent else None

    async def _choose(self, event: LinkEvent | AppEvent) -> None:
        self._events += 1
        source = Source.LINK if isinstance(event, LinkEvent) else Source.APP
        ref = Ref(Kind.CASE, self._world.clinic, event.appointment)
        chosen = PatientChose(f"in{self._events}", source, event.answer)
        await self._service.engine.apply(ref, chosen)

    def _begin_outage(self, event: DownEvent | ScheduleDownEvent | ChannelDownEvent) -> None:
        """Something is down from now on."""
        what = event.channel if isinstance(event, ChannelDownEvent) else type(event)
        down = self._world.down_until
        if isinstance(event, DownEvent) and what not in down:
            # A clean stop: what was started is finished, nothing new begins (rule G-6).
            self._service.workers.stop()
        down[what] = max(event.until, down.get(what, event.until))
        self._supervisor.spawn(self._end_outage(event, what))

    async def _end_outage(
        self, event: DownEvent | ScheduleDownEvent | ChannelDownEvent, what: object
    ) -> None:
        """Wait for the end, unless a longer outage of the same goes on."""
        await self._sleep_until(event.until, EVENTS_FIRST_S)
        if self._world.down_until.get(what) != event.until:
            return
        del self._world.down_until[what]
        if isinstance(event, ScheduleDownEvent):
            unseen, self._unseen = self._unseen, []
            await self._find(unseen)
        elif isinstance(event, DownEvent):
            await self._back()

    async def _back(self) -> None:
        """The gateway starts again: the newest settings and schedule first, then the rest."""
        held, self._held = self._held, []
        self._service.engine.up_since = self._service.clock.now()
        for change in held:
            if isinstance(change, SettingsEvent):
                await self._happen(change)
        if not self._world.schedule_down:
            await self._find(held)
        for missed in held:
            is_snapshot = isinstance(missed, _SNAPSHOTS)
            if isinstance(missed, SettingsEvent) or (is_snapshot and not self._world.schedule_down):
                continue
            await self._happen(missed)
        await self._world.deliver_held()
        self._supervisor.serve(self._service.workers.run())
