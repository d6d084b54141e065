"""One call, fed by hand with what a card would report."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from adapters.telephony.sip.call import TAIL_S, Call
from adapters.telephony.sip.protocol import (
    Answered,
    CallEvent,
    Command,
    Digit,
    Disconnected,
    EndedBy,
    HangUp,
    Media,
    MediaLost,
    NoLine,
    Play,
    Played,
    Ringing,
    Stopped,
    Trying,
    Unplayable,
)
from gateway.core.model import CallResult
from gateway.ivr.menu import HungUp, Key, Lost, Silence, Turn
from gateway.ports.telephony import NotAnswered, NotPlaced

PROMPT = Path("greeting.wav")
FILE = str(PROMPT.absolute())
LISTENS = Turn("greeting", wait_s=0.05, barge_in=True)
PATIENT = Turn("rules", wait_s=0.05, barge_in=False)
LAST = Turn("goodbye", CallResult.NO_ANSWER_KEY)


class Hand:
    """A call and the hand that plays its card."""

    def __init__(self, call_max_s: float = 60.0) -> None:
        self.sent: list[Command] = []
        self.call = Call("c", self.sent.append, call_max_s)

    def report(self, *events: CallEvent) -> None:
        for event in events:
            self.call.take(event)

    def ends(self, code: int = 200, by: EndedBy = "remote", q850: int = 0) -> None:
        self.report(Disconnected("c", code, by, q850, ""))

    def pick_up(self) -> None:
        self.report(Trying("c"), Ringing("c", 180), Answered("c", True), Media("c", True))

    @property
    def hung_up(self) -> bool:
        return HangUp("c") in self.sent


@pytest.fixture
async def hand() -> Hand:
    hand = Hand()
    hand.pick_up()
    return hand


async def soon() -> None:
    """Let whoever is ready go on."""
    for _ in range(5):
        await asyncio.sleep(0)


# Placing


async def test_a_trunk_that_says_nothing_is_given_up() -> None:
    hand = Hand()
    with pytest.raises(NotPlaced, match="trunk_timeout"):
        await hand.call.reaction(0.01)
    assert hand.hung_up


@pytest.mark.parametrize(
    "event", [Trying("c"), NoLine("c"), Disconnected("c", 503, "remote", 0, "")]
)
async def test_any_word_of_the_trunk_is_a_reaction(event: CallEvent) -> None:
    hand = Hand()
    hand.report(event)
    await hand.call.reaction(0.0)


async def test_somebody_picks_up() -> None:
    hand = Hand()
    answering = asyncio.create_task(hand.call.answer(1.0))
    await soon()
    hand.pick_up()
    await answering


@pytest.mark.rule("C-6")
@pytest.mark.parametrize(
    ("events", "result"),
    [([Ringing("c", 180)], CallResult.NO_ANSWER), ([], CallResult.UNREACHABLE)],
)
async def test_nobody_picks_up_in_time(events: list[CallEvent], result: CallResult) -> None:
    hand = Hand()
    hand.report(Trying("c"), *events)
    with pytest.raises(NotAnswered) as told:
        await hand.call.answer(0.01)
    assert told.value.result is result
    assert hand.hung_up


async def test_the_ringing_time_counts_from_the_first_ring() -> None:
    hand = Hand()
    hand.report(Trying("c"))
    loop = asyncio.get_running_loop()
    answering = asyncio.create_task(hand.call.answer(0.2))
    await asyncio.sleep(0.1)
    hand.report(Ringing("c", 180))
    rang_at = loop.time()
    await asyncio.sleep(0.05)
    hand.report(Ringing("c", 180))
    with pytest.raises(NotAnswered):
        await answering
    assert 0.19 <= loop.time() - rang_at < 0.24 + 0.2


@pytest.mark.parametrize("by_then", [[Trying("c")], [Trying("c"), Ringing("c", 180)]])
async def test_a_card_that_dies_when_a_telephone_may_ring_is_an_attempt(
    by_then: list[CallEvent],
) -> None:
    """It must not ring a second time for the same question (rule G-6)."""
    hand = Hand()
    hand.report(*by_then)
    hand.call.lose("card_died")
    with pytest.raises(NotAnswered) as told:
        await hand.call.answer(1.0)
    assert (told.value.result, told.value.code) == (CallResult.FAILED, "card_died")


async def test_a_card_that_dies_before_the_trunk_has_the_call_is_no_attempt() -> None:
    hand = Hand()
    hand.call.lose("card_died")
    with pytest.raises(NotPlaced, match="card_died"):
        await hand.call.answer(1.0)


async def test_a_call_that_ends_before_anybody_waits_is_not_missed() -> None:
    hand = Hand()
    hand.pick_up()
    hand.ends()
    await hand.call.answer(1.0)
    assert await hand.call.play(LISTENS, PROMPT) == HungUp()


# Talking


async def test_a_key_is_heard_while_the_prompt_plays(hand: Hand) -> None:
    playing = asyncio.create_task(hand.call.play(LISTENS, PROMPT))
    await soon()
    assert hand.sent == [Play("c", 1, FILE, True)]
    hand.report(Digit("c", "1", "rfc4733"), Stopped("c", 1))
    assert await playing == Key("1")


async def test_silence_counts_from_the_last_sample(hand: Hand) -> None:
    loop = asyncio.get_running_loop()
    playing = asyncio.create_task(hand.call.play(LISTENS, PROMPT))
    await asyncio.sleep(0.1)  # longer than the turn waits
    assert not playing.done()
    hand.report(Played("c", 1))
    played_at = loop.time()
    assert await playing == Silence()
    assert loop.time() - played_at >= LISTENS.wait_s - 0.005


async def test_the_end_of_an_earlier_prompt_is_not_the_end_of_this_one(hand: Hand) -> None:
    first = asyncio.create_task(hand.call.play(LISTENS, PROMPT))
    await soon()
    hand.report(Digit("c", "0", "rfc4733"))
    assert await first == Key("0")
    second = asyncio.create_task(hand.call.play(LISTENS, PROMPT))
    await soon()
    hand.report(Stopped("c", 1))
    await asyncio.sleep(2 * LISTENS.wait_s)
    assert not second.done()
    hand.report(Played("c", 2))
    assert await second == Silence()


async def test_a_key_pressed_between_two_prompts_interrupts_the_next(hand: Hand) -> None:
    hand.report(Digit("c", "2", "rfc4733"))
    assert await hand.call.play(LISTENS, PROMPT) == Key("2")
    assert hand.sent == []


async def test_a_key_pressed_ahead_waits_for_the_end_of_a_prompt_that_is_not_interrupted(
    hand: Hand,
) -> None:
    hand.report(Digit("c", "2", "rfc4733"))
    playing = asyncio.create_task(hand.call.play(PATIENT, PROMPT))
    await soon()
    assert not playing.done()
    assert hand.sent == [Play("c", 1, FILE, False)]
    hand.report(Played("c", 1))
    assert await playing == Key("2")


async def test_a_turn_that_does_not_listen_forgets_keys_and_plays_to_its_end(hand: Hand) -> None:
    loop = asyncio.get_running_loop()
    hand.report(Digit("c", "3", "rfc4733"))
    playing = asyncio.create_task(hand.call.play(LAST, PROMPT))
    await soon()
    assert hand.sent == [Play("c", 1, FILE, False)]
    hand.report(Played("c", 1))
    played_at = loop.time()
    assert await playing == Silence()
    assert loop.time() - played_at >= TAIL_S - 0.01
    playing = asyncio.create_task(hand.call.play(LISTENS, PROMPT))
    await soon()
    hand.report(Played("c", 2))
    assert await playing == Silence()


async def test_keys_are_taken_in_their_order(hand: Hand) -> None:
    hand.report(Digit("c", "0", "rfc4733"), Digit("c", "1", "rfc4733"))
    assert await hand.call.play(LISTENS, PROMPT) == Key("0")
    assert await hand.call.play(LISTENS, PROMPT) == Key("1")


async def test_a_key_pressed_right_before_the_hang_up_counts(hand: Hand) -> None:
    playing = asyncio.create_task(hand.call.play(LISTENS, PROMPT))
    await soon()
    hand.report(Digit("c", "1", "rfc4733"), Stopped("c", 1))
    hand.ends()
    assert await playing == Key("1")
    assert await hand.call.play(LAST, PROMPT) == HungUp()


@pytest.mark.parametrize(
    ("code", "by", "q850", "heard"),
    [
        (200, "remote", 0, HungUp()),
        (200, "remote", 16, HungUp()),
        (200, "remote", 31, HungUp()),
        (200, "remote", 38, Lost("remote_38")),
        (408, "timeout", 0, Lost("timeout_408")),
        (503, "transport", 0, Lost("transport_503")),
    ],
)
async def test_a_person_hangs_up_and_a_network_loses(
    code: int, by: EndedBy, q850: int, heard: HungUp | Lost, hand: Hand
) -> None:
    playing = asyncio.create_task(hand.call.play(LISTENS, PROMPT))
    await soon()
    hand.ends(code, by, q850)
    assert await playing == heard
    assert await hand.call.play(LISTENS, PROMPT) == heard


async def test_a_call_without_sound_is_lost_and_hung_up(hand: Hand) -> None:
    playing = asyncio.create_task(hand.call.play(LISTENS, PROMPT))
    await soon()
    hand.report(MediaLost("c"))
    assert await playing == Lost("media_lost")
    assert hand.hung_up


async def test_no_call_lasts_for_ever() -> None:
    hand = Hand(call_max_s=0.05)
    hand.pick_up()
    assert await hand.call.play(LISTENS, PROMPT) == Lost("call_max")
    assert hand.hung_up


async def test_the_time_of_a_call_does_not_count_while_it_rings() -> None:
    hand = Hand(call_max_s=0.03)
    hand.report(Trying("c"), Ringing("c", 180))
    await asyncio.sleep(0.06)
    assert not hand.call.over


async def test_a_dead_card_loses_its_calls(hand: Hand) -> None:
    playing = asyncio.create_task(hand.call.play(LISTENS, PROMPT))
    await soon()
    hand.call.lose("card_died")
    assert await playing == Lost("card_died")


async def test_a_prompt_that_cannot_be_played_ends_the_turn_not_the_program(hand: Hand) -> None:
    playing = asyncio.create_task(hand.call.play(LISTENS, PROMPT))
    await soon()
    hand.report(Unplayable("c", 1, "220180"))
    assert await playing == Lost("unplayable_prompt")


async def test_without_a_prompt_only_the_key_is_waited_for(hand: Hand) -> None:
    assert await hand.call.play(LISTENS, None) == Silence()
    assert hand.sent == []


async def test_hanging_up_twice_is_said_once(hand: Hand) -> None:
    await hand.call.hang_up()
    await hand.call.hang_up()
    assert hand.sent == [HangUp("c")]
    hand.ends(by="local")
    assert await hand.call.play(LISTENS, PROMPT) == HungUp()


async def test_a_call_that_is_over_is_not_hung_up(hand: Hand) -> None:
    hand.ends()
    await hand.call.hang_up()
    assert not hand.hung_up
