"""The store of a rehearsal: one process, no disk, the same behaviour as the Redis store.

Documents are kept as they are (they are frozen). Nothing ends here: a rehearsal is over before
any retention is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from adapters.store import keys
from adapters.store.memory_limits import MemoryLimits
from adapters.store.memory_partition import Document, Partition
from gateway.core.case import Case, Contact, Entry
from gateway.ports.store import (
    EVERY_DUTY,
    Charge,
    Claim,
    ClinicRecord,
    Commit,
    Duty,
    FeedItem,
    LedgerDay,
    Outcome,
    Publish,
    Rates,
    Ref,
    StoreFigures,
    Work,
    WriteOff,
)


@dataclass(slots=True)
class _Feed:
    """A clinic's feed: untaken changes by `seq`, and which changes were ever published."""

    seq: int
    items: dict[int, FeedItem]
    published: set[tuple[Ref, str]]


class MemoryStore(MemoryLimits):
    """A `gateway.ports.store.Store` in the memory of one process.

    `keep_timelines=False` forgets timelines, for rehearsals that only count.
    """

    def __init__(self, partitions: int = 1, *, keep_timelines: bool = True) -> None:
        super().__init__()
        self._partitions = [Partition(keep_timelines=keep_timelines) for _ in range(partitions)]
        self._of_clinic: dict[str, Partition] = {}
        self._hints: dict[str, Ref] = {}
        self._clinics: dict[str, ClinicRecord] = {}
        self._feeds: defaultdict[str, _Feed] = defaultdict(lambda: _Feed(0, {}, set()))
        self._keys: dict[str, tuple[str, datetime, str]] = {}

    @property
    def partitions(self) -> int:
        """How many partitions there are."""
        return len(self._partitions)

    def partition_of(self, clinic: str) -> int:
        """Return the partition of a clinic."""
        return keys.partition_of(clinic, len(self._partitions))

    def _at(self, clinic: str) -> Partition:
        found = self._of_clinic.get(clinic)
        if found is None:
            found = self._of_clinic[clinic] = self._partitions[self.partition_of(clinic)]
        return found

    async def load_case(self, clinic: str, appointment: str) -> tuple[Case | None, Contact | None]:
        """Return a case and the contact of its number."""
        partition = self._at(clinic)
        case = partition.case(clinic, appointment)
        return case, partition.contact_of(case)

    async def load_contact(
        self, clinic: str, number: str
    ) -> tuple[Contact | None, tuple[Case, ...]]:
        """Return a contact and the cases of its visits."""
        partition = self._at(clinic)
        contact = partition.contact(clinic, number)
        if contact is None:
            return None, ()
        found = (partition.case(clinic, visit) for visit in contact.visits)
        return contact, tuple(case for case in found if case is not None)

    async def commit(self, commit: Commit) -> Outcome:
        """Carry out everything or nothing."""
        for hint, ref, _ in commit.hints:
            self._hints[hint] = ref
        outcome = self._at(commit.clinic).commit(commit)
        if outcome is Outcome.DONE:
            for item in commit.publishes:
                self._publish(item)
        return outcome

    async def claim(
        self,
        partition: int,
        now: datetime,
        limit: int,
        lease: timedelta,
        duties: frozenset[Duty] = EVERY_DUTY,
        sated: frozenset[tuple[str, str]] = frozenset(),
    ) -> Claim:
        """Lease up to `limit` entries whose due time is reached or whose turn has come."""
        return self._partitions[partition].claim(now, limit, lease, duties, sated)

    async def timeline(self, ref: Ref) -> tuple[Entry, ...]:
        """Return the whole timeline of a case or contact, oldest first."""
        return tuple(self._at(ref.clinic).timelines.get(keys.member(ref), ()))

    async def cases(
        self, clinic: str, branch: str, since: datetime, until: datetime, limit: int = 1000
    ) -> tuple[Case, ...]:
        """Return the cases of a branch whose visit starts in [since, until), by start."""
        found = [
            case
            for case in self._cases(clinic, branch)
            if since <= case.snapshot.start < until
        ]  # fmt: skip
        found.sort(key=lambda case: (case.snapshot.start, case.id))
        return tuple(found[:limit])

    def _cases(self, clinic: str, branch: str) -> Iterable[Case]:
        for document in self._documents(clinic, branch):
            if isinstance(document.body, Case):
                yield document.body

    def _documents(self, clinic: str, branch: str) -> Iterable[Document]:
        return self._at(clinic).branch_cases[clinic, branch].values()

    async def attention(self, clinic: str, limit: int) -> tuple[Case | Contact, ...]:
        """Return what holds something for the staff, the longest waiting first."""
        return tuple(self._at(clinic).attention(clinic)[:limit])

    async def wake_branch(self, clinic: str, branch: str, now: datetime) -> int:
        """Make every open case of a branch due now; return how many.

        Their versions grow by one, so that a decision under the old settings cannot be
        committed any more.
        """
        partition, woken = self._at(clinic), 0
        for document in self._documents(clinic, branch):
            case = document.body
            if isinstance(case, Case) and (document.open or case.snapshot.start > now):
                document.version += 1
                document.body = replace(case, version=document.version)
                partition.wake(document.member, now)
                woken += 1
        return woken

    async def remember(self, hint: str, ref: Ref, ttl: timedelta) -> None:
        """Keep a look-up hint. Here it never ends."""
        self._hints[hint] = ref

    async def recall(self, hint: str) -> Ref | None:
        """Return what a hint points at."""
        return self._hints.get(hint)

    async def save_clinic(self, record: ClinicRecord, rates: Mapping[str, Rates]) -> Outcome:
        """Write a clinic's settings if `record.version` is still the stored one."""
        stored = self._clinics.get(record.clinic)
        if (stored.version if stored else 0) != record.version:
            return Outcome.CONFLICT
        self._clinics[record.clinic] = replace(record, version=record.version + 1)
        self._at(record.clinic).set_rates(record.clinic, rates)
        return Outcome.DONE

    async def load_clinic(self, clinic: str) -> ClinicRecord | None:
        """Return a clinic's settings."""
        return self._clinics.get(clinic)

    async def clinics(self) -> tuple[str, ...]:
        """Return the ids of all clinics, sorted."""
        return tuple(sorted(self._clinics))

    def _publish(self, item: Publish) -> None:
        """Put a change into its clinic's feed, unless it was put there before."""
        feed = self._feeds[item.ref.clinic]
        if (item.ref, item.push) not in feed.published:
            feed.seq += 1
            feed.published.add((item.ref, item.push))
            feed.items[feed.seq] = FeedItem(feed.seq, item.ref, item.push, item.document)

    async def feed(self, clinic: str, after: int, limit: int) -> tuple[FeedItem, ...]:
        """Return the changes of a clinic with `seq` > after that were not taken yet."""
        items = self._feeds[clinic].items
        return tuple(items[seq] for seq in sorted(items) if seq > after)[:limit]

    async def take_from_feed(self, clinic: str, seq: int) -> None:
        """Drop a change that the clinic took or refused."""
        self._feeds[clinic].items.pop(seq, None)

    async def ledger(self, clinic: str, branch: str, day: date) -> LedgerDay:
        """Return a branch's charges of a day."""
        books = self._at(clinic).books(clinic, branch)
        charges: list[Charge] = books.charges.get(day, [])
        return LedgerDay(tuple(charges), day in books.written_off)

    async def open_days(self, clinic: str, branch: str) -> tuple[date, ...]:
        """Return the days that have charges and are not written off, oldest first."""
        return tuple(sorted(self._at(clinic).books(clinic, branch).open_days))

    async def write_off(self, clinic: str, write_off: WriteOff, next_due: datetime | None) -> bool:
        """Record a write-off if the day still has exactly `charges` entries and none was
        recorded yet; return whether it was.

        The branch becomes due at `next_due` or when the next of its open days falls due,
        whichever is earlier, and not at all without an open day."""
        return self._at(clinic).write_off(clinic, write_off, next_due)

    async def write_offs(
        self, clinic: str, branch: str, since: date, until: date
    ) -> tuple[WriteOff, ...]:
        """Return the write-offs of the days [since, until)."""
        done = self._at(clinic).books(clinic, branch).written_off
        return tuple(done[day] for day in sorted(done) if since <= day < until)

    async def spent(self, clinic: str, branch: str, month: date) -> Decimal:
        """Return the sum of a branch's charges of the days of a month, reversals taken off."""
        return self._at(clinic).books(clinic, branch).spent.get(keys.month(month), Decimal(0))

    async def work(
        self, clinic: str, branch: str, since: date, until: date
    ) -> tuple[tuple[Work, int], ...]:
        """Return the counted actions of the days [since, until), by day, function, channel
        and result."""
        counts = self._at(clinic).books(clinic, branch).work
        found = [(item, count) for item, count in counts.items() if since <= item.day < until]
        found.sort(key=lambda pair: (pair[0].day, keys.work_field(pair[0])))
        return tuple(found)

    async def save_key(self, digest: str, clinic: str, created: datetime, label: str) -> None:
        """Keep the hash of an API key."""
        self._keys[digest] = (clinic, created, label)

    async def key_clinic(self, digest: str) -> str | None:
        """Return the clinic that a key's hash belongs to."""
        found = self._keys.get(digest)
        return found[0] if found else None

    async def keys(self, clinic: str) -> tuple[tuple[str, datetime, str], ...]:
        """Return hash, creation time and label of a clinic's keys, oldest first."""
        found = [
            (digest, created, label)
            for digest, (owner, created, label) in self._keys.items()
            if owner == clinic
        ]
        found.sort(key=lambda key: (key[1], key[0]))
        return tuple(found)

    async def revoke_key(self, clinic: str, digest: str) -> bool:
        """Forget a key; return whether there was one."""
        found = self._keys.get(digest)
        if found is None or found[0] != clinic:
            return False
        del self._keys[digest]
        return True

    async def figures(self) -> StoreFigures:
        """Return counts for /metrics."""
        parts = self._partitions
        dues = [at for at in (part.next_due() for part in parts) if at is not None]
        return StoreFigures(
            cases=sum(len(cases) for part in parts for cases in part.branch_cases.values()),
            due=sum(part.due_count for part in parts),
            waiting=sum(part.rooms.waiting() for part in parts),
            oldest_due=min(dues, default=None),
            attention=sum(len(of) for part in parts for of in part.waiting_for_staff.values()),
        )

    async def ping(self) -> None:
        """Do nothing: memory can always commit."""

    async def close(self) -> None:
        """Do nothing: memory goes with the process."""
