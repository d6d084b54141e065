"""A case, a contact, and the table of what may follow what.

A *case* is everything Callahead knows about one appointment; a *contact* is what belongs to a
number rather than to one visit. Both are frozen; `decide` returns new ones. Effects that a
decision wants are attempts inside them, in state `planned` or `started`.

`journal` holds the timeline entries that one decision added. The store appends them to the
timeline (rule G-5) in the same commit, so a loaded case always has an empty journal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from gateway.core.model import (
    Answer,
    Appointment,
    CallResult,
    Channel,
    Function,
    Purpose,
    Reason,
    Source,
    Status,
)

JournalValue: TypeAlias = bool | int | str | list[str] | None


class IllegalTransition(Exception):
    """An attempt was asked to do what its state does not allow; nothing was changed."""

    def __init__(self, state: AttemptState, event: AttemptEvent) -> None:
        super().__init__(f"an attempt in state {state.value!r} cannot take {event.value!r}")
        self.state = state
        self.event = event


class AttemptState(StrEnum):
    """Where one message or call stands."""

    PLANNED = "planned"  # wanted; nothing has left the machine
    STARTED = "started"  # committed before the adapter is called: it may have left
    UNKNOWN = "unknown"  # outcome unknown; waits for receipts (rule G-6)
    WITHDRAWN = "withdrawn"  # tried and no longer wanted; a try may have got through after all
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    TALKING = "talking"  # a call that was answered
    ENDED = "ended"  # a call that is over


class AttemptEvent(StrEnum):
    """What can happen to one message or call."""

    START = "start"
    POSTPONE = "postpone"  # it certainly did not get through and may be tried again
    WITHDRAW = "withdraw"  # it is no longer wanted and will not be tried again
    LOSE = "lose"  # nobody knows whether it got through
    ACCEPT = "accept"
    DELIVER = "deliver"
    READ = "read"
    FAIL = "fail"
    PICK_UP = "pick_up"
    HANG_UP = "hang_up"


_S, _E = AttemptState, AttemptEvent

ATTEMPT_TRANSITIONS: dict[AttemptState, dict[AttemptEvent, AttemptState]] = {
    _S.PLANNED: {
        _E.START: _S.STARTED,
        _E.WITHDRAW: _S.WITHDRAWN,
        # A receipt for an earlier try, which had got through after all.
        _E.ACCEPT: _S.ACCEPTED,
        _E.DELIVER: _S.DELIVERED,
        _E.READ: _S.READ,
        _E.FAIL: _S.FAILED,
    },
    _S.STARTED: {
        _E.POSTPONE: _S.PLANNED,
        _E.LOSE: _S.UNKNOWN,
        _E.ACCEPT: _S.ACCEPTED,
        # A receipt may overtake the response to the send itself.
        _E.DELIVER: _S.DELIVERED,
        _E.READ: _S.READ,
        _E.FAIL: _S.FAILED,
        _E.PICK_UP: _S.TALKING,
        _E.HANG_UP: _S.ENDED,
    },
    _S.UNKNOWN: {
        _E.POSTPONE: _S.PLANNED,
        _E.ACCEPT: _S.ACCEPTED,
        _E.DELIVER: _S.DELIVERED,
        _E.READ: _S.READ,
        _E.FAIL: _S.FAILED,
    },
    _S.WITHDRAWN: {
        _E.ACCEPT: _S.ACCEPTED,
        _E.DELIVER: _S.DELIVERED,
        _E.READ: _S.READ,
        _E.FAIL: _S.FAILED,
    },
    _S.ACCEPTED: {_E.DELIVER: _S.DELIVERED, _E.READ: _S.READ, _E.FAIL: _S.FAILED},
    _S.DELIVERED: {_E.READ: _S.READ},
    _S.READ: {},
    # Only where a try was lost and then given up: its receipt tells that it had got through.
    _S.FAILED: {_E.ACCEPT: _S.ACCEPTED, _E.DELIVER: _S.DELIVERED, _E.READ: _S.READ},
    _S.TALKING: {_E.HANG_UP: _S.ENDED},
    _S.ENDED: {},
}
"""The only legal moves; docs/architecture.md draws this table. Rule H-4: nothing moves back,
apart from a try that certainly did not get through (`postpone`). What a provider itself called
failed stays so (`gateway.core.sending.move`)."""


def next_state(state: AttemptState, event: AttemptEvent) -> AttemptState:
    """Return the state that follows, or raise `IllegalTransition` and change nothing."""
    try:
        return ATTEMPT_TRANSITIONS[state][event]
    except KeyError:
        raise IllegalTransition(state, event) from None


UNDER_WAY = frozenset({_S.STARTED, _S.UNKNOWN, _S.TALKING})
"""States in which nobody may start another attempt of the same question."""

REACHED = frozenset({_S.ACCEPTED, _S.DELIVERED, _S.READ})
"""States in which the provider has taken the message."""


@dataclass(frozen=True, slots=True)
class Button:
    """A quick reply; its payload names case, booking and answer (see `links.button_payload`)."""

    answer: Answer
    title: str
    payload: str


@dataclass(frozen=True, slots=True)
class Content:
    """What a message says.

    `text` is the whole message in plain words. `template` names the same message for channels
    that take only approved templates; `parameters` are its facts, in the template's own order.
    """

    text: str
    template: str
    language: str
    parameters: tuple[str, ...] = ()
    buttons: tuple[Button, ...] = ()
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One message or call. `id` is unique within its case or contact."""

    id: str
    booking: int
    function: Function | None
    purpose: Purpose
    channel: Channel
    to: str
    state: AttemptState = AttemptState.PLANNED
    not_before: datetime | None = None
    started_at: datetime | None = None
    first_try_at: datetime | None = None
    ended_at: datetime | None = None
    looked_at: datetime | None = None  # when a provider was last asked about its call
    tries: int = 0
    lost: bool = False  # nobody knows whether a try got through (rule G-6)
    after_call: bool = False
    content: Content | None = None
    about: str = ""  # which wording of the purpose, see gateway.core.wording
    choices: tuple[tuple[str, datetime, str], ...] = ()  # "which visit?": id, start, time zone
    reply_to: str | None = None  # provider's id of the message that this one quotes
    provider_id: str | None = None
    result: CallResult | None = None
    keys: str = ""
    dialogue: str = ""  # where a provider's call stands, see gateway.ivr.menu.Session
    voice: str = ""  # who speaks in it, to its end
    price: Decimal | None = None  # what was charged, None before acceptance
    reversed: bool = False
    code: str = ""  # the provider's word for a failure

    @property
    def is_call(self) -> bool:
        """Tell a call from a message."""
        return self.channel is Channel.CALL

    @property
    def is_free(self) -> bool:
        """Tell an answer to what the patient has just done (rules T-3, Z-7)."""
        return self.purpose in (Purpose.ACKNOWLEDGEMENT, Purpose.CLARIFICATION)


