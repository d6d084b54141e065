"""The patients' phones of the sandbox: what is on them, what their owners do, what goes wrong.

Plain state without any wire format; `adapters.messaging.sandbox` lets it speak a provider's.
Time comes from a clock and chance from a seed, so a run can be repeated exactly.
"""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

SESSION = timedelta(hours=24)
"""How long free text is allowed after the patient's last message."""


class State(StrEnum):
    """Where a message to a patient stands; patients' own messages are `delivered`."""

    ACCEPTED = "accepted"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"


RANK: dict[State, int] = {state: rank for rank, state in enumerate(State)}


@dataclass(frozen=True, slots=True)
class ChatButton:
    """A button under a message."""

    title: str
    payload: str


@dataclass(slots=True)
class ChatMessage:
    """One message in a chat between a business number and a patient."""

    id: str
    sender: str
    number: str
    from_patient: bool
    at: datetime
    text: str
    kind: str = "text"
    buttons: tuple[ChatButton, ...] = ()
    template: str | None = None
    quote: str | None = None
    opaque: str | None = None
    state: State = State.ACCEPTED
    error: int | None = None

    def move(self, state: State) -> bool:
        """Go forward to a state; return whether it did."""
        if RANK[state] <= RANK[self.state]:
            return False
        self.state = state
        return True


@dataclass(slots=True)
class PatientPhone:
    """A patient's phone. `account` is the opaque user id; with `hides_number` only that is told.

    `reads_at_once`: the owner looks at every message as soon as it arrives.
    """

    number: str
    account: str
    name: str = ""
    has_account: bool = True
    hides_number: bool = False
    reads_at_once: bool = False
    messages: list[ChatMessage] = field(default_factory=list)
    wrote_at: dict[str, datetime] = field(default_factory=dict)

    def session_open(self, sender: str, now: datetime) -> bool:
        """Tell whether the business number may send free text now."""
        wrote_at = self.wrote_at.get(sender)
        return wrote_at is not None and now < wrote_at + SESSION


@dataclass(frozen=True, slots=True)
class TemplateSpec:
    """An approved template: `{{1}}`, `{{2}}` … stand for its variables."""

    name: str
    language: str
    body: str
    header: str = ""
    buttons: tuple[str, ...] = ()
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Business:
    """A business number of the sandbox: its id, its bearer token, and the number people see."""

    phone_number_id: str
    access_token: str = field(repr=False)
    display_number: str = "15550100000"
    account_id: str = "102290129340398"


@dataclass(frozen=True, slots=True)
class Callback:
    """Where webhooks go, and what they are signed with."""

    url: str
    app_secret: str = field(repr=False)
    verify_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the sandbox takes for what happens to an accepted message."""

    sent_s: float = 0.2
    delivered_s: float = 0.6
    read_s: float = 2.0


@dataclass(frozen=True, slots=True)
class PlannedError:
    """An error that the next request gets, of any number or of one."""

    code: int
    retry_after_s: int | None = None
    number: str | None = None


@dataclass(slots=True)
class Faults:
    """What goes wrong. Shares are between 0 and 1; what is planned is used up in order."""

    down: bool = False
    slow_s: float = 0.0
    lose_webhooks: float = 0.0
    repeat_webhooks: float = 0.0
    reorder_webhooks: float = 0.0
    per_second: int | None = None
    pair_gap_s: float | None = None
    window_as_status: bool = False
    cut_next: int = 0  # requests to be accepted whose connection then breaks
    planned: deque[PlannedError] = field(default_factory=deque)

    def fail_next(
        self,
        code: int,
        *,
        times: int = 1,
        retry_after_s: int | None = None,
        number: str | None = None,
    ) -> None:
        """Let the next requests (to a number) fail with a code of the provider."""
        self.planned.extend([PlannedError(code, retry_after_s, number)] * times)

    def take_planned(self, number: str) -> PlannedError | None:
        """Use up the first planned error that is meant for this number."""
        for planned in self.planned:
            if planned.number in (None, number):
                self.planned.remove(planned)
                return planned
        return None

    def take_cut(self) -> bool:
        """Tell whether this connection breaks."""
        if self.cut_next <= 0:
            return False
        self.cut_next -= 1
        return True


class Chance:
    """Repeatable chance: the same seed gives the same ids and the same faults."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._drawn = 0

    def fresh(self, length: int = 40) -> str:
        """Return new hexadecimal digits."""
        self._drawn += 1
        return hashlib.sha256(f"{self._seed}:{self._drawn}".encode()).hexdigest()[:length]

    def hits(self, share: float) -> bool:
        """Tell whether an event of this share happens now."""
        return share > 0 and int(self.fresh(13), 16) < share * 16**13


class Limits:
    """Remembers when was sent what, for the provider's two speed limits."""

    def __init__(self) -> None:
        self._recent: dict[str, deque[datetime]] = {}
        self._last: dict[tuple[str, str], datetime] = {}

    def broken(self, sender: str, number: str, faults: Faults, now: datetime) -> int | None:
        """Note one request; return the code of the limit that it breaks."""
        recent = self._recent.setdefault(sender, deque())
        while recent and recent[0] <= now - timedelta(seconds=1):
            recent.popleft()
        if faults.per_second is not None and len(recent) >= faults.per_second:
            return 130429
        last = self._last.get((sender, number))
        gap = faults.pair_gap_s
        if gap is not None and last is not None and now < last + timedelta(seconds=gap):
            return 131056
        recent.append(now)
        self._last[(sender, number)] = now
        return None
