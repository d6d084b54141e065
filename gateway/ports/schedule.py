"""What the product asks of a clinic's schedule: to take status changes."""

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
