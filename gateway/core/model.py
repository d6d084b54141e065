"""The words of the product: statuses, functions, channels, people and visits.

Everything here is frozen data without behaviour beyond look-ups. The words are those of
docs/behaviour.md and of the public formats, so their values are contracts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Status(StrEnum):
    """State of a visit in the clinic's schedule."""

    UNCONFIRMED = "unconfirmed"
    CONFIRMED = "confirmed"
    RESCHEDULE_REQUESTED = "reschedule_requested"
    CANCELLED = "cancelled"
    ARRIVED = "arrived"
    COMPLETED = "completed"
    NO_SHOW = "no_show"


class Function(StrEnum):
    """One of the three things done for an appointment."""

    DETAILS = "details"
    CONFIRMATION = "confirmation"
    REMINDER = "reminder"


class Channel(StrEnum):
    """A way to reach a patient."""

    CALL = "call"
    PUSH = "push"
    WHATSAPP = "whatsapp"
    MAX = "max"
    TELEGRAM = "telegram"
    SMS = "sms"


class Source(StrEnum):
    """Where an answer came from: a channel, the patient page or the clinic's own app."""

    CALL = "call"
    PUSH = "push"
    WHATSAPP = "whatsapp"
    MAX = "max"
    TELEGRAM = "telegram"
    SMS = "sms"
    LINK = "link"
    APP = "app"


class Answer(StrEnum):
    """What a patient answers: keys 1, 2, 3 and 0 of the menu."""

    CONFIRM = "confirm"
    RESCHEDULE = "reschedule"
    CANCEL = "cancel"
    REPEAT = "repeat"


class Purpose(StrEnum):
    """What a message is for."""

    DETAILS = "details"
    CONFIRMATION = "confirmation"
    REMINDER = "reminder"
    RESCHEDULE_LINK = "reschedule_link"
    ACKNOWLEDGEMENT = "acknowledgement"
    CLARIFICATION = "clarification"


class Reason(StrEnum):
    """Why something was not sent (rules D-5, C-16, R-4, Z-1, Z-3; `budget` is our own)."""

    ADOPTED = "adopted"
    ANONYMOUS = "anonymous"
    BUDGET = "budget"
    CLUB = "club"
    CREATED_DAY_BEFORE = "created_day_before"
    CREATED_SAME_DAY = "created_same_day"
    DOCTOR_ANONYMOUS = "doctor_anonymous"
    FOREIGN_PHONE = "foreign_phone"
    INVALID_PHONE = "invalid_phone"
    LANDLINE_PHONE = "landline_phone"
    MISSED_HOURS = "missed_hours"
    NO_CHANNEL = "no_channel"
    NO_CONSENT = "no_consent"
    NO_PHONE = "no_phone"
    ONLINE_CONSULTATION = "online_consultation"
    ONLINE_DOCTOR = "online_doctor"
    ONLINE_SERVICE = "online_service"
    OUTSIDE_HOURS = "outside_hours"
    REFUSED = "refused"
    REMOVED = "removed"
    STATUS = "status"
    TOO_LATE = "too_late"


class CallResult(StrEnum):
    """How a call ended."""

    ANSWER = "answer"
    NO_ANSWER_KEY = "no_answer_key"
    HANGUP = "hangup"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    MACHINE = "machine"
    FAILED = "failed"


STATUS_OF_ANSWER: dict[Answer, Status] = {
    Answer.CONFIRM: Status.CONFIRMED,
    Answer.RESCHEDULE: Status.RESCHEDULE_REQUESTED,
    Answer.CANCEL: Status.CANCELLED,
}
"""Rule C-4: the status that each answer asks for; `repeat` asks for none."""

ANSWER_OF_KEY: dict[str, Answer] = {
    "1": Answer.CONFIRM,
    "2": Answer.RESCHEDULE,
    "3": Answer.CANCEL,
    "0": Answer.REPEAT,
}
"""Rule C-3: the keys of the menu."""


@dataclass(frozen=True, slots=True)
class App:
    """The clinic's own app on the patient's phone."""

    installed: bool = False
    push: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """A patient or a guardian; `phones` as the schedule wrote them."""

    id: str
    first_name: str = ""
    middle_name: str = ""
    last_name: str = ""
    phones: tuple[str, ...] = ()
    language: str | None = None
    consent: bool = False
    notifications_refused: bool = False
    app: App = App()
    guardian: Person | None = None

    @property
    def contact_person(self) -> Person:
        """Who is contacted: the guardian when there is one (rule G-7)."""
        return self.guardian or self


@dataclass(frozen=True, slots=True)
class Doctor:
    """Who receives the patient."""

    name: str = ""
    specialty: str = ""
    anonymous_appointments: bool = False


@dataclass(frozen=True, slots=True)
class Appointment:
    """One visit as the clinic's schedule last described it; times are in UTC."""

    id: str
    branch: str
    start: datetime
    created: datetime
    patient: Person
    doctor: Doctor = Doctor()
    duration_s: int | None = None
    status: Status = Status.UNCONFIRMED
    service: bool = False
    booked_online: bool = False
    online_consultation: bool = False
    anonymous: bool = False
    club: bool = False
