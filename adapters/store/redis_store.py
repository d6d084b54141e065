"""The store in a Redis (7.0 or newer) or Valkey server.

Every step is one call of a Lua function (see `lua/`), so it is atomic and one round trip; every
key is listed in `keys.py`. All callers of a process share one connection.
"""

from __future__ import annotations

from asyncio import gather
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from adapters.store import codec, keys, library
from adapters.store.connection import Argument, Caller, Connection, parse_url
from adapters.store.redis_books import Books, remembering
from adapters.store.redis_limits import RedisLimits
from gateway.core.case import Case, Contact, Entry
from gateway.errors import StoreUnusable
from gateway.ports.store import (
    EVERY_DUTY,
    Claim,
    Claimed,
    Commit,
    Duty,
    Grant,
    Kind,
    Outcome,
    Ref,
    Room,
    StoreFigures,
    Write,
)

VERSION_MIN: Final = (7, 0)
"""Functions and their replication came with Redis 7.0; Valkey 8 calls itself 7.2."""

_OUTCOMES: Final = {0: Outcome.CONFLICT, 1: Outcome.DONE, 2: Outcome.DUPLICATE}

_PAGE: Final = 250
"""Documents or entries that one command reads at most, so that nobody waits for long."""


class RedisStore(Books, RedisLimits):
    """A `gateway.ports.store.Store` in a Redis server; made by `open_store`."""

    def __init__(
        self, connection: Connection, partitions: int, retention: timedelta = keys.RETENTION_DEFAULT
    ) -> None:
        super().__init__(connection, partitions, retention)

    # -- documents

    async def load_case(self, clinic: str, appointment: str) -> tuple[Case | None, Contact | None]:
        """Return a case and the contact of its number, in one look."""
        found = await self._run("load_case", clinic, keys.quote(clinic), appointment)
        if not found:
            return None, None
        contact = _contact(*found[2:4]) if len(found) > 2 else None
        return codec.load_case(found[1], int(found[0])), contact

    async def load_contact(
        self, clinic: str, number: str
    ) -> tuple[Contact | None, tuple[Case, ...]]:
        """Return a contact and the cases of all its visits, in one look."""
        found = await self._run("load_contact", clinic, keys.quote(clinic), number)
        if not found:
            return None, ()
        cases = zip(found[2::2], found[3::2], strict=True)
        return (
            _contact(*found[:2]),
            tuple(codec.load_case(raw, int(version)) for version, raw in cases),
        )

    async def commit(self, commit: Commit) -> Outcome:
        """Carry out everything or nothing."""
        arguments = _commit_arguments(commit, self._retention_s)
        hints = [remembering(*hint) for hint in commit.hints]
        tag = self._tag(commit.clinic)
        return _OUTCOMES[await self._library.call("commit", tag, *arguments, after=hints)]

    async def timeline(self, ref: Ref) -> tuple[Entry, ...]:
        """Return the whole timeline of a case or contact, oldest first."""
        key = f"{self._tag(ref.clinic)}log:{keys.member(ref)}"
        entries: list[Entry] = []
        while True:
            page = await self._call("LRANGE", key, len(entries), len(entries) + _PAGE - 1)
            entries.extend(codec.load_entry(raw) for raw in page)
            if len(page) < _PAGE:
                return tuple(entries)

    async def cases(
        self, clinic: str, branch: str, since: datetime, until: datetime, limit: int = 1000
    ) -> tuple[Case, ...]:
        """Return the cases of a branch whose visit starts in [since, until), by start."""
        index = self._branch_key("visits", clinic, branch)
        start, end = keys.micros(since), f"({keys.micros(until)}"
        prefix = f"{self._tag(clinic)}case:{keys.quote(clinic)}:".encode()
        found: list[Case] = []
        seen, page = 0, _PAGE
        while page == _PAGE and len(found) < limit:  # a case that has ended stands in no document
            size = min(_PAGE, limit - len(found))
            ids = await self._call("ZRANGEBYSCORE", index, start, end, "LIMIT", seen, size)
            seen, page = seen + len(ids), _PAGE if len(ids) == size else 0
            for version, raw in await gather(
                *(self._call("HMGET", prefix + id_, "v", "d") for id_ in ids)
            ):
                if version is not None:
                    found.append(codec.load_case(raw, int(version)))
        return tuple(found)

    async def attention(self, clinic: str, limit: int) -> tuple[Case | Contact, ...]:
        """Return what holds something for the staff, the longest waiting first."""
        tag, found, first = self._tag(clinic), list[Case | Contact](), 0
        key = f"{tag}attention:{keys.quote(clinic)}"
        while len(found) < limit:
            page = await self._call("ZRANGE", key, first, first + _PAGE - 1)
            reads = (self._call("HMGET", tag.encode() + name, "v", "d") for name in page)
            for name, (version, raw) in zip(page, await gather(*reads), strict=True):
                if version is None:
                    continue  # it is gone: its time was over
                load = codec.load_case if name.startswith(b"case:") else codec.load_contact
                found.append(load(raw, int(version)))
            if len(page) < _PAGE:
                break
            first += _PAGE
        return tuple(found[:limit])

    async def wake_branch(self, clinic: str, branch: str, now: datetime) -> int:
        """Make every open case of a branch due now; return how many.

        Their versions grow by one, so that a decision under the old settings cannot be
        committed any more.
        """
        future = self._branch_key("visits", clinic, branch), f"({keys.micros(now)}"
        ids = set(await self._call("ZRANGEBYSCORE", *future, "+inf"))
        ids.update(await self._call("ZRANGE", self._branch_key("open", clinic, branch), 0, -1))
        woken, ordered, at = 0, sorted(ids), keys.micros(now)
        for first in range(0, len(ordered), _PAGE):
            page = ordered[first : first + _PAGE]
            woken += await self._run("wake_cases", clinic, keys.quote(clinic), branch, at, *page)
        return woken

    # -- the queue

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
        asked = keys.micros(now), limit, _micros(lease), *_CLAIM_LIMITS, " ".join(sorted(duties))
        enough = [f"message:{keys.quote(clinic)}:{branch}" for clinic, branch in sated]
        next_at, items = await self._library.call("claim", keys.tag(partition), *asked, *enough)
        return Claim(
            tuple(_claimed(*item) for item in items),
            keys.moment(int(next_at)) if next_at else None,
        )

    async def figures(self) -> StoreFigures:
        """Return counts for /metrics."""
        tags = (keys.tag(partition) for partition in range(self.partitions))
        parts = await gather(*(self._library.call("figures", tag) for tag in tags))
        memory = _info(await self._call("INFO", "memory"), "used_memory")
        persistence = _info(await self._call("INFO", "persistence"), "aof_enabled")
        oldest = min((int(part[3]) for part in parts if part[3]), default=None)
        return StoreFigures(
            cases=sum(part[0] for part in parts),
            due=sum(part[1] for part in parts),
            waiting=sum(part[2] for part in parts),
            oldest_due=keys.moment(oldest) if oldest is not None else None,
            attention=sum(part[4] for part in parts),
            extra={"memory_bytes": memory, "append_only": persistence},
        )


