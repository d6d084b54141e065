"""What can happen to a case or a contact, in the past tense.

An event carries everything that a decision needs and nothing that it could look up. `id`, where
there is one, is the provider's or the caller's own id: the same id twice is one event.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from gateway.core.case import EndedBy, Pending
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
    OPTED_OUT = "opted_out"  # the patient has refused messages at the provider (rule C-15)


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


@dataclass(frozen=True, slots=True)
class MessageHeld:
    """A started message has not left: its sender's turn comes later, or its visit changed.

    `started_at` names the start that it is about. `until` None: nothing is in the way but what
    the decision is made from, so it is made anew. `paused`: the provider asked the sender to
    pause, so its channel is not available; a sender that is merely busy is.
    """

    attempt: str
    started_at: datetime | None
    until: datetime | None = None
    paused: bool = False


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
    """The provider took the order for a call; it will ask and report by callback.

    `voice` is that of the prompts which were made for it; a callback does not know it.
    """

    attempt: str
    provider_id: str
    voice: str = ""


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
    `by_provider`: the provider has taken the opt-out or opt-in itself and has answered it.
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
    by_provider: bool = False


class LinkedBy(StrEnum):
    """How an account became known."""

    LINK = "link"  # a one-time link that was made for the number
    CONTACT = "contact"  # the patient's own contact, which the messenger vouches for
    RETURN = "return"  # started again by whom we know
    WROTE = "wrote"  # who had stopped writes again
    CLINIC = "clinic"  # the clinic, or its app, says so


@dataclass(frozen=True, slots=True)
class AccountLinked:
    """The patient's own id on a channel became known. `at` is the provider's word for when;
    without one it comes in order."""

    channel: Channel
    account: str
    by: LinkedBy = LinkedBy.CLINIC
    at: datetime | None = None
    provider: str = ""


@dataclass(frozen=True, slots=True)
class AccountEnded:
    """An account stopped to be valid: this one, or whichever is known."""

    channel: Channel
    by: EndedBy
    account: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PatientChose:
    """A button on the patient page or in the clinic's own app (rules C-9, P-1)."""

    id: str
    source: Source
    answer: Answer
    booking: int | None = None  # the booking the link or the app showed; None: the newest link


@dataclass(frozen=True, slots=True)
class TimeChosen:
    """A free time was chosen on the patient page (rule P-3); `id` becomes that of the move."""

    id: str
    start: datetime
    booking: int


class MoveResult(StrEnum):
    """What came of asking the schedule to move a visit."""

    BOOKED = "booked"
    TAKEN = "taken"  # the time is no longer free
    CHANGED = "changed"  # the visit itself changed meanwhile
    REFUSED = "refused"  # for good
    UNAVAILABLE = "unavailable"  # certainly not booked: the schedule could not be asked
    UNKNOWN = "unknown"  # it may have been booked (rule G-6)


@dataclass(frozen=True, slots=True)
class MoveEnded:
    """The schedule's word on a move. `newest` is the visit as it is now, where it was told."""

    move: str
    result: MoveResult
    newest: Appointment | None = None
    removed: bool = False


@dataclass(frozen=True, slots=True)
class AttentionDone:
    """The staff has seen to an item of the attention queue."""

    item: str


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
    | MessageHeld
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
    | AccountEnded
    | PatientChose
    | AttentionDone
    | TimeChosen
    | MoveEnded
    | PushAccepted
    | PushConflicted
    | PushRefused
    | PushFailed
)
