"""Calls of a provider that asks by callback: any order, any node, any number of times."""

from __future__ import annotations

import asyncio
from collections import deque
from pathlib import Path

import pytest

from adapters.store.memory_store import MemoryStore
from gateway.core import policy
from gateway.core.case import Attempt, AttemptState, Case, Contact, EntryKind
from gateway.core.model import CallResult, Status
from gateway.errors import Forbidden, NotFound, StoreUnavailable
from gateway.ivr.menu import Heard, HungUp, Key, Lost, Silence
from gateway.ports.store import Commit, Outcome, Ref
from gateway.ports.telephony import (
    CallAsks,
    CallNews,
    CallOrder,
    CallProgress,
    CallUnknown,
    Limits,
    NextTurn,
    NotAnswered,
    NotPlaced,
)
from gateway.ports.webhook import RawRequest
from gateway.scripts import load_scripts, load_texts
from gateway.service.voice import Voice
from tests.service.support import (
    PROMPT_BASE,
    Node,
    appointment,
    by_call,
    case_ref,
    node,
    on_virtual_time,
    until,
)

CALL = "CA1"


class Provider:
    """A provider that takes orders as scripted; its callbacks are made by the tests."""

    def __init__(self, *outcomes: Exception, ends: CallResult | None = None) -> None:
        self.orders: list[CallOrder] = []
        self.asked_about: list[str] = []
        self._outcomes = deque(outcomes)
        self._ends = ends

    def serves(self, clinic: str, branch: str) -> bool:
        return True

    def limits(self, clinic: str, branch: str) -> Limits:
        return Limits("provider", 100, 100.0)

    async def place(self, order: CallOrder) -> str:
        self.orders.append(order)
        if self._outcomes:
            raise self._outcomes.popleft()
        return CALL

    async def look_up(self, clinic: str, branch: str, call_id: str) -> CallResult | None:
        self.asked_about.append(call_id)
        return self._ends

    def verify(self, request: RawRequest) -> None:
        raise AssertionError("the tests make the callbacks themselves")

    def parse(self, request: RawRequest) -> CallNews:
        raise AssertionError("the tests make the callbacks themselves")

    def render(self, ref: Ref, attempt: str, then: NextTurn | None) -> tuple[str, bytes]:
        raise AssertionError("the tests make the callbacks themselves")

    async def close(self) -> None:
        """Nothing to let go of."""


async def ringing(here: Node, provider: Provider) -> Attempt:
    """Let the call be placed."""
    await here.record()
    here.start()
    await until(lambda: bool(provider.orders))
    await here.clock.sleep(1)
    return (await here.case()).attempts[0]


async def asks(
    here: Node, turn: int = 0, heard: Heard | None = None, *, machine: bool = False
) -> NextTurn | None:
    asked = CallAsks(case_ref(), "1", CALL, turn, heard, machine)
    return await here.service.calls.take(Provider(), asked)


async def tells(here: Node, result: CallResult | None, sequence: int = 0) -> None:
    await here.service.calls.take(Provider(), CallProgress(case_ref(), "1", CALL, result, sequence))


async def attempt(here: Node) -> Attempt:
    return (await here.case()).attempts[0]


@pytest.mark.rule("C-3", "C-4", "S-1")
@on_virtual_time
async def test_a_dialogue_goes_from_callback_to_callback() -> None:
    provider = Provider()
    async with node(settings=by_call(), provider=provider) as here:
        placed = await ringing(here, provider)
        assert (placed.provider_id, placed.state) == (CALL, AttemptState.STARTED)
        first = await asks(here)
        assert first is not None
        assert (first.turn.state, first.number) == ("visit", 1)
        assert first.audio.startswith(PROMPT_BASE)
        again = await asks(here, 1, Key("0"))
        assert again is not None
        assert (again.turn.state, again.number) == ("visit", 2)
        thanks = await asks(here, 2, Key("1"))
        assert thanks is not None
        assert (thanks.turn.state, thanks.turn.result) == ("confirmed", CallResult.ANSWER)
        await tells(here, CallResult.HANGUP)
        over = await attempt(here)
        assert (over.state, over.result, over.keys) == (
            AttemptState.ENDED,
            CallResult.ANSWER,
            "01",
        )
        await here.clock.sleep(60)
        assert here.diary.statuses == ["confirmed"]
        assert not here.whatsapp.sent


