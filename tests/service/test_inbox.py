"""Callbacks: each is matched to its case, or counted and let go."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

import pytest

from gateway.core.case import AttemptState
from gateway.core.events import Failure, Receipt
from gateway.core.model import Channel, Status
from gateway.errors import StoreUnavailable
from gateway.ports.messaging import InboundLink, LinkStep, OutgoingMessage, SendError
from gateway.ports.store import Kind, Ref
from gateway.service.inbox import JOIN_FOR, Inbox, join_hint
from tests.service.support import (
    NOW,
    NUMBER,
    OTHER,
    SENDER,
    Channels,
    Node,
    appointment,
    case_ref,
    clinic,
    contact_ref,
    node,
    on_virtual_time,
    told,
    until,
    written,
)


async def asked(here: Node) -> OutgoingMessage:
    await here.record()
    here.start()
    await until(lambda: bool(here.whatsapp.sent))
    await here.clock.sleep(0.1)
    return here.whatsapp.sent[0]


async def state_of(here: Node) -> AttemptState:
    return (await here.case()).attempts[0].state


@pytest.mark.parametrize(
    ("receipt", "state"),
    [
        (Receipt.SENT, AttemptState.ACCEPTED),
        (Receipt.DELIVERED, AttemptState.DELIVERED),
        (Receipt.READ, AttemptState.READ),
        (Receipt.FAILED, AttemptState.FAILED),
    ],
)
@pytest.mark.parametrize("opaque", [True, False])
@on_virtual_time
async def test_a_receipt_moves_its_attempt(
    receipt: Receipt, state: AttemptState, opaque: bool
) -> None:
    """By what we sent with the message, or else by the provider's own id."""
    async with node() as here:
        message = await asked(here)
        await here.tells(message, receipt, **({} if opaque else {"opaque": None}))
        assert await state_of(here) is state
        assert (here.service.inbox.taken, here.service.inbox.unmatched) == (1, 0)


@pytest.mark.rule("H-4")
@on_virtual_time
async def test_receipts_out_of_order_and_twice_never_go_backwards() -> None:
    async with node() as here:
        message = await asked(here)
        for receipt in (Receipt.READ, Receipt.DELIVERED, Receipt.SENT, Receipt.READ):
            await here.tells(message, receipt)
            assert await state_of(here) is AttemptState.READ


@pytest.mark.rule("H-4", "T-3")
@on_virtual_time
async def test_a_failed_receipt_hands_over_to_the_next_channel() -> None:
    async with node() as here:
        message = await asked(here)
        await here.tells(message, Receipt.FAILED, failure=Failure.IMPOSSIBLE, code="131026")
        await until(lambda: bool(here.sms.sent))
        assert (await here.contact()).cannot_reach(Channel.WHATSAPP, here.clock.now())


@pytest.mark.rule("G-6")
@pytest.mark.parametrize("opaque", [True, False])
@on_virtual_time
async def test_a_receipt_may_come_before_the_response_is_committed(opaque: bool) -> None:
    """The provider's id is known, the acceptance is not yet in the store."""
    whatsapp = Channels()
    async with node(whatsapp=whatsapp) as here:
        applied = here.service.engine.apply

        async def receipt_first(ref: Ref, event: Any, **more: Any) -> Any:
            here.service.engine.apply = applied  # type: ignore[method-assign]
            item = told(whatsapp.sent[0], Receipt.DELIVERED, NOW)
            more_told = {} if opaque else {"opaque": None}
            await here.tells(whatsapp.sent[0], item.receipt, **more_told)
            return await applied(ref, event, **more)

        here.service.engine.apply = receipt_first  # type: ignore[method-assign]
        await asked(here)
        (attempt,) = (await here.case()).attempts
        assert (attempt.state, attempt.provider_id) == (AttemptState.DELIVERED, "whatsapp-1")
        assert here.service.inbox.unmatched == 0


@pytest.mark.parametrize(
    "opaque", ["", "x", "case|zdorovie|1", "case|zdorovie|1|", "case|nowhere|1|A-1", "x|y|z|w"]
)
@on_virtual_time
async def test_a_receipt_of_nobody_is_counted_and_let_go(opaque: str) -> None:
    async with node() as here:
        message = await asked(here)
        await here.tells(message, Receipt.READ, opaque=opaque, provider_id="unknown")
        assert here.service.inbox.unmatched == 1
        assert await state_of(here) is AttemptState.ACCEPTED


