"""One call of the sandbox: it rings, is picked up, does what the TwiML says, and ends.

Audio and waits take the machine's own time while a person holds the phone: nobody hears faster
because a demo's clock does. A patient who acts by habit lives by the world's clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import NoReturn, TypeAlias

from adapters.telephony.sandbox_audio import AudioShelf
from adapters.telephony.sandbox_callbacks import Callbacks
from adapters.telephony.sandbox_phone import By, Call, CallState, Pace, Phone, Playing
from adapters.telephony.sandbox_reports import Reports, form_of
from adapters.telephony.sandbox_twiml import (
    Gather,
    Pause,
    Play,
    Redirect,
    TwimlError,
    Verb,
    read_twiml,
)
from gateway.clock import Clock
from gateway.ports.messaging import SendError

DOCUMENTS_MAX = 200
"""No dialogue has so many turns."""

_BUSY, _OFF, _CANCELLED, _DECLINED = 486, 480, 487, 603
_EVENT_OF = {
    CallState.INITIATED: "initiated",
    CallState.RINGING: "ringing",
    CallState.IN_PROGRESS: "answered",
}


class Deed(StrEnum):
    """What can happen to a call from outside."""

    ANSWER = "answer"
    DECLINE = "decline"
    KEY = "key"
    HANG_UP = "hang_up"
    LIMIT = "limit"
    CALLER_ENDS = "caller_ends"


@dataclass(frozen=True, slots=True)
class Did:
    """A deed; `by_hand`: a person did it, not a habit."""

    deed: Deed
    key: str = ""
    by_hand: bool = False


_Timer: TypeAlias = Callable[[], Awaitable[None]]


class _Alarm:
    """Time is up."""


class _Over(Exception):
    """The call ends."""

    def __init__(self, state: CallState, by: By, sip: int | None = None) -> None:
        super().__init__(state.value)
        self.state = state
        self.by = by
        self.sip = sip


@dataclass(frozen=True, slots=True)
class Network:
    """What all calls share. `real` sleeps by the machine's clock; `changed` notes that a page
    looks different, `moved` that a call stands differently."""

    clock: Clock
    real: Callable[[float], Awaitable[None]]
    callbacks: Callbacks
    pace: Pace
    shelf: AudioShelf
    tasks: asyncio.TaskGroup
    token_of: Callable[[Call], str]
    changed: Callable[[], None]
    moved: Callable[[Call], None]
    engaged: Callable[[Call], bool]


class LiveCall:
    """Leads one call from dialling to its end."""

    def __init__(self, call: Call, phone: Phone, reports: Reports, network: Network) -> None:
        self.call = call
        self._phone = phone
        self._reports = reports
        self._net = network
        self._in_hand = call.in_hand = phone.habit is None
        self._keys_left = phone.habit.keys if phone.habit is not None else ""
        self._mailbox: asyncio.Queue[Did | _Alarm] = asyncio.Queue()
        self._timers: list[asyncio.Task[None]] = []

    def do(self, did: Did) -> None:
        """Let something happen."""
        self._mailbox.put_nowait(did)

    async def run(self) -> None:
        """Hold the call, then wait until everything is reported."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._reports.send_all())
            try:
                await self._ring()
                await self._talk()
            except _Over as over:
                self.call.end(over.state, over.by, over.sip, self._net.clock.now())
                self._report("completed")
            finally:
                for timer in self._timers:
                    timer.cancel()
            self._reports.close()

    # Ringing

    async def _ring(self) -> None:
        net = self._net
        await net.clock.sleep(net.pace.initiated_s)
        self._move(CallState.INITIATED)
        await net.clock.sleep(net.pace.ringing_s)
        if not self._phone.reachable:
            raise _Over(CallState.FAILED, By.NETWORK, _OFF)
        if net.engaged(self.call):
            raise _Over(CallState.BUSY, By.NETWORK, _BUSY)
        self._move(CallState.RINGING)
        habit = self._phone.habit
        if habit is not None and habit.answers_after_s is not None:
            deed = Deed.DECLINE if habit.declines else Deed.ANSWER
            self._later(habit.answers_after_s, Did(deed))
        heard = await self._hear(self._ring_out, Deed.ANSWER, Deed.DECLINE)
        if heard is None:
            raise _Over(CallState.NO_ANSWER, By.NETWORK, _CANCELLED)
        if heard.deed is Deed.DECLINE:
            raise _Over(CallState.BUSY, By.PATIENT, _DECLINED)
        if heard.by_hand:
            self._in_hand = self.call.in_hand = True
            self._keys_left = ""

    async def _ring_out(self) -> None:
        """A person needs time to notice, however fast the world's clock goes."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_waited(self._net.clock.sleep(self.call.order.ring_s)))
            if self._in_hand:
                tasks.create_task(_waited(self._net.real(self._net.pace.person_s)))

    # Talking

    async def _talk(self) -> NoReturn:
        call, habit = self.call, self._phone.habit
        call.answered_at = self._net.clock.now()
        self._move(CallState.IN_PROGRESS)
        self._later(call.order.limit_s, Did(Deed.LIMIT))
        if habit is not None and habit.hangs_up_after_s is not None and not self._in_hand:
            self._later(habit.hangs_up_after_s, Did(Deed.HANG_UP))
        if call.order.detects_machines:
            await self._hear(self._lasting(self._net.pace.detect_s))
        call.machine = habit is not None and habit.machine and not self._in_hand
        url, more = call.order.url, dict[str, str]()
        for _ in range(DOCUMENTS_MAX):
            verbs = await self._ask(url, more)
            url, more = await self._perform(verbs)
        self._fail("12100: the documents lead in a circle")

    async def _ask(self, url: str, more: dict[str, str]) -> tuple[Verb, ...]:
        form = form_of(self.call) | more
        try:
            answer = await self._net.callbacks.post(self._net.token_of(self.call), url, form)
            if answer.status != 200:
                self._fail(f"11200: HTTP {answer.status}")
            return read_twiml(answer.body, answer.headers.get("content-type", ""))
        except SendError as error:
            self._fail(f"11200: {error.code}")
        except (TwimlError, ValueError) as error:
            self._fail(f"12100: {error}")

    async def _perform(self, verbs: tuple[Verb, ...]) -> tuple[str, dict[str, str]]:
        """Return which address is asked next, and with what."""
        for verb in verbs:
            match verb:
                case Play():
                    await self._play(verb)
                case Pause():
                    await self._hear(self._lasting(verb.seconds))
                case Redirect():
                    return verb.url, {}
                case Gather():
                    key = await self._gather(verb)
                    if key or verb.empty_too:
                        return verb.action, {"Digits": key, "FinishedOnKey": ""}
                case _:
                    break
        raise _Over(CallState.COMPLETED, By.CLINIC)

    async def _gather(self, verb: Gather) -> str:
        """Return the key that was pressed, "" when none was."""
        self._forget_keys()
        habit, pressing = self._phone.habit, None
        if habit is not None and self._keys_left and not habit.machine:
            key, self._keys_left = self._keys_left[0], self._keys_left[1:]
            pressing = self._later(habit.thinks_s, Did(Deed.KEY, key))
        self._listen(True)
        try:
            for inner in verb.inner:
                if isinstance(inner, Play):
                    heard = await self._play(inner, Deed.KEY)
                else:
                    heard = await self._hear(self._lasting(inner.seconds), Deed.KEY)
                if heard is not None:
                    return self._pressed(heard)
            heard = await self._hear(self._lasting(verb.timeout_s), Deed.KEY)
            return self._pressed(heard) if heard is not None else ""
        finally:
            self._listen(False)
            if pressing is not None:
                pressing.cancel()

    def _pressed(self, did: Did) -> str:
        self.call.keys += did.key
        return did.key

    def _listen(self, listening: bool) -> None:
        self.call.listening = listening
        self._net.changed()

    async def _play(self, verb: Play, *wanted: Deed) -> Did | None:
        try:
            answer = await self._net.callbacks.get(verb.url)
            if answer.status != 200:
                self._fail(f"11200: audio, HTTP {answer.status}")
            name, seconds = self._net.shelf.keep(answer.body)
        except SendError as error:
            self._fail(f"11200: audio, {error.code}")
        except ValueError:
            self._fail("12300: the audio is not a WAV file")
        call = self.call
        call.played += 1
        call.playing = Playing(name, seconds, call.played)
        self._net.changed()
        try:
            return await self._hear(self._lasting(seconds), *wanted)
        finally:
            call.playing = None

    def _fail(self, error: str) -> NoReturn:
        """End as Twilio does when it cannot carry out a document: the patient hears that."""
        self.call.errors.append(error)
        raise _Over(CallState.COMPLETED, By.NETWORK)

    # Hearing

    async def _sleep(self, seconds: float) -> None:
        await (self._net.real(seconds) if self._in_hand else self._net.clock.sleep(seconds))

    def _lasting(self, seconds: float) -> _Timer:
        return partial(self._sleep, seconds)

    async def _hear(self, timer: _Timer, *wanted: Deed) -> Did | None:
        """Return the first deed that is wanted, None when the timer ends; a hang-up is raised."""
        async with self._alarm(timer) as alarm:
            while True:
                heard = await self._mailbox.get()
                if heard is alarm:
                    return None
                if isinstance(heard, _Alarm):
                    continue  # of an earlier timer that ended together with something else
                if heard.deed is Deed.LIMIT:
                    raise _Over(CallState.COMPLETED, By.NETWORK)
                if heard.deed is Deed.HANG_UP and self.call.answered_at is not None:
                    raise _Over(CallState.COMPLETED, By.PATIENT)
                if heard.deed in wanted:
                    return heard

    @asynccontextmanager
    async def _alarm(self, timer: _Timer) -> AsyncIterator[_Alarm]:
        alarm = _Alarm()

        async def ring() -> None:
            await timer()
            self._mailbox.put_nowait(alarm)

        task = self._net.tasks.create_task(ring())
        try:
            yield alarm
        finally:
            task.cancel()

    def _forget_keys(self) -> None:
        """Keys that were pressed before the question are no answer to it."""
        for _ in range(self._mailbox.qsize()):
            waiting = self._mailbox.get_nowait()
            if isinstance(waiting, _Alarm) or waiting.deed is not Deed.KEY:
                self._mailbox.put_nowait(waiting)

    def _later(self, seconds: float, did: Did) -> asyncio.Task[None]:
        async def wait() -> None:
            await self._sleep(seconds)
            self.do(did)

        task = self._net.tasks.create_task(wait())
        self._timers.append(task)
        return task

    # Reporting

    def _move(self, state: CallState) -> None:
        self.call.state = state
        self._report(_EVENT_OF[state])

    def _report(self, event: str) -> None:
        self._reports.add(event)
        self._net.moved(self.call)


async def _waited(what: Awaitable[None]) -> None:
    await what