@pytest.mark.rule("G-6")
@on_virtual_time
async def test_a_repeated_callback_is_told_the_same_and_counts_once() -> None:
    provider = Provider()
    async with node(settings=by_call(), provider=provider) as here:
        await ringing(here, provider)
        assert await asks(here) == await asks(here)
        told = await asks(here, 1, Key("7"))
        assert told == await asks(here, 1, Key("7"))
        assert (await attempt(here)).keys == "7"
        answered = await asks(here, 2, Key("2"))
        assert answered == await asks(here, 2, Key("2"))
        assert answered == await asks(here, 1, Key("3"))  # one that was overtaken
        await here.clock.sleep(60)
        assert here.diary.statuses == ["reschedule_requested"]
        entries = await here.entries(EntryKind.ANSWER)
        assert [entry.data["raw"] for entry in entries] == ["2"]


@pytest.mark.rule("G-6")
@on_virtual_time
async def test_another_node_goes_on_where_the_first_one_died() -> None:
    store = MemoryStore()
    provider = Provider()
    async with node(store, settings=by_call(), provider=provider) as here:
        await ringing(here, provider)
        await asks(here)
        clock = here.clock
    async with node(store, provider=Provider(), clock=clock, clinic_known=True) as there:
        then = await asks(there, 1, Key("3"))
        assert then is not None
        assert then.turn.state == "cancelled"
        await tells(there, CallResult.HANGUP)
        assert (await there.case()).status is Status.CANCELLED


@pytest.mark.rule("G-6")
@on_virtual_time
async def test_the_callback_may_come_before_the_order_is_known_to_be_taken() -> None:
    """The process died between the request and its answer: the call rings all the same."""
    provider = Provider(CallUnknown("timeout"))
    async with node(settings=by_call(), provider=provider) as here:
        placed = await ringing(here, provider)
        assert (placed.state, placed.provider_id) == (AttemptState.STARTED, None)
        outcomes = [entry.data["outcome"] for entry in await here.entries(EntryKind.RECONCILE)]
        assert outcomes == ["unknown"]
        assert await asks(here) is not None
        assert await asks(here, 1, Key("1")) is not None
        await tells(here, CallResult.HANGUP)
        await here.clock.sleep(3600)
        assert (await here.case()).status is Status.CONFIRMED
        assert len(provider.orders) == 1


@pytest.mark.rule("G-6", "C-6")
@on_virtual_time
async def test_a_call_of_which_nothing_is_heard_again_is_not_repeated() -> None:
    provider = Provider(CallUnknown("timeout"))
    async with node(settings=by_call(), provider=provider) as here:
        await ringing(here, provider)
        await here.clock.sleep(3600)
        assert (await attempt(here)).result is CallResult.FAILED
        assert len(provider.orders) == 1
        assert len(here.whatsapp.sent) == 1


@pytest.mark.rule("H-5", "G-6")
@on_virtual_time
async def test_a_key_that_is_told_after_the_end_of_its_call_still_answers() -> None:
    provider = Provider()
    async with node(settings=by_call(), provider=provider) as here:
        await ringing(here, provider)
        await asks(here)
        await tells(here, CallResult.HANGUP, 3)
        then = await asks(here, 1, Key("1"))
        assert then is not None
        assert then.turn.state == "confirmed"
        await here.clock.sleep(60)
        assert here.diary.statuses == ["confirmed"]
        assert (await attempt(here)).result is CallResult.ANSWER


