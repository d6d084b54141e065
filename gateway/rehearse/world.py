"""The scripted world of a rehearsal: channels, trunk and schedule as a scenario describes them.

Every class here is an adapter behind the same port as a real one; none of them decides anything.
"""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from gateway.core.events import Failure, MessageReceipt, Receipt
from gateway.core.model import Appointment, CallResult, Channel
from gateway.ivr.menu import Heard, HungUp, Key, Silence, Turn
from gateway.ports.messaging import (
    OutgoingMessage,
    SenderLimits,
    SendError,
    attempt_of,
)
from gateway.ports.schedule import (
    Accepted,
    Change,
    Conflicted,
    PushOutcome,
    StatusChange,
    Unavailable,
)
from gateway.ports.schema_scenario import (
    CallScript,
    DownEvent,
    PatientScript,
    Scenario,
    ScheduleDownEvent,
)
from gateway.ports.store import Ref
from gateway.ports.telephony import CallOrder, Limits, NotAnswered, NotPlaced
from gateway.service.assembly import Service

RECEIPT_S = 5.0
SHORT_CALL_S = 5.0  # busy, rejected, unreachable
RINGING_S = 40.0
MACHINE_S = 10.0
ANNOUNCEMENT_S = 20.0
SILENCE_S = 8.0
"""Virtual durations of docs/rehearsal.md."""


class Spawn(Protocol):
    """Starts a task that the rehearsal waits for."""

    def __call__(self, coroutine: Coroutine[object, object, None]) -> None:
        """Start it."""
        ...


class World:
    """What is outside the gateway: the schedule's own state, who is down, how people behave."""

    def __init__(self, scenario: Scenario) -> None:
        self.clinic = scenario.clinic.id
        self.patients = scenario.patients
        self.schedule: dict[str, Appointment] = {}
        self.down_until: dict[object, datetime] = {}  # by channel, or by kind of event
        self.service: Service | None = None
        self.spawn: Spawn | None = None
        self._held: list[MessageReceipt] = []
        self._held_refs: list[Ref] = []
        self._sent = 0

    @property
    def schedule_down(self) -> bool:
        """Tell whether the schedule does not answer."""
        return ScheduleDownEvent in self.down_until

    @property
    def gateway_down(self) -> bool:
        """Tell whether the gateway is stopped."""
        return DownEvent in self.down_until

    async def sleep(self, seconds: float) -> None:
        """Wait for virtual time, on the service's own clock."""
        if self.service is not None:
            await self.service.clock.sleep(seconds)

    def person(self, number: str) -> PatientScript:
        """Return how the person behind a number behaves."""
        return self.patients.get(number, _ORDINARY)

    def next_id(self) -> str:
        """Return a provider's id of an accepted message."""
        self._sent += 1
        return f"m{self._sent}"

    async def receipt(self, ref: Ref, receipt: MessageReceipt) -> None:
        """A provider reports; while the gateway is down it keeps trying."""
        await self.sleep(RECEIPT_S)
        if self.gateway_down:
            self._held.append(receipt)
            self._held_refs.append(ref)
        elif self.service is not None:
            await self.service.engine.apply(ref, receipt)

    async def deliver_held(self) -> None:
        """The gateway is back: providers get through with their receipts."""
        held, self._held = list(zip(self._held_refs, self._held, strict=True)), []
        self._held_refs = []
        for ref, receipt in held:
            if self.service is not None:
                await self.service.engine.apply(ref, receipt)


_ORDINARY = PatientScript()


