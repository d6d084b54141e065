"""Effects: every outcome becomes the right event, and none is lost on its way into the store."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.store.memory_store import MemoryStore
from gateway.core.case import AttemptState, EntryKind, PushState
from gateway.core.events import AccountLinked, Failure, Receipt
from gateway.core.model import Channel, Function, Status
from gateway.errors import StoreUnavailable
from gateway.ports.messaging import OutgoingMessage, SendError, attempt_of
from gateway.ports.schedule import Conflicted, Refused, Unavailable
from tests.service.support import (
    LINK_BASE,
    NUMBER,
    OTHER,
    Channels,
    Diary,
    Node,
    appointment,
    case_ref,
    clinic,
    contact_ref,
    node,
    on_virtual_time,
    until,
)


async def asked(here: Node) -> OutgoingMessage:
    """Let the confirmation go out and return it."""
    await here.record()
    here.start()
    await until(lambda: bool(here.whatsapp.sent))
    await here.clock.sleep(0.1)
    return here.whatsapp.sent[0]


class Flickering(MemoryStore):
    """A store that does not answer some operations for a while."""

    def __init__(self) -> None:
        super().__init__()
        self.down: set[str] = set()

    async def commit(self, commit: Any) -> Any:
        self._answer("commit")
        return await super().commit(commit)

    async def remember(self, *arguments: Any) -> None:
        self._answer("remember")
        await super().remember(*arguments)

    def _answer(self, operation: str) -> None:
        if operation in self.down:
            raise StoreUnavailable("the store is restarting")


@on_virtual_time
async def test_an_accepted_message_is_accepted_and_charged() -> None:
    async with node() as here:
        await asked(here)
        (attempt,) = (await here.case()).attempts
        assert (attempt.state, attempt.provider_id) == (AttemptState.ACCEPTED, "whatsapp-1")
        (charge,) = await here.entries(EntryKind.CHARGE)
        assert charge.data["amount"] == "2"


@pytest.mark.rule("H-1")
@on_virtual_time
async def test_an_impossible_message_goes_to_the_next_channel_and_is_remembered() -> None:
    error = SendError(Failure.IMPOSSIBLE, "no_account")
    async with node(whatsapp=Channels(Channel.WHATSAPP, error)) as here:
        await asked(here)
        assert len(here.sms.sent) == 1
        assert (await here.contact()).cannot_reach(Channel.WHATSAPP, here.clock.now())


@on_virtual_time
async def test_a_rejected_message_goes_to_the_next_channel_and_nothing_is_learnt() -> None:
    error = SendError(Failure.REJECTED, "template_paused", alert=True)
    async with node(whatsapp=Channels(Channel.WHATSAPP, error)) as here:
        await asked(here)
        assert len(here.sms.sent) == 1
        assert not (await here.contact()).learnt


@pytest.mark.rule("H-2", "Z-6")
@on_virtual_time
async def test_a_failure_that_may_pass_is_tried_again_on_the_same_channel() -> None:
    error = SendError(Failure.TEMPORARY, "rate_limit")
    async with node(whatsapp=Channels(Channel.WHATSAPP, error, error)) as here:
        await asked(here)
        await here.clock.sleep(240)
        assert [round(at) for at in here.whatsapp.sent_at] == [0, 60, 180]
        assert not here.sms.sent
        assert [a.state for a in (await here.case()).attempts] == [AttemptState.ACCEPTED]


@on_virtual_time
async def test_a_provider_that_names_a_pause_gets_it() -> None:
    error = SendError(Failure.TEMPORARY, "rate_limit", retry_after_s=300)
    async with node(whatsapp=Channels(Channel.WHATSAPP, error)) as here:
        await asked(here)
        await here.clock.sleep(400)
        assert [round(at) for at in here.whatsapp.sent_at] == [0, 300]


@pytest.mark.rule("G-6")
@on_virtual_time
async def test_a_lost_outcome_waits_for_its_receipt_and_is_not_repeated() -> None:
    lost = SendError(None, "timeout")
    async with node(whatsapp=Channels(Channel.WHATSAPP, lost)) as here:
        message = await asked(here)
        assert [a.state for a in (await here.case()).attempts] == [AttemptState.UNKNOWN]
        await here.clock.sleep(60)
        await here.tells(message, Receipt.DELIVERED)
        await here.clock.sleep(3600)
        assert len(here.whatsapp.sent) == 1
        assert len(await here.entries(EntryKind.CHARGE)) == 1
        outcomes = [e.data["outcome"] for e in await here.entries(EntryKind.RECONCILE)]
        assert outcomes == ["unknown", "delivered"]


@pytest.mark.rule("G-6")
@on_virtual_time
async def test_a_lost_outcome_without_a_receipt_is_repeated_once_the_wait_is_over() -> None:
    lost = SendError(None, "reset")
    async with node(whatsapp=Channels(Channel.WHATSAPP, lost)) as here:
        await asked(here)
        await here.clock.sleep(3600)
        assert len(here.whatsapp.sent) == 2
        assert here.whatsapp.sent_at[1] >= 90
        outcomes = [e.data["outcome"] for e in await here.entries(EntryKind.RECONCILE)]
        assert outcomes == ["unknown", "no_receipt"]


@on_virtual_time
async def test_without_a_sender_at_the_moment_of_sending_the_next_channel_is_used() -> None:
    async with node() as here:
        await here.record()
        here.whatsapp.branches = set()
        here.start()
        await until(lambda: bool(here.sms.sent))
        assert not here.whatsapp.sent
        first = (await here.case()).attempts[0]
        assert (first.state, first.code) == (AttemptState.FAILED, "no_sender")


@on_virtual_time
async def test_what_a_message_carries_leads_back_to_it() -> None:
    async with node() as here:
        message = await asked(here)
        assert attempt_of(message.opaque) == (case_ref(), (await here.case()).attempts[0].id)
        assert await here.store.recall("msg:whatsapp:whatsapp-1") == case_ref()
        link = message.content.link
        assert link is not None
        assert link.startswith(LINK_BASE)
        assert await here.store.recall(f"link:{link.removeprefix(LINK_BASE)}") == case_ref()
        assert (message.to, message.account, message.session_open) == (NUMBER, None, False)


@on_virtual_time
async def test_a_patient_who_has_just_written_may_get_free_text() -> None:
    async with node() as here:
        await asked(here)
        await here.says("1")
        await until(lambda: len(here.whatsapp.sent) == 2)
        assert here.whatsapp.sent[1].session_open
        assert here.whatsapp.sent[1].reply_to == "in-1"


@pytest.mark.rule("G-6")
@pytest.mark.parametrize("operation", ["commit", "remember"])
@on_virtual_time
async def test_an_outcome_waits_for_a_store_that_restarts(operation: str) -> None:
    """The store goes away while the provider has the message, and comes back a minute later."""
    store = Flickering()
    async with node(store) as here:

        async def taken_while_the_store_is_down(message: OutgoingMessage) -> str:
            store.down = {operation}
            return "late-1"

        here.whatsapp.replies.append(taken_while_the_store_is_down)
        await asked(here)
        await here.clock.sleep(60)
        store.down = set()
        await here.clock.sleep(30)
        (attempt,) = (await here.case()).attempts
        assert (attempt.state, attempt.provider_id) == (AttemptState.ACCEPTED, "late-1")
        await here.clock.sleep(1800)
        assert len(here.whatsapp.sent) == 1


@pytest.mark.rule("G-6")
@on_virtual_time
async def test_a_link_that_could_not_be_remembered_is_not_sent_before_it_is() -> None:
    store = Flickering()
    async with node(store) as here:
        store.down = {"remember"}
        await here.record()
        here.start()
        await here.clock.sleep(20)
        assert not here.whatsapp.sent
        store.down = set()
        await here.clock.sleep(20)
        assert len(here.whatsapp.sent) == 1


@pytest.mark.rule("G-6")
@on_virtual_time
async def test_a_store_that_stays_away_leaves_the_attempt_to_be_reconciled() -> None:
    store = Flickering()
    async with node(store) as here:

        async def taken(message: OutgoingMessage) -> str:
            store.down = {"commit"}
            return "lost-1"

        here.whatsapp.replies.append(taken)
        message = await asked(here)
        await here.clock.sleep(200)
        assert here.service.effects.under_way == 0
        store.down = set()
        await here.tells(message, Receipt.SENT, provider_id="lost-1")
        await here.clock.sleep(3600)
        assert len(here.whatsapp.sent) == 1
        assert [a.state for a in (await here.case()).attempts] == [AttemptState.ACCEPTED]


@on_virtual_time
async def test_an_adapter_that_breaks_leaves_the_others_alone() -> None:
    async def broken(message: OutgoingMessage) -> str:
        raise KeyError("a bug in an adapter")

    async with node(whatsapp=Channels(Channel.WHATSAPP, broken)) as here:
        await here.record(appointment("A-1"), appointment("A-2", phones=["+79031234568"]))
        here.start()
        await until(lambda: len(here.whatsapp.sent) == 2)
        await here.clock.sleep(0.1)
        states = {(await here.case(name)).attempts[0].state for name in ("A-1", "A-2")}
        assert states == {AttemptState.STARTED, AttemptState.ACCEPTED}


# -- status changes


async def confirmed(here: Node) -> None:
    await asked(here)
    await here.says("1")
    await until(lambda: bool(here.diary.offered))


@pytest.mark.rule("S-1", "S-3")
@on_virtual_time
async def test_a_change_is_offered_until_the_schedule_takes_it() -> None:
    diary = Diary(Unavailable("http_503"), Unavailable("timeout"))
    async with node(diary=diary) as here:
        await confirmed(here)
        assert (await here.case()).pushes[0].state is PushState.PENDING
        await here.clock.sleep(60)
        assert len(diary.offered) == 3
        assert diary.statuses == ["confirmed"]
        assert (await here.case()).snapshot.status is Status.CONFIRMED
        assert len({change.push for change in diary.offered}) == 1


@pytest.mark.rule("S-1")
@on_virtual_time
async def test_a_change_that_is_refused_for_good_goes_to_the_staff() -> None:
    async with node(diary=Diary(Refused("http_422"))) as here:
        await confirmed(here)
        await here.clock.sleep(600)
        assert len(here.diary.offered) == 1
        assert (await here.case()).pushes[0].state is PushState.REFUSED
        (entry,) = await here.entries(EntryKind.NEEDS_ATTENTION)
        assert entry.data["why"] == "status_refused"


@pytest.mark.rule("S-2")
@on_virtual_time
async def test_a_change_that_no_longer_fits_is_a_conflict() -> None:
    moved = appointment(status="cancelled")
    async with node(diary=Diary(Conflicted(moved))) as here:
        await confirmed(here)
        await here.clock.sleep(600)
        assert here.diary.statuses == []
        assert (await here.case()).snapshot.status is Status.CANCELLED
        assert len(await here.entries(EntryKind.CONFLICT)) == 1


@pytest.mark.rule("S-2")
@on_virtual_time
async def test_a_change_that_still_fits_is_offered_again() -> None:
    newest = appointment(club=False, duration="45m")
    async with node(diary=Diary(Conflicted(newest))) as here:
        await confirmed(here)
        await here.clock.sleep(600)
        assert here.diary.statuses == ["confirmed"]


@pytest.mark.rule("Z-9", "C-15")
@on_virtual_time
async def test_an_opt_out_is_told_to_the_schedule() -> None:
    async with node() as here:
        await asked(here)
        await here.says("стоп")
        await until(lambda: bool(here.diary.taken))
        ((ref, _),) = here.diary.taken
        assert ref == contact_ref()
        (change,) = here.diary.taken.values()
        assert change.allowed is False  # type: ignore[union-attr]


@on_virtual_time
async def test_channels_are_served_by_what_is_configured() -> None:
    async with node(whatsapp=Channels()) as here:
        effects = here.service.effects
        assert effects.has_sender(Channel.WHATSAPP, "zdorovie", "lenina")
        assert effects.has_sender(Channel.CALL, "zdorovie", "lenina")
        assert not effects.has_sender(Channel.PUSH, "zdorovie", "lenina")


@on_virtual_time
async def test_with_no_channel_at_all_the_reason_is_told() -> None:
    async with node(settings=clinic(channels=["push", "max"])) as here:
        await here.record()
        here.start()
        await here.clock.sleep(10)
        assert await here.skipped(Function.CONFIRMATION) == ["no_channel"]


@pytest.mark.rule("C-12", "G-7")
@on_virtual_time
async def test_an_answer_to_the_old_number_does_not_go_to_the_account_of_the_new_one() -> None:
    async with node() as here:
        await asked(here)
        await here.record(appointment(phones=[OTHER]))
        linked = AccountLinked(Channel.WHATSAPP, "account-of-the-new-one")
        await here.service.engine.apply(contact_ref(OTHER), linked)
        await here.says("1")
        await until(lambda: len(here.whatsapp.sent) == 2)
        answer = here.whatsapp.sent[1]
        assert (answer.to, answer.account) == (NUMBER, None)