@pytest.mark.rule("C-14")
@on_virtual_time
async def test_a_machine_is_not_asked_to_press_keys() -> None:
    provider = Provider()
    async with node(settings=by_call(), provider=provider) as here:
        await ringing(here, provider)
        assert await asks(here, machine=True) is None
        await tells(here, CallResult.HANGUP)
        await here.clock.sleep(60)
        assert (await attempt(here)).result is CallResult.MACHINE
        assert len(here.whatsapp.sent) == 1


@pytest.mark.rule("C-6")
@pytest.mark.parametrize(
    "result",
    [CallResult.BUSY, CallResult.NO_ANSWER, CallResult.UNREACHABLE, CallResult.FAILED],
)
def test_every_other_ending_is_told_and_falls_back(result: CallResult) -> None:
    @on_virtual_time
    async def check() -> None:
        provider = Provider()
        async with node(settings=by_call(), provider=provider) as here:
            await ringing(here, provider)
            await tells(here, None, 1)
            await tells(here, result, 2)
            await tells(here, None, 1)  # late news of the ringing
            await here.clock.sleep(60)
            assert (await attempt(here)).result is result
            assert len(here.whatsapp.sent) == 1

    check()


@pytest.mark.rule("C-4", "C-6")
@pytest.mark.parametrize(
    ("heard", "result"),
    [
        ([Silence(), Silence()], CallResult.NO_ANSWER_KEY),
        ([Key("9"), Key("8"), Key("7")], CallResult.NO_ANSWER_KEY),
        ([Silence(), HungUp()], CallResult.HANGUP),
        ([Lost("media")], CallResult.HANGUP),
    ],
)
def test_a_dialogue_without_an_answer(heard: list[Heard], result: CallResult) -> None:
    @on_virtual_time
    async def check() -> None:
        provider = Provider()
        async with node(settings=by_call(), provider=provider) as here:
            await ringing(here, provider)
            then = await asks(here)
            for number, one in enumerate(heard, 1):
                then = await asks(here, number, one)
            assert then is None or then.turn.state == "goodbye"
            await tells(here, CallResult.HANGUP)
            await here.clock.sleep(60)
            assert (await attempt(here)).result is result
            assert len(here.whatsapp.sent) == 1

    check()


@pytest.mark.rule("C-6")
@on_virtual_time
async def test_an_order_that_is_refused_waits_and_one_that_cannot_be_called_falls_back() -> None:
    provider = Provider(
        NotPlaced("limited"), NotPlaced("credentials", alert=True), NotAnswered(CallResult.BUSY)
    )
    async with node(settings=by_call(), provider=provider) as here:
        await ringing(here, provider)
        await here.clock.sleep(120)
        assert len(provider.orders) == 3
        assert (await attempt(here)).result is CallResult.BUSY
        assert len(here.whatsapp.sent) == 1


@pytest.mark.rule("C-10", "C-17")
@pytest.mark.parametrize(
    "meanwhile",
    [{"status": "cancelled"}, {"status": "confirmed"}, {"start": "2026-11-25T10:00:00+05:00"}],
)
def test_a_visit_that_changed_is_not_asked_about_any_more(meanwhile: dict[str, str]) -> None:
    @on_virtual_time
    async def check() -> None:
        provider = Provider()
        async with node(settings=by_call(), provider=provider) as here:
            await ringing(here, provider)
            await asks(here)
            await here.record(appointment(**meanwhile))
            then = await asks(here, 1, Key("0"))
            assert then is not None
            assert (then.turn.state, then.turn.result) == ("changed", CallResult.NO_ANSWER_KEY)
            await here.clock.sleep(60)
            assert here.diary.statuses == []

    check()


@on_virtual_time
async def test_a_callback_about_nothing_of_ours_is_told_to_hang_up() -> None:
    async with node(settings=by_call(), provider=Provider()) as here:
        assert await asks(here) is None
        await here.record()
        assert await here.service.calls.take(Provider(), CallAsks(case_ref(), "99", CALL)) is None
        contact = Ref(case_ref().kind.CONTACT, "zdorovie", "+79161234567")
        assert await here.service.calls.take(Provider(), CallAsks(contact, "1", CALL)) is None


