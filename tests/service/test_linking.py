"""Whose account it is, whatever comes late, twice, at once, or after a crash."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.store.memory_store import MemoryStore
from gateway.clock import LoopClock
from gateway.core.case import EndedBy, EntryKind
from gateway.core.model import Channel, Status
from gateway.errors import StoreUnavailable
from gateway.ports.messaging import InboundLink, LinkStep
from gateway.ports.store import Commit, Kind, Outcome, Ref
from gateway.rehearse.loop import VirtualLoop
from gateway.service.inbox import Inbox
from gateway.service.linking import Accounts, alias_of
from gateway.service.links import JOIN_FOR, join_hint
from gateway.service.strangers import Strangers
from tests.service.support import (
    NOW,
    NUMBER,
    OTHER,
    Channels,
    Node,
    appointment,
    clinic,
    contact_ref,
    node,
    on_virtual_time,
    until,
    written,
)

BOT, ACCOUNT, STRANGER = "7000000001", "501", "502"
TOKEN = "Zk3_9-ab"


class Chat:
    """A clinic's bot, as its callbacks come in."""

    def __init__(self, here: Node) -> None:
        bots = {(Channel.TELEGRAM, BOT): "zdorovie", (Channel.TELEGRAM, "2"): "nowhere"}
        service = here.service
        self.accounts = Accounts(here.store, service.engine, here.clock)
        strangers = Strangers(
            here.store, service.clinics, here.clock, (), here.supervisor.spawn, service.effects.say
        )
        self.inbox = Inbox(here.store, service.engine, bots, self.accounts, strangers)
        self.node = here
        self._ids = count(1)

    async def invites(
        self, number: str = NUMBER, clinic_id: str = "zdorovie", token: str = TOKEN
    ) -> None:
        """The clinic hands out a link; whoever opens it is this number."""
        ref = Ref(Kind.CONTACT, clinic_id, number)
        await self.node.store.remember(join_hint(Channel.TELEGRAM, token), ref, JOIN_FOR)

    def callback(self, step: LinkStep, account: str = ACCOUNT, **more: Any) -> InboundLink:
        """Return what the provider tells now."""
        values: dict[str, Any] = {"sender": BOT, "at": self.node.clock.now()}
        known = {"channel": Channel.TELEGRAM, "account": account, "step": step}
        return InboundLink(**{"id": f"in-{next(self._ids)}", **values, **known, **more})

    async def links(self, step: LinkStep, account: str = ACCOUNT, **more: Any) -> int:
        """Take a callback; return how many of all so far belong to nobody."""
        await self.inbox.take([self.callback(step, account, **more)])
        return self.inbox.unmatched

    async def says(self, text: str, account: str = ACCOUNT, **more: Any) -> int:
        """A message comes in; return how many of all so far belong to nobody."""
        known = {"channel": Channel.TELEGRAM, "sender": BOT, "number": None, "account": account}
        message = written(text, f"{account}:{text}", self.node.clock.now(), **known | more)
        await self.inbox.take([message])
        return self.inbox.unmatched

    async def account(self, number: str = NUMBER) -> str | None:
        contact, _ = await self.node.store.load_contact("zdorovie", number)
        return contact.account(Channel.TELEGRAM) if contact is not None else None

    async def ended(self, number: str = NUMBER) -> EndedBy | None:
        record = (await self.node.contact(number)).record(Channel.TELEGRAM)
        assert record is not None
        return record.ended


async def asked(here: Node) -> Any:
    await here.record()
    here.start()
    await until(lambda: bool(here.whatsapp.sent))
    await here.clock.sleep(0.1)
    return here.whatsapp.sent[0]