async def open_store(
    url: str,
    *,
    partitions: int = keys.PARTITIONS_DEFAULT,
    retention: timedelta = keys.RETENTION_DEFAULT,
) -> RedisStore:
    """Connect to a server and prepare it.

    `partitions` counts only for a new store; afterwards the stored number holds. Raises
    `StoreUnavailable` when the server does not answer, `StoreUnusable` when it is too old, a
    cluster, refuses us, or was written by a newer version.
    """
    connection = Connection(parse_url(url), library.load)
    try:
        await connection.call("PING")
        _check_server(connection)
        return RedisStore(connection, await _meta(connection, partitions), retention)
    except BaseException:
        await connection.close()
        raise


def _check_server(connection: Connection) -> None:
    version = str(connection.server.get("version", "0"))
    if tuple(int(part) for part in version.split(".")[:2]) < VERSION_MIN:
        raise StoreUnusable(
            f"the server at {connection.address} is version {version}: Redis 7.0 or Valkey 8 "
            "or newer is needed"
        )
    if connection.server.get("mode") == "cluster":
        raise StoreUnusable(
            f"the server at {connection.address} is a cluster node, which cannot be used yet"
        )


async def _meta(caller: Caller, partitions: int) -> int:
    """Fix or read the number of partitions."""
    await caller.call("HSETNX", keys.META, "partitions", partitions)
    await caller.call("HSETNX", keys.META, "layout", keys.LAYOUT)
    stored, layout = await caller.call("HMGET", keys.META, "partitions", "layout")
    if int(layout) > keys.LAYOUT:
        raise StoreUnusable(
            f"the store has layout {int(layout)}, this version reads up to {keys.LAYOUT}: "
            "start a version at least as new as the one that wrote it"
        )
    return int(stored)