class PushState(StrEnum):
    """Where one status change on its way to the schedule stands."""

    PENDING = "pending"
    STARTED = "started"
    PUBLISHED = "published"  # it stands in the changes feed and waits for the clinic's ack
    ACCEPTED = "accepted"
    REFUSED = "refused"
    CONFLICT = "conflict"
    SETTLED = "settled"  # the schedule already has that state (rule Z-11)


OPEN_PUSHES = frozenset({PushState.PENDING, PushState.STARTED, PushState.PUBLISHED})


@dataclass(frozen=True, slots=True)
class StatusPush:
    """One status change for the schedule (rule S-1). `id` is unique within its case."""

    id: str
    booking: int
    start: datetime
    answer: Answer
    before: Status
    after: Status
    source: Source
    evidence: str
    at: datetime
    state: PushState = PushState.PENDING
    tries: int = 0
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A change of kind `notifications`: the number allows or refuses messages (rule Z-9)."""

    id: str
    allowed: bool
    evidence: str
    source: Source
    at: datetime
    state: PushState = PushState.PENDING
    tries: int = 0
    not_before: datetime | None = None


class MoveState(StrEnum):
    """Where the move to a chosen free time stands."""

    STARTED = "started"  # committed before the schedule is asked: it may have booked already
    BOOKED = "booked"
    FAILED = "failed"  # certainly not booked
    UNKNOWN = "unknown"  # nobody knows; the staff looks into it (rule G-6)


@dataclass(frozen=True, slots=True)
class Move:
    """A free time that the patient chose (rule P-3); `booking` is the one that is moved."""

    id: str
    booking: int
    start: datetime
    at: datetime
    state: MoveState = MoveState.STARTED
    why: str = ""  # why it failed: see `gateway.core.rescheduling`


class EntryKind(StrEnum):
    """Kinds of timeline entries."""

    SNAPSHOT = "snapshot"
    REMOVED = "removed"
    MESSAGE = "message"
    CALL = "call"
    RECEIPT = "receipt"
    SKIP = "skip"
    ANSWER = "answer"
    STATUS = "status"
    CONFLICT = "conflict"
    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    NEEDS_ATTENTION = "needs_attention"
    ATTENTION_SETTLED = "attention_settled"
    CHARGE = "charge"
    PUSH = "push"
    RECONCILE = "reconcile"
    QUESTION = "question"
    LINKED = "linked"  # an account of the number became known; always of a contact
    UNLINKED = "unlinked"
    MOVE = "move"  # a free time that the patient chose on the page (rule P-3)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a timeline; never rewritten once committed (rule G-5)."""

    at: datetime
    kind: EntryKind
    function: Function | None = None
    booking: int = 0
    data: Mapping[str, JournalValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attention:
    """Something that waits for the clinic's staff; see `gateway.core.attention`.

    `at` is when it began, `data` that of the newest timeline entry about it.
    """

    id: str
    why: str
    at: datetime
    data: Mapping[str, JournalValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FunctionState:
    """What was decided about a function of one booking; open while `closed_at` is None.

    A closed function with reasons was not sent (rule G-4); closed without reasons it was done,
    answered or switched off.
    """

    closed_at: datetime | None = None
    reasons: tuple[Reason, ...] = ()


OPEN = FunctionState()


@dataclass(frozen=True, slots=True)
class Case:
    """Everything known about one appointment. `due`: when it wants to be looked at again."""

    clinic: str
    id: str
    branch: str
    snapshot: Appointment
    recorded_at: datetime
    number: str | None
    phone_reasons: tuple[Reason, ...] = ()
    version: int = 0
    removed: bool = False
    adopted: bool = False
    appeared_at: datetime | None = None  # None: when it was created (rules Z-1, Z-2)
    booking: int = 1
    booking_since: datetime | None = None  # set from the second booking on
    details: FunctionState = OPEN
    confirmation: FunctionState = OPEN
    reminder: FunctionState = OPEN
    attempts: tuple[Attempt, ...] = ()
    attempts_made: int = 0
    pushes: tuple[StatusPush, ...] = ()
    pushes_made: int = 0
    link_booking: int = 0  # newest booking whose link was sent; 0: none yet
    closed_question: int = 0  # newest booking whose open question the staff settled (C-17)
    move: Move | None = None  # the newest one
    attention: tuple[Attention, ...] = ()  # oldest first
    attention_made: int = 0
    seen: tuple[str, ...] = ()
    due: datetime | None = None
    journal: tuple[Entry, ...] = ()

    @property
    def status(self) -> Status:
        """The schedule's status, with accepted answers that are still on their way on top."""
        for push in reversed(self.pushes):
            if push.state in OPEN_PUSHES:
                return push.after
        return self.snapshot.status

    def function(self, function: Function) -> FunctionState:
        """Return the state of one function of the present booking."""
        if function is Function.DETAILS:
            return self.details
        return self.confirmation if function is Function.CONFIRMATION else self.reminder


@dataclass(frozen=True, slots=True)
class Pending:
    """A clear answer that waits for the patient to say which visit it is about (rule C-11)."""

    answer: Answer
    raw: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Learnt:
    """A number cannot be reached on a channel; forgotten after `until` (rule H-1)."""

    channel: Channel
    until: datetime


class EndedBy(StrEnum):
    """Why an account is no longer written to."""

    STOPPED = "stopped"  # the patient stopped or blocked the bot; coming back is enough
    MOVED = "moved"  # it speaks for another number now
    CLINIC = "clinic"  # the clinic has unlinked it
    GONE = "gone"  # the provider says that there is no such phone any more


@dataclass(frozen=True, slots=True)
class Account:
    """The patient's opaque id on a channel, where it is not the number itself.

    `at` is when it was last heard of, by its provider's clock. `provider` tells services apart
    that serve one channel, such as those of push.
    """

    channel: Channel
    id: str
    at: datetime | None = None
    ended: EndedBy | None = None
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Contact:
    """What belongs to a number of a clinic rather than to one visit.

    `visits` are the appointments of the number, newest last; `waiting` those of them that
    wait to call this number; `wake` tells the store which of them to look at, and when.
    `called_at` is when the call of `calling` began: a case that has got another number
    meanwhile does not report the end of its call here.
    """

    clinic: str
    number: str
    branch: str = ""  # whose pace, phone and language speak for the number when no visit does
    version: int = 0
    opted_out_at: datetime | None = None
    visits: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    wake: tuple[tuple[str, datetime], ...] = ()
    calling: str | None = None  # the appointment whose call to this number is under way
    called_at: datetime | None = None
    call_ended_at: datetime | None = None
    pending: Pending | None = None
    unclear: int = 0  # answers in a row that were not understood (rule C-13)
    learnt: tuple[Learnt, ...] = ()
    accounts: tuple[Account, ...] = ()
    heard_at: tuple[tuple[Channel, datetime], ...] = ()  # last inbound message per channel
    told_at: datetime | None = None  # last automatic answer to a number without visits
    attempts: tuple[Attempt, ...] = ()
    attempts_made: int = 0
    attention: tuple[Attention, ...] = ()  # oldest first
    attention_made: int = 0
    notices: tuple[Notice, ...] = ()
    notices_made: int = 0
    seen: tuple[str, ...] = ()
    due: datetime | None = None
    journal: tuple[Entry, ...] = ()

    def cannot_reach(self, channel: Channel, now: datetime) -> bool:
        """Tell whether the number is known to have no account on the channel."""
        return any(item.channel is channel and now < item.until for item in self.learnt)

    def has_written_since(self, channel: Channel, moment: datetime) -> bool:
        """Tell whether a message came from the number on the channel at that moment or later."""
        return any(heard is channel and at >= moment for heard, at in self.heard_at)

    def account(self, channel: Channel) -> str | None:
        """Return the patient's own id on the channel, if one is known that can be written to."""
        known = self.record(channel)
        return known.id if known is not None and known.ended is None else None

    def record(self, channel: Channel) -> Account | None:
        """Return what is known of the channel's account, be it ended or not."""
        for item in self.accounts:
            if item.channel is channel:
                return item
        return None