@pytest.mark.rule("C-9")
@on_virtual_time
async def test_a_link_ties_the_chat_to_the_number_that_it_was_made_for() -> None:
    """The patient is told so; from then on questions go there, and what is written there is
    that patient's answer."""
    telegram = Channels(Channel.TELEGRAM)
    async with node(settings=clinic(channels=["telegram", "sms"]), whatsapp=telegram) as here:
        chat = Chat(here)
        await chat.invites()
        assert await chat.links(LinkStep.STARTED, token=TOKEN) == 0
        await here.record()
        here.start()
        await until(lambda: len(telegram.sent) == 2)
        assert {message.account for message in telegram.sent} == {ACCOUNT}
        assert "будут приходить в этот чат" in telegram.texts[0]
        assert await chat.says("1") == 0
        assert (await here.case()).status is Status.CONFIRMED


@on_virtual_time
async def test_a_link_counts_once() -> None:
    async with node() as here:
        chat = Chat(here)
        await chat.invites()
        await chat.links(LinkStep.STARTED, token=TOKEN)
        # The store forgets that a token was used before the link itself ends, so it is emptied.
        assert await here.store.recall(join_hint(Channel.TELEGRAM, TOKEN)) == contact_ref("")
        assert await chat.links(LinkStep.STARTED, STRANGER, token=TOKEN) == 1
        assert await chat.account() == ACCOUNT


class Meeting(MemoryStore):
    """Two callbacks ask for the same token before either has used it."""

    def __init__(self, hint: str, parties: int) -> None:
        super().__init__()
        self._hint = hint
        self._barrier = asyncio.Barrier(parties)

    async def recall(self, hint: str) -> Ref | None:
        found = await super().recall(hint)
        if hint == self._hint and found is not None and found.key:
            await self._barrier.wait()
        return found


@pytest.mark.rule("G-6")
@on_virtual_time
async def test_of_two_accounts_that_open_one_link_at_once_the_second_gets_nothing() -> None:
    store = Meeting(join_hint(Channel.TELEGRAM, TOKEN), 2)
    async with node(store) as here:
        chat = Chat(here)
        await chat.invites()
        both = [chat.callback(LinkStep.STARTED, who, token=TOKEN) for who in (ACCOUNT, STRANGER)]
        await asyncio.gather(*(chat.inbox.take([one]) for one in both))
        assert chat.inbox.unmatched == 1
        winner = await chat.account()
        (loser,) = {ACCOUNT, STRANGER} - {winner}
        assert await chat.says("привет", loser) == 2
        assert len(await here.entries(EntryKind.LINKED, contact_ref())) == 1


class Slow(MemoryStore):
    """Takes its time, so that whatever may come in between does."""

    async def recall(self, hint: str) -> Ref | None:
        await asyncio.sleep(0.01)
        return await super().recall(hint)

    async def commit(self, commit: Commit) -> Outcome:
        await asyncio.sleep(0.01)
        return await super().commit(commit)


@pytest.mark.rule("G-6")
@on_virtual_time
async def test_one_account_that_proves_two_numbers_at_once_speaks_for_one() -> None:
    async with node(Slow()) as here:
        chat = Chat(here)
        await chat.invites(NUMBER, token="first")
        await chat.invites(OTHER, token="second")
        both = [chat.callback(LinkStep.STARTED, token=token) for token in ("first", "second")]
        await asyncio.gather(*(chat.inbox.take([one]) for one in both))
        accounts = [await chat.account(NUMBER), await chat.account(OTHER)]
        assert sorted(accounts, key=str) == [ACCOUNT, None]


@pytest.mark.rule("G-6")
@on_virtual_time
async def test_the_same_start_again_changes_nothing() -> None:
    async with node() as here:
        chat = Chat(here)
        await chat.invites()
        callback = chat.callback(LinkStep.STARTED, token=TOKEN)
        for _ in range(3):
            await chat.inbox.take([callback])
        assert chat.inbox.unmatched == 0
        assert await chat.account() == ACCOUNT
        assert (await here.contact()).version == 1


