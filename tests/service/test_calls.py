"""One dialogue on one call: every ending, and what is committed before what is spoken."""

from __future__ import annotations

import asyncio

import pytest

from adapters.store.memory_store import MemoryStore
from gateway.core.case import AttemptState, Case
from gateway.core.model import CallResult, Status
from gateway.errors import StoreUnavailable
from gateway.ivr.menu import HungUp, Key, Silence, Turn
from gateway.ports.speech import SpeechError
from gateway.ports.store import Commit, Outcome
from gateway.ports.telephony import Limits, NotAnswered, NotPlaced
from gateway.scripts import load_scripts, load_texts
from gateway.service.voice import Voice
from tests.service.support import (
    Node,
    ScriptedLine,
    Trunk,
    appointment,
    by_call,
    clinic,
    node,
    on_virtual_time,
    until,
)


async def called(here: Node) -> Case:
    """Let one call run to its end."""
    await here.record()
    here.start()
    await until(lambda: bool(here.trunk.dialled))
    await here.clock.sleep(30)
    return await here.case()


@pytest.mark.rule("C-3", "C-4")
@pytest.mark.parametrize(
    ("key", "status", "prompt"),
    [
        ("1", Status.CONFIRMED, "confirmed"),
        ("2", Status.RESCHEDULE_REQUESTED, "reschedule"),
        ("3", Status.CANCELLED, "cancelled"),
    ],
)
@on_virtual_time
async def test_a_key_is_an_answer_and_is_acknowledged(
    key: str, status: Status, prompt: str
) -> None:
    line = ScriptedLine([Key(key)])
    async with node(settings=by_call(), trunk=Trunk(line)) as here:
        case = await called(here)
        assert (case.status, case.attempts[0].result) == (status, CallResult.ANSWER)
        assert [turn.state for turn in line.played] == ["visit", prompt]
        assert line.hung_up
        assert here.diary.statuses == [status.value]


@pytest.mark.rule("C-4", "G-6")
@on_virtual_time
async def test_an_answer_is_committed_before_it_is_acknowledged() -> None:
    line, seen = ScriptedLine([Key("1")]), []
    async with node(settings=by_call(), trunk=Trunk(line)) as here:

        async def look(turn: Turn) -> None:
            seen.append((turn.state, (await here.case()).status))

        line.before_turn = look
        await called(here)
    assert seen == [("visit", Status.UNCONFIRMED), ("confirmed", Status.CONFIRMED)]


@pytest.mark.rule("C-4")
@on_virtual_time
async def test_a_call_cut_off_in_the_middle_of_thank_you_has_counted() -> None:
    line = ScriptedLine([Key("1")])

    async def cut(turn: Turn) -> None:
        if turn.state == "confirmed":
            raise ConnectionResetError("the line broke")

    line.before_turn = cut
    async with node(settings=by_call(), trunk=Trunk(line)) as here:
        case = await called(here)
        assert case.status is Status.CONFIRMED
        assert here.diary.statuses == ["confirmed"]
        assert line.hung_up
        await here.clock.sleep(3600)
        assert len(here.trunk.dialled) == 1
        assert not here.whatsapp.sent


@pytest.mark.rule("C-6")
@pytest.mark.parametrize(
    ("ending", "result"),
    [
        (NotAnswered(CallResult.NO_ANSWER), CallResult.NO_ANSWER),
        (NotAnswered(CallResult.BUSY), CallResult.BUSY),
        (NotAnswered(CallResult.REJECTED), CallResult.REJECTED),
        (NotAnswered(CallResult.UNREACHABLE), CallResult.UNREACHABLE),
        pytest.param(
            NotAnswered(CallResult.MACHINE), CallResult.MACHINE, marks=pytest.mark.rule("C-14")
        ),
        (ScriptedLine([HungUp()]), CallResult.HANGUP),
        (ScriptedLine([Key("0"), HungUp()]), CallResult.HANGUP),
        (ScriptedLine([Silence(), Silence()]), CallResult.NO_ANSWER_KEY),
        (ScriptedLine([Key("7"), Key("8"), Key("9")]), CallResult.NO_ANSWER_KEY),
        (ScriptedLine([Key("0")] * 4), CallResult.NO_ANSWER_KEY),
    ],
)
def test_a_call_without_an_answer_falls_back_to_a_message(
    ending: ScriptedLine | Exception, result: CallResult
) -> None:
    @on_virtual_time
    async def check() -> None:
        async with node(settings=by_call(), trunk=Trunk(ending)) as here:
            case = await called(here)
            assert (case.attempts[0].state, case.attempts[0].result) == (
                AttemptState.ENDED,
                result,
            )
            assert len(here.whatsapp.sent) == 1
            assert len(here.trunk.dialled) == 1

    check()