def _micros(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


_CLAIM_LIMITS: Final = (
    _micros(keys.PACE_WINDOW),
    _micros(keys.LINE_LEASE),
    _micros(keys.HOLD_MAX),
    keys.PER_MINUTE_DEFAULT,
    keys.LINES_DEFAULT,
    int(keys.SLOTS_TTL.total_seconds()),
)

_SEEN_TTL_S: Final = int(keys.SEEN_TTL.total_seconds())


def _contact(version: bytes | None, raw: bytes | None) -> Contact | None:
    return codec.load_contact(raw, int(version)) if version and raw else None


def _claimed(
    member: bytes,
    room: bytes,
    version: bytes,
    raw: bytes,
    contact_version: bytes,
    contact_raw: bytes,
    branch: bytes,
    token: bytes,
) -> Claimed:
    ref = keys.ref_of(member.decode())
    document: Case | Contact | None = None
    if ref.kind is Kind.CASE:
        document = codec.load_case(raw, int(version))
    elif ref.kind is Kind.CONTACT:
        document = codec.load_contact(raw, int(version))
    contact = _contact(contact_version, contact_raw)
    if not room:
        return Claimed(ref, None, document, contact)
    kind = Room(room.decode())
    return Claimed(ref, kind, document, contact, Grant(kind, branch.decode(), token.decode()))


def _commit_arguments(commit: Commit, retention_s: int) -> list[Argument]:
    """Lay a commit out as `lua/commit.lua` reads it."""
    clinic = keys.quote(commit.clinic)
    out: list[Argument] = [clinic, commit.seen or "", _SEEN_TTL_S, retention_s, len(commit.writes)]
    for write in commit.writes:
        out += (keys.member_of(write.document), write.expected)
    _add_list(out, [(keys.member(ref), version) for ref, version in commit.checks])
    wakes = [(keys.member(ref), at) for ref, at in commit.wake]
    for write in commit.writes:
        if isinstance(write.document, Case):
            _add_case(out, write.document, write)
        else:
            _add_contact(out, write.document, write)
            wakes += [(f"case:{clinic}:{id_}", at) for id_, at in write.document.wake]
    _add_list(out, [(name, keys.micros(at)) for name, at in wakes])
    _add_list(
        out,
        [
            (item.branch, item.day.isoformat(), keys.micros(item.write_off_at),
             codec.dump_charge(item), keys.money_units(item.amount))
            for item in commit.charges
        ],
    )  # fmt: skip
    _add_list(
        out, [(item.branch, item.day.isoformat(), keys.work_field(item)) for item in commit.work]
    )
    _add_list(
        out,
        [
            (f"{keys.member(item.ref)}:{item.push}", codec.dump_change(item))
            for item in commit.publishes
        ],
    )
    refund = commit.refund
    _add_list(out, [(refund.room.value, refund.branch, refund.member)] if refund else [])
    marks = ((ref, "" if at is None else keys.micros(at)) for ref, at in commit.attention)
    _add_list(out, [(keys.member(ref), at) for ref, at in marks])
    return out


def _add_list(out: list[Argument], rows: Sequence[Iterable[Argument]]) -> None:
    out.append(len(rows))
    for row in rows:
        out += row


def _add_case(out: list[Argument], case: Case, write: Write) -> None:
    out += (
        codec.dump_case(case), _due(write), case.branch, case.id,
        keys.micros(case.snapshot.start), case.number or "", 0,
    )  # fmt: skip
    _add_rest(out, case, write)


def _add_contact(out: list[Argument], contact: Contact, write: Write) -> None:
    out += (
        codec.dump_contact(contact), _due(write), contact.branch, contact.number,
        "", codec.dump_json(contact.visits), int(contact.opted_out_at is not None),
    )  # fmt: skip
    _add_rest(out, contact, write)


def _due(write: Write) -> Argument:
    return keys.micros(write.due) if write.due is not None else ""


def _add_rest(out: list[Argument], document: Case | Contact, write: Write) -> None:
    out += (int(write.calling), len(write.wants))
    for want in write.wants:
        out += (want.room.value, repr(float(want.rank)))
    out.append(len(document.journal))
    for entry in document.journal:
        out.append(codec.dump_entry(entry))


def _info(raw: Any, field: str) -> float:
    text = raw.decode() if isinstance(raw, bytes) else str(raw)
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return float(value)
    return 0.0