@on_virtual_time
async def test_a_link_holds_for_its_own_clinic_and_channel_only() -> None:
    async with node() as here:
        chat = Chat(here)
        await chat.invites(clinic_id="another")
        assert await chat.links(LinkStep.STARTED, token=TOKEN) == 1
        of_max = join_hint(Channel.MAX, TOKEN)
        await here.store.remember(of_max, contact_ref(), JOIN_FOR)
        assert await chat.links(LinkStep.STARTED, token=TOKEN) == 2
        assert await chat.account() is None


@on_virtual_time
async def test_who_starts_a_bot_without_a_link_is_only_counted() -> None:
    async with node() as here:
        chat = Chat(here)
        assert await chat.links(LinkStep.STARTED) == 1
        assert chat.inbox.taken == 1
        assert await here.store.recall(alias_of(Channel.TELEGRAM, BOT, ACCOUNT)) is None


@pytest.mark.parametrize("number", [NUMBER, NUMBER.lstrip("+")])
@on_virtual_time
async def test_a_shared_number_ties_the_chat_to_it(number: str) -> None:
    async with node() as here:
        await here.record()
        chat = Chat(here)
        assert await chat.links(LinkStep.SHARED, number=number) == 0
        assert await chat.account() == ACCOUNT
        assert await chat.links(LinkStep.SHARED, number=None) == 1


@on_virtual_time
async def test_who_stops_the_bot_is_not_written_to_until_they_come_back() -> None:
    async with node() as here:
        chat = Chat(here)
        await chat.links(LinkStep.SHARED, number=NUMBER)
        await here.clock.sleep(60)
        assert await chat.links(LinkStep.ENDED) == 0
        assert await chat.account() is None
        await here.clock.sleep(60)
        assert await chat.links(LinkStep.STARTED) == 0
        assert await chat.account() == ACCOUNT
        notes = [
            (entry.kind.value, entry.data["by"])
            for entry in await here.store.timeline(contact_ref())
            if entry.kind in (EntryKind.LINKED, EntryKind.UNLINKED)
        ]
        assert notes == [("linked", "contact"), ("unlinked", "stopped"), ("linked", "return")]


@on_virtual_time
async def test_who_had_stopped_the_bot_and_writes_again_is_answered() -> None:
    """The acknowledgement of that very answer reaches them."""
    telegram = Channels(Channel.TELEGRAM)
    async with node(settings=clinic(channels=["telegram"]), whatsapp=telegram) as here:
        chat = Chat(here)
        await chat.links(LinkStep.SHARED, number=NUMBER)
        await here.record()
        here.start()
        await until(lambda: len(telegram.sent) == 2)
        await chat.links(LinkStep.ENDED)
        await here.clock.sleep(5)
        assert await chat.says("1") == 0
        await until(lambda: len(telegram.sent) == 3)
        assert telegram.sent[-1].account == ACCOUNT
        assert (await here.case()).status is Status.CONFIRMED


@pytest.mark.rule("H-4")
@on_virtual_time
async def test_a_stop_that_comes_late_does_not_undo_a_newer_start() -> None:
    async with node() as here:
        chat = Chat(here)
        await chat.links(LinkStep.SHARED, number=NUMBER)
        await here.clock.sleep(60)
        late = chat.callback(LinkStep.ENDED)
        await here.clock.sleep(60)
        await chat.links(LinkStep.STARTED)
        await chat.inbox.take([late])
        assert await chat.account() == ACCOUNT


@pytest.mark.rule("H-4")
@on_virtual_time
async def test_a_start_that_comes_late_does_not_undo_a_newer_stop() -> None:
    async with node() as here:
        chat = Chat(here)
        await chat.links(LinkStep.SHARED, number=NUMBER)
        await here.clock.sleep(60)
        late = chat.callback(LinkStep.STARTED)
        await here.clock.sleep(60)
        await chat.links(LinkStep.ENDED)
        await chat.inbox.take([late])
        assert await chat.account() is None


@on_virtual_time
async def test_a_link_that_was_opened_before_a_later_proof_takes_nothing() -> None:
    async with node() as here:
        chat = Chat(here)
        await chat.invites(OTHER)
        late = chat.callback(LinkStep.STARTED, token=TOKEN)
        await here.clock.sleep(60)
        await chat.links(LinkStep.SHARED, number=NUMBER)
        await chat.inbox.take([late])
        assert (await chat.account(), await chat.account(OTHER)) == (ACCOUNT, None)


