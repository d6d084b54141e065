"""The part of the stores' contract about money, settings, hints, the feed and keys."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from gateway.core.case import Case
from gateway.ports.store import (
    Claim,
    Claimed,
    ClinicRecord,
    Commit,
    Grant,
    Kind,
    Outcome,
    Rates,
    Ref,
    Room,
    Store,
    Work,
    Write,
)
from tests.adapters.store.samples import (
    BRANCH,
    CLINIC,
    DAY,
    LEASE,
    MIDNIGHT,
    MINUTE,
    NOW,
    NUMBER,
    Stores,
    call,
    case,
    charge,
    claim,
    contact,
    message,
    one,
    publish,
    put,
    rates,
    ref,
    write_off,
)


class Money:
    """Ledger, write-offs, counters."""

    async def test_charges_stand_in_their_day_in_order(self, stores: Stores) -> None:
        store, _ = stores
        charges = (charge("m1"), charge("m2", amount="-2.50"), charge("m3", day=date(2030, 3, 3)))
        await put(store, replace(one(case()), charges=charges))
        found = await store.ledger(CLINIC, BRANCH, DAY)
        assert found.charges == charges[:2]
        assert not found.written_off
        assert await store.open_days(CLINIC, BRANCH) == (date(2030, 3, 3), DAY)
        assert (await store.ledger(CLINIC, "east", DAY)).charges == ()

    async def test_a_month_is_the_sum_of_its_days(self, stores: Stores) -> None:
        """Also where a charge goes to a later day, and so to another month (rule Z-14)."""
        store, other = stores
        february, march = date(2030, 2, 1), date(2030, 3, 1)
        last = date(2030, 2, 28)
        assert await store.spent(CLINIC, BRANCH, march) == 0
        items = (charge("m1", last), charge("m2", amount="0.0001"), charge("m3", amount="-2.5"))
        await put(store, replace(one(case()), charges=items))
        assert await other.spent(CLINIC, BRANCH, february) == Decimal("2.50")
        assert await other.spent(CLINIC, BRANCH, march) == Decimal("-2.4999")
        assert await store.write_off(CLINIC, write_off(1, last), None)
        await put(other, replace(one(case(), 1), charges=(charge("late", last),)))
        assert await store.spent(CLINIC, BRANCH, february) == Decimal("2.50")
        assert await store.spent(CLINIC, BRANCH, march) == Decimal("0.0001")
        assert await store.spent(CLINIC, "east", march) == 0

    async def test_a_charge_that_was_not_committed_is_not_spent(self, stores: Stores) -> None:
        store, other = stores
        await put(store, replace(one(case()), charges=(charge(),)))
        stale = replace(one(case()), charges=(charge("m2"),))
        assert await other.commit(stale) is Outcome.CONFLICT
        assert await store.spent(CLINIC, BRANCH, DAY.replace(day=1)) == Decimal("2.50")

    async def test_a_branch_with_charges_falls_due(self, stores: Stores) -> None:
        store, _ = stores
        await put(store, replace(one(case()), charges=(charge(),)))
        await put(store, replace(one(case(), 1), charges=(charge("m2", at=MIDNIGHT + MINUTE),)))
        assert await claim(store) == Claim((), MIDNIGHT)
        branch = Ref(Kind.BRANCH, CLINIC, BRANCH)
        assert (await claim(store, MIDNIGHT)).items == (Claimed(branch, None, None),)
        assert await claim(store, MIDNIGHT) == Claim((), MIDNIGHT + LEASE)
        assert await store.write_off(CLINIC, write_off(2), MIDNIGHT + timedelta(days=1))
        assert await claim(store, MIDNIGHT + LEASE) == Claim((), None)

    @pytest.mark.rule("T-4")
    async def test_a_day_is_written_off_once_and_only_as_it_stands(self, stores: Stores) -> None:
        store, other = stores
        await put(store, replace(one(case()), charges=(charge("m1"),)))
        await put(store, replace(one(case(), 1), charges=(charge("m2"),)))
        assert not await store.write_off(CLINIC, write_off(1), None)
        assert not (await store.ledger(CLINIC, BRANCH, DAY)).written_off
        results = await asyncio.gather(
            *(client.write_off(CLINIC, write_off(2), None) for client in (store, other) * 3)
        )
        assert sorted(results) == [False] * 5 + [True]
        assert (await store.ledger(CLINIC, BRANCH, DAY)).written_off
        assert await store.open_days(CLINIC, BRANCH) == ()
        until = DAY + timedelta(days=1)
        assert await store.write_offs(CLINIC, BRANCH, DAY, until) == (write_off(2),)
        assert await store.write_offs(CLINIC, BRANCH, date(2030, 1, 1), DAY) == ()

    @pytest.mark.rule("Z-14")
    async def test_a_late_charge_goes_to_the_next_open_day(self, stores: Stores) -> None:
        store, _ = stores
        days = [date(2030, 2, 27) + timedelta(days=n) for n in range(3)]
        for n, day in enumerate(days[:2]):
            await put(store, replace(one(case(), n), charges=(charge(f"m{n}", day),)))
            assert await store.write_off(CLINIC, write_off(1, day), None)
        late = charge("late", days[0], at=MIDNIGHT + MINUTE)
        await put(store, replace(one(case(), 2), charges=(late,)))
        assert (await store.ledger(CLINIC, BRANCH, days[0])).charges == (charge("m0", days[0]),)
        assert await store.open_days(CLINIC, BRANCH) == (days[2],)
        found = await store.ledger(CLINIC, BRANCH, days[2])
        assert found.charges == (replace(late, day=days[2]),)
        assert (await claim(store)).next_at == MIDNIGHT + MINUTE

    async def test_no_open_day_is_forgotten_by_a_write_off(self, stores: Stores) -> None:
        store, _ = stores
        await put(store, replace(one(case()), charges=(charge("m1"),)))
        await claim(store, MIDNIGHT)
        next_day = charge("m2", DAY + timedelta(days=1), at=MIDNIGHT + timedelta(days=1))
        await put(store, replace(one(case(), 1), charges=(next_day,)))
        assert await store.write_off(CLINIC, write_off(1), None)
        assert await claim(store, MIDNIGHT) == Claim((), MIDNIGHT + timedelta(days=1))

    async def test_a_day_falls_due_at_the_earliest_moment_its_charges_named(
        self, stores: Stores
    ) -> None:
        store, _ = stores
        before = DAY - timedelta(days=1)
        for n, item in enumerate((charge("m1", before), charge("m2"))):
            await put(store, replace(one(case(), n), charges=(item,)))
        later = charge("m3", at=MIDNIGHT + timedelta(hours=1))
        await put(store, replace(one(case(), 2), charges=(later,)))
        assert await store.write_off(CLINIC, write_off(1, before), None)
        assert await claim(store) == Claim((), MIDNIGHT)

    @pytest.mark.rule("T-4")
    async def test_racing_charges_are_each_in_one_write_off(self, stores: Stores) -> None:
        store, other = stores

        async def charging(client: Store, name: str) -> None:
            for n in range(10):
                commit = Commit(
                    CLINIC, (Write(case(name), n, None),), charges=(charge(f"{name}-{n}"),)
                )
                await put(client, commit)

        async def writing(client: Store) -> None:
            for _ in range(10):
                for day in await client.open_days(CLINIC, BRANCH):
                    count = len((await client.ledger(CLINIC, BRANCH, day)).charges)
                    await client.write_off(CLINIC, write_off(count, day), None)

        await asyncio.gather(
            charging(store, "a"), charging(other, "b"), writing(store), writing(other)
        )
        await writing(store)
        done = await store.write_offs(CLINIC, BRANCH, DAY, DAY + timedelta(days=99))
        assert sum(item.charges for item in done) == 20
        entries = [
            found.attempt
            for item in done
            for found in (await store.ledger(CLINIC, BRANCH, item.day)).charges
        ]
        assert len(entries) == len(set(entries)) == 20
        assert await store.open_days(CLINIC, BRANCH) == ()

    async def test_actions_are_counted(self, stores: Stores) -> None:
        store, _ = stores
        sent = Work(BRANCH, DAY, "details", "sms", "accepted")
        answered = Work(BRANCH, DAY + timedelta(days=1), "confirmation", "call", "no_answer")
        await put(store, replace(one(case()), work=(sent, answered, sent)))
        await put(store, replace(one(case(), 1), work=(sent,)))
        until = DAY + timedelta(days=2)
        assert await store.work(CLINIC, BRANCH, DAY, until) == ((sent, 3), (answered, 1))
        assert await store.work(CLINIC, BRANCH, DAY, DAY) == ()


class Records:
    """Settings, hints, feed, keys."""

    async def test_settings_are_written_by_version(self, stores: Stores) -> None:
        store, other = stores
        record = ClinicRecord(CLINIC, 0, {"name": "Север", "n": [1, {"x": None}]}, {BRANCH: NOW})
        limits = {BRANCH: Rates(1, 1)}
        assert await store.save_clinic(record, limits) is Outcome.DONE
        assert await other.save_clinic(record, limits) is Outcome.CONFLICT
        assert await other.load_clinic(CLINIC) == replace(record, version=1)
        assert await other.save_clinic(replace(record, version=1), limits) is Outcome.DONE
        assert await store.save_clinic(ClinicRecord("a:b", 0, {}, {}), {}) is Outcome.DONE
        assert await store.clinics() == ("a:b", CLINIC)

    async def test_hints_lead_back(self, stores: Stores) -> None:
        store, other = stores
        target = Ref(Kind.CONTACT, "a:b", "+7:x")
        await store.remember("msg:whatsapp:wamid.1", target, timedelta(hours=1))
        assert await other.recall("msg:whatsapp:wamid.1") == target
        assert await other.recall("msg:whatsapp:wamid.2") is None
        await store.remember("msg:whatsapp:wamid.1", ref(), timedelta(hours=1))
        assert await other.recall("msg:whatsapp:wamid.1") == ref()

    @pytest.mark.parametrize("outcome", Outcome)
    async def test_a_commits_hints_are_kept_whatever_comes_of_it(
        self, stores: Stores, outcome: Outcome
    ) -> None:
        store, other = stores
        await put(store, replace(one(case()), seen="in-1"))
        expected = 0 if outcome is Outcome.CONFLICT else 1
        seen = "in-1" if outcome is Outcome.DUPLICATE else "in-2"
        hints = (("alias:1", ref("a1"), MINUTE), ("alias:2", ref("a2"), MINUTE))
        commit = replace(one(case(), expected), seen=seen, hints=hints)
        assert await store.commit(commit) is outcome
        assert await other.recall("alias:1") == ref("a1")
        assert await other.recall("alias:2") == ref("a2")

    async def test_a_change_is_published_once(self, stores: Stores) -> None:
        store, other = stores
        await publish(store, ref("a1"), "p1", {"kind": "status", "n": 1})
        await publish(store, ref("a2"), "p1", {"kind": "status", "n": 2})
        await publish(other, ref("a1"), "p1", {"kind": "other"})
        await publish(store, Ref(Kind.CASE, "south", "a1"))
        items = await other.feed(CLINIC, 0, 10)
        assert [(item.seq, item.ref, item.push) for item in items] == [
            (1, ref("a1"), "p1"),
            (2, ref("a2"), "p1"),
        ]
        assert items[0].document == {"kind": "status", "n": 1}
        assert [item.seq for item in await store.feed("south", 0, 10)] == [1]

    async def test_the_feed_keeps_what_was_not_taken(self, stores: Stores) -> None:
        store, _ = stores
        for n in range(12):
            await publish(store, ref(f"a{n}"))
        await store.take_from_feed(CLINIC, 2)
        await store.take_from_feed(CLINIC, 2)
        await store.take_from_feed(CLINIC, 99)
        assert [item.seq for item in await store.feed(CLINIC, 0, 3)] == [1, 3, 4]
        assert [item.seq for item in await store.feed(CLINIC, 9, 10)] == [10, 11, 12]
        await publish(store, ref("a1"))
        assert [item.seq for item in await store.feed(CLINIC, 0, 2)] == [1, 3]

    async def test_keys_belong_to_one_clinic(self, stores: Stores) -> None:
        store, other = stores
        await store.save_key("d2", CLINIC, NOW + MINUTE, "второй")
        await store.save_key("d1", CLINIC, NOW, "first")
        await store.save_key("d3", "south", NOW, "")
        assert await other.key_clinic("d1") == CLINIC
        assert await other.key_clinic("none") is None
        assert await other.keys(CLINIC) == (("d1", NOW, "first"), ("d2", NOW + MINUTE, "второй"))
        assert not await store.revoke_key(CLINIC, "d3")
        assert await store.revoke_key(CLINIC, "d1")
        assert not await store.revoke_key(CLINIC, "d1")
        assert await other.key_clinic("d1") is None

    async def test_figures_count(self, stores: Stores) -> None:
        store, _ = stores
        await put(store, one(case("a1"), 0, NOW + MINUTE, message(), call()))
        await put(store, one(case("a2"), 0, NOW))
        await put(store, one(contact(), 0, None))
        figures = await store.figures()
        assert (figures.cases, figures.due, figures.waiting) == (2, 2, 2)
        assert figures.oldest_due == NOW

    def test_a_clinic_stays_in_its_partition(self, stores: Stores) -> None:
        store, other = stores
        assert store.partition_of(CLINIC) == other.partition_of(CLINIC)
        assert 0 <= store.partition_of(CLINIC) < store.partitions

    async def test_a_grant_that_nobody_has_can_be_given_back(self, stores: Stores) -> None:
        store, _ = stores
        unknown = (Grant(Room.MESSAGE, BRANCH, "17"), Grant(Room.CALL, "x", "case:north:a9"))
        for n, grant in enumerate(unknown):
            await put(store, replace(one(case(), n), refund=grant))


class ForTheStaff:
    """The queue of what waits for a clinic's staff."""

    async def test_whoever_waits_longest_comes_first(self, stores: Stores) -> None:
        store, other = stores
        assert await store.attention(CLINIC, 10) == ()
        await put(store, replace(one(case("a1")), attention=((ref("a1"), NOW),)))
        await put(store, replace(one(case("a2")), attention=((ref("a2"), NOW - MINUTE),)))
        number = Ref(Kind.CONTACT, CLINIC, NUMBER)
        await put(store, replace(one(contact()), attention=((number, NOW + MINUTE),)))
        found = await other.attention(CLINIC, 10)
        assert found == (
            case("a2", version=1),
            case("a1", version=1),
            contact(version=1),
        )
        assert await store.attention(CLINIC, 2) == found[:2]
        assert await store.attention("south", 10) == ()

    async def test_what_is_settled_waits_no_more(self, stores: Stores) -> None:
        store, _ = stores
        await rates(store, 1, 1)
        await put(store, replace(one(case("a1")), attention=((ref("a1"), NOW),)))
        assert (await store.figures()).attention == 1
        await put(store, one(case("a1"), 1))
        assert len(await store.attention(CLINIC, 10)) == 1, "a commit that says nothing of it"
        await put(store, replace(one(case("a1"), 2), attention=((ref("a1"), None),)))
        assert await store.attention(CLINIC, 10) == ()
        assert (await store.figures()).attention == 0

    async def test_a_conflict_and_a_repeat_leave_the_queue_alone(self, stores: Stores) -> None:
        store, _ = stores
        await put(store, replace(one(case("a1")), attention=((ref("a1"), NOW),), seen="e1"))
        stale = replace(one(case("a1")), attention=((ref("a1"), None),))
        assert await store.commit(stale) is Outcome.CONFLICT
        again = replace(one(case("a1"), 1), attention=((ref("a1"), None),), seen="e1")
        assert await store.commit(again) is Outcome.DUPLICATE
        assert await store.attention(CLINIC, 10) == (case("a1", version=1),)

    async def test_more_than_a_page_waits(self, stores: Stores) -> None:
        store, _ = stores
        names = [f"v{number:03}" for number in range(260)]
        for number, name in enumerate(names):
            marks = ((ref(name), NOW + number * MINUTE),)
            await put(store, replace(one(case(name)), attention=marks))
        found = await store.attention(CLINIC, 1000)
        assert [item.id for item in found if isinstance(item, Case)] == names
