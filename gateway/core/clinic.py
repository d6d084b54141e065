"""A clinic's settings, as the core reads them (rules G-1, G-2, T-1, Z-15).

`gateway.ports.schema` reads them from JSON or YAML and checks them; these are plain values.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Literal

from gateway.core.model import Channel

NEVER_CONNECTED = datetime(1970, 1, 1, tzinfo=UTC)
"""`connected_at` of a branch to which nothing is adopted."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Local hours of a function: the opening minute is inside, the closing minute outside."""

    opening: time
    closing: time


@dataclass(frozen=True, slots=True)
class DetailsSettings:
    """How `details` is done."""

    enabled: bool = True
    hours: Hours = Hours(time(6), time(21))


@dataclass(frozen=True, slots=True)
class ConfirmationSettings:
    """How `confirmation` is done; `start` before opening means opening (rule Z-6)."""

    enabled: bool = True
    method: Literal["call", "message"] = "call"
    start: time = time(10)
    hours: Hours = Hours(time(9), time(20))
    call_attempts: int = 1
    attempt_gap: timedelta = timedelta(minutes=15)
    call_gap: timedelta = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class ReminderSettings:
    """How `reminder` is done."""

    enabled: bool = True
    hours: Hours = Hours(time(6), time(21))
    lead: timedelta = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices from a date on (`since` None: from ever); amounts in the clinic's currency."""

    since: date | None = None
    call: Decimal = Decimal(0)
    push: Decimal = Decimal(0)
    push_after_call: Decimal = Decimal(3)
    whatsapp: Decimal = Decimal(2)
    max: Decimal = Decimal(2)
    telegram: Decimal = Decimal(2)
    sms: Decimal = Decimal(5)


@dataclass(frozen=True, slots=True)
class Budget:
    """What a branch may spend in a calendar month of its own time zone (`gateway.core.budget`).

    `warn_at` is the share of it, from 0 to 1, at which people are told.
    """

    month: Decimal
    warn_at: Decimal = Decimal("0.8")


@dataclass(frozen=True, slots=True)
class Branch:
    """One branch of a clinic with everything that a decision about its visits reads.

    `country` and `language` are already completed from the clinic. `connected_at` is the
    moment of the branch's first import (rule Z-1). `link_base` is the address before the
    token of a patient link, `link_secret` the key that makes tokens unguessable (rule P-2).
    `undelivered_after` is how long an accepted message may stay without a report of its delivery
    before the next channel of the order takes over (None: for ever); `without_receipts` names the
    channels whose senders make no such reports, so that their silence says nothing.
    `spoken` says how the robot pronounces what is written otherwise: ("Smile+", "Смайл плюс").
    """

    clinic: str
    id: str
    name: str
    timezone: str
    name_in_messages: str
    phone: str = ""
    country: str = "RU"
    language: str = "ru"
    per_minute: int = 60
    lines: int = 4
    sms_price: Literal["message", "segment"] = "message"
    details: DetailsSettings = DetailsSettings()
    confirmation: ConfirmationSettings = ConfirmationSettings()
    reminder: ReminderSettings = ReminderSettings()
    spoken: tuple[tuple[str, str], ...] = ()
    channels: tuple[Channel, ...] = (Channel.PUSH, Channel.WHATSAPP, Channel.SMS)
    tariff: tuple[Prices, ...] = (Prices(),)
    budget: Budget | None = None
    undelivered_after: timedelta | None = None
    without_receipts: tuple[Channel, ...] = ()
    connected_at: datetime = NEVER_CONNECTED
    link_base: str = "https://callahead.invalid/v/"
    link_secret: bytes = b""


@dataclass(frozen=True, slots=True)
class Clinic:
    """A clinic and its branches, the first of which speaks for the clinic as a whole."""

    id: str
    name: str
    branches: tuple[Branch, ...]
    country: str = "RU"
    language: str = "ru"
    display_zone: str = "Europe/Moscow"

    def branch(self, branch_id: str) -> Branch | None:
        """Return the branch of that id, or None."""
        for branch in self.branches:
            if branch.id == branch_id:
                return branch
        return None