@on_virtual_time
async def test_whom_the_clinic_has_unlinked_needs_a_new_proof() -> None:
    """Neither coming back, nor a quote, nor a repeated callback brings the account back."""
    async with node() as here:
        await asked(here)
        chat = Chat(here)
        proof = chat.callback(LinkStep.SHARED, number=NUMBER)
        await chat.inbox.take([proof])
        await here.service.engine.end_account("zdorovie", NUMBER, Channel.TELEGRAM, EndedBy.CLINIC)
        await here.store.remember(
            "msg:telegram:old", Ref(Kind.CASE, "zdorovie", "A-1"), timedelta(1)
        )
        await here.clock.sleep(60)
        assert await chat.says("1", quoted="old") == 1
        assert await chat.links(LinkStep.STARTED) == 2
        await chat.inbox.take([proof])
        assert await chat.account() is None
        assert (await here.case()).status is Status.UNCONFIRMED
        assert await chat.links(LinkStep.SHARED, number=NUMBER) == 3
        assert await chat.account() == ACCOUNT


@pytest.mark.rule("C-15")
@on_virtual_time
async def test_a_link_of_a_number_that_wants_nothing_stays_silent_until_it_does() -> None:
    telegram = Channels(Channel.TELEGRAM)
    async with node(settings=clinic(channels=["telegram"]), whatsapp=telegram) as here:
        chat = Chat(here)
        here.start()
        await chat.links(LinkStep.SHARED, number=NUMBER)
        await until(lambda: len(telegram.sent) == 1)  # it worked
        await chat.says("стоп")
        await until(lambda: len(telegram.sent) == 2)  # no more messages
        await chat.links(LinkStep.ENDED)
        await chat.invites()
        await here.clock.sleep(60)
        assert await chat.links(LinkStep.STARTED, token=TOKEN) == 0
        await here.record()
        await here.clock.sleep(60)
        assert len(telegram.sent) == 2
        assert await chat.account() == ACCOUNT
        await chat.says("старт")
        await until(lambda: len(telegram.sent) == 3)  # messages again


@on_virtual_time
async def test_a_stop_of_nobody_is_counted_and_let_go() -> None:
    async with node() as here:
        assert await Chat(here).links(LinkStep.ENDED) == 1


@on_virtual_time
async def test_a_number_has_the_account_that_proved_it_last() -> None:
    """The earlier one neither answers for it any more, nor ends it for the newer one."""
    async with node() as here:
        await asked(here)
        chat = Chat(here)
        await chat.links(LinkStep.SHARED, STRANGER, number=NUMBER)
        await chat.links(LinkStep.SHARED, ACCOUNT, number=NUMBER)
        assert await chat.account() == ACCOUNT
        assert await chat.links(LinkStep.ENDED, STRANGER) == 1
        assert await chat.links(LinkStep.STARTED, STRANGER) == 2
        assert await chat.says("1", STRANGER) == 3
        assert await chat.account() == ACCOUNT
        assert (await here.case()).status is Status.UNCONFIRMED
        (_, entry) = await here.entries(EntryKind.LINKED, contact_ref())
        assert entry.data == {"channel": "telegram", "by": "contact", "replaces": True}


@on_virtual_time
async def test_an_account_speaks_for_the_number_that_it_proved_last() -> None:
    async with node() as here:
        chat = Chat(here)
        await chat.links(LinkStep.SHARED, number=OTHER)
        await chat.links(LinkStep.SHARED, number=NUMBER)
        assert await chat.account(OTHER) is None
        assert await chat.ended(OTHER) is EndedBy.MOVED
        assert await chat.account() == ACCOUNT


