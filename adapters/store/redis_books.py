"""The part of the Redis store around the documents: settings, hints, feed, money, keys."""

from __future__ import annotations

from asyncio import gather
from collections.abc import Coroutine, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from adapters.store import codec, keys
from adapters.store.connection import Argument, Command, Connection
from adapters.store.library import Library
from gateway.ports.store import (
    ClinicRecord,
    FeedItem,
    Kind,
    LedgerDay,
    Outcome,
    Rates,
    Ref,
    Work,
    WriteOff,
)

_ONE_DAY = timedelta(days=1)


class Books:
    """What `RedisStore` does beside documents and queue."""

    def __init__(self, connection: Connection, partitions: int, retention: timedelta) -> None:
        self._connection = connection
        self._call = connection.call
        self._library = Library(connection)
        self._partitions = partitions
        self._retention = retention
        self._retention_s = int(retention.total_seconds())

    @property
    def partitions(self) -> int:
        """How many partitions there are, fixed at first start."""
        return self._partitions

    def partition_of(self, clinic: str) -> int:
        """Return the partition of a clinic."""
        return keys.partition_of(clinic, self._partitions)

    def _tag(self, clinic: str) -> str:
        return keys.tag(keys.partition_of(clinic, self._partitions))

    def _branch_key(self, what: str, clinic: str, branch: str) -> str:
        return f"{self._tag(clinic)}{what}:{keys.quote(clinic)}:{branch}"

    def _run(self, name: str, clinic: str, *arguments: Argument) -> Coroutine[Any, Any, Any]:
        return self._library.call(name, self._tag(clinic), *arguments)

    # -- hints

    async def remember(self, hint: str, ref: Ref, ttl: timedelta) -> None:
        """Keep a look-up hint."""
        await self._call(*remembering(hint, ref, ttl))

    async def recall(self, hint: str) -> Ref | None:
        """Return what a hint points at; it may be stale or gone."""
        found = await self._call("GET", keys.hint(hint))
        return _ref(codec.load_array(found)) if found is not None else None

    # -- clinics

    async def save_clinic(self, record: ClinicRecord, rates: Mapping[str, Rates]) -> Outcome:
        """Write a clinic's settings if `record.version` is still the stored one (0: new)."""
        pairs: list[Argument] = []
        for branch, rate in rates.items():
            pairs += (branch, f"{max(0, rate.per_minute)} {max(0, rate.lines)}")
        done = await self._run(
            "save_clinic",
            record.clinic,
            keys.quote(record.clinic),
            record.version,
            codec.dump_json(record.document),
            codec.dump_json({name: codec.write_time(at) for name, at in record.connected.items()}),
            *pairs,
        )
        return Outcome.DONE if done else Outcome.CONFLICT

    async def load_clinic(self, clinic: str) -> ClinicRecord | None:
        """Return a clinic's settings."""
        key = f"{self._tag(clinic)}clinic:{keys.quote(clinic)}"
        version, document, connected = await self._call("HMGET", key, "v", "d", "c")
        if version is None:
            return None
        moments = codec.load_object(connected).items()
        return ClinicRecord(
            clinic,
            int(version),
            codec.load_object(document),
            {branch: codec.read_time(at) for branch, at in moments},
        )

    async def clinics(self) -> tuple[str, ...]:
        """Return the ids of all clinics, sorted."""
        tags = (keys.tag(partition) for partition in range(self._partitions))
        found = await gather(*(self._call("SMEMBERS", tag + "clinics") for tag in tags))
        return tuple(sorted(keys.unquote(name.decode()) for names in found for name in names))

    # -- the feed

    async def feed(self, clinic: str, after: int, limit: int) -> tuple[FeedItem, ...]:
        """Return the changes of a clinic with `seq` > after that were not taken yet."""
        key = f"{self._tag(clinic)}feed:{keys.quote(clinic)}"
        page = ("BYSCORE", "LIMIT", 0, limit, "WITHSCORES")
        found = await self._call("ZRANGE", key, f"({after}", "+inf", *page)
        return tuple(_feed_item(raw, int(seq)) for raw, seq in found)

    async def take_from_feed(self, clinic: str, seq: int) -> None:
        """Drop a change that the clinic took or refused."""
        key = f"{self._tag(clinic)}feed:{keys.quote(clinic)}"
        await self._call("ZREMRANGEBYSCORE", key, seq, seq)

    # -- money and work

    async def ledger(self, clinic: str, branch: str, day: date) -> LedgerDay:
        """Return a branch's charges of a day."""
        ledger = f"{self._branch_key('ledger', clinic, branch)}:{day.isoformat()}"
        offs = self._branch_key("offs", clinic, branch)
        charges, written_off = await gather(
            self._call("LRANGE", ledger, 0, -1), self._call("HEXISTS", offs, day.isoformat())
        )
        return LedgerDay(tuple(codec.load_charge(raw, day) for raw in charges), bool(written_off))

    async def open_days(self, clinic: str, branch: str) -> tuple[date, ...]:
        """Return the days that have charges and are not written off, oldest first."""
        found = await self._call("ZRANGE", self._branch_key("days", clinic, branch), 0, -1)
        return tuple(sorted(date.fromisoformat(day.decode()) for day in found))

    async def write_off(self, clinic: str, write_off: WriteOff, next_due: datetime | None) -> bool:
        """Record a write-off if the day still has exactly `charges` entries and none was
        recorded yet; return whether it was.

        The branch becomes due at `next_due` or when the next of its open days falls due,
        whichever is earlier, and not at all without an open day.
        """
        done = await self._run(
            "write_off",
            clinic,
            keys.quote(clinic),
            write_off.branch,
            write_off.day.isoformat(),
            write_off.charges,
            codec.dump_write_off(write_off),
            keys.micros(next_due) if next_due is not None else "",
            self._retention_s,
            (write_off.day - self._retention).isoformat(),
        )
        return bool(done)

    async def write_offs(
        self, clinic: str, branch: str, since: date, until: date
    ) -> tuple[WriteOff, ...]:
        """Return the write-offs of the days [since, until)."""
        found = await self._call("HGETALL", self._branch_key("offs", clinic, branch))
        wanted = sorted(
            day for day in found if since <= date.fromisoformat(day.decode()) < until
        )  # fmt: skip
        return tuple(codec.load_write_off(found[day]) for day in wanted)

    async def spent(self, clinic: str, branch: str, month: date) -> Decimal:
        """Return the sum of a branch's charges of the days of a month, reversals taken off."""
        key = f"{self._branch_key('spent', clinic, branch)}:{keys.month(month)}"
        return int(await self._call("GET", key) or 0) * keys.MONEY_UNIT

    async def work(
        self, clinic: str, branch: str, since: date, until: date
    ) -> tuple[tuple[Work, int], ...]:
        """Return the counted actions of the days [since, until), by day, function, channel
        and result. Days outside the retention have none."""
        prefix = self._branch_key("work", clinic, branch)
        span = min((until - since).days, 2 * self._retention.days)
        days = [since + _ONE_DAY * n for n in range(span)]
        counts = await gather(*(self._call("HGETALL", f"{prefix}:{day}") for day in days))
        return tuple(
            (_work(branch, day, name.decode()), int(found[name]))
            for day, found in zip(days, counts, strict=True)
            for name in sorted(found)
        )

    # -- keys of clinics

    async def save_key(self, digest: str, clinic: str, created: datetime, label: str) -> None:
        """Keep the hash of an API key (never the key)."""
        value = codec.dump_json([clinic, codec.write_time(created), label])
        await self._call("HSET", keys.API_KEYS, digest, value)

    async def key_clinic(self, digest: str) -> str | None:
        """Return the clinic that a key's hash belongs to."""
        found = await self._call("HGET", keys.API_KEYS, digest)
        return str(codec.load_array(found)[0]) if found is not None else None

    async def keys(self, clinic: str) -> tuple[tuple[str, datetime, str], ...]:
        """Return hash, creation time and label of a clinic's keys, oldest first."""
        found = []
        for digest, raw in (await self._call("HGETALL", keys.API_KEYS)).items():
            owner, created, label = codec.load_array(raw)
            if owner == clinic:
                found.append((digest.decode(), codec.read_time(created), label))
        found.sort(key=lambda key: (key[1], key[0]))
        return tuple(found)

    async def revoke_key(self, clinic: str, digest: str) -> bool:
        """Forget a key; return whether there was one."""
        if await self.key_clinic(digest) != clinic:
            return False
        return bool(await self._call("HDEL", keys.API_KEYS, digest))

    # -- operations

    async def ping(self) -> None:
        """Raise unless the store can commit now: it writes, and waits for the disk."""
        await self._call("SET", keys.PING, "1", "EX", 60)

    async def close(self) -> None:
        """Finish what was sent and let go."""
        await self._connection.close()


def remembering(hint: str, ref: Ref, ttl: timedelta) -> Command:
    """Return the command that keeps a look-up hint."""
    value = codec.dump_json([ref.kind, ref.clinic, ref.key])
    return "SET", keys.hint(hint), value, "EX", max(1, int(ttl.total_seconds()))


def _ref(parts: list[str]) -> Ref:
    kind, clinic, key = parts
    return Ref(Kind(kind), clinic, key)


def _feed_item(raw: bytes, seq: int) -> FeedItem:
    ref, push, document = codec.load_array(raw)
    return FeedItem(seq, _ref(ref), push, document)


def _work(branch: str, day: date, field: str) -> Work:
    function, channel, result = field.split("|", 2)
    return Work(branch, day, function, channel, result)
