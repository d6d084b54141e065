"""The store: the only keeper of state.

One operation changes a case, `commit`, and it is atomic: it compares the versions, writes the
documents, moves their entries in the due queue and the waiting rooms, appends their journals to
the timelines, and charges, counters and dedupe ids with them. Whoever gets `DONE` may rely on it
after a crash of anything.

Two waiting rooms stand beside the due queue, one per branch each: entries that want to send a
message wait there for the branch's pace (`per_minute` grants in any 60 seconds), entries that
want to call wait for a line (`lines` at once). Both are served in order of `Want.rank`, so in
order of visit time (rule Z-15), across all nodes (rule H-7).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final, Protocol

from gateway.core.case import Case, Contact, Entry


class Kind(StrEnum):
    """What a reference points at."""

    CASE = "case"
    CONTACT = "contact"
    BRANCH = "branch"  # its daily write-off


@dataclass(frozen=True, slots=True)
class Ref:
    """Names a case (by appointment id), a contact (by number) or a branch of a clinic."""

    kind: Kind
    clinic: str
    key: str


class Room(StrEnum):
    """What an entry of a waiting room waits for."""

    MESSAGE = "message"
    CALL = "call"


class Duty(StrEnum):
    """What a node claims: due entries, and turns of the waiting rooms."""

    DUE = "due"
    MESSAGE = "message"
    CALL = "call"


EVERY_DUTY: Final = frozenset(Duty)


@dataclass(frozen=True, slots=True)
class Want:
    """An entry of a waiting room; lower ranks go first. Ranks are UTC epoch seconds of the
    visit, 0 for answers to what a patient has just done."""

    room: Room
    rank: float


@dataclass(frozen=True, slots=True)
class Write:
    """One document of a commit.

    `expected` is the version it was read at (0: it did not exist); the stored version becomes
    `expected + 1`, whatever `document.version` says. The document is stored without its
    journal, and a contact without `wake`: those go to the timeline and the due queue.
    `calling` keeps the line that the case was granted; False gives it back.
    """

    document: Case | Contact
    expected: int
    due: datetime | None
    wants: tuple[Want, ...] = ()
    calling: bool = False


@dataclass(frozen=True, slots=True)
class Charge:
    """One ledger entry. `day` is the branch's local day of the charge; when that day is
    already written off, the entry goes to the next day that is not (rule Z-14).
    `write_off_at` is the moment at which the branch's next write-off falls due."""

    branch: str
    day: date
    at: datetime
    appointment: str
    function: str
    channel: str
    amount: Decimal
    attempt: str
    write_off_at: datetime


@dataclass(frozen=True, slots=True)
class Work:
    """One action to be counted for Q-2 (day, function, channel and result)."""

    branch: str
    day: date
    function: str
    channel: str
    result: str


@dataclass(frozen=True, slots=True)
class Publish:
    """A change for the clinic's feed, where it gets the next `seq` (1, 2, 3 …).

    The same `ref` and `push` again keep their first `seq` and are not put there again."""

    ref: Ref
    push: str
    document: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Grant:
    """A slot or line that was granted; given back by `Commit.refund` when it was not used."""

    room: Room
    branch: str
    member: str


@dataclass(frozen=True, slots=True)
class Commit:
    """Everything that changes at once. All writes belong to one clinic, so to one partition.

    `checks` are documents that were read but not changed: their versions must still hold.
    `wake` makes other cases due at a moment, if that is earlier than their own.
    `seen` is the id of an inbound event; when it was committed before, nothing is changed and
    the result is DUPLICATE. It is remembered for at least 7 days (facts: WhatsApp repeats a
    webhook for up to 7 days).
    `attention` keeps the clinic's queue for its staff: documents whose items changed, each with
    when its oldest open item began (None: it has none any more).
    `hints` (hint, what it points at, how long it is kept) are remembered whatever the outcome,
    and before it is known: they cost no round trip of their own.
    """

    clinic: str
    writes: tuple[Write, ...]
    checks: tuple[tuple[Ref, int], ...] = ()
    wake: tuple[tuple[Ref, datetime], ...] = ()
    charges: tuple[Charge, ...] = ()
    work: tuple[Work, ...] = ()
    publishes: tuple[Publish, ...] = ()
    seen: str | None = None
    refund: Grant | None = None
    hints: tuple[tuple[str, Ref, timedelta], ...] = ()
    attention: tuple[tuple[Ref, datetime | None], ...] = ()