@on_virtual_time
async def test_a_receipt_whose_attempt_is_gone_changes_nothing() -> None:
    async with node() as here:
        message = await asked(here)
        await here.tells(message, Receipt.READ, opaque="case|zdorovie|77|A-1")
        await here.store.remember("msg:whatsapp:stale", case_ref("gone"), here.clock.now() - NOW)
        await here.tells(message, Receipt.READ, opaque=None, provider_id="stale")
        assert await state_of(here) is AttemptState.ACCEPTED


@on_virtual_time
async def test_an_operator_is_told_of_what_needs_one(caplog: pytest.LogCaptureFixture) -> None:
    async with node() as here:
        message = await asked(here)
        await here.tells(message, Receipt.FAILED, alert=True, code="131042")
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert record.message == "a channel needs an operator"
    assert record.__dict__["code"] == "131042"


@on_virtual_time
async def test_receipts_of_a_message_to_a_number_find_its_contact() -> None:
    async with node() as here:
        here.start()
        await here.says("привет", number=OTHER)
        await until(lambda: bool(here.whatsapp.sent))
        await here.clock.sleep(0.1)
        await here.tells(here.whatsapp.sent[0], Receipt.READ, opaque=None)
        assert (await here.contact(OTHER)).attempts[0].state is AttemptState.READ


# -- messages


@on_virtual_time
async def test_a_reply_is_an_answer() -> None:
    async with node() as here:
        await asked(here)
        await here.says("1")
        assert (await here.case()).status is Status.CONFIRMED


@on_virtual_time
async def test_a_number_may_be_written_without_its_plus() -> None:
    async with node() as here:
        await asked(here)
        await here.says("1", number=NUMBER.lstrip("+"))
        assert (await here.case()).status is Status.CONFIRMED


@pytest.mark.rule("G-6")
@on_virtual_time
async def test_the_same_webhook_again_changes_nothing() -> None:
    async with node() as here:
        await asked(here)
        for _ in range(3):
            await here.says("1")
        await here.clock.sleep(10)
        assert here.diary.statuses == ["confirmed"]
        assert len(here.whatsapp.sent) == 2
        assert here.service.inbox.taken == 3


@on_virtual_time
async def test_a_message_to_a_sender_of_nobody_is_let_go() -> None:
    async with node() as here:
        await asked(here)
        await here.says("1", sender="999")
        await here.says("1", message_id="in-2", channel=Channel.TELEGRAM)
        assert here.service.inbox.unmatched == 2
        assert (await here.case()).status is Status.UNCONFIRMED


@on_virtual_time
async def test_a_sender_of_a_clinic_that_is_not_there_is_let_go() -> None:
    async with node(clinic_known=True) as here:
        await here.says("1")
        assert here.service.inbox.unmatched == 1


@on_virtual_time
async def test_a_hidden_sender_is_known_by_its_account_from_an_earlier_message() -> None:
    async with node() as here:
        await asked(here)
        await here.says("привет", "in-1", account="ZZ.1")
        await here.says("1", "in-2", number=None, account="ZZ.1")
        assert (await here.case()).status is Status.CONFIRMED


@on_virtual_time
async def test_an_account_is_learnt_from_a_message_that_changes_nothing() -> None:
    async with node() as here:
        await asked(here)
        await here.says("привет", "in-1")
        await here.says("привет", "in-1", account="ZZ.1")
        await here.says("1", "in-2", number=None, account="ZZ.1")
        assert (await here.case()).status is Status.CONFIRMED


@on_virtual_time
async def test_an_account_is_learnt_before_its_clinic_is_there() -> None:
    async with node(clinic_known=True) as here:
        await here.says("1", account="ZZ.1")
        assert here.service.inbox.unmatched == 1
        assert await here.store.recall(f"alias:whatsapp:{SENDER}:ZZ.1") is not None


@on_virtual_time
async def test_a_hidden_sender_is_known_by_its_account_from_a_receipt() -> None:
    async with node() as here:
        message = await asked(here)
        await here.tells(message, Receipt.DELIVERED, account="ZZ.1")
        await here.says("1", number=None, account="ZZ.1")
        assert (await here.case()).status is Status.CONFIRMED


@on_virtual_time
async def test_an_account_is_known_only_beside_the_sender_that_it_wrote_to() -> None:
    async with node() as here:
        await asked(here)
        alias = f"alias:whatsapp:{SENDER}:ZZ.1"
        other_clinic = Ref(contact_ref().kind, "other", NUMBER)
        await here.store.remember(alias, other_clinic, here.clock.now() - NOW)
        await here.says("1", number=None, account="ZZ.1")
        assert here.service.inbox.unmatched == 1
        assert (await here.case()).status is Status.UNCONFIRMED