@pytest.mark.rule("C-6")
@on_virtual_time
async def test_a_call_that_cannot_be_placed_waits_and_is_no_attempt() -> None:
    trunk = Trunk(NotPlaced("no_line"), NotPlaced("trunk_down"), ScriptedLine([Key("1")]))
    async with node(settings=by_call(), trunk=trunk) as here:
        await called(here)
        await here.clock.sleep(120)
        case = await here.case()
        assert len(trunk.dialled) == 3
        assert case.status is Status.CONFIRMED
        assert not [m for m in here.whatsapp.sent if m.content.template == "confirmation"]


@pytest.mark.rule("C-6")
@on_virtual_time
async def test_without_any_trunk_the_call_waits_until_closing() -> None:
    async with node(settings=by_call()) as here:
        here.trunk.serves = lambda *_: False  # type: ignore[method-assign]
        await here.record()
        here.start()
        await here.clock.sleep(8 * 3600)
        case = await here.case()
        assert [r.value for r in case.confirmation.reasons] == ["missed_hours"]
        assert not here.whatsapp.sent


@pytest.mark.rule("C-10", "C-17")
@pytest.mark.parametrize(
    "meanwhile",
    [
        {"status": "cancelled"},
        {"start": "2026-11-25T10:00:00+05:00"},
    ],
)
def test_nobody_hears_confirmed_for_a_visit_that_changed_during_the_call(
    meanwhile: dict[str, str],
) -> None:
    line = ScriptedLine([Key("1")])

    @on_virtual_time
    async def check() -> None:
        async with node(settings=by_call(), trunk=Trunk(line)) as here:

            async def staff(turn: Turn) -> None:
                if turn.state == "visit":
                    await here.record(appointment(**meanwhile))

            line.before_turn = staff
            case = await called(here)
            assert case.status is not Status.CONFIRMED
            assert here.diary.statuses == []

    check()
    assert [turn.state for turn in line.played] == ["visit", "changed"]


@pytest.mark.rule("C-6")
@pytest.mark.parametrize(("code", "result"), [("too_long", CallResult.FAILED), ("crashed", None)])
def test_a_call_that_cannot_be_spoken(code: str, result: CallResult | None) -> None:
    """One sentence that no engine can say leads to the message; a broken engine is waited for."""

    class Mute:
        async def prepare(self, *_: object, **__: object) -> list[object]:
            raise SpeechError(code)

    @on_virtual_time
    async def check() -> None:
        trunk, voice = Trunk(), Voice(load_scripts(), load_texts(), Mute())  # type: ignore[arg-type]
        async with node(settings=by_call(), trunk=trunk, voice=voice) as here:
            await here.record()
            here.start()
            await here.clock.sleep(120)
            assert not trunk.dialled
            assert (await here.case()).attempts[0].result is result
            assert len(here.whatsapp.sent) == (1 if result else 0)

    check()


@pytest.mark.rule("C-17", "H-3", "G-3")
@on_virtual_time
async def test_a_visit_that_changed_before_its_number_was_dialled_is_not_called_about() -> None:
    """The trunk's turn is some seconds away, and the clinic cancels meanwhile."""

    class Slow(Trunk):
        def limits(self, clinic: str, branch: str) -> Limits:
            return Limits("slow", 9, 0.2)

    trunk = Slow()
    async with node(settings=by_call(), trunk=trunk) as here:
        await here.record(appointment("A-0", phones=["+79031234568"]), appointment())
        here.start()
        await until(lambda: len(trunk.dialled) == 1)
        second = "A-1" if trunk.dialled[0].ref.key == "A-0" else "A-0"
        phones = ["+79031234568"] if second == "A-0" else ["+79161234567"]
        await here.record(appointment(second, phones=phones, status="cancelled"))
        await here.clock.sleep(120)
        assert len(trunk.dialled) == 1