class Outcome(StrEnum):
    """What came of a commit."""

    DONE = "done"
    CONFLICT = "conflict"  # a version did not hold: read again and decide again
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Claimed:
    """One entry that is now leased to the caller.

    `room` is None when its due time was reached, else which grant it got. `document` may be
    None when the case was purged meanwhile. `contact` is the case's contact, if it has one.
    """

    ref: Ref
    room: Room | None
    document: Case | Contact | None
    contact: Contact | None = None
    grant: Grant | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """What a claim brought, and when the next one may bring more (None: not by itself)."""

    items: tuple[Claimed, ...]
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class ClinicRecord:
    """A clinic's settings as stored: the JSON document of `ports.schema` and its version.

    `connected` holds the moment of each branch's first import (rule Z-1)."""

    clinic: str
    version: int
    document: Mapping[str, object]
    connected: Mapping[str, datetime]


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One change in a clinic's feed. `ref` and `push` lead back to the case or contact."""

    seq: int
    ref: Ref
    push: str
    document: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class LedgerDay:
    """The charges of a branch's day in the order in which they were committed."""

    charges: tuple[Charge, ...]
    written_off: bool


@dataclass(frozen=True, slots=True)
class WriteOff:
    """The daily sum of a branch (rule T-4)."""

    branch: str
    day: date
    amount: Decimal
    charges: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Rates:
    """A branch's limits, beside its settings so that a claim needs no settings."""

    per_minute: int
    lines: int


@dataclass(frozen=True, slots=True)
class Turns:
    """What a sender may send now.

    `taken` turns are the caller's; the next one can come after `wait` at the earliest. While the
    provider has the sender pause there is none, and `paused_until` says how long.
    """

    taken: int
    wait: timedelta
    paused_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoreFigures:
    """What operations want to see."""

    cases: int
    due: int
    waiting: int
    oldest_due: datetime | None
    extra: Mapping[str, float] = field(default_factory=dict)
    attention: int = 0  # cases and contacts that hold something for the staff


