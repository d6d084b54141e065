"""What every store does, as tests: `class TestMine(StoreConformance)` with a fixture `stores`.

`stores` are two clients ("nodes") of one empty store; they may be the same object. Time is an
argument everywhere, so nothing here waits.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.ports.store import (
    Claim,
    Claimed,
    Commit,
    Kind,
    Outcome,
    Ref,
    Room,
    Store,
    Work,
    Write,
)
from tests.adapters.store.conformance_limits import Shared
from tests.adapters.store.conformance_records import ForTheStaff, Money, Records
from tests.adapters.store.samples import (
    BRANCH,
    CLINIC,
    DAY,
    LEASE,
    MINUTE,
    NOW,
    NUMBER,
    SECOND,
    Stores,
    call,
    case,
    charge,
    claim,
    claimed,
    contact,
    entry,
    everything,
    message,
    one,
    put,
    rates,
    ref,
)


class _Documents:
    """Documents, versions, timelines."""

    async def test_nothing_is_there_at_first(self, stores: Stores) -> None:
        store, _ = stores
        assert await store.load_case(CLINIC, "a1") == (None, None)
        assert await store.load_contact(CLINIC, NUMBER) == (None, ())
        assert await store.timeline(ref()) == ()
        assert await claim(store) == Claim((), None)
        assert await store.clinics() == ()
        assert await store.load_clinic(CLINIC) is None
        await store.ping()

    async def test_a_document_comes_back_with_its_version_and_without_its_journal(
        self, stores: Stores
    ) -> None:
        store, other = stores
        written = case(version=7, journal=(entry("one"),))
        await put(store, one(written))
        found, _ = await other.load_case(CLINIC, "a1")
        assert found == replace(written, version=1, journal=())
        person = contact(version=9, wake=(("a1", NOW),), journal=(entry("two"),))
        await put(store, one(person))
        assert await other.load_contact(CLINIC, NUMBER) == (
            replace(person, version=1, wake=(), journal=()),
            (),
        )

    async def test_a_case_comes_with_the_contact_of_its_number(self, stores: Stores) -> None:
        store, _ = stores
        await put(store, one(case()))
        assert (await store.load_case(CLINIC, "a1"))[1] is None
        await put(store, one(contact(visits=("a1",))))
        assert (await store.load_case(CLINIC, "a1"))[1] == contact(visits=("a1",), version=1)
        await put(store, one(case(number=None), 1))
        assert (await store.load_case(CLINIC, "a1"))[1] is None

    async def test_a_contact_comes_with_its_visits_in_their_order(self, stores: Stores) -> None:
        store, _ = stores
        await put(store, one(contact(visits=("a3", "gone", "a1"))))
        await put(store, one(case("a1")))
        await put(store, one(case("a3")))
        _, cases = await store.load_contact(CLINIC, NUMBER)
        assert [found.id for found in cases] == ["a3", "a1"]

    async def test_a_stale_version_conflicts(self, stores: Stores) -> None:
        store, other = stores
        await put(store, one(case()))
        assert await other.commit(one(case())) is Outcome.CONFLICT
        await put(other, one(case(), 1))
        assert await store.commit(one(case(), 1)) is Outcome.CONFLICT
        assert await store.commit(one(case(), 3)) is Outcome.CONFLICT
        found, _ = await store.load_case(CLINIC, "a1")
        assert found is not None
        assert found.version == 2

    async def test_a_checked_version_must_hold(self, stores: Stores) -> None:
        store, _ = stores
        await put(store, one(contact()))
        number = Ref(Kind.CONTACT, CLINIC, NUMBER)
        for checks in (((number, 0),), ((number, 1), (ref("a2"), 1))):
            commit = replace(one(case()), checks=checks)
            assert await store.commit(commit) is Outcome.CONFLICT
        await put(store, replace(one(case()), checks=((number, 1), (ref("a2"), 0))))

    async def test_a_conflict_changes_nothing_at_all(self, stores: Stores) -> None:
        store, _ = stores
        await put(store, one(case("a1", journal=(entry("first"),)), 0, NOW + MINUTE))
        await put(store, one(contact()))
        before = await everything(store)
        stale = Commit(
            CLINIC,
            (
                Write(case("a2", journal=(entry("x"),)), 0, NOW, (message(), call())),
                Write(contact(visits=("a9",), wake=(("a1", NOW),)), 1, NOW),
                Write(case("a1", journal=(entry("y"),)), 0, NOW, (message(),)),
            ),
            wake=((ref("a1"), NOW),),
            charges=(charge(),),
            work=(Work(BRANCH, DAY, "details", "sms", "accepted"),),
            seen="event-1",
        )
        assert await store.commit(stale) is Outcome.CONFLICT
        assert await everything(store) == before
        assert await claim(store) == Claim((), NOW + MINUTE)
        retried = Commit(CLINIC, (Write(case("a2"), 0, None),), seen="event-1")
        assert await store.commit(retried) is Outcome.DONE

    @pytest.mark.rule("G-6")
    async def test_an_event_counts_once(self, stores: Stores) -> None:
        store, other = stores
        event = Commit(CLINIC, (Write(case(journal=(entry("x"),)), 0, None),), seen="wamid.1")
        assert await store.commit(event) is Outcome.DONE
        assert await other.commit(event) is Outcome.DUPLICATE
        again = replace(event, writes=(replace(event.writes[0], expected=1),))
        assert await other.commit(again) is Outcome.DUPLICATE
        assert await store.timeline(ref()) == (entry("x"),)
        elsewhere = Commit("south", (Write(case(clinic="south"), 0, None),), seen="wamid.1")
        assert await store.commit(elsewhere) is Outcome.DONE

    @pytest.mark.rule("G-5")
    async def test_a_timeline_only_grows(self, stores: Stores) -> None:
        store, other = stores
        journal = tuple(entry(f"line {n}") for n in range(600))
        await put(store, one(case(journal=journal[:599])))
        await put(other, one(case(journal=journal[599:]), 1))
        assert await store.timeline(ref()) == journal
        await put(store, one(contact(journal=(entry("of the number"),))))
        number = Ref(Kind.CONTACT, CLINIC, NUMBER)
        assert await store.timeline(number) == (entry("of the number"),)

    async def test_ids_may_hold_anything(self, stores: Stores) -> None:
        store, _ = stores
        for clinic, id_ in (("a:b", "c"), ("a", "b:c"), ("a%3Ab", "c"), ("к", "№ 1\n'{x}'")):
            document = case(id_, clinic=clinic, branch="б:1\n")
            commit = Commit(clinic, (Write(document, 0, NOW, (message(),)),))
            await put(store, commit)
            found, _ = await store.load_case(clinic, id_)
            assert found == replace(document, version=1)
            partition = store.partition_of(clinic)
            await store.claim(partition, NOW, 10, LEASE)
            (item,) = (await store.claim(partition, NOW, 10, LEASE)).items
            assert item.ref == Ref(Kind.CASE, clinic, id_)
            assert item.grant is not None
            assert item.grant.branch == "б:1\n"

    async def test_of_many_writers_one_wins_each_version(self, stores: Stores) -> None:
        store, other = stores
        await put(store, one(case()))

        async def writer(client: Store) -> None:
            for _ in range(5):
                while True:
                    found, _ = await client.load_case(CLINIC, "a1")
                    assert found is not None
                    grown = replace(found, attempts_made=found.attempts_made + 1)
                    commit = one(replace(grown, journal=(entry("+1"),)), found.version)
                    if await client.commit(commit) is Outcome.DONE:
                        break

        await asyncio.gather(*(writer(client) for client in (store, other) * 4))
        found, _ = await store.load_case(CLINIC, "a1")
        assert found is not None
        assert (found.version, found.attempts_made) == (41, 40)
        assert len(await store.timeline(ref())) == 40


class _Queue:
    """Due times, leases, waking."""

    async def test_entries_come_when_they_are_due_and_in_order(self, stores: Stores) -> None:
        store, other = stores
        for id_, minutes in (("a3", 3), ("a1", 1), ("a2", 2), ("a4", 4)):
            await put(store, one(case(id_), 0, NOW + minutes * MINUTE))
        assert await claim(other, NOW) == Claim((), NOW + MINUTE)
        assert await claimed(store, NOW + MINUTE - timedelta(microseconds=1)) == []
        assert await claimed(store, NOW + 3 * MINUTE, limit=2) == ["a1", "a2"]
        assert await claimed(other, NOW + 3 * MINUTE) == ["a3"]
        assert (await claim(other, NOW + 3 * MINUTE)).next_at == NOW + 4 * MINUTE

    async def test_a_claim_that_left_something_says_so(self, stores: Stores) -> None:
        store, _ = stores
        for id_ in ("a1", "a2"):
            await put(store, one(case(id_), 0, NOW - MINUTE))
        assert (await claim(store, NOW, limit=1)).next_at == NOW
        assert (await claim(store, NOW, limit=1)).next_at == NOW + LEASE

    async def test_a_lease_hides_an_entry_until_it_passes(self, stores: Stores) -> None:
        store, other = stores
        await put(store, one(case(), 0, NOW))
        assert await claimed(store) == ["a1"]
        assert await claim(other) == Claim((), NOW + LEASE)
        assert await claimed(other, NOW + LEASE) == ["a1"]

    async def test_a_commit_says_when_an_entry_is_due_again(self, stores: Stores) -> None:
        store, _ = stores
        await put(store, one(case(), 0, NOW))
        await claim(store)
        await put(store, one(case(), 1, NOW + MINUTE))
        assert await claim(store) == Claim((), NOW + MINUTE)
        await put(store, one(case(), 2, None))
        assert await claim(store, NOW + timedelta(days=9)) == Claim((), None)

    async def test_a_claim_brings_the_documents(self, stores: Stores) -> None:
        store, _ = stores
        await put(store, one(case(), 0, NOW))
        await put(store, one(case("a2", number=None), 0, NOW))
        await put(store, one(contact(), 0, NOW))
        items = (await claim(store)).items
        assert items == (
            Claimed(ref("a1"), None, case(version=1), contact(version=1)),
            Claimed(ref("a2"), None, case("a2", number=None, version=1)),
            Claimed(Ref(Kind.CONTACT, CLINIC, NUMBER), None, contact(version=1)),
        )

    async def test_two_nodes_never_hold_the_same_entry(self, stores: Stores) -> None:
        store, other = stores
        for n in range(50):
            await put(store, one(case(f"a{n}"), 0, NOW))
        claims = await asyncio.gather(*(claimed(s, NOW, 7) for s in (store, other) * 5))
        taken = [id_ for ids in claims for id_ in ids]
        assert len(taken) == len(set(taken)) == 50

    async def test_waking_makes_an_entry_due_only_earlier(self, stores: Stores) -> None:
        store, _ = stores
        await put(store, one(case("a1"), 0, NOW + 5 * MINUTE))
        await put(store, one(case("a2"), 0, None))
        wake = ((ref("a1"), NOW + 9 * MINUTE), (ref("a2"), NOW + MINUTE), (ref("gone"), NOW))
        await put(store, replace(one(contact()), wake=wake))
        assert await claim(store) == Claim((), NOW + MINUTE)
        assert await claimed(store, NOW + MINUTE) == ["a2"]
        assert await claimed(store, NOW + 5 * MINUTE) == ["a2", "a1"]

    async def test_a_contact_wakes_its_visits(self, stores: Stores) -> None:
        store, _ = stores
        await put(store, one(case("a1"), 0, NOW + 5 * MINUTE))
        await put(store, one(contact(visits=("a1",), wake=(("a1", NOW + MINUTE),))))
        assert await claimed(store, NOW + MINUTE) == ["a1"]

    async def test_a_changed_branch_wakes_its_open_cases(self, stores: Stores) -> None:
        store, _ = stores
        past, future = NOW - timedelta(days=2), NOW + timedelta(days=2)
        await put(store, one(case("over", start=past), 0, NOW + MINUTE))
        await put(store, one(case("over", start=past), 1, None))
        await put(store, one(case("over, due", start=past), 0, NOW + timedelta(days=5)))
        await put(store, one(case("ahead", start=future)))
        await put(store, one(case("ahead, due", start=future), 0, NOW + MINUTE))
        await put(store, one(case("elsewhere", branch="east", start=future)))
        assert await store.wake_branch(CLINIC, BRANCH, NOW) == 3
        assert sorted(await claimed(store)) == ["ahead", "ahead, due", "over, due"]
        assert await store.wake_branch(CLINIC, "nowhere", NOW) == 0

    async def test_what_was_decided_before_a_branch_changed_is_not_committed(
        self, stores: Stores
    ) -> None:
        store, other = stores
        await put(store, one(case(), 0, NOW + MINUTE))
        await other.wake_branch(CLINIC, BRANCH, NOW)
        assert await store.commit(one(case(), 1, None)) is Outcome.CONFLICT
        (item,) = (await claim(store)).items
        assert item.document is not None
        await put(store, one(case(), item.document.version, None))

    async def test_cases_of_a_branch_by_start(self, stores: Stores) -> None:
        store, _ = stores
        for n, minutes in enumerate((30, 10, 20, 40)):
            await put(store, one(case(f"a{n}", start=NOW + minutes * MINUTE)))
        await put(store, one(case("moved", start=NOW + 15 * MINUTE)))
        await put(store, one(case("moved", start=NOW + 15 * MINUTE, branch="east"), 1))
        await put(store, one(case("a3", start=NOW + 5 * MINUTE), 1))
        window = (NOW + 5 * MINUTE, NOW + 30 * MINUTE)
        found = await store.cases(CLINIC, BRANCH, *window)
        assert [document.id for document in found] == ["a3", "a1", "a2"]
        assert found[0].version == 2
        limited = await store.cases(CLINIC, BRANCH, *window, limit=2)
        assert [document.id for document in limited] == ["a3", "a1"]
        assert [c.id for c in await store.cases(CLINIC, "east", *window)] == ["moved"]
        assert (await store.figures()).cases == 5


class _Rooms:
    """Pace, lines and ranks."""

    @pytest.mark.rule("Z-15")
    async def test_turns_come_in_order_of_rank(self, stores: Stores) -> None:
        store, _ = stores
        for id_, rank in (("a3", 30.5), ("a1", 10.0), ("b1", 10.0), ("free", 0.0)):
            await put(store, one(case(id_), 0, None, message(rank)))
        items = (await claim(store, NOW, limit=3)).items
        assert [(item.ref.key, item.room) for item in items] == [
            ("free", Room.MESSAGE),
            ("a1", Room.MESSAGE),
            ("b1", Room.MESSAGE),
        ]
        assert await claimed(store) == ["a3"]

    async def test_a_granted_entry_is_leased_and_waits_no_more(self, stores: Stores) -> None:
        store, _ = stores
        await put(store, one(case(), 0, None, message()))
        assert await claimed(store) == ["a1"]
        assert await claim(store) == Claim((), NOW + LEASE)
        (again,) = (await claim(store, NOW + LEASE)).items
        assert again.room is None

    @pytest.mark.rule("Z-15")
    async def test_no_more_than_per_minute_in_any_60_seconds(self, stores: Stores) -> None:
        store, other = stores
        await rates(store, per_minute=3, lines=1)
        for n in range(8):
            await put(store, one(case(f"a{n}"), 0, None, message(n)))
        assert await claimed(store, NOW, limit=1) == ["a0"]
        assert await claimed(other, NOW + 20 * SECOND, limit=1) == ["a1"]
        last = await claim(store, NOW + 40 * SECOND)
        assert [item.ref.key for item in last.items] == ["a2"]
        assert last.next_at == NOW + MINUTE
        almost = NOW + MINUTE - timedelta(microseconds=1)
        assert await claim(other, almost) == Claim((), NOW + MINUTE)
        turn = await claim(other, NOW + MINUTE)
        assert [item.ref.key for item in turn.items] == ["a3"]
        assert turn.next_at == NOW + MINUTE + 20 * SECOND

    @pytest.mark.rule("H-7")
    async def test_the_pace_holds_across_nodes_and_branches_do_not_share_it(
        self, stores: Stores
    ) -> None:
        store, other = stores
        await rates(store, per_minute=5, lines=1)
        for n in range(20):
            await put(store, one(case(f"a{n}"), 0, None, message(n)))
            await put(store, one(case(f"e{n}", branch="east"), 0, None, message(n)))
        claims = await asyncio.gather(*(claimed(s, NOW, 100) for s in (store, other) * 3))
        taken = sorted(id_ for ids in claims for id_ in ids)
        assert taken == sorted([f"a{n}" for n in range(5)] + [f"e{n}" for n in range(20)])

    async def test_a_refused_turn_is_given_back(self, stores: Stores) -> None:
        store, _ = stores
        await rates(store, per_minute=1, lines=1)
        for n in range(2):
            await put(store, one(case(f"a{n}"), 0, None, message(n)))
        (item,) = (await claim(store)).items
        refunded = replace(one(case("a0"), 1), refund=item.grant)
        await put(store, refunded)
        assert await claimed(store) == ["a1"]
        assert await store.commit(refunded) is Outcome.CONFLICT
        await put(store, one(case("a2"), 0, None, message()))
        assert await claimed(store) == []

    async def test_each_commit_replaces_what_a_document_waits_for(self, stores: Stores) -> None:
        store, _ = stores
        await put(store, one(case("a1"), 0, None, message(5), call(5)))
        await put(store, one(case("a2"), 0, None, message(4)))
        assert (await store.figures()).waiting == 3
        await put(store, one(case("a1"), 1, None, message(3)))
        assert await claimed(store, NOW, limit=1) == ["a1"]
        await put(store, one(case("a2"), 1, None))
        assert (await store.figures()).waiting == 0
        await put(store, one(case("a1"), 2, None))
        assert await claim(store) == Claim((), None)

    async def test_a_case_that_moves_waits_in_its_new_branch(self, stores: Stores) -> None:
        store, _ = stores
        await put(store, one(case("a1"), 0, None, message()))
        await put(store, one(case("a1", branch="east"), 1, None, message()))
        assert (await store.figures()).waiting == 1
        (item,) = (await claim(store)).items
        assert item.grant is not None
        assert item.grant.branch == "east"

    async def test_a_contact_waits_in_the_room_of_its_branch(self, stores: Stores) -> None:
        store, _ = stores
        await put(store, one(contact(branch="east"), 0, None, message(0)))
        (item,) = (await claim(store)).items
        assert (item.ref.kind, item.room) == (Kind.CONTACT, Room.MESSAGE)
        assert item.grant is not None
        assert item.grant.branch == "east"

    @pytest.mark.rule("H-7", "Z-15")
    async def test_a_line_is_held_until_its_case_is_not_calling(self, stores: Stores) -> None:
        store, other = stores
        await rates(store, per_minute=9, lines=2)
        for n in range(4):
            await put(store, one(case(f"a{n}"), 0, None, call(n)))
        assert await claimed(store) == ["a0", "a1"]
        await put(store, one(case("a0"), 1, None, calling=True))
        await put(other, one(case("a1"), 1, None, calling=True))
        assert await claim(other) == Claim((), NOW + timedelta(minutes=10))
        await put(store, one(case("a0"), 2, None, calling=True))
        assert await claimed(other) == []
        await put(store, one(case("a0"), 3, None))
        assert await claimed(other) == ["a2"]
        await put(store, one(case("a0"), 4, None))
        assert await claimed(other) == []

    async def test_a_forgotten_line_frees_after_ten_minutes(self, stores: Stores) -> None:
        store, _ = stores
        await rates(store, per_minute=9, lines=1)
        for n in range(2):
            await put(store, one(case(f"a{n}"), 0, None, call(n)))
        await claim(store)
        await put(store, one(case("a0"), 1, None, calling=True))
        free = NOW + timedelta(minutes=10)
        assert await claim(store, free - SECOND) == Claim((), free)
        assert await claimed(store, free) == ["a1"]

    async def test_an_unused_line_is_given_back(self, stores: Stores) -> None:
        store, _ = stores
        await rates(store, per_minute=9, lines=1)
        for n in range(2):
            await put(store, one(case(f"a{n}"), 0, None, call(n)))
        (item,) = (await claim(store)).items
        assert item.grant is not None
        assert item.grant.room is Room.CALL
        await put(store, replace(one(case("a0"), 1, calling=True), refund=item.grant))
        assert await claimed(store) == ["a1"]
        await put(store, one(case("a0"), 2))
        assert (await store.figures()).waiting == 0

    async def test_new_limits_hold_at_once(self, stores: Stores) -> None:
        store, _ = stores
        await rates(store, per_minute=0, lines=0)
        for n in range(3):
            await put(store, one(case(f"a{n}"), 0, None, message(n), call(n)))
        assert await claim(store) == Claim((), None)
        assert (await store.figures()).waiting == 6
        await rates(store, per_minute=2, lines=0, version=1)
        assert await claimed(store) == ["a0", "a1"]
        await rates(store, per_minute=1, lines=0, version=2)
        assert (await claim(store)).next_at == NOW + MINUTE

    async def test_turns_wait_for_due_entries_which_may_go_first(self, stores: Stores) -> None:
        store, _ = stores
        await put(store, one(case("later"), 0, None, message(50)))
        await put(store, one(case("sooner"), 0, NOW))
        first = await claim(store)
        assert [item.ref.key for item in first.items] == ["sooner"]
        assert first.next_at == NOW
        await put(store, one(case("sooner"), 1, None, message(20)))
        assert await claimed(store) == ["sooner", "later"]

    async def test_turns_do_not_wait_for_ever(self, stores: Stores) -> None:
        store, _ = stores
        await put(store, one(case("waiting"), 0, None, message()))
        for n in range(3):
            await put(store, one(case(f"due{n}"), 0, NOW))
        assert await claimed(store, NOW, limit=1) == ["due0"]
        assert await claimed(store, NOW + SECOND / 2, limit=1) == ["due1"]
        assert await claimed(store, NOW + SECOND, limit=2) == ["waiting", "due2"]


class StoreConformance(_Documents, _Queue, _Rooms, Money, Records, ForTheStaff, Shared):
    """The whole contract."""

    @pytest.fixture
    def stores(self) -> Stores:
        """Two clients of one empty store."""
        raise AssertionError("the suite of a store brings its two clients")
