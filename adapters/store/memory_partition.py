"""One partition of the memory store: documents, due queue, waiting rooms and books."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from heapq import heapify, heappop, heappush
from operator import attrgetter

from adapters.store import keys
from adapters.store.memory_rooms import BranchRoom, Rooms
from gateway.core.case import Case, Contact, Entry
from gateway.ports.store import (
    EVERY_DUTY,
    Charge,
    Claim,
    Claimed,
    Commit,
    Duty,
    Grant,
    Kind,
    Outcome,
    Rates,
    Ref,
    Room,
    Want,
    Work,
    Write,
    WriteOff,
)

_ONE_DAY = timedelta(days=1)
_KINDS = tuple(Room)

_CASE_FIELDS = tuple(item.name for item in fields(Case))
_CONTACT_FIELDS = tuple(item.name for item in fields(Contact))
_case_values = attrgetter(*_CASE_FIELDS)
_contact_values = attrgetter(*_CONTACT_FIELDS)
_CASE_VERSION, _CASE_JOURNAL = map(_CASE_FIELDS.index, ("version", "journal"))
_CONTACT_VERSION, _CONTACT_JOURNAL, _CONTACT_WAKE = map(
    _CONTACT_FIELDS.index, ("version", "journal", "wake")
)


def stored_form(body: Case | Contact, version: int) -> Case | Contact:
    """Return a document as it is read back: with its version, without what was for the commit.

    The same as `dataclasses.replace`, at half its cost; a rehearsal does little else.
    """
    if isinstance(body, Case):
        values = list(_case_values(body))
        values[_CASE_VERSION], values[_CASE_JOURNAL] = version, ()
        return Case(*values)
    values = list(_contact_values(body))
    values[_CONTACT_VERSION], values[_CONTACT_JOURNAL] = version, ()
    values[_CONTACT_WAKE] = ()
    return Contact(*values)


@dataclass(slots=True)
class Document:
    """A stored document (`body` None: a branch) with its place in the queues."""

    ref: Ref
    member: str
    body: Case | Contact | None = None
    version: int = 0
    due: datetime | None = None
    open: bool = False  # a case that had a due time when it was last committed
    branch: str = ""
    rooms: tuple[BranchRoom, ...] = ()
    line: BranchRoom | None = None


@dataclass(slots=True)
class Books:
    """What a branch did and owes. `open_days`: day -> when its write-off falls due."""

    charges: dict[date, list[Charge]] = field(default_factory=dict)
    open_days: dict[date, datetime] = field(default_factory=dict)
    written_off: dict[date, WriteOff] = field(default_factory=dict)
    work: dict[Work, int] = field(default_factory=dict)
    spent: dict[str, Decimal] = field(default_factory=dict)


class Partition:
    """Everything of the clinics of one partition."""

    def __init__(self, *, keep_timelines: bool) -> None:
        self.timelines: defaultdict[str, list[Entry]] = defaultdict(list)
        self.branch_cases: defaultdict[tuple[str, str], dict[str, Document]] = defaultdict(dict)
        self.rooms = Rooms(self._limit)
        self.due_count = 0
        self.waiting_for_staff: defaultdict[str, dict[str, datetime]] = defaultdict(dict)
        self._documents: dict[str, Document] = {}
        self._due: list[tuple[datetime, str]] = []
        self._seen: set[tuple[str, str]] = set()
        self._books: dict[tuple[str, str], Books] = {}
        self._rates: dict[str, Mapping[str, Rates]] = {}
        self._held_since: datetime | None = None
        self._keep_timelines = keep_timelines

    # -- reading

    def case(self, clinic: str, appointment: str) -> Case | None:
        """Return a case."""
        found = self._documents.get(f"case:{keys.quote(clinic)}:{appointment}")
        return found.body if found is not None and isinstance(found.body, Case) else None

    def contact(self, clinic: str, number: str) -> Contact | None:
        """Return a contact."""
        found = self._documents.get(f"contact:{keys.quote(clinic)}:{number}")
        return found.body if found is not None and isinstance(found.body, Contact) else None

    def contact_of(self, case: Case | Contact | None) -> Contact | None:
        """Return the contact of a case's number, if it has one."""
        if isinstance(case, Case) and case.number is not None:
            return self.contact(case.clinic, case.number)
        return None

    def attention(self, clinic: str) -> list[Case | Contact]:
        """Return what waits for a clinic's staff, the longest waiting first."""
        waiting = self.waiting_for_staff[clinic]
        found = (self._documents[name] for name in sorted(waiting, key=lambda n: (waiting[n], n)))
        return [document.body for document in found if document.body is not None]

    def books(self, clinic: str, branch: str) -> Books:
        """Return the books of a branch."""
        found = self._books.get((clinic, branch))
        if found is None:
            found = self._books[clinic, branch] = Books()
        return found

    def set_rates(self, clinic: str, rates: Mapping[str, Rates]) -> None:
        """Replace the limits of a clinic's branches."""
        self._rates[clinic] = dict(rates)
        self.rooms.relimit(clinic)

    def _limit(self, kind: Room, clinic: str, branch: str) -> int:
        rates = self._rates.get(clinic, {}).get(branch)
        if kind is Room.MESSAGE:
            return rates.per_minute if rates else keys.PER_MINUTE_DEFAULT
        return rates.lines if rates else keys.LINES_DEFAULT

    # -- committing

    def commit(self, commit: Commit) -> Outcome:
        """Carry out everything or nothing."""
        if commit.seen is not None and (commit.clinic, commit.seen) in self._seen:
            return Outcome.DUPLICATE
        names = [keys.member_of(write.document) for write in commit.writes]
        for name, write in zip(names, commit.writes, strict=True):
            if self._version(name) != write.expected:
                return Outcome.CONFLICT
        for ref, version in commit.checks:
            if self._version(keys.member(ref)) != version:
                return Outcome.CONFLICT
        if commit.seen is not None:
            self._seen.add((commit.clinic, commit.seen))
        for name, write in zip(names, commit.writes, strict=True):
            self._write(name, write)
        self._follow(commit)
        return Outcome.DONE

    def _version(self, name: str) -> int:
        found = self._documents.get(name)
        return found.version if found is not None else 0

    def _follow(self, commit: Commit) -> None:
        """Do what belongs to no single document."""
        self._wake_others(commit)
        for charge in commit.charges:
            self._charge(commit.clinic, charge)
        for work in commit.work:
            counts = self.books(commit.clinic, work.branch).work
            counts[work] = counts.get(work, 0) + 1
        if commit.attention:
            self._mark(commit)
        if commit.refund is not None:
            self._refund(commit.clinic, commit.refund)

    def _wake_others(self, commit: Commit) -> None:
        """Make due what the written documents ask for."""
        for write in commit.writes:
            if isinstance(write.document, Contact):
                for appointment, at in write.document.wake:
                    self.wake(f"case:{keys.quote(commit.clinic)}:{appointment}", at)
        for ref, at in commit.wake:
            self.wake(keys.member(ref), at)

    def _mark(self, commit: Commit) -> None:
        """Keep the clinic's queue for its staff."""
        waiting = self.waiting_for_staff[commit.clinic]
        for ref, since in commit.attention:
            if since is None:
                waiting.pop(keys.member(ref), None)
            else:
                waiting[keys.member(ref)] = since

    def _write(self, name: str, write: Write) -> None:
        body, version = write.document, write.expected + 1
        stored = self._documents.get(name)
        if stored is None:
            kind = Kind.CASE if isinstance(body, Case) else Kind.CONTACT
            key = body.id if isinstance(body, Case) else body.number
            stored = self._documents[name] = Document(Ref(kind, body.clinic, key), name)
        if body.journal and self._keep_timelines:
            self.timelines[name].extend(body.journal)
        if isinstance(body, Case):
            if body.branch != stored.branch:
                self.branch_cases[body.clinic, stored.branch].pop(name, None)
                self.branch_cases[body.clinic, body.branch][name] = stored
            stored.open = write.due is not None
        stored.body = stored_form(body, version)
        stored.version = version
        stored.branch = body.branch
        self._set_due(stored, write.due)
        if stored.rooms or write.wants:
            self._enter_rooms(stored, write.wants)
        if stored.line is not None and not write.calling:
            self.rooms.give_back(stored.line, name)
            stored.line = None

    def _enter_rooms(self, stored: Document, wants: tuple[Want, ...]) -> None:
        clinic, branch = stored.ref.clinic, stored.branch
        entered = [(self.rooms.of(want.room, clinic, branch), want.rank) for want in wants]
        for room in stored.rooms:
            if not any(room is wanted for wanted, _ in entered):
                self.rooms.leave(room, stored.member)
        for room, rank in entered:
            self.rooms.enter(room, stored.member, rank)
        stored.rooms = tuple(room for room, _ in entered)

    def wake(self, name: str, at: datetime) -> None:
        """Make a document due at a moment, if that is earlier than its own."""
        stored = self._documents.get(name)
        if stored is not None and (stored.due is None or at < stored.due):
            self._set_due(stored, at)

    def _refund(self, clinic: str, grant: Grant) -> None:
        self.rooms.give_back(self.rooms.of(grant.room, clinic, grant.branch), grant.member)
        if grant.room is Room.CALL and (stored := self._documents.get(grant.member)) is not None:
            stored.line = None

    # -- money

    def _charge(self, clinic: str, charge: Charge) -> None:
        books, day = self.books(clinic, charge.branch), charge.day
        while day in books.written_off:
            day += _ONE_DAY
        if day != charge.day:
            charge = replace(charge, day=day)
        books.charges.setdefault(day, []).append(charge)
        month = keys.month(day)
        books.spent[month] = books.spent.get(month, Decimal(0)) + charge.amount
        at = charge.write_off_at
        books.open_days[day] = min(at, books.open_days.get(day, at))
        name = f"branch:{keys.quote(clinic)}:{charge.branch}"
        if name not in self._documents:
            ref = Ref(Kind.BRANCH, clinic, charge.branch)
            self._documents[name] = Document(ref, name, branch=charge.branch)
        self.wake(name, at)

    def write_off(self, clinic: str, write_off: WriteOff, next_due: datetime | None) -> bool:
        """Record a write-off if the day still has exactly that many charges."""
        books, day = self.books(clinic, write_off.branch), write_off.day
        if day in books.written_off or len(books.charges.get(day, ())) != write_off.charges:
            return False
        books.written_off[day] = write_off
        books.open_days.pop(day, None)
        stored = self._documents.get(f"branch:{keys.quote(clinic)}:{write_off.branch}")
        if stored is not None:
            due = min(books.open_days.values(), default=None)
            if due is not None and next_due is not None:
                due = min(due, next_due)
            self._set_due(stored, due)
        return True

    # -- claiming

    def claim(
        self,
        now: datetime,
        limit: int,
        lease: timedelta,
        duties: frozenset[Duty] = EVERY_DUTY,
        sated: frozenset[tuple[str, str]] = frozenset(),
    ) -> Claim:
        """Lease due entries, or grant turns when nothing is due.

        Grants are held back while entries are due, because those may want to go first (rule
        Z-15), but for no longer than `HOLD_MAX`.
        """
        until = now + lease
        self.rooms.sated = sated
        kinds = _KINDS if duties is EVERY_DUTY else [r for r in Room if Duty(r.value) in duties]
        held_long = self._held_since is not None and now - self._held_since >= keys.HOLD_MAX
        granted = self._grant(now, limit, until, kinds) if held_long else []
        takes_due = Duty.DUE in duties
        due = self._take_due(now, limit - len(granted), until) if takes_due else []
        waits = bool(due) or (not takes_due and self._is_due(now))
        if not waits and not held_long:
            granted = self._grant(now, limit, until, kinds)
        if self.rooms.ready(now, kinds) is None or not waits:
            self._held_since = None
        elif self._held_since is None:
            self._held_since = now
        return Claim((*granted, *due), self._next_at(now, kinds, takes_due=takes_due))

    def _is_due(self, now: datetime) -> bool:
        at = self.next_due()
        return at is not None and at <= now

    def _grant(
        self, now: datetime, limit: int, until: datetime, kinds: Iterable[Room]
    ) -> list[Claimed]:
        granted = []
        for room, member, token in self.rooms.serve(now, limit, kinds):
            stored = self._documents[member]
            stored.rooms = tuple(other for other in stored.rooms if other is not room)
            if room.kind is Room.CALL:
                stored.line = room
            self._set_due(stored, until)
            grant = Grant(room.kind, room.branch, token)
            contact = self.contact_of(stored.body)
            granted.append(Claimed(stored.ref, room.kind, stored.body, contact, grant))
        return granted

    def _take_due(self, now: datetime, limit: int, until: datetime) -> list[Claimed]:
        taken: list[Claimed] = []
        while len(taken) < limit and (at := self.next_due()) is not None and at <= now:
            stored = self._documents[self._due[0][1]]
            if stored.body is None and not self._books[stored.ref.clinic, stored.branch].open_days:
                self._set_due(stored, None)  # nothing to write off
                continue
            self._set_due(stored, until)
            taken.append(Claimed(stored.ref, None, stored.body, self.contact_of(stored.body)))
        return taken

    def _next_at(self, now: datetime, kinds: Iterable[Room], *, takes_due: bool) -> datetime | None:
        moments = (self.next_due() if takes_due else None, self.rooms.next_at(kinds))
        times = [at for at in moments if at is not None]
        return max(now, min(times)) if times else None

    # -- the due queue

    def next_due(self) -> datetime | None:
        """Return the earliest due time."""
        queue, documents = self._due, self._documents
        while queue:
            at, name = queue[0]
            if documents[name].due == at:
                return at
            heappop(queue)
        return None

    def _set_due(self, stored: Document, due: datetime | None) -> None:
        if due == stored.due:
            return
        if stored.due is None:
            self.due_count += 1
        elif due is None:
            self.due_count -= 1
        stored.due = due
        if due is not None:
            heappush(self._due, (due, stored.member))
            if len(self._due) > 2 * self.due_count + 1024:
                everyone = self._documents.values()
                self._due = [(doc.due, doc.member) for doc in everyone if doc.due is not None]
                heapify(self._due)
