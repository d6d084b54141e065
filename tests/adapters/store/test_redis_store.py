"""The Redis store keeps the contract; what is written ends; what is lost comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from adapters.store import keys
from adapters.store.connection import Connection
from adapters.store.embedded import EmbeddedServer
from adapters.store.redis_store import RedisStore, open_store
from gateway.errors import StoreUnavailable, StoreUnusable
from gateway.ports.store import Commit, Outcome, Work
from tests.adapters.store.samples import (
    BRANCH,
    CLINIC,
    DAY,
    LEASE,
    MIDNIGHT,
    NOW,
    NUMBER,
    call,
    case,
    charge,
    claim,
    contact,
    entry,
    message,
    one,
    publish,
    put,
    rates,
    ref,
    write_off,
)
from tests.contracts.store_conformance import StoreConformance

pytestmark = pytest.mark.redis


class TestRedisStore(StoreConformance):
    @pytest.fixture
    async def stores(
        self, server: EmbeddedServer, raw: Connection
    ) -> AsyncIterator[tuple[RedisStore, RedisStore]]:
        first, second = await open_store(server.url, partitions=4), await open_store(server.url)
        yield first, second
        await first.close()
        await second.close()


async def test_the_number_of_partitions_is_fixed_at_first_start(
    server: EmbeddedServer, raw: Connection
) -> None:
    first = await open_store(server.url, partitions=7)
    second = await open_store(server.url, partitions=64)
    assert (first.partitions, second.partitions) == (7, 7)
    await first.close()
    await second.close()


async def _use_everything(store: RedisStore) -> None:
    await rates(store, 60, 4)
    await put(
        store,
        replace(
            one(case(journal=(entry("x"),)), 0, NOW, message(), call()),
            charges=(charge(), charge("m2", DAY + timedelta(days=1))),
            work=(Work(BRANCH, DAY, "details", "sms", "accepted"),),
            seen="wamid.1",
        ),
    )
    await put(store, one(contact(journal=(entry("y"),), visits=("a1",))))
    await put(store, one(case("a2"), 0, None, message(), call()))
    await claim(store)
    await claim(store)
    await put(store, one(case("a3", branch="east"), 0, NOW, message(), call()))
    await claim(store)
    await store.write_off(CLINIC, write_off(1), None)
    await publish(store, ref())
    await store.remember("link:x", ref(), timedelta(hours=1))
    await store.save_key("digest", CLINIC, NOW, "label")
    await store.ping()


async def test_every_key_has_an_end_but_those_that_are_meant_to_stay(
    store: RedisStore, raw: Connection
) -> None:
    await _use_everything(store)
    for key in sorted(await raw.call("KEYS", "*")):
        name = key.decode()
        local = name.split("}:", 1)[-1]
        if await raw.call("TTL", key) == -1:
            assert name in keys.PERMANENT or local.startswith(keys.PERMANENT[2:]), name


async def test_a_case_is_kept_for_the_retention_after_its_visit(
    server: EmbeddedServer, raw: Connection
) -> None:
    store = await open_store(server.url, retention=timedelta(days=30))
    start = NOW + timedelta(days=10)
    await put(store, one(case(start=start)))
    await put(store, one(case(start=start, journal=(entry("late"),)), 1, NOW))
    tag = keys.tag(store.partition_of(CLINIC))
    ends = int((start + timedelta(days=30)).timestamp())
    names = (f"case:{CLINIC}:a1", f"log:case:{CLINIC}:a1", f"visits:{CLINIC}:{BRANCH}",
             f"open:{CLINIC}:{BRANCH}")  # fmt: skip
    for name in names:
        assert await raw.call("EXPIRETIME", tag + name) == ends
    await put(store, one(case(start=start + timedelta(days=5)), 2))
    assert await raw.call("EXPIRETIME", tag + names[0]) == ends + 5 * 86400
    assert await raw.call("EXPIRETIME", tag + names[1]) == ends + 5 * 86400
    await store.close()


async def test_a_case_of_long_ago_is_kept_for_the_retention_from_now(
    store: RedisStore, raw: Connection
) -> None:
    await put(store, one(case(start=NOW - timedelta(days=10_000))))
    tag = keys.tag(store.partition_of(CLINIC))
    assert await raw.call("TTL", f"{tag}case:{CLINIC}:a1") > 399 * 86400


async def test_a_refusal_never_ends(store: RedisStore, raw: Connection) -> None:
    key = f"{keys.tag(store.partition_of(CLINIC))}contact:{CLINIC}:{NUMBER}"
    await put(store, one(contact()))
    assert await raw.call("TTL", key) > 0
    await put(store, one(contact(opted_out_at=NOW), 1))
    assert await raw.call("TTL", key) == -1
    await put(store, one(contact(), 2))
    assert await raw.call("TTL", key) > 0


async def test_hints_and_events_are_remembered_for_their_time(
    store: RedisStore, raw: Connection
) -> None:
    await store.remember("link:x", ref(), timedelta(hours=1))
    assert 3590 < await raw.call("TTL", keys.hint("link:x")) <= 3600
    await put(store, replace(one(case()), seen="e1"))
    tag = keys.tag(store.partition_of(CLINIC))
    assert await raw.call("TTL", f"{tag}seen:{CLINIC}:e1") > timedelta(days=7).total_seconds()


async def test_a_purged_case_leaves_the_queues(store: RedisStore, raw: Connection) -> None:
    await put(store, one(case("a1"), 0, NOW))
    await put(store, one(case("a2"), 0, None, message()))
    tag = keys.tag(store.partition_of(CLINIC))
    await raw.call("DEL", f"{tag}case:{CLINIC}:a1", f"{tag}case:{CLINIC}:a2")
    found = await claim(store)
    assert (found.items, found.next_at) == ((), None)
    assert await store.cases(CLINIC, BRANCH, NOW, NOW + timedelta(days=9)) == ()
    figures = await store.figures()
    assert (figures.due, figures.waiting) == (0, 0)


async def test_a_node_of_an_older_version_may_take_a_visit_out_of_the_open_ones(
    store: RedisStore, raw: Connection
) -> None:
    await put(store, one(case(), 0, NOW))
    tag = keys.tag(store.partition_of(CLINIC))
    # What the function of the version before wrote: it did not know field `o`.
    await raw.call("HSET", f"{tag}case:{CLINIC}:a1", "v", 2)
    await raw.call("ZREM", f"{tag}open:{CLINIC}:{BRANCH}", "a1")
    await put(store, one(case(), 2, NOW))
    assert await raw.call("ZRANGE", f"{tag}open:{CLINIC}:{BRANCH}", 0, -1) == [b"a1"]


async def test_lost_functions_are_loaded_again(store: RedisStore, raw: Connection) -> None:
    await raw.call("FUNCTION", "FLUSH")
    assert await store.commit(one(case())) is Outcome.DONE


async def test_lost_functions_are_loaded_again_under_a_commit_with_hints(
    store: RedisStore, raw: Connection
) -> None:
    await raw.call("FUNCTION", "FLUSH")
    hints = (("link:x", ref(), timedelta(hours=1)),)
    assert await store.commit(replace(one(case()), hints=hints)) is Outcome.DONE
    assert await store.recall("link:x") == ref()


async def test_old_write_offs_make_room(store: RedisStore) -> None:
    old = DAY - timedelta(days=500)
    for n, day in enumerate((old, DAY)):
        await put(store, replace(one(case(), n), charges=(charge(f"m{n}", day),)))
        assert await store.write_off(CLINIC, write_off(1, day), None)
    assert await store.write_offs(CLINIC, BRANCH, old, MIDNIGHT.date()) == (write_off(1),)


async def test_amounts_are_exact(store: RedisStore) -> None:
    amount = Decimal("0.1000000000000000000001")
    await put(store, replace(one(case()), charges=(replace(charge(), amount=amount),)))
    (found,) = (await store.ledger(CLINIC, BRANCH, DAY)).charges
    assert found.amount == amount


async def test_a_lost_connection_is_opened_again(store: RedisStore, raw: Connection) -> None:
    await put(store, one(case()))
    await raw.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    for _ in range(50):
        try:
            found, _ = await store.load_case(CLINIC, "a1")
            break
        except StoreUnavailable:
            await asyncio.sleep(0.01)
    else:
        pytest.fail("it stayed away")
    assert found is not None


async def test_a_store_of_a_newer_version_is_refused(
    server: EmbeddedServer, raw: Connection
) -> None:
    await raw.call("HSET", keys.META, "layout", keys.LAYOUT + 1)
    with pytest.raises(StoreUnusable, match="layout"):
        await open_store(server.url)


async def test_a_server_that_cannot_write_is_unavailable(
    store: RedisStore, raw: Connection
) -> None:
    await raw.call("CONFIG", "SET", "maxmemory", "1")
    try:
        with pytest.raises(StoreUnavailable):
            await store.commit(one(case()))
        with pytest.raises(StoreUnavailable):
            await store.commit(Commit(CLINIC, (), hints=(("link:x", ref(), LEASE),)))
        with pytest.raises(StoreUnavailable):
            await store.ping()
        assert await store.load_case(CLINIC, "a1") == (None, None)
    finally:
        await raw.call("CONFIG", "SET", "maxmemory", "0")


async def test_nobody_answers() -> None:
    with pytest.raises(StoreUnavailable, match="does not answer"):
        await open_store("unix:///nowhere/at/all.sock")


async def test_leases_are_exact_to_the_microsecond(store: RedisStore) -> None:
    odd = NOW.replace(microsecond=999_999)
    await put(store, one(case(), 0, odd))
    assert (await claim(store)).next_at == odd
    await claim(store, odd)
    assert (await claim(store, odd)).next_at == odd + LEASE
