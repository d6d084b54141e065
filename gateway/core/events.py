"""What can happen to a case or a contact, in the past tense.

An event carries everything that a decision needs and nothing that it could look up. `id`, where
there is one, is the provider's or the caller's own id: the same id twice is one event.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from gateway.core.case import Pending
from gateway.core.model import Answer, Appointment, CallResult, Channel, Source
from gateway.core.reply import Reading


@dataclass(frozen=True, slots=True)
class AppointmentChanged:
    """The schedule has a new or changed snapshot.

    `up_since` is when the gateway began to run: what was created before that was recorded
    while it was down (rule Z-2). None: it has always run.
    """

    snapshot: Appointment
    up_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class AppointmentRemoved:
    """The appointment is gone from the schedule."""


@dataclass(frozen=True, slots=True)
class DueTimeReached:
    """The case asked to be looked at now, or its branch's settings changed."""


@dataclass(frozen=True, slots=True)
class SlotGranted:
    """The branch may send one message of this case or contact now (rule Z-15)."""


@dataclass(frozen=True, slots=True)
class LineGranted:
    """The branch has a free line for one call of this case now."""


@dataclass(frozen=True, slots=True)
class MessageAccepted:
    """The provider took the message."""

    attempt: str
    provider_id: str | None = None


class Failure(StrEnum):
    """What a failed send means for what comes next (facts: provider error classes)."""

    IMPOSSIBLE = "impossible"  # this number cannot be reached here: next channel, remember it
    REJECTED = "rejected"  # this message will not be taken here: next channel
    TEMPORARY = "temporary"  # it may pass: retry with growing pauses (rule H-2)


@dataclass(frozen=True, slots=True)
class MessageFailed:
    """The provider certainly did not take the message."""

    attempt: str
    failure: Failure
    code: str = ""
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True)
class MessageLost:
    """The request may have got through: time-out, reset, or the worker died (rule G-6)."""

    attempt: str


class Receipt(StrEnum):
    """What a provider reports about an accepted message."""

    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class MessageReceipt:
    """A provider's report; unordered, repeated, sometimes before the send's own response."""

    attempt: str
    receipt: Receipt
    failure: Failure = Failure.REJECTED
    code: str = ""
    provider_id: str | None = None


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """Somebody, or a machine, picked up."""

    attempt: str


@dataclass(frozen=True, slots=True)
class CallPlaced:
    """The provider took the order for a call; it will ask and report by callback."""

    attempt: str
    provider_id: str


@dataclass(frozen=True, slots=True)
class CallLost:
    """The order for a call may have got through: its callbacks will tell (rule G-6)."""

    attempt: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """The patient pressed a key that answers the call's question (rule C-4)."""

    attempt: str
    key: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class DialogueMoved:
    """A provider's call has come from one turn to the next.

    `before` and `after` are sessions of the dialogue as the attempt keeps them: the same
    callback twice, or one that was overtaken, finds another session and changes nothing.
    """

    attempt: str
    before: str
    after: str
    keys: str = ""
    answer: Answer | None = None
    result: CallResult | None = None


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The call is over. `keys` are all keys that were pressed, in order; `code` is the carrier's
    own word for how it ended."""

    attempt: str
    result: CallResult
    keys: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class CallNotPlaced:
    """No free line or the trunk is down: not an attempt (rule C-6)."""

    attempt: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One visit that an unquoted answer could be about; `zone` is its branch's."""

    appointment: str
    start: datetime
    zone: str


@dataclass(frozen=True, slots=True)
class PatientWrote:
    """A message from a patient's number, already matched to a visit where that was possible.

    `pressed` is set when a button was tapped: it outweighs the text (rule U-7). `booking` is
    the booking that a quoted message or a button belongs to, None when nothing was quoted.
    `settled` is an earlier clear answer to which this message only adds the visit (rule Z-10).
    """

    id: str
    channel: Channel
    raw: str
    reading: Reading
    pressed: Answer | None = None
    quoted: bool = False
    booking: int | None = None
    choices: tuple[Choice, ...] = ()
    settled: Pending | None = None
    provider_id: str | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True)
class AccountLinked:
    """The patient's own id on a channel became known (or, with None, stopped to be valid)."""

    channel: Channel
    account: str | None


@dataclass(frozen=True, slots=True)
class PatientChose:
    """A button on the patient page or in the clinic's own app (rules C-9, P-1)."""

    id: str
    source: Source
    answer: Answer
    booking: int | None = None  # the booking the link or the app showed; None: the newest link


@dataclass(frozen=True, slots=True)
class PushAccepted:
    """The schedule took the status change (or the notifications change)."""

    push: str


@dataclass(frozen=True, slots=True)
class PushConflicted:
    """The schedule says that the appointment changed meanwhile (rule S-2); None: it is gone."""

    push: str
    newest: Appointment | None


@dataclass(frozen=True, slots=True)
class PushRefused:
    """The schedule refused the change for good."""

    push: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class PushFailed:
    """The schedule could not be reached, or it failed; tried again later (rule S-3)."""

    push: str
    code: str = ""


Event: TypeAlias = (
    AppointmentChanged
    | AppointmentRemoved
    | DueTimeReached
    | SlotGranted
    | LineGranted
    | MessageAccepted
    | MessageFailed
    | MessageLost
    | MessageReceipt
    | CallAnswered
    | CallPlaced
    | CallLost
    | KeyPressed
    | DialogueMoved
    | CallEnded
    | CallNotPlaced
    | PatientWrote
    | AccountLinked
    | PatientChose
    | PushAccepted
    | PushConflicted
    | PushRefused
    | PushFailed
)