@pytest.mark.rule("C-17")
@pytest.mark.parametrize("meanwhile", [{"status": "cancelled"}, {"status": "confirmed"}])
def test_a_visit_that_changed_while_it_rang_is_not_asked_about(meanwhile: dict[str, str]) -> None:
    line = ScriptedLine([Key("1")])

    @on_virtual_time
    async def check() -> None:
        trunk = Trunk(line)
        trunk.rings_s = 20.0
        async with node(settings=by_call(), trunk=trunk) as here:
            await here.record()
            here.start()
            await until(lambda: bool(trunk.dialled))
            await here.record(appointment(**meanwhile))
            await here.clock.sleep(60)
            assert here.diary.statuses == []
            assert not here.whatsapp.sent

    check()
    assert [turn.state for turn in line.played] == ["changed"]
    assert line.hung_up


@on_virtual_time
async def test_the_same_answer_from_the_staff_meanwhile_is_the_truth() -> None:
    line = ScriptedLine([Key("1")])
    async with node(settings=by_call(), trunk=Trunk(line)) as here:

        async def staff(turn: Turn) -> None:
            if turn.state == "visit":
                await here.record(appointment(status="confirmed"))

        line.before_turn = staff
        await called(here)
    assert line.played[-1].state == "confirmed"


@pytest.mark.rule("C-4", "G-6")
@on_virtual_time
async def test_a_key_outlives_a_store_that_is_away_and_nobody_waits_on_the_line() -> None:
    """The patient has pressed 1 and is let go; the answer counts once the store is back."""
    line, store = ScriptedLine([Key("1")]), Gone()
    async with node(store, settings=by_call(), trunk=Trunk(line)) as here:

        async def gone(turn: Turn) -> None:
            store.gone = turn.state == "visit"

        line.before_turn = gone
        await here.record()
        here.start()
        await until(lambda: line.hung_up, 200)
        store.gone = False
        await here.clock.sleep(600)
        case = await here.case()
        assert (case.attempts[0].result, case.attempts[0].keys) == (CallResult.ANSWER, "1")
        assert here.diary.statuses == ["confirmed"]
        assert not here.whatsapp.sent
        assert len(here.trunk.dialled) == 1


@pytest.mark.rule("C-6", "G-6")
@on_virtual_time
async def test_a_call_whose_end_nobody_could_write_down_is_reconciled() -> None:
    line, store = ScriptedLine([HungUp()]), Gone()
    async with node(store, settings=by_call(), trunk=Trunk(line)) as here:

        async def gone(turn: Turn) -> None:
            store.gone = True

        line.before_turn = gone
        await here.record()
        here.start()
        await until(lambda: line.hung_up, 200)
        await here.clock.sleep(600)
        store.gone = False
        await here.clock.sleep(600)
        case = await here.case()
        assert case.attempts[0].result is CallResult.FAILED
        assert len(here.whatsapp.sent) == 1
        assert len(here.trunk.dialled) == 1


class Gone(MemoryStore):
    """A store that can go away."""

    gone = False

    async def commit(self, commit: Commit) -> Outcome:
        if self.gone:
            raise StoreUnavailable("gone")
        return await super().commit(commit)


@pytest.mark.rule("C-5", "Z-13")
@on_virtual_time
async def test_a_patient_with_two_visits_is_called_twice_with_the_gap_between() -> None:
    trunk = Trunk(ScriptedLine([Key("1")]), ScriptedLine([Key("1")]))
    at: list[float] = []
    async with node(settings=by_call(), trunk=trunk) as here:
        trunk.rings_s = 10.0
        dial = trunk.dial

        async def noted(order: object) -> ScriptedLine:
            at.append(asyncio.get_running_loop().time())
            return await dial(order)  # type: ignore[arg-type]

        trunk.dial = noted  # type: ignore[method-assign]
        await here.record(appointment("A-1"), appointment("A-2", start="2026-11-24T16:00:00+05:00"))
        here.start()
        await here.clock.sleep(600)
    assert len(at) == 2
    assert at[1] - at[0] >= 120 + 10
    assert trunk.busiest == 1


@pytest.mark.rule("Z-15", "H-7")
@on_virtual_time
async def test_no_more_calls_at_once_than_the_branch_has_lines() -> None:
    trunk = Trunk()
    trunk.rings_s = 20.0
    document = clinic(lines=2, functions={"confirmation": {"method": "call"}})
    async with node(settings=document, trunk=trunk) as here:
        phones = [f"+7916555010{n}" for n in range(6)]
        await here.record(
            *(appointment(f"A-{n}", phones=[phone]) for n, phone in enumerate(phones))
        )
        here.start()
        await here.clock.sleep(600)
    assert len(trunk.dialled) == 6
    assert trunk.busiest == 2
