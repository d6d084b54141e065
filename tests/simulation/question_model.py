"""One question in the simplest words: what became of each message, what holds of the visit.

Nothing here asks the code that decides. The machine in test_one_question.py tells this model what
happened; the model says what must be true then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.core.events import Failure, Receipt
from gateway.core.model import Answer, Channel, Status

STATUS_OF = {
    Answer.CONFIRM: Status.CONFIRMED,
    Answer.RESCHEDULE: Status.RESCHEDULE_REQUESTED,
    Answer.CANCEL: Status.CANCELLED,
}
ORDER = ("none", "accepted", "delivered", "read")
KNOWN_AFTER = {
    Receipt.SENT: "accepted",
    Receipt.DELIVERED: "delivered",
    Receipt.READ: "read",
}
NOT_LEARNT = (Channel.PUSH, Channel.SMS)


@dataclass
class Fate:
    """What is known of one message. `flying`: its last try has no outcome yet."""

    channel: Channel
    to: str
    booking: int
    free: bool
    has_link: bool = False
    started_at: datetime | None = None
    tries: int = 0
    flying: bool = False
    lost: bool = False
    dead: bool = False
    known: str = "none"
    provider_id: str | None = None
    charged: bool = False
    given_back: bool = False

    @property
    def has_left(self) -> bool:
        return self.tries > 0

    @property
    def is_taken(self) -> bool:
        return self.known != "none" and not self.dead

    @property
    def may_have_arrived(self) -> bool:
        return self.flying or self.lost or self.is_taken

    def name(self, provider_id: str | None) -> None:
        if provider_id and self.provider_id is None:
            self.provider_id = provider_id

    def know(self, what: str) -> bool:
        """Move forward, if that is forward, and charge what was taken for the first time."""
        is_open = not self.dead or (self.known == "none" and self.lost)
        if not self.has_left or not is_open or ORDER.index(what) <= ORDER.index(self.known):
            return False
        self.known, self.dead, self.flying = what, False, False
        self.charged = self.charged or not self.free
        return True

    def fail(self) -> bool:
        """The provider says that it did not arrive."""
        if not self.has_left or self.dead or self.known in ("delivered", "read"):
            return False
        self.given_back = self.charged
        self.dead, self.flying, self.lost = True, False, False
        return True


@dataclass
class World:
    """The visit as its schedule and its patient know it, and every message about it."""

    start: datetime
    number: str
    order: tuple[Channel, ...]
    limit: timedelta | None
    silent: tuple[Channel, ...]
    status: Status = Status.UNCONFIRMED
    booking: int = 1
    removed: bool = False
    closed_booking: int = 0
    on_their_way: list[tuple[Status, Status]] = field(default_factory=list)
    fates: dict[str, Fate] = field(default_factory=dict)
    opted_out: set[str] = field(default_factory=set)
    learnt: dict[tuple[str, Channel], datetime] = field(default_factory=dict)
    heard: dict[tuple[str, Channel], datetime] = field(default_factory=dict)
    push_gone: bool = False
    answers: int = 0

    # -- what happens

    @property
    def believed(self) -> Status:
        return self.on_their_way[-1][1] if self.on_their_way else self.status

    def asked(self) -> bool:
        return any(f.may_have_arrived for f in self.questions())

    def questions(self) -> list[Fate]:
        return [f for f in self.fates.values() if f.booking == self.booking and not f.free]

    def staff_says(self, status: Status) -> None:
        if self.status is Status.UNCONFIRMED and status is not self.status and self.asked():
            self.closed_booking = self.booking
        changed = status is not self.status
        self.status = status
        while changed and self.on_their_way and self.on_their_way[0][0] is not status:
            self.on_their_way.pop(0)

    def moves(self, start: datetime) -> None:
        if start != self.start:
            self.start, self.booking = start, self.booking + 1
            self.on_their_way.clear()

    def link_booking(self) -> int:
        sent = (f.booking for f in self.fates.values() if f.known != "none" and f.has_link)
        return max(sent, default=0)

    def counts(
        self, answer: Answer, now: datetime, *, booking: int, quoted: bool, page: bool
    ) -> bool:
        """Tell whether an answer has to be taken (rules C-10, C-17, H-5, Z-8)."""
        if self.removed or booking != self.booking or now >= self.start:
            return False
        if page and self.believed is Status.CONFIRMED:
            return answer is not Answer.CONFIRM
        if self.believed is not Status.UNCONFIRMED:
            return False
        return page or (self.closed_booking != self.booking and (quoted or self.asked()))

    def take(self, answer: Answer) -> None:
        self.on_their_way.append((self.believed, STATUS_OF[answer]))
        self.answers += 1

    def failed_for_good(self, fate: Fate, failure: Failure, now: datetime) -> None:
        if failure is Failure.OPTED_OUT and fate.to == self.number:
            self.opted_out.add(fate.to)
        impossible = failure is Failure.IMPOSSIBLE
        self.push_gone = self.push_gone or (impossible and fate.channel is Channel.PUSH)
        if impossible and fate.to == self.number and fate.channel not in NOT_LEARNT:
            self.learnt[fate.to, fate.channel] = now + timedelta(days=30)

    def arrived(self, fate: Fate) -> None:
        if fate.to == self.number:
            self.learnt.pop((fate.to, fate.channel), None)

    def wrote(self, number: str, channel: Channel, now: datetime) -> None:
        self.heard[number, channel] = now
        self.learnt.pop((number, channel), None)

    # -- what must hold

    def overdue_at(self, fate: Fate) -> datetime | None:
        """When an accepted message counts as not delivered; None: never."""
        heard = self.heard.get((self.number, fate.channel))
        if fate.known != "accepted" or self.limit is None or fate.channel in self.silent:
            return None
        if fate.started_at is None or (heard is not None and heard >= fate.started_at):
            return None
        return fate.started_at + self.limit

    def stands(self, fate: Fate, now: datetime) -> bool:
        """Tell whether this message is enough, so that no other may follow."""
        if fate.flying:
            return True
        overdue = self.overdue_at(fate)
        return fate.is_taken and (overdue is None or now < overdue)

    def is_spent(self, channel: Channel, now: datetime) -> bool:
        """Tell whether a channel has had its turn or cannot reach the number."""
        if now < self.learnt.get((self.number, channel), now):
            return True
        if channel is Channel.PUSH and self.push_gone:
            return True
        mine = [f for f in self.questions() if f.channel is channel]
        return any(f.is_taken or (f.dead and f.to == self.number) for f in mine)