class Store(Protocol):
    """Durable, versioned documents with a due queue. Raises `StoreUnavailable`."""

    @property
    def partitions(self) -> int:
        """How many partitions there are, fixed at first start."""
        ...

    def partition_of(self, clinic: str) -> int:
        """Return the partition of a clinic."""
        ...

    async def load_case(self, clinic: str, appointment: str) -> tuple[Case | None, Contact | None]:
        """Return a case and the contact of its number, in one look."""
        ...

    async def load_contact(
        self, clinic: str, number: str
    ) -> tuple[Contact | None, tuple[Case, ...]]:
        """Return a contact and the cases of all its `visits`, in one look."""
        ...

    async def commit(self, commit: Commit) -> Outcome:
        """Carry out everything or nothing. After `StoreUnavailable` the outcome is unknown;
        repeating the same commit is safe (a repeated one answers CONFLICT or DUPLICATE)."""
        ...

    async def claim(
        self,
        partition: int,
        now: datetime,
        limit: int,
        lease: timedelta,
        duties: frozenset[Duty] = EVERY_DUTY,
        sated: frozenset[tuple[str, str]] = frozenset(),
    ) -> Claim:
        """Lease up to `limit` entries whose due time is reached or whose turn has come.

        A leased entry is due again at `now + lease` unless a commit says otherwise. Messages of
        the `sated` branches (clinic, branch) are left waiting: this node has enough of them.
        """
        ...

    async def timeline(self, ref: Ref) -> tuple[Entry, ...]:
        """Return the whole timeline of a case or contact, oldest first."""
        ...

    async def cases(
        self, clinic: str, branch: str, since: datetime, until: datetime, limit: int = 1000
    ) -> tuple[Case, ...]:
        """Return the cases of a branch whose visit starts in [since, until), by start."""
        ...

    async def attention(self, clinic: str, limit: int) -> tuple[Case | Contact, ...]:
        """Return the cases and contacts that hold something for the staff, the longest waiting
        first."""
        ...

    async def wake_branch(self, clinic: str, branch: str, now: datetime) -> int:
        """Make every open case of a branch due now (its settings changed); return how many."""
        ...

    async def remember(self, hint: str, ref: Ref, ttl: timedelta) -> None:
        """Keep a look-up hint, such as `msg:whatsapp:wamid.…` or `link:<token>`."""
        ...

    async def recall(self, hint: str) -> Ref | None:
        """Return what a hint points at; it may be stale or gone."""
        ...

    async def save_clinic(self, record: ClinicRecord, rates: Mapping[str, Rates]) -> Outcome:
        """Write a clinic's settings if `record.version` is still the stored one (0: new)."""
        ...

    async def load_clinic(self, clinic: str) -> ClinicRecord | None:
        """Return a clinic's settings."""
        ...

    async def clinics(self) -> tuple[str, ...]:
        """Return the ids of all clinics, sorted."""
        ...

    async def feed(self, clinic: str, after: int, limit: int) -> tuple[FeedItem, ...]:
        """Return the changes of a clinic with `seq` > after that were not taken yet."""
        ...

    async def take_from_feed(self, clinic: str, seq: int) -> None:
        """Drop a change that the clinic took or refused."""
        ...

    async def ledger(self, clinic: str, branch: str, day: date) -> LedgerDay:
        """Return a branch's charges of a day."""
        ...

    async def open_days(self, clinic: str, branch: str) -> tuple[date, ...]:
        """Return the days that have charges and are not written off, oldest first."""
        ...

    async def write_off(self, clinic: str, write_off: WriteOff, next_due: datetime | None) -> bool:
        """Record a write-off if the day still has exactly `charges` entries and none was
        recorded yet; return whether it was. The branch becomes due at `next_due`."""
        ...

    async def write_offs(
        self, clinic: str, branch: str, since: date, until: date
    ) -> tuple[WriteOff, ...]:
        """Return the write-offs of the days [since, until)."""
        ...

    async def spent(self, clinic: str, branch: str, month: date) -> Decimal:
        """Return the sum of a branch's charges of the days of a month, reversals taken off.

        `month` is its first day. Kept up by every commit, so it costs one look.
        """
        ...

    async def work(
        self, clinic: str, branch: str, since: date, until: date
    ) -> tuple[tuple[Work, int], ...]:
        """Return the counted actions of the days [since, until)."""
        ...

    async def save_key(self, digest: str, clinic: str, created: datetime, label: str) -> None:
        """Keep the hash of an API key (never the key)."""
        ...

    async def key_clinic(self, digest: str) -> str | None:
        """Return the clinic that a key's hash belongs to."""
        ...

    async def keys(self, clinic: str) -> tuple[tuple[str, datetime, str], ...]:
        """Return hash, creation time and label of a clinic's keys, oldest first."""
        ...

    async def revoke_key(self, clinic: str, digest: str) -> bool:
        """Forget a key; return whether there was one."""
        ...

    async def take_turn(
        self, name: str, per_second: float, now: datetime, wait_max: timedelta
    ) -> timedelta | None:
        """Reserve the next turn of a limit that holds over all nodes (rule H-7).

        Returns how long to wait for it; None, and nothing is reserved, if that is longer than
        `wait_max`.
        """
        ...

    async def take_turns(
        self, name: str, per_second: float | None, wanted: int, now: datetime
    ) -> Turns:
        """Take up to `wanted` turns of a sender from its token bucket (rule H-7).

        In any second of `now` no more than `per_second` of them are taken, by all nodes together;
        None: only a pause is in the way.
        """
        ...

    async def date_turns(self, name: str, turns: int, left_at: datetime) -> None:
        """Count the last `turns` of a sender as taken at `left_at`, if that is later: the answer
        took so long that whatever was sent left only then."""
        ...

    async def pause_sender(self, name: str, now: datetime, at_least: timedelta) -> datetime:
        """Have a sender pause on all nodes and return until when (rule H-2).

        Each pause soon after another is twice as long; one that is under way only becomes
        longer when `at_least` says so.
        """
        ...

    async def take_line(
        self, name: str, holder: str, lines: int, now: datetime, until: datetime
    ) -> bool:
        """Hold one of `lines` of a trunk until then at most; False: all are held (rule H-7)."""
        ...

    async def free_line(self, name: str, holder: str) -> None:
        """Let go of a line; harmless when it is not held."""
        ...

    async def figures(self) -> StoreFigures:
        """Return counts for /metrics."""
        ...

    async def ping(self) -> None:
        """Raise unless the store can commit now."""
        ...

    async def close(self) -> None:
        """Finish what was sent and let go."""
        ...