@pytest.mark.parametrize("sender", ["2", "999"])
@pytest.mark.parametrize("step", list(LinkStep))
@on_virtual_time
async def test_a_link_to_a_sender_or_clinic_of_nobody_is_let_go(
    step: LinkStep, sender: str
) -> None:
    async with node() as here:
        chat = Chat(here)
        await here.store.remember(
            f"alias:telegram:2:{ACCOUNT}", Ref(Kind.CONTACT, "nowhere", NUMBER), JOIN_FOR
        )
        assert await chat.links(step, sender=sender, number=NUMBER) == 1
        assert await chat.account() is None


@pytest.mark.rule("C-11", "U-7")
@on_virtual_time
async def test_a_tap_of_an_unknown_account_proves_nothing() -> None:
    """Whoever has started a bot can send it any data: only a known account may answer."""
    async with node() as here:
        message = await asked(here)
        chat = Chat(here)
        payload = message.content.buttons[0].payload
        assert await chat.says("Подтвердить", payload=payload) == 1
        assert (await here.case()).status is Status.UNCONFIRMED
        await chat.links(LinkStep.SHARED, number=NUMBER)
        assert await chat.says("Подтвердить!", payload=payload) == 1
        assert (await here.case()).status is Status.CONFIRMED


@on_virtual_time
async def test_a_quote_leads_a_known_account_to_its_number_when_its_hint_is_lost() -> None:
    telegram = Channels(Channel.TELEGRAM)
    async with node(settings=clinic(channels=["telegram"]), whatsapp=telegram) as here:
        chat = Chat(here)
        await chat.links(LinkStep.SHARED, number=NUMBER)
        await here.record()
        here.start()
        await until(lambda: len(telegram.sent) == 2)
        await here.clock.sleep(1)
        lost = alias_of(Channel.TELEGRAM, BOT, ACCOUNT)
        await here.store.remember(lost, contact_ref(""), JOIN_FOR)
        assert await chat.says("привет", STRANGER, quoted="telegram-2") == 1
        assert await chat.says("привет", quoted="telegram-2") == 1
        assert await chat.says("1") == 1
        assert (await here.case()).status is Status.CONFIRMED


@on_virtual_time
async def test_an_account_that_is_held_is_waited_for_and_then_given_back() -> None:
    async with node() as here:
        chat = Chat(here)
        name, now = f"link:telegram:{BOT}:{ACCOUNT}", here.clock.now()
        await here.store.take_line(name, "somebody", 1, now, now + timedelta(seconds=60))
        with pytest.raises(StoreUnavailable):
            await chat.links(LinkStep.SHARED, number=NUMBER)
        await here.store.free_line(name, "somebody")
        assert await chat.links(LinkStep.SHARED, number=NUMBER) == 0


