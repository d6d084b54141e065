"""Two nodes and a real store: of many who open one link at once, one is taken for the patient."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from adapters.store.embedded import open_embedded
from adapters.store.redis_store import open_store
from gateway.core.case import EntryKind
from gateway.core.model import Channel
from gateway.ports.messaging import InboundLink, LinkStep
from gateway.ports.store import Kind, Ref
from gateway.service.inbox import Inbox
from gateway.service.linking import Accounts
from gateway.service.links import JOIN_FOR, join_hint
from gateway.service.strangers import Strangers
from tests.service.support import NUMBER, Node, contact_ref, node

pytestmark = pytest.mark.redis

BOT, TOKEN = "7000000001", "Zk3_9-ab"
CROWD = 24


def inbox_of(here: Node) -> Inbox:
    service = here.service
    accounts = Accounts(here.store, service.engine, here.clock)
    strangers = Strangers(
        here.store, service.clinics, here.clock, (), here.supervisor.spawn, service.effects.say
    )
    return Inbox(
        here.store, service.engine, {(Channel.TELEGRAM, BOT): "zdorovie"}, accounts, strangers
    )


@pytest.mark.rule("G-6", "H-7")
async def test_one_of_a_crowd_gets_the_link_and_repeats_change_nothing(tmp_path: Path) -> None:
    server = await open_embedded(tmp_path)
    first, second = await open_store(server.url, partitions=1), await open_store(server.url)
    async with node(first) as here, node(second, clinic_known=True) as there:
        ref = Ref(Kind.CONTACT, "zdorovie", NUMBER)
        await here.store.remember(join_hint(Channel.TELEGRAM, TOKEN), ref, JOIN_FOR)
        now = here.clock.now()
        crowd = [
            InboundLink(
                f"in-{n}", Channel.TELEGRAM, BOT, now, str(500 + n), LinkStep.STARTED, TOKEN
            )
            for n in range(CROWD)
        ]
        inboxes = inbox_of(here), inbox_of(there)
        # Every callback comes to both nodes, as when a provider has not heard the first answer.
        await asyncio.gather(*(inbox.take([item]) for item in crowd for inbox in inboxes))
        winner = (await here.contact()).account(Channel.TELEGRAM)
        assert winner is not None
        assert len(await here.entries(EntryKind.LINKED, contact_ref())) == 1
        assert sum(inbox.unmatched for inbox in inboxes) == 2 * (CROWD - 1)
        await asyncio.gather(*(inboxes[0].take([item]) for item in crowd))
        assert (await there.contact()).account(Channel.TELEGRAM) == winner
        assert len(await here.entries(EntryKind.LINKED, contact_ref())) == 1
    for store in (first, second):
        await store.close()
    await server.close()