class ScriptedChannel:
    """A message channel as a scenario describes it."""

    def __init__(self, world: World, channel: Channel) -> None:
        self._world = world
        self._channel = channel

    @property
    def channel(self) -> Channel:
        """Which channel this is."""
        return self._channel

    def serves(self, clinic: str, branch: str) -> bool:
        """Every branch has every channel."""
        return True

    def limits(self, clinic: str, branch: str) -> SenderLimits | None:
        """A rehearsal paces branches, not senders, which it does not know."""
        return None

    async def send(self, message: OutgoingMessage) -> str | None:
        """Accept, refuse or fail as the scenario says."""
        if self._channel in self._world.down_until:
            raise SendError(Failure.TEMPORARY, "channel_down")
        person = self._world.person(message.to)
        if not has_account(person, self._channel):
            raise SendError(Failure.IMPOSSIBLE, "no_account")
        found = attempt_of(message.opaque)
        if found is not None and self._world.service is not None:
            ref, attempt = found
            delivered = _is_delivered(person, self._channel)
            receipt = Receipt.DELIVERED if delivered else Receipt.FAILED
            report = MessageReceipt(attempt, receipt, Failure.REJECTED, "not_delivered")
            if self._world.spawn is not None:
                self._world.spawn(self._world.receipt(ref, report))
        return self._world.next_id()

    async def close(self) -> None:
        """Nothing to let go of."""


def has_account(person: PatientScript, channel: Channel) -> bool:
    """Tell whether the person can be reached on a chat channel at all."""
    if channel is Channel.WHATSAPP:
        return person.whatsapp
    if channel is Channel.MAX:
        return person.max
    return person.telegram if channel is Channel.TELEGRAM else True


def _is_delivered(person: PatientScript, channel: Channel) -> bool:
    if channel is Channel.SMS:
        return person.sms_delivered
    return person.push_delivered if channel is Channel.PUSH else True


_CALL_RESULTS: dict[str, tuple[float, CallResult]] = {
    "busy": (SHORT_CALL_S, CallResult.BUSY),
    "rejected": (SHORT_CALL_S, CallResult.REJECTED),
    "unreachable": (SHORT_CALL_S, CallResult.UNREACHABLE),
    "no_answer": (RINGING_S, CallResult.NO_ANSWER),
    "machine": (MACHINE_S, CallResult.MACHINE),
}


class ScriptedTrunk:
    """A trunk whose patients behave as a scenario says."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def rests(self) -> bool:
        """There is no other trunk to be tried first."""
        return False

    def serves(self, clinic: str, branch: str) -> bool:
        """Every branch can call."""
        return True

    async def dial(self, order: CallOrder) -> ScriptedLine:
        """Ring for as long as the scenario's page says."""
        if Channel.CALL in self._world.down_until:
            raise NotPlaced("trunk_down")
        script = self._world.person(order.to).call
        if script.result == "answered":
            return ScriptedLine(self._world, script)
        seconds, result = _CALL_RESULTS[script.result]
        await self._world.sleep(seconds)
        raise NotAnswered(result)

    def limits(self, clinic: str, branch: str) -> Limits | None:
        """A branch's own lines are limit enough."""
        return None

    async def close(self) -> None:
        """Nothing to let go of."""


class ScriptedLine:
    """A call that was picked up; keys are pressed in order, then comes silence."""

    def __init__(self, world: World, script: CallScript) -> None:
        self._world = world
        self._keys = iter(script.keys)

    async def play(self, turn: Turn, prompt: Path | None) -> Heard:
        """Let the announcement pass and press the next key."""
        await self._world.sleep(ANNOUNCEMENT_S)
        if not turn.listens:
            return Silence()
        key = next(self._keys, "-")
        if key == "hangup":
            return HungUp()
        if key == "-":
            await self._world.sleep(SILENCE_S)
            return Silence()
        return Key(key)

    async def hang_up(self) -> None:
        """The call is over."""


class ScriptedSchedule:
    """The clinic's schedule: takes a change that fits its own state."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def push(self, change: Change) -> PushOutcome:
        """Accept, or show the newest snapshot where the visit changed meanwhile (rule S-2)."""
        if self._world.schedule_down:
            return Unavailable("schedule_down")
        if not isinstance(change, StatusChange):
            return Accepted()
        newest = self._world.schedule.get(change.appointment)
        if newest is None:
            return Conflicted(None)
        if newest.start != change.start or newest.status is not change.before:
            return Conflicted(newest)
        self._world.schedule[change.appointment] = replace(newest, status=change.after)
        return Accepted()

    async def close(self) -> None:
        """Nothing to let go of."""
