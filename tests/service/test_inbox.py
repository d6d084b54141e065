"""Callbacks: each is matched to its case, or counted and let go."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

import pytest

from gateway.core.case import AttemptState
from gateway.core.events import Failure, Receipt
from gateway.core.model import Channel, Status
from gateway.ports.messaging import OutgoingMessage, SendError
from gateway.ports.store import Ref
from tests.service.support import (
    NOW,
    NUMBER,
    OTHER,
    SENDER,
    Channels,
    Node,
    appointment,
    case_ref,
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


@pytest.mark.rule("C-15", "Z-9")
@on_virtual_time
async def test_an_opt_out_that_the_provider_has_answered_is_told_to_the_schedule_only() -> None:
    """On no channel is anything sent after it, not even that it was understood."""
    async with node() as here:
        await asked(here)
        await here.service.inbox.take([written("STOP", "in-1", here.clock.now(), by_provider=True)])
        await here.clock.sleep(60)
        contact = await here.contact()
        assert contact.opted_out_at is not None
        assert [notice.allowed for notice in contact.notices] == [False]
        assert (len(here.whatsapp.sent), len(here.sms.sent)) == (1, 0)


@pytest.mark.rule("C-15", "H-1")
@on_virtual_time
async def test_a_refusal_because_of_an_opt_out_at_the_provider_ends_the_cascade() -> None:
    whatsapp = Channels(Channel.WHATSAPP, SendError(Failure.OPTED_OUT, "21610"))
    async with node(whatsapp=whatsapp) as here:
        await asked(here)
        await here.clock.sleep(60)
        assert (await here.contact()).opted_out_at is not None
        assert (len(whatsapp.sent), len(here.sms.sent)) == (1, 0)