@pytest.mark.rule("C-11", "U-7")
@on_virtual_time
async def test_a_button_names_the_visit_of_a_hidden_sender() -> None:
    async with node() as here:
        message = await asked(here)
        payload = message.content.buttons[0].payload
        await here.says("Подтвердить", number=None, payload=payload)
        assert (await here.case()).status is Status.CONFIRMED


@pytest.mark.rule("C-11")
@on_virtual_time
async def test_a_quote_names_the_visit_of_a_hidden_sender() -> None:
    async with node() as here:
        await asked(here)
        await here.says("1", number=None, quoted="whatsapp-1")
        assert (await here.case()).status is Status.CONFIRMED


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"account": "ZZ.9"},
        {"payload": "v1.confirm.1.A-99"},
        {"payload": "garbage"},
        {"quoted": "unknown"},
    ],
)
@on_virtual_time
async def test_an_unknown_hidden_sender_is_let_go(more: dict[str, str]) -> None:
    async with node() as here:
        await asked(here)
        await here.says("1", number=None, **more)
        assert here.service.inbox.unmatched == 1
        assert (await here.case()).status is Status.UNCONFIRMED


@pytest.mark.rule("U-7", "C-13")
@pytest.mark.parametrize("kind", ["image", "audio", "reaction", "unknown"])
@on_virtual_time
async def test_what_is_not_text_is_never_an_action(kind: str) -> None:
    async with node() as here:
        await asked(here)
        await here.says(None, kind=kind)
        assert (await here.case()).status is Status.UNCONFIRMED
        await until(lambda: len(here.whatsapp.sent) == 2)


@pytest.mark.parametrize("number", ["abc", "", "+", "000", "1", "+7916123456789012345"])
@on_virtual_time
async def test_garbage_instead_of_a_number_breaks_nothing(number: str) -> None:
    async with node() as here:
        await asked(here)
        await here.says("1", number=number)
        assert here.service.inbox.taken == 1
        assert (await here.case()).status is Status.UNCONFIRMED


@on_virtual_time
async def test_several_items_of_one_webhook_are_taken_in_order() -> None:
    async with node() as here:
        message = await asked(here)
        at: datetime = here.clock.now()
        await here.service.inbox.take(
            [told(message, Receipt.READ, at), written("2", "in-1", at), written("3", "in-2", at)]
        )
        assert (await here.case()).status is Status.RESCHEDULE_REQUESTED


@on_virtual_time
async def test_nothing_personal_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    lost = SendError(Failure.REJECTED, "code", alert=True)
    async with node(whatsapp=Channels(Channel.WHATSAPP, lost)) as here:
        await here.record(appointment())
        here.start()
        await here.clock.sleep(5)
        await here.says("1", sender="999")
    shown = " ".join(str(vars(record)) for record in caplog.records)
    for secret in (NUMBER, "Сидорова", "Мария"):
        assert secret not in shown


# -- accounts of messengers

BOT, ACCOUNT, STRANGER = "7000000001", "501", "502"
TOKEN = "Zk3_9-ab"


class Chat:
    """A clinic's bot, as its callbacks come in."""

    def __init__(self, here: Node) -> None:
        bots = {(Channel.TELEGRAM, BOT): "zdorovie", (Channel.TELEGRAM, "2"): "nowhere"}
        self.inbox = Inbox(here.store, here.service.engine, bots)
        self.node = here

    async def invites(self, number: str = NUMBER, clinic_id: str = "zdorovie") -> None:
        """The clinic hands out a link; whoever opens it is this number."""
        ref = Ref(Kind.CONTACT, clinic_id, number)
        await self.node.store.remember(join_hint(Channel.TELEGRAM, TOKEN), ref, JOIN_FOR)

    async def links(self, step: LinkStep, account: str = ACCOUNT, **more: Any) -> int:
        """Take a callback; return how many of all so far belong to nobody."""
        values: dict[str, Any] = {"sender": BOT, "at": self.node.clock.now(), "id": "in-9"}
        known = {"channel": Channel.TELEGRAM, "account": account, "step": step}
        await self.inbox.take([InboundLink(**values | known | more)])
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


