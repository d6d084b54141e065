"""One-time links: offered where they would help, made when somebody is about to use one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from adapters.store.memory_store import MemoryStore
from gateway.clock import Clock
from gateway.core.case import Account, Contact, EndedBy, Learnt
from gateway.core.clinic import Branch
from gateway.core.model import Channel
from gateway.ports.messaging import Messaging
from gateway.ports.store import Kind, Ref
from gateway.service.links import JOIN_FOR, JoinLinks, join_hint
from tests.service.bots import Bot
from tests.service.support import NOW, NUMBER, Channels
from tests.web.support import StillClock

BRANCH = Branch(
    clinic="zdorovie",
    id="lenina",
    name="На Ленина",
    name_in_messages="Здоровье",
    timezone="Asia/Yekaterinburg",
    channels=(Channel.PUSH, Channel.MAX, Channel.SMS, Channel.TELEGRAM),
)
CONTACT = Contact("zdorovie", NUMBER)


@dataclass
class Desk:
    store: MemoryStore
    links: JoinLinks

    def offered(self, contact: Contact | None, branch: Branch = BRANCH) -> list[str]:
        return [offer.channel.value for offer in self.links.offers(branch, contact)]


@pytest.fixture
def desk() -> Desk:
    store, clock = MemoryStore(), StillClock()
    channels: tuple[Messaging, ...] = (
        Channels(Channel.SMS),
        Bot(Channel.MAX),
        Bot(Channel.TELEGRAM),
    )
    known: Clock = clock
    return Desk(store, JoinLinks(store, known, channels))


@pytest.mark.rule("D-4")
def test_a_messenger_of_the_order_is_offered_to_whom_is_not_there(desk: Desk) -> None:
    assert desk.offered(None) == ["max", "telegram"]
    assert desk.offered(CONTACT) == ["max", "telegram"]
    linked = replace(CONTACT, accounts=(Account(Channel.MAX, "7"),))
    assert desk.offered(linked) == ["telegram"]
    (offer, _) = desk.links.offers(BRANCH, None)
    assert offer.origin == "https://max.example"


def test_what_the_branch_does_not_use_or_has_no_bot_for_is_not_offered(desk: Desk) -> None:
    assert desk.offered(None, replace(BRANCH, channels=(Channel.SMS, Channel.TELEGRAM))) == [
        "telegram"
    ]
    assert desk.offered(None, replace(BRANCH, clinic="another")) == []


def test_who_left_a_messenger_may_join_it_again(desk: Desk) -> None:
    stopped = Account(Channel.MAX, "7", NOW, EndedBy.STOPPED)
    assert desk.offered(replace(CONTACT, accounts=(stopped,))) == ["max", "telegram"]
    blocked = replace(
        CONTACT,
        accounts=(Account(Channel.MAX, "7", NOW),),
        learnt=(Learnt(Channel.MAX, NOW + timedelta(days=1)),),
    )
    assert desk.offered(blocked) == ["max", "telegram"]


@pytest.mark.rule("C-15")
def test_nothing_is_offered_to_whom_wants_no_messages(desk: Desk) -> None:
    assert desk.offered(replace(CONTACT, opted_out_at=NOW)) == []


async def test_a_link_leads_to_its_number_and_is_never_the_same(desk: Desk) -> None:
    made = [await desk.links.make("zdorovie", "lenina", NUMBER, Channel.MAX) for _ in range(3)]
    tokens = {link.url.rpartition("=")[2] for link in made if link is not None}
    assert len(tokens) == 3
    for token in tokens:
        assert len(token) <= 64
        found = await desk.store.recall(join_hint(Channel.MAX, token))
        assert found == Ref(Kind.CONTACT, "zdorovie", NUMBER)
    assert made[0] is not None
    assert made[0].until == NOW + JOIN_FOR


@pytest.mark.parametrize("channel", [Channel.SMS, Channel.WHATSAPP])
async def test_there_is_no_link_where_there_is_no_bot(desk: Desk, channel: Channel) -> None:
    assert await desk.links.make("zdorovie", "lenina", NUMBER, channel) is None
    assert await desk.links.make("another", "lenina", NUMBER, Channel.MAX) is None