@pytest.mark.rule("G-6")
@on_virtual_time
async def test_a_callback_that_never_comes_is_asked_for() -> None:
    provider = Provider(ends=CallResult.BUSY)
    async with node(settings=by_call(), provider=provider) as here:
        await ringing(here, provider)
        await here.clock.sleep(100)
        assert provider.asked_about == [CALL]
        assert (await attempt(here)).result is CallResult.BUSY
        assert len(here.whatsapp.sent) == 1


@pytest.mark.rule("G-6")
@on_virtual_time
async def test_a_call_of_a_node_that_died_is_asked_about_by_any_other() -> None:
    """No callback comes either: while there was no node, nobody took it."""
    store, provider = MemoryStore(), Provider(ends=CallResult.NO_ANSWER)
    async with node(store, settings=by_call(), provider=provider) as first:
        workers = await placed_by(first, provider)
        workers.cancel()
    async with node(store, provider=provider, clinic_known=True, clock=first.clock) as second:
        second.start()
        await second.clock.sleep(100)
        assert provider.asked_about == [CALL]
        assert (await attempt(second)).result is CallResult.NO_ANSWER
        assert len(second.whatsapp.sent) == 1
        assert len(provider.orders) == 1


@pytest.mark.rule("G-6")
@pytest.mark.parametrize(("ends", "result"), [(CallResult.HANGUP, "hangup"), (None, "failed")])
def test_after_a_long_outage_a_call_is_asked_about_before_it_is_given_up(
    ends: CallResult | None, result: str
) -> None:
    @on_virtual_time
    async def check() -> None:
        store, provider = MemoryStore(), Provider(ends=ends)
        async with node(store, settings=by_call(), provider=provider) as first:
            workers = await placed_by(first, provider)
            workers.cancel()
        await asyncio.sleep(1800)
        async with node(store, provider=provider, clinic_known=True, clock=first.clock) as second:
            second.start()
            await second.clock.sleep(policy.CALL_LOOK_WAIT.total_seconds() + 5)
            assert provider.asked_about == [CALL]
            assert str((await attempt(second)).result) == result
            await second.clock.sleep(60)
            assert len(second.whatsapp.sent) == 1
            assert len(provider.orders) == 1
            assert provider.asked_about == [CALL]

    check()


@pytest.mark.rule("G-6")
@on_virtual_time
async def test_a_call_that_goes_on_is_asked_about_now_and_then_and_by_one_node_only() -> None:
    store, provider = MemoryStore(), Provider()
    async with (
        node(store, settings=by_call(), provider=provider) as here,
        node(store, provider=provider, clinic_known=True, clock=here.clock) as there,
    ):
        there.start()
        await ringing(here, provider)
        await here.clock.sleep(330)
        assert len(provider.asked_about) == 4
        await asks(here)
        await asks(here, 1, Key("1"))
        await tells(here, CallResult.HANGUP)
        await here.clock.sleep(600)
        assert len(provider.asked_about) == 4
        assert (await attempt(here)).result is CallResult.ANSWER


async def placed_by(here: Node, provider: Provider) -> asyncio.Task[None]:
    """Let a node place the call; return its workers."""
    await here.record()
    workers = here.start()
    await until(lambda: bool(provider.orders))
    await here.clock.sleep(1)
    return workers


# -- prompts --------------------------------------------------------------------------------------


