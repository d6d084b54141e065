"""What a person hears whom nobody knows: once a day, and only where it helps."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest

from gateway.core.events import Failure
from gateway.core.model import Channel
from gateway.ports.messaging import InboundLink, LinkStep, SenderLimits, SendError
from gateway.service.inbox import Inbox
from gateway.service.linking import Accounts
from gateway.service.strangers import Strangers
from tests.service.bots import Bot
from tests.service.support import (
    NUMBER,
    Channels,
    Node,
    clinic,
    node,
    on_virtual_time,
    written,
)

BOT, ACCOUNT = "7000000001", "50123456789"


class Door:
    """Somebody stands before a clinic's bot."""

    def __init__(self, here: Node, bot: Channels, channel: Channel = Channel.TELEGRAM) -> None:
        service, self.node, self.bot, self.channel = here.service, here, bot, channel
        strangers = Strangers(
            here.store,
            service.clinics,
            here.clock,
            (here.sms, bot),
            here.supervisor.spawn,
            service.effects.say,
        )
        accounts = Accounts(here.store, service.engine, here.clock)
        senders = {(channel, BOT): "zdorovie", (channel, "2"): "nowhere"}
        self.inbox = Inbox(here.store, service.engine, senders, accounts, strangers)

    async def starts(self, account: str = ACCOUNT, **more: Any) -> None:
        step = more.pop("step", LinkStep.STARTED)
        values = {"sender": BOT, "id": "in-1", "at": self.node.clock.now(), **more}
        item = InboundLink(channel=self.channel, account=account, step=step, **values)
        await self.inbox.take([item])
        await self.node.supervisor.drain()

    async def says(self, text: str | None, **more: Any) -> None:
        known = {"channel": self.channel, "sender": BOT, "number": None, "account": ACCOUNT}
        await self.inbox.take([written(text, "in-2", self.node.clock.now(), **known | more)])
        await self.node.supervisor.drain()


@on_virtual_time
async def test_who_is_not_known_is_asked_for_the_number_once_a_day() -> None:
    bot = Bot(Channel.TELEGRAM)
    async with node() as here:
        door = Door(here, bot)
        for _ in range(3):
            await door.starts()
            await door.says("1")
        (asked,) = bot.sent
        assert (asked.account, asked.to, asked.opaque) == (ACCOUNT, "", "")
        assert asked.asks_number == "Отправить мой номер"
        assert asked.content.text.startswith("Здоровье: чтобы сообщения о записи")
        assert asked.content.buttons == ()
        assert door.inbox.unmatched == 6
        await here.clock.sleep(timedelta(days=1).total_seconds() - 30)
        await door.starts()
        assert len(bot.sent) == 1
        await here.clock.sleep(60)
        await door.starts()
        assert len(bot.sent) == 2
        await door.starts("777")
        assert len(bot.sent) == 3


@on_virtual_time
async def test_a_used_or_foreign_link_is_answered_like_none() -> None:
    bot = Bot(Channel.TELEGRAM)
    async with node() as here:
        await Door(here, bot).starts(token="used-up")
        assert [message.asks_number for message in bot.sent] == ["Отправить мой номер"]


@on_virtual_time
async def test_somebody_elses_contact_is_refused_in_words() -> None:
    bot = Bot(Channel.TELEGRAM)
    async with node() as here:
        door = Door(here, bot)
        await door.starts()
        await door.says(None, kind="contact")
        await door.says(None, kind="contact")
        assert ["контакт другого человека" in text for text in bot.texts] == [False, True]
        assert bot.sent[1].asks_number == "Отправить мой номер"


@on_virtual_time
async def test_where_contacts_prove_nothing_nobody_is_asked_for_one() -> None:
    """MAX by default: the way is the page behind a message's link."""
    bot = Bot(Channel.MAX)
    bot.takes_contacts = False
    async with node() as here:
        door = Door(here, bot, Channel.MAX)
        await door.starts()
        await door.says(None, kind="contact")
        (told,) = bot.sent
        assert told.asks_number is None
        assert "Откройте ссылку из сообщения" in told.content.text


