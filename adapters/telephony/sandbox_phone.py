"""The patients' telephones of the sandbox: who picks up, what is pressed, what goes wrong.

Plain state without any wire format; `adapters.telephony.sandbox` lets it speak a provider's.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from adapters.json_values import Json
from adapters.telephony.sandbox_rest import Order


class CallState(StrEnum):
    """Where a call stands, in Twilio's words."""

    QUEUED = "queued"
    INITIATED = "initiated"
    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    FAILED = "failed"


LIVE = frozenset({CallState.QUEUED, CallState.INITIATED, CallState.RINGING, CallState.IN_PROGRESS})
ON_THE_PHONE = frozenset({CallState.RINGING, CallState.IN_PROGRESS})


class By(StrEnum):
    """Who ended a call."""

    PATIENT = "patient"
    CLINIC = "clinic"
    NETWORK = "network"


@dataclass(frozen=True, slots=True)
class Habit:
    """What happens when nobody has to be there: seconds of the world's clock.

    `answers_after_s` None lets it ring; `declines` presses it away instead of picking up. `keys`
    are pressed one for each question, each `thinks_s` after it began.
    """

    answers_after_s: float | None = 4.0
    declines: bool = False
    machine: bool = False
    keys: str = ""
    thinks_s: float = 3.0
    hangs_up_after_s: float | None = None


@dataclass(slots=True)
class Phone:
    """A patient's telephone. Without a habit a person holds it, who needs time of their own."""

    number: str
    habit: Habit | None = None
    reachable: bool = True


@dataclass(frozen=True, slots=True)
class Playing:
    """An audio file that is being played. `count` tells one playing from the next."""

    audio: str
    seconds: float
    count: int


@dataclass(slots=True)
class Call:
    """One call from the request to its end. `in_hand`: a person talks, not a habit."""

    sid: str
    account_sid: str
    order: Order
    created_at: datetime
    state: CallState = CallState.QUEUED
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by: By | None = None
    machine: bool | None = None
    sip: int | None = None
    sequence: int = 0
    silenced: bool = False
    in_hand: bool = False
    playing: Playing | None = None
    listening: bool = False
    live_sound: bool = False  # heard as it is spoken, not file by file
    played: int = 0
    keys: str = ""
    errors: list[str] = field(default_factory=list)

    @property
    def live(self) -> bool:
        """Tell whether it is not over."""
        return self.state in LIVE

    def end(self, state: CallState, by: By, sip: int | None, now: datetime) -> None:
        """Note that it is over: how, by whom, and with which last word of the network."""
        self.state, self.ended_by, self.sip, self.ended_at = state, by, sip, now
        self.playing, self.listening = None, False

    @property
    def duration_s(self) -> int:
        """How long it was talked, 0 while it goes on."""
        if self.answered_at is None or self.ended_at is None:
            return 0
        return max(1, round((self.ended_at - self.answered_at).total_seconds()))

    @property
    def answered_by(self) -> str:
        """What Twilio says about who picked up, "" where it was not asked or does not know yet."""
        if self.machine is None or not self.order.detects_machines:
            return ""
        return "machine_start" if self.machine else "human"

    @property
    def shown(self) -> Json:
        """What a page shows of it."""
        playing = self.playing
        return {
            "id": self.sid,
            "number": self.order.to,
            "caller": self.order.caller,
            "state": self.state.value,
            "at": self.created_at.isoformat(),
            "ended_by": self.ended_by.value if self.ended_by else None,
            "seconds": self.duration_s,
            "machine": self.machine is True,
            "silenced": self.silenced,
            "in_hand": self.in_hand,
            "listening": self.listening,
            "live_sound": self.live_sound,
            "keys": self.keys,
            "playing": None
            if playing is None
            else {"audio": playing.audio, "seconds": playing.seconds, "count": playing.count},
        }


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the network takes.

    `person_s`: a person's phone rings at least so long by the machine's own clock, however fast
    the world's clock goes. `detect_s`: how long Twilio listens who has picked up.
    """

    initiated_s: float = 0.3
    ringing_s: float = 0.7
    detect_s: float = 1.0
    person_s: float = 8.0


@dataclass(frozen=True, slots=True)
class PlannedError:
    """An error that the next request to call gets, for any number or for one."""

    code: int
    number: str | None = None


@dataclass(slots=True)
class Faults:
    """What goes wrong. `…_every` n: each n-th callback; 0 never, 1 all of them."""

    down: bool = False
    slow_s: float = 0.0
    cut_next: int = 0  # requests to be accepted whose connection then breaks
    lose_every: int = 0
    repeat_every: int = 0
    reorder_every: int = 0
    planned: deque[PlannedError] = field(default_factory=deque)
    callbacks: int = 0

    def fail_next(self, code: int, *, times: int = 1, number: str | None = None) -> None:
        """Let the next requests to call (a number) fail with an error of the API."""
        self.planned.extend([PlannedError(code, number)] * times)

    def take_planned(self, number: str) -> int | None:
        """Use up the first planned error that is meant for this number."""
        for planned in self.planned:
            if planned.number in (None, number):
                self.planned.remove(planned)
                return planned.code
        return None

    def take_cut(self) -> bool:
        """Tell whether this connection breaks."""
        if self.cut_next <= 0:
            return False
        self.cut_next -= 1
        return True

    def next_callback(self) -> tuple[bool, bool, bool]:
        """Count a callback; tell whether it is lost, repeated, and overtaken by the next one."""
        self.callbacks += 1
        lost, twice, late = (
            every > 0 and self.callbacks % every == 0
            for every in (self.lose_every, self.repeat_every, self.reorder_every)
        )
        return lost, twice, late