class OneFile:
    """A renderer that knows one prompt."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.voice = "one"
        self.said: list[str] = []
        self.voices: list[str] = []

    async def prepare(self, turns: object, language: str, *, voice: str = "") -> list[OneFile]:
        found = list(turns)  # type: ignore[call-overload]
        self.said += [" ".join(turn) for turn in found]
        self.voices.append(voice)
        return [self for _ in found]


@pytest.mark.rule("C-3")
def test_a_prompt_is_given_to_whoever_has_its_address_and_to_nobody_else(tmp_path: Path) -> None:
    @on_virtual_time
    async def check() -> None:
        provider, file = Provider(), OneFile(tmp_path / "prompt.wav")
        voice = Voice(load_scripts(), load_texts(), file)
        async with node(settings=by_call(), provider=provider, voice=voice) as here:
            await ringing(here, provider)
            told = await asks(here)
            assert told is not None
            token = told.audio.removeprefix(PROMPT_BASE)
            assert await here.service.calls.prompt(token) == file.path
            assert "нажмите один" in file.said[-1]
            data, _, signature = token.partition(".")
            for wrong in (f"{data}.AAAA.wav", f"{data}x.{signature}", data, "", "ы.ы"):
                with pytest.raises(Forbidden):
                    await here.service.calls.prompt(wrong)
            await here.clock.sleep(2 * 3600)
            with pytest.raises(NotFound):
                await here.service.calls.prompt(token)

    check()


@pytest.mark.rule("C-3")
def test_a_call_keeps_the_voice_in_which_it_began(tmp_path: Path) -> None:
    """The first engine failed when the call was placed; it is back, but the voice stays."""

    @on_virtual_time
    async def check() -> None:
        renderer, provider = OneFile(tmp_path / "visit.wav"), Provider()
        renderer.path.write_bytes(b"RIFF")
        renderer.voice = "second"
        voice = Voice(load_scripts(), load_texts(), renderer)
        async with node(settings=by_call(), provider=provider, voice=voice) as here:
            await ringing(here, provider)
            renderer.voice = "first"
            first = await asks(here)
            assert first is not None
            await here.service.calls.prompt(first.audio.removeprefix(PROMPT_BASE))
            assert renderer.voices == ["", "second"]

    check()


@pytest.mark.rule("H-7")
@on_virtual_time
async def test_a_providers_lines_are_shared_and_freed_by_its_reports() -> None:
    """Two branches' lines behind one account that takes one call at a time."""

    class Narrow(Provider):
        def limits(self, clinic: str, branch: str) -> Limits:
            return Limits("narrow", 1, 100.0)

    provider = Narrow()
    async with node(settings=by_call(), provider=provider) as here:
        other = appointment("A-2", phones=["+79031234568"])
        await here.record(appointment(), other)
        here.start()
        await here.clock.sleep(40)
        assert len(provider.orders) == 1
        first = provider.orders[0].ref
        ended = CallProgress(first, "1", CALL, CallResult.BUSY)
        await here.service.calls.take(provider, ended)
        await here.clock.sleep(40)
        assert len(provider.orders) == 2


class Flickering(MemoryStore):
    """A store that can go away."""

    away = False

    async def commit(self, commit: Commit) -> Outcome:
        if self.away:
            raise StoreUnavailable("away")
        return await super().commit(commit)

    async def load_case(self, clinic: str, appointment: str) -> tuple[Case | None, Contact | None]:
        if self.away:
            raise StoreUnavailable("away")
        return await super().load_case(clinic, appointment)


@pytest.mark.rule("G-6")
@on_virtual_time
async def test_an_outage_during_a_providers_call_ends_nothing() -> None:
    store, provider = Flickering(), Provider(ends=CallResult.BUSY)
    async with node(store, settings=by_call(), provider=provider) as here:
        await ringing(here, provider)
        store.away = True
        await here.clock.sleep(250)
        store.away = False
        await here.clock.sleep(200)
        assert (await attempt(here)).result is CallResult.BUSY
        assert len(provider.orders) == 1


@pytest.mark.rule("Z-14")
@on_virtual_time
async def test_a_call_that_was_answered_is_charged_though_it_never_asked() -> None:
    document = by_call()
    document["branches"][0]["tariff"] = {"call": "4"}
    provider = Provider()
    async with node(settings=document, provider=provider) as here:
        await ringing(here, provider)
        await tells(here, CallResult.HANGUP, 3)
        await tells(here, CallResult.HANGUP, 3)
        charges = [entry.data["amount"] for entry in await here.entries(EntryKind.CHARGE)]
        assert charges == ["4"]