@on_virtual_time
async def test_whom_we_know_is_not_asked() -> None:
    bot = Bot(Channel.TELEGRAM)
    async with node(settings=clinic(channels=["telegram"]), whatsapp=bot) as here:
        door = Door(here, bot)
        await door.starts(step=LinkStep.SHARED, number=NUMBER)
        await door.starts()
        await door.says("привет")
        assert bot.sent == []  # what is said to a number leaves with the workers, which rest here


@pytest.mark.parametrize("more", [{"step": LinkStep.ENDED}, {"sender": "2"}, {"sender": "9"}])
@on_virtual_time
async def test_a_stop_or_a_sender_of_nobody_is_not_answered(more: dict[str, Any]) -> None:
    bot = Bot(Channel.TELEGRAM)
    async with node() as here:
        await Door(here, bot).starts(**more)
        assert bot.sent == []


@on_virtual_time
async def test_other_channels_tell_the_number_themselves() -> None:
    bot = Bot(Channel.WHATSAPP)
    async with node() as here:
        await Door(here, bot, Channel.WHATSAPP).says("1")
        assert bot.sent == []


@pytest.mark.rule("H-2")
@on_virtual_time
async def test_a_failure_that_may_pass_is_tried_again_and_no_other() -> None:
    busy, gone = SendError(Failure.TEMPORARY, "429"), SendError(Failure.IMPOSSIBLE, "403")
    lost = SendError(None, "lost")
    async with node() as here:
        for replies, tries in [([busy], 2), ([busy] * 9, 3), ([gone], 1), ([lost], 1)]:
            bot = Bot(Channel.TELEGRAM, *replies)
            await Door(here, bot).starts(f"{tries}{len(replies)}{replies[0].code}")
            assert len(bot.sent) == tries


@on_virtual_time
async def test_a_fault_of_an_adapter_is_logged_without_the_person(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)

    async def breaks(_: Any) -> str | None:
        raise RuntimeError("a fault")

    async with node() as here:
        await Door(here, Bot(Channel.TELEGRAM, breaks)).starts()
    assert [r.message for r in caplog.records if r.levelno == logging.ERROR] == [
        "an answer to a stranger failed unexpectedly"
    ]
    assert ACCOUNT not in " ".join(str(vars(record)) for record in caplog.records)


@pytest.mark.rule("H-7")
@on_virtual_time
async def test_a_crowd_of_strangers_does_not_use_up_the_bot() -> None:
    bot = Bot(Channel.TELEGRAM)
    async with node() as here:
        door = Door(here, bot)
        begun = here.clock.now()
        for person in range(300):
            at = here.clock.now()
            item = InboundLink(
                f"in-{person}", Channel.TELEGRAM, BOT, at, str(1000 + person), LinkStep.STARTED
            )
            await door.inbox.take([item])
        await here.supervisor.drain()
        seconds = (here.clock.now() - begun).total_seconds()
        assert len(bot.sent) == 101  # five a second, and nobody waits longer than twenty
        assert 19 < seconds < 21


class Limited(Bot):
    """A bot whose messages go out one a second."""

    def limits(self, clinic: str, branch: str) -> SenderLimits:
        return SenderLimits("telegram:7000000001", 1.0)


@pytest.mark.rule("H-7")
@on_virtual_time
async def test_strangers_take_turns_with_everybody_else_and_wait_for_no_long_pause() -> None:
    bot = Limited(Channel.TELEGRAM)
    async with node() as here:
        door = Door(here, bot)
        for person in ("1", "2", "3"):
            item = InboundLink(
                f"in-{person}",
                Channel.TELEGRAM,
                BOT,
                here.clock.now(),
                person,
                LinkStep.STARTED,
            )
            await door.inbox.take([item])
        await here.supervisor.drain()
        assert [message.account for message in bot.sent] == ["1", "2", "3"]
        assert bot.sent_at[2] - bot.sent_at[0] > 1
        await here.service.effects._buckets.pause(bot.limits("", ""), 600)
        await door.starts("4")
        assert len(bot.sent) == 3
