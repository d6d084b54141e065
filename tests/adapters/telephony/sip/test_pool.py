"""A pool of real line cards: who dials, who is replaced, who is told."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

import pytest

from adapters.telephony.sip import pool as pool_module
from adapters.telephony.sip.call import Call
from adapters.telephony.sip.pool import Pool, Slots, Zygotes
from adapters.telephony.sip.pool_card import DIAL_GAP_S, LATE_DIAL_S
from gateway.core.model import CallResult
from gateway.ivr.menu import Lost, Turn
from gateway.ports.telephony import NotAnswered, NotPlaced
from tests.adapters.telephony.sip.support import alive, pids_of, pool, setup_for, until
from tests.telephony.peers.ports import Block
from tests.telephony.peers.sip_phone import SipPhone

pytestmark = pytest.mark.slow

NUMBER = "+79161234567"
LISTENS = Turn("greeting", wait_s=20.0, barge_in=True)


async def dial(found: Pool, trunk_timeout_s: float = 3.0) -> Call:
    return await found.dial(NUMBER, trunk_timeout_s, 60.0)


async def connected(found: Pool, phone: SipPhone) -> Call:
    """Dial and be picked up."""
    dialling = asyncio.create_task(dial(found))
    await phone.picks_up()
    call = await dialling
    await call.answer(5.0)
    return call


def cards_of(found: Pool) -> list[int]:
    return pids_of(found._zygotes.pid)


async def test_cards_are_started_when_they_are_needed_and_kept(
    phone: SipPhone, ports: Block
) -> None:
    async with pool(phone, ports, lines=8, cards=2) as found:
        calls = [await connected(found, phone) for _ in range(4)]
        assert len(cards_of(found)) == 1
        calls.append(await connected(found, phone))
        assert len(cards_of(found)) == 2
        for call in calls:
            await call.hang_up()
        await until(lambda: found.busy == 0)
        assert len(cards_of(found)) == 2


async def test_the_next_call_goes_to_the_card_with_the_most_free_lines(
    phone: SipPhone, ports: Block
) -> None:
    async with pool(phone, ports, lines=8, cards=2) as found:
        for _ in range(6):
            await connected(found, phone)
        await connected(found, phone)
        await connected(found, phone)
        assert [len(card.calls) for card in found.cards] == [4, 4]
        with pytest.raises(NotPlaced, match="no_line"):
            await dial(found)
        assert phone.invites == 8


async def test_a_card_rests_between_two_dials(phone: SipPhone, ports: Block) -> None:
    loop = asyncio.get_running_loop()
    async with pool(phone, ports) as found:
        await connected(found, phone)
        began = loop.time()
        await asyncio.gather(*(dial(found) for _ in range(3)))
        assert loop.time() - began >= 2 * DIAL_GAP_S - LATE_DIAL_S


async def test_a_refused_call_frees_its_line_at_once(phone: SipPhone, ports: Block) -> None:
    phone.refuses = 503
    async with pool(phone, ports) as found:
        for _ in range(8):
            call = await dial(found)
            with pytest.raises(NotPlaced, match="trunk_fails"):
                await call.answer(1.0)
        await until(lambda: found.busy == 0)


async def test_a_line_that_is_not_really_free_hands_the_call_to_another_card(
    phone: SipPhone, ports: Block
) -> None:
    """After our BYE the line is taken until the other side answers it."""
    async with pool(phone, ports, lines=8, cards=2) as found:
        calls = [await connected(found, phone) for _ in range(4)]
        phone.deaf = True
        for call in calls:
            await call.hang_up()
        await until(lambda: found.busy == 0)
        phone.deaf = False
        call = await connected(found, phone)
        assert call.answered
        assert len(cards_of(found)) == 2


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP, signal.SIGABRT])
async def test_a_card_that_crashes_or_hangs_is_replaced_and_its_calls_are_lost(
    how: signal.Signals, phone: SipPhone, ports: Block
) -> None:
    loop = asyncio.get_running_loop()
    async with pool(phone, ports) as found:
        call = await connected(found, phone)
        (victim,) = cards_of(found)
        playing = asyncio.create_task(call.play(LISTENS, None))
        os.kill(victim, how)
        at = loop.time()
        assert await playing == Lost("card_died")
        assert loop.time() - at < (2.0 if how == signal.SIGSTOP else 0.5)
        lost_at = loop.time()
        await until(lambda: any(card.ready for card in found.cards))
        assert loop.time() - lost_at < 1.0
        assert not alive(victim)
        assert (await connected(found, phone)).answered


async def test_a_card_that_dies_while_it_rings_is_an_attempt(phone: SipPhone, ports: Block) -> None:
    async with pool(phone, ports) as found:
        dialling = asyncio.create_task(dial(found))
        (await phone.rings()).ring()
        call = await dialling
        os.kill(cards_of(found)[0], signal.SIGKILL)
        with pytest.raises(NotAnswered) as told:
            await call.answer(5.0)
        assert told.value.result is CallResult.FAILED


async def test_a_card_that_keeps_dying_is_replaced_more_and_more_slowly(
    phone: SipPhone, ports: Block
) -> None:
    loop = asyncio.get_running_loop()
    async with pool(phone, ports) as found:
        pauses = []
        for _ in range(3):
            await until(lambda: any(card.ready for card in found.cards))
            (victim,), at = found.cards, loop.time()
            os.kill(cards_of(found)[0], signal.SIGKILL)
            await until(lambda gone=victim: bool(found.cards) and gone not in found.cards)
            pauses.append(loop.time() - at)
        assert pauses[0] < 0.3
        assert pauses[1] >= 0.35
        assert pauses[2] >= 0.75


async def test_a_dead_zygote_is_replaced_and_calls_go_on(phone: SipPhone, ports: Block) -> None:
    async with pool(phone, ports, lines=8, cards=2) as found:
        calls = [await connected(found, phone) for _ in range(4)]
        old = found._zygotes.pid or 0
        os.kill(old, signal.SIGKILL)
        calls.append(await connected(found, phone))
        assert found._zygotes.pid != old
        assert not any(call.over for call in calls)


async def test_a_silence_that_was_our_own_kills_no_card(
    phone: SipPhone, ports: Block, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.telephony.sip.pool_card.HANG_S", 0.3)
    async with pool(phone, ports) as found:
        call = await connected(found, phone)
        (before,) = cards_of(found)
        for _ in range(3):
            await asyncio.sleep(0.26)
            stall(0.8)
        await asyncio.sleep(0.5)
        assert cards_of(found) == [before]
        assert not call.over


def stall(seconds: float) -> None:
    """Hold up the whole event loop."""
    threading.Event().wait(seconds)


async def test_cards_with_new_settings_take_over_while_calls_end_on_the_old(
    phone: SipPhone, ports: Block
) -> None:
    async with pool(phone, ports, lines=8, cards=2) as found:
        old = await connected(found, phone)
        (old_card,) = found.cards
        found.renew()
        await until(lambda: len(found.cards) == 2 and all(card.ready for card in found.cards))
        assert (await connected(found, phone)).answered
        assert list(old_card.calls.values()) == [old]
        await old.hang_up()
        await until(lambda: old_card.dead)


async def test_a_line_that_never_gets_free_costs_its_card_not_the_trunk(
    phone: SipPhone, ports: Block, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.telephony.sip.pool_card.STUCK_S", 0.2)
    async with pool(phone, ports) as found:
        stuck, other = await connected(found, phone), await connected(found, phone)
        (card,) = found.cards
        stuck._send = lambda _: None  # the card is not told, so it never reports the end
        await stuck.hang_up()
        await until(lambda: card.retired)
        assert not other.over
        assert (await connected(found, phone)).answered
        await other.hang_up()
        await until(lambda: card.dead)
        assert await phone.calls[0].ended() == "BYE"


async def test_without_any_card_a_call_is_not_placed(
    phone: SipPhone, ports: Block, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "CARD_WAIT_S", 0.2)
    setup = setup_for(phone, ports)
    lonely = Pool("t", 4, 1, lambda _: setup, Zygotes(), Slots(0))
    running = asyncio.create_task(lonely.run())
    with pytest.raises(NotPlaced, match="no_card") as told:
        await dial(lonely)
    assert told.value.alert
    await lonely.close()
    await running


async def test_closing_ends_every_call_and_every_process(phone: SipPhone, ports: Block) -> None:
    async with pool(phone, ports, lines=8, cards=2) as found:
        for _ in range(5):
            await connected(found, phone)
        pids = [*cards_of(found), found._zygotes.pid or 0]
        assert len(pids) == 3
    assert not any(map(alive, pids))
    assert [await call.ended() for call in phone.calls] == ["BYE"] * 5


async def test_closing_does_not_wait_for_a_card_that_hangs(
    phone: SipPhone, ports: Block, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "QUIT_S", 0.3)
    async with pool(phone, ports) as found:
        await connected(found, phone)
        (pid,) = cards_of(found)
        os.kill(pid, signal.SIGSTOP)
    assert not alive(pid)


async def test_a_dialler_that_gives_up_leaves_no_call(phone: SipPhone, ports: Block) -> None:
    async with pool(phone, ports) as found:
        await connected(found, phone)
        phone.deaf = True
        dialling = asyncio.create_task(dial(found))
        await until(lambda: found.busy == 2)
        dialling.cancel()
        await until(lambda: found.busy == 1)


def test_the_slot_that_rested_longest_is_used_first() -> None:
    slots = Slots(3)
    assert [slots.take(), slots.take()] == [0, 1]
    slots.give_back(0)
    assert [slots.take(), slots.take(), slots.take()] == [2, 0, None]