@on_virtual_time
async def test_a_link_ties_the_chat_to_the_number_that_it_was_made_for() -> None:
    """From then on questions go there, and what is written there is that patient's answer."""
    telegram = Channels(Channel.TELEGRAM)
    settings = clinic(channels=["telegram", "sms"])
    async with node(settings=settings, whatsapp=telegram) as here:
        chat = Chat(here)
        await chat.invites()
        assert await chat.links(LinkStep.STARTED, token=TOKEN) == 0
        await here.record()
        here.start()
        await until(lambda: bool(telegram.sent))
        assert telegram.sent[0].account == ACCOUNT
        assert await chat.says("1") == 0
        assert (await here.case()).status is Status.CONFIRMED


@on_virtual_time
async def test_a_link_counts_once() -> None:
    async with node() as here:
        chat = Chat(here)
        await chat.invites()
        await chat.links(LinkStep.STARTED, token=TOKEN)
        assert await chat.links(LinkStep.STARTED, STRANGER, token=TOKEN) == 1
        assert await chat.account() == ACCOUNT


@pytest.mark.rule("G-6")
@on_virtual_time
async def test_the_same_start_again_changes_nothing() -> None:
    async with node() as here:
        chat = Chat(here)
        await chat.invites()
        for _ in range(3):
            assert await chat.links(LinkStep.STARTED, token=TOKEN) == 0
        assert await chat.account() == ACCOUNT
        assert (await here.contact()).version == 1


@pytest.mark.rule("G-6")
@on_virtual_time
async def test_a_link_whose_use_could_not_be_stored_is_taken_when_it_comes_again() -> None:
    async with node() as here:
        chat = Chat(here)
        await chat.invites()
        remember = here.store.remember

        async def away(hint: str, ref: Ref, ttl: Any) -> None:
            if hint.startswith("join:"):
                raise StoreUnavailable("gone")
            await remember(hint, ref, ttl)

        here.store.remember = away  # type: ignore[method-assign]
        with pytest.raises(StoreUnavailable):
            await chat.links(LinkStep.STARTED, token=TOKEN)
        here.store.remember = remember  # type: ignore[method-assign]
        assert await chat.links(LinkStep.STARTED, token=TOKEN) == 0
        assert await chat.account() == ACCOUNT
        assert await chat.links(LinkStep.STARTED, STRANGER, token=TOKEN) == 1


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
        assert await here.store.recall(f"alias:telegram:{BOT}:{ACCOUNT}") is None


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
        assert await chat.links(LinkStep.ENDED) == 0
        assert await chat.account() is None
        assert await chat.links(LinkStep.STARTED) == 0
        assert await chat.account() == ACCOUNT


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
        assert await chat.says("1", STRANGER) == 2
        assert await chat.account() == ACCOUNT
        assert (await here.case()).status is Status.UNCONFIRMED


@on_virtual_time
async def test_an_earlier_account_that_comes_back_takes_nothing_from_the_newer_one() -> None:
    """Its alias may still stand, beside another bot of the clinic."""
    async with node() as here:
        chat = Chat(here)
        await chat.links(LinkStep.SHARED, number=NUMBER)
        alias = f"alias:telegram:{BOT}:{STRANGER}"
        await here.store.remember(alias, contact_ref(), JOIN_FOR)
        assert await chat.links(LinkStep.STARTED, STRANGER) == 0
        assert await chat.links(LinkStep.ENDED, STRANGER) == 0
        assert await chat.account() == ACCOUNT


@on_virtual_time
async def test_an_account_speaks_for_the_number_that_it_proved_last() -> None:
    async with node() as here:
        chat = Chat(here)
        await chat.links(LinkStep.SHARED, number=OTHER)
        await chat.links(LinkStep.SHARED, number=NUMBER)
        assert await chat.account(OTHER) is None
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
        unmatched = await chat.links(step, sender=sender, number=NUMBER)
        assert unmatched == (0 if (step, sender) == (LinkStep.ENDED, "2") else 1)
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
async def test_every_message_keeps_an_account_known() -> None:
    telegram = Channels(Channel.TELEGRAM)
    settings = clinic(channels=["telegram", "sms"])
    async with node(settings=settings, whatsapp=telegram) as here:
        chat = Chat(here)
        await chat.links(LinkStep.SHARED, number=NUMBER)
        await asked(here)
        await here.store.remember(
            f"alias:telegram:{BOT}:{ACCOUNT}", Ref(Kind.CONTACT, "zdorovie", ""), JOIN_FOR
        )
        assert await chat.says("привет", quoted="telegram-1") == 0
        assert await chat.says("1") == 0
        assert (await here.case()).status is Status.CONFIRMED


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
