"""What the product asks of a clinic's schedule: to take status changes, and to offer free times.

Every schedule takes changes; only some offer times (rule P-3), so that is a port of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

from gateway.core.model import Appointment, Source, Status
from gateway.ports.store import Ref


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A status change for the schedule (rule S-1); `push` is its id within its case."""

    ref: Ref
    push: str
    appointment: str
    start: datetime
    before: Status
    after: Status
    source: Source
    evidence: str
    at: datetime


@dataclass(frozen=True, slots=True)
class NotificationsChange:
    """The number allows or refuses messages from now on (rule Z-9)."""

    ref: Ref
    push: str
    number: str
    allowed: bool
    source: Source
    evidence: str
    at: datetime


Change: TypeAlias = StatusChange | NotificationsChange


@dataclass(frozen=True, slots=True)
class Accepted:
    """The schedule took the change."""


@dataclass(frozen=True, slots=True)
class Conflicted:
    """The appointment changed meanwhile; `newest` None: it is gone (rule S-2)."""

    newest: Appointment | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The schedule refused the change for good."""

    code: str = ""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The schedule did not answer or failed; try again later (rule S-3)."""

    code: str = ""
    retry_after_s: int | None = None


PushOutcome: TypeAlias = Accepted | Conflicted | Refused | Unavailable


@dataclass(frozen=True, slots=True)
class MoveRequest:
    """A visit is to be moved to a free time that the patient chose (rule P-3).

    `id` is the same whenever this request is repeated: a schedule that has done it answers as
    before. The visit is `visit` as it was when the time was chosen.
    """

    clinic: str
    id: str
    visit: Appointment
    start: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class Booked:
    """The visit was moved; `newest` is how it stands now, at the chosen time."""

    newest: Appointment


@dataclass(frozen=True, slots=True)
class Taken:
    """The time is no longer free; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The schedule may have moved the visit or not: the same request may be repeated."""

    code: str = ""


MoveOutcome: TypeAlias = Booked | Taken | Conflicted | Refused | Unavailable | Unknown
"""`Unavailable` here means that certainly nothing was moved."""


class FreeTimes(Protocol):
    """A schedule that lets patients choose another time."""

    async def free_times(
        self, visit: Appointment, since: datetime, until: datetime
    ) -> tuple[datetime, ...] | Unavailable:
        """Return the starts to which this visit could be moved now, in [since, until), sorted;
        never raises for what the schedule does."""
        ...

    async def book(self, request: MoveRequest) -> MoveOutcome:
        """Move a visit once, however often it is asked with the same id; never raises for what
        the schedule does."""
        ...


class Schedule(Protocol):
    """The way back into a clinic's schedule."""

    async def push(self, change: Change) -> PushOutcome:
        """Offer one change; never raises for what the schedule does."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


def change_document(change: Change, seq: int | None) -> Mapping[str, object]:
    """Return a change as the feed and the webhook show it (design: public surfaces)."""
    common: dict[str, object] = {
        "seq": seq,
        "id": f"{change.ref.kind.value}:{change.ref.key}:{change.push}",
        "source": change.source.value,
        "evidence": change.evidence,
        "at": change.at.isoformat(),
    }
    if isinstance(change, StatusChange):
        return {
            **common,
            "kind": "status",
            "appointment": change.appointment,
            "start": change.start.isoformat(),
            "from": change.before.value,
            "to": change.after.value,
        }
    return {
        **common,
        "kind": "notifications",
        "appointment": None,
        "number": change.number,
        "allowed": change.allowed,
    }