@on_virtual_time
async def test_a_link_tells_the_log_neither_account_nor_number(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with node() as here:
        chat = Chat(here)
        account = "50123456789"
        await chat.links(LinkStep.STARTED, account, token=TOKEN)
        await chat.links(LinkStep.SHARED, account, number=NUMBER)
        await chat.links(LinkStep.ENDED, account)
    shown = " ".join(str(vars(record)) for record in caplog.records)
    for secret in (NUMBER, account, TOKEN):
        assert secret not in shown


# -- every order, every crash


class Crashing(MemoryStore):
    """Dies at the chosen write, before or after it is done, as often as wished."""

    def __init__(self) -> None:
        super().__init__()
        self.plan: list[tuple[int, bool]] = []
        self._writes = 0

    def _dies(self, *, done: bool) -> None:
        if self.plan and self.plan[0] == (self._writes, done):
            self.plan.pop(0)
            self._writes = 0
            raise StoreUnavailable("gone")

    async def remember(self, hint: str, ref: Ref, ttl: timedelta) -> None:
        self._dies(done=False)
        await super().remember(hint, ref, ttl)
        self._dies(done=True)
        self._writes += 1

    async def commit(self, commit: Commit) -> Outcome:
        self._dies(done=False)
        outcome = await super().commit(commit)
        self._dies(done=True)
        self._writes += 1
        return outcome


@dataclass(frozen=True)
class Told:
    """A provider's news: who did what; `number` is that of a shared contact."""

    step: LinkStep
    account: str
    number: str


NEWS = st.builds(
    Told,
    st.sampled_from(list(LinkStep)),
    st.sampled_from([ACCOUNT, STRANGER]),
    st.sampled_from([NUMBER, OTHER]),
)


def told_in_order(news: list[Told]) -> dict[str, str | None]:
    """What holds if everything is heard once, in order: the model."""
    speaks_for: dict[str, tuple[str, bool]] = {}
    owner: dict[str, str] = {}
    for item in news:
        if item.step is LinkStep.SHARED:
            for account, (number, _) in list(speaks_for.items()):
                if number == item.number or account == item.account:
                    del speaks_for[account]
            owner = {n: a for n, a in owner.items() if a != item.account}
            owner[item.number] = item.account
            speaks_for[item.account] = (item.number, True)
        elif item.account in speaks_for:
            number, _ = speaks_for[item.account]
            speaks_for[item.account] = (number, item.step is LinkStep.STARTED)
    return {
        number: next((a for a, (n, on) in speaks_for.items() if n == number and on), None)
        for number in (NUMBER, OTHER)
    }


def run(test: Callable[[], Any]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(test())


def items_of(chat: Chat, news: list[Told], start: datetime) -> list[InboundLink]:
    found = []
    for index, item in enumerate(news):
        number = item.number if item.step is LinkStep.SHARED else None
        moment = start + timedelta(seconds=index + 1)
        found.append(
            chat.callback(item.step, item.account, at=moment, number=number, id=f"n{index}")
        )
    return found


async def _tell(chat: Chat, item: InboundLink) -> None:
    """A provider repeats a callback until it is taken."""
    for _ in range(8):
        try:
            await chat.inbox.take([item])
        except StoreUnavailable:
            continue
        return
    raise AssertionError("it was never taken")


@pytest.mark.rule("G-6")
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    news=st.lists(NEWS, min_size=1, max_size=6),
    crashes=st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=3),
    repeats=st.lists(st.integers(0, 5), max_size=4),
)
def test_news_that_is_repeated_and_interrupted_ends_as_if_heard_once(
    news: list[Told], crashes: list[tuple[int, bool]], repeats: list[int]
) -> None:
    """Whatever write fails, done or not, and whichever callbacks come once more later."""

    async def play() -> None:
        store = Crashing()
        clock = LoopClock(NOW, asyncio.get_running_loop().time)
        async with node(store, clock=clock) as here:
            chat = Chat(here)
            await here.record(appointment())
            items = items_of(chat, news, here.clock.now())
            await here.clock.sleep(60)
            store.plan = list(crashes)
            for item in items:
                await _tell(chat, item)
            store.plan = []
            for index in sorted(repeats):
                if index < len(items):
                    await _tell(chat, items[index])
            found = {number: await chat.account(number) for number in (NUMBER, OTHER)}
            assert found == told_in_order(news)

    run(play)


@pytest.mark.rule("H-4")
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    data=st.data(),
    steps=st.lists(st.sampled_from([LinkStep.STARTED, LinkStep.ENDED]), min_size=1, max_size=6),
)
def test_starts_and_stops_in_any_order_leave_what_happened_last(
    data: st.DataObject, steps: list[LinkStep]
) -> None:
    order = data.draw(st.permutations(range(len(steps))))

    async def play() -> None:
        async with node() as here:
            chat = Chat(here)
            await chat.links(LinkStep.SHARED, number=NUMBER)
            news = [Told(step, ACCOUNT, NUMBER) for step in steps]
            items = items_of(chat, news, here.clock.now())
            await here.clock.sleep(60)
            for index in order:
                await chat.inbox.take([items[index]])
            is_on = await chat.account() == ACCOUNT
            assert is_on is (steps[-1] is LinkStep.STARTED)

    run(play)
