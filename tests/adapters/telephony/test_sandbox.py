"""The sandbox's telephones behave like telephones, and the adapter holds against them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from adapters.journal import Journal
from adapters.telephony.sandbox_audio import AUDIO_FILES_MAX, AudioShelf
from adapters.telephony.sandbox_phone import By, CallState, Faults, Habit
from adapters.twilio_signature import read_form
from gateway.core.model import CallResult
from gateway.errors import NotFound
from gateway.ivr.menu import Key, Silence
from gateway.ports.store import Kind, Ref
from gateway.ports.telephony import CallUnknown, NotAnswered, NotPlaced
from tests.adapters.support import PATIENT
from tests.adapters.telephony.twilio_support import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    Town,
    open_town,
    wav,
)

OTHER = "+15550100124"
CONFIRMS = Habit(answers_after_s=3, keys="1", thinks_s=2)


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


async def now(town: Town) -> None:
    """Let what is under way happen without letting time pass."""
    count = town.world.changes.count
    await asyncio.wait_for(town.world.changes.after(count), 10)


# A whole call


@pytest.mark.rule("C-3", "C-4")
async def test_a_patient_who_presses_one_hears_the_visit_and_the_thanks(town: Town) -> None:
    town.world.phone(PATIENT).habit = CONFIRMS
    sid = await town.place()
    await town.idle()
    assert town.played == ["visit", "confirmed"]
    assert [(item.turn, item.heard) for item in town.asked] == [(0, None), (1, Key("1"))]
    assert {item.ref for item in town.asked} == {Ref(Kind.CASE, "c1", "A-1")}
    assert {(item.call_id, item.attempt) for item in town.heard} == {(sid, "2")}
    assert [(item.sequence, item.result) for item in town.progress] == [
        (0, None),
        (1, None),
        (2, None),
        (3, CallResult.HANGUP),
    ]
    assert (town.call.state, town.call.ended_by) == (CallState.COMPLETED, By.CLINIC)
    assert (town.call.keys, town.call.errors) == ("1", [])


async def test_reports_are_as_twilio_writes_them(town: Town) -> None:
    town.world.phone(PATIENT).habit = CONFIRMS
    await town.place()
    await town.idle()
    forms = [read_form(raw.body) for raw in town.requests if "/status" in raw.url]
    assert [form.one("CallStatus") for form in forms] == [
        "initiated",
        "ringing",
        "in-progress",
        "completed",
    ]
    last = {name: values[0] for name, values in forms[-1].items()}
    assert last["CallbackSource"] == "call-progress-events"
    assert parsedate_to_datetime(last["Timestamp"]) <= town.clock.now()
    assert last["AnsweredBy"] == "human"
    # one second of detection, two of thinking, four of thanks
    assert (last["CallDuration"], last["Duration"]) == ("7", "1")


@pytest.mark.rule("C-4")
async def test_a_key_interrupts_what_is_being_said(town: Town) -> None:
    town.world.phone(PATIENT).habit = Habit(answers_after_s=1, keys="1", thinks_s=0.5)
    await town.place()
    await town.idle()
    assert town.call.duration_s == round(1 + 0.5 + 4)


async def test_without_barge_in_a_key_is_heard_after_the_last_word(town: Town) -> None:
    town.barge_in = False
    town.world.phone(PATIENT).habit = Habit(answers_after_s=1, keys="1", thinks_s=0.5)
    await town.place()
    await town.idle()
    assert town.call.keys == "1"
    assert town.call.duration_s == round(1 + 4 + 0.5 + 4)


@pytest.mark.rule("C-4")
async def test_silence_is_asked_once_more_and_then_it_ends(town: Town) -> None:
    town.world.phone(PATIENT).habit = Habit(answers_after_s=1)
    await town.place()
    await town.idle()
    assert [item.heard for item in town.asked] == [None, Silence(), Silence()]
    assert town.played == ["visit", "silence", "goodbye"]
    assert town.call.ended_by is By.CLINIC


@pytest.mark.rule("C-14")
async def test_a_machine_is_known_before_anything_is_said(town: Town) -> None:
    town.world.phone(PATIENT).habit = Habit(answers_after_s=2, machine=True, keys="1")
    await town.place()
    await town.idle()
    [asked] = town.asked
    assert asked.machine
    assert town.played == []
    assert town.progress[-1].result is CallResult.MACHINE


async def test_without_detection_nobody_says_who_picked_up() -> None:
    async with open_town(detect_machines=False) as town:
        town.world.phone(PATIENT).habit = Habit(answers_after_s=2, machine=True)
        await town.place()
        await town.idle()
        assert not town.asked[0].machine
        assert "AnsweredBy" not in read_form(town.requests[-1].body)


@pytest.mark.rule("C-6")
@pytest.mark.parametrize(
    ("habit", "state", "result", "code"),
    [
        (Habit(answers_after_s=None), "no-answer", CallResult.NO_ANSWER, "sip_487"),
        (Habit(answers_after_s=60), "no-answer", CallResult.NO_ANSWER, "sip_487"),
        (Habit(answers_after_s=2, declines=True), "busy", CallResult.REJECTED, "sip_603"),
        (
            Habit(answers_after_s=2, hangs_up_after_s=3),
            "completed",
            CallResult.HANGUP,
            "",
        ),
    ],
)
async def test_calls_end_in_all_the_ways_calls_do(
    town: Town, habit: Habit, state: str, result: CallResult, code: str
) -> None:
    town.world.phone(PATIENT).habit = habit
    sid = await town.place()
    await town.idle()
    assert town.call.state.value == state
    assert (town.progress[-1].result, town.progress[-1].code) == (result, code)
    looked_up = await town.provider.look_up("c1", "b1", sid)
    assert looked_up is (CallResult.BUSY if result is CallResult.REJECTED else result)


@pytest.mark.rule("C-6")
async def test_a_phone_that_is_off_cannot_be_reached(town: Town) -> None:
    town.world.phone(PATIENT).reachable = False
    await town.place()
    await town.idle()
    assert town.progress[-1].result is CallResult.UNREACHABLE
    assert [item.sequence for item in town.progress] == [0, 1]


async def test_an_engaged_phone_is_busy() -> None:
    async with open_town() as town:
        town.world.phone(PATIENT).habit = Habit(answers_after_s=2)
        first = await town.place()
        second = await town.place(attempt="3")
        await town.idle()
        ends = {item.call_id: item.result for item in town.progress if item.result}
        assert ends == {first: CallResult.HANGUP, second: CallResult.BUSY}


@pytest.mark.rule("H-7")
async def test_calls_beyond_the_accounts_pace_wait_in_its_queue(town: Town) -> None:
    for number in (PATIENT, OTHER, "+15550100125"):
        town.world.phone(number).habit = Habit(answers_after_s=None)
        await town.place(number)
    states = [call.state for call in town.world.calls]
    assert states == [CallState.QUEUED] * 3
    assert await town.provider.look_up("c1", "b1", town.world.calls[2].sid) is None
    await town.idle()
    forms = [read_form(raw.body) for raw in town.requests]
    began = [
        parsedate_to_datetime(form.one("Timestamp"))
        for form in forms
        if form.one("CallStatus") == "initiated"
    ]
    assert [(at - began[0]).total_seconds() for at in began] == [0, 1, 2]


# A person holds the phone


async def test_a_person_answers_listens_and_presses(town: Town) -> None:
    await town.place()
    await town.until(CallState.RINGING)
    sid = town.world.answer(PATIENT)
    await town.until_it("playing")
    shown = town.call.shown
    assert shown["listening"]
    assert shown["playing"]["seconds"] == 4.0  # type: ignore[index]
    assert town.world.audio(shown["playing"]["audio"]) == town.audio  # type: ignore[index]
    town.world.press(sid, "2")
    await town.idle()
    assert town.played == ["visit", "reschedule"]
    assert town.call.ended_by is By.CLINIC


async def test_a_person_declines(town: Town) -> None:
    await town.place()
    await town.until(CallState.RINGING)
    town.world.decline(PATIENT)
    await town.idle()
    assert town.progress[-1].result is CallResult.REJECTED
    assert town.call.ended_by is By.PATIENT


async def test_an_ignored_phone_rings_on_in_silence(town: Town) -> None:
    await town.place()
    await town.until(CallState.RINGING)
    town.world.ignore(PATIENT)
    assert town.call.shown["silenced"]
    await town.idle()
    assert town.progress[-1].result is CallResult.NO_ANSWER


async def test_a_person_hangs_up_in_the_middle_of_a_word(town: Town) -> None:
    await town.place()
    await town.until(CallState.RINGING)
    sid = town.world.answer(PATIENT)
    await town.until_it("playing")
    town.world.hang_up(sid)
    await town.idle()
    assert town.progress[-1].result is CallResult.HANGUP
    assert (town.call.ended_by, town.call.playing) == (By.PATIENT, None)


async def test_a_person_may_be_faster_than_the_patients_habit(town: Town) -> None:
    town.world.phone(PATIENT).habit = Habit(answers_after_s=20, keys="1")
    await town.place()
    await town.until(CallState.RINGING)
    sid = town.world.answer(PATIENT)
    await town.until_it("playing")
    town.world.press(sid, "3")
    await town.idle()
    assert town.call.keys == "3"
    assert town.played == ["visit", "cancelled"]


async def test_keys_that_were_pressed_before_the_question_are_no_answer() -> None:
    async with open_town(detect_machines=True) as town:
        await town.place()
        await town.until(CallState.RINGING)
        sid = town.world.answer(PATIENT)
        await now(town)
        town.world.press(sid, "3")
        await town.until_it("listening")
        assert town.call.keys == ""
        town.world.press(sid, "1")
        await town.idle()
        assert town.call.keys == "1"


async def test_what_cannot_be_done_with_a_phone_is_not_found(town: Town) -> None:
    world = town.world
    sid = await town.place()
    for impossible in (
        lambda: world.answer(OTHER),
        lambda: world.answer(PATIENT),
        lambda: world.decline(PATIENT),
        lambda: world.ignore(PATIENT),
        lambda: world.press(sid, "1"),
        lambda: world.hang_up(sid),
        lambda: world.call("CA"),
        lambda: world.audio("x"),
    ):
        with pytest.raises(NotFound):
            impossible()
    await town.until(CallState.RINGING)
    world.answer(PATIENT)
    await town.until_it("playing")
    for key in ("", "A", "12", "я"):
        with pytest.raises(NotFound):
            world.press(sid, key)
    assert [phone.number for phone in world.phones()] == [PATIENT]


async def test_a_person_has_time_however_fast_the_clock_goes() -> None:
    """The world's clock runs ahead; the phone rings until the person's own time is up too."""
    patience = asyncio.Event()

    async def real(_seconds: float) -> None:
        await patience.wait()

    async with open_town(real=real) as town:
        await town.place()
        await town.until(CallState.RINGING)
        for _ in range(50):
            town.clock.wake_next()
            await asyncio.sleep(0.001)
        assert town.call.state is CallState.RINGING
        patience.set()
        await town.idle()
        assert town.call.state is CallState.NO_ANSWER


# What goes wrong


@pytest.mark.rule("G-6")
async def test_a_cut_connection_leaves_it_open_whether_there_is_a_call(town: Town) -> None:
    town.world.faults.cut_next = 1
    with pytest.raises(CallUnknown):
        await town.place()
    town.world.phone(PATIENT).habit = CONFIRMS
    await town.idle()
    assert len(town.world.calls) == 1
    assert {(item.ref.key, item.attempt) for item in town.heard} == {("A-1", "2")}


@pytest.mark.rule("G-6")
async def test_an_api_that_is_down_places_nothing_but_nobody_can_know(town: Town) -> None:
    town.world.faults.down = True
    with pytest.raises(CallUnknown, match="502"):
        await town.place()
    assert await town.provider.look_up("c1", "b1", "CA" + "0" * 32) is None
    assert town.world.calls == ()


@pytest.mark.rule("C-6")
@pytest.mark.parametrize(("code", "alert"), [(20429, False), (20503, False), (21215, True)])
async def test_a_refused_call_is_no_attempt(town: Town, code: int, alert: bool) -> None:
    town.world.faults.fail_next(code)
    with pytest.raises(NotPlaced) as caught:
        await town.place()
    assert (caught.value.code, caught.value.alert) == (str(code), alert)
    assert town.world.calls == ()
    await town.place()


async def test_a_planned_error_waits_for_its_number(town: Town) -> None:
    town.world.faults.fail_next(21211, number=OTHER)
    await town.place()
    with pytest.raises(NotAnswered):
        await town.place(OTHER)
    await town.place(OTHER)


async def test_a_slow_api_takes_its_time(town: Town) -> None:
    town.world.faults.slow_s = 5
    before = town.clock.now()
    await town.clock.drive(town.place())  # the API waits, with the request under way
    assert (town.clock.now() - before).total_seconds() >= 5


@pytest.mark.parametrize("fault", ["lose_every", "repeat_every", "reorder_every"])
async def test_lost_repeated_and_late_reports_do_not_change_how_it_ends(fault: str) -> None:
    async with open_town() as town:
        setattr(town.world.faults, fault, 2)
        town.world.phone(PATIENT).habit = CONFIRMS
        await town.place()
        await town.idle()
        expected = {
            "lose_every": [0, 2],
            "repeat_every": [0, 1, 1, 2, 3, 3],
            "reorder_every": [0, 2, 1, 3],
        }
        assert [item.sequence for item in town.progress] == expected[fault]
        assert town.call.keys == "1"


@pytest.mark.rule("G-6")
async def test_a_gateway_that_restarts_in_a_call_is_asked_again(town: Town) -> None:
    town.world.phone(PATIENT).habit = CONFIRMS
    town.fail = [503, 503, 500]
    await town.place()
    await town.idle()
    assert town.played == ["visit", "confirmed"]
    assert town.call.errors == []


async def test_a_gateway_that_stays_away_ends_the_call(town: Town) -> None:
    town.world.phone(PATIENT).habit = CONFIRMS
    town.fail = [503] * 100
    await town.place()
    await town.idle()
    assert town.call.state is CallState.COMPLETED
    assert town.call.ended_by is By.NETWORK
    assert set(town.call.errors) == {"11200: HTTP 503"}


@pytest.mark.parametrize("audio", [b"", b"not audio", wav(1)[:20]])
async def test_audio_that_is_none_ends_the_call(town: Town, audio: bytes) -> None:
    town.audio = audio
    town.world.phone(PATIENT).habit = CONFIRMS
    await town.place()
    await town.idle()
    assert town.call.errors == ["12300: the audio is not a WAV file"]


async def test_a_call_ends_at_its_time_limit() -> None:
    async with open_town(time_limit_s=60) as town:
        town.audio = wav(45)
        town.world.phone(PATIENT).habit = Habit(answers_after_s=1)
        await town.place()
        await town.idle()
        assert town.call.duration_s == 60
        assert town.call.ended_by is By.NETWORK


def test_faults_are_counted_apart() -> None:
    faults = Faults(lose_every=2, repeat_every=3, reorder_every=1)
    assert [faults.next_callback() for _ in range(3)] == [
        (False, False, True),
        (True, False, True),
        (False, True, True),
    ]
    assert Faults().next_callback() == (False, False, False)


def test_only_the_newest_audio_is_kept() -> None:
    shelf = AudioShelf()
    first, seconds = shelf.keep(wav(0.5))
    assert seconds == 0.5
    for index in range(1, AUDIO_FILES_MAX + 1):
        shelf.keep(wav(index / 8000))
    assert shelf.get(first) is None
    assert shelf.get(shelf.keep(wav(0.25))[0]) == wav(0.25)


# The API


CALLS = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Calls"
FORM = {"To": PATIENT, "From": "+15550100000", "Url": "https://clinic.example/voice"}


async def asked(
    town: Town, method: str, path: str, user: str = ACCOUNT_SID, word: str = AUTH_TOKEN, **more: Any
) -> tuple[int, dict[str, Any]]:
    authorisation = aiohttp.encode_basic_auth(user, word)
    async with (
        aiohttp.ClientSession(headers={"Authorization": authorisation}) as session,
        session.request(method, town.api + path, **more) as answer,
    ):
        return answer.status, await answer.json()


async def test_a_call_is_created_and_looked_up(town: Town) -> None:
    status, made = await asked(town, "POST", f"{CALLS}.json", data=FORM)
    assert (status, made["status"], made["direction"]) == (201, "queued", "outbound-api")
    status, found = await asked(town, "GET", f"{CALLS}/{made['sid']}.json")
    assert (status, found["sid"], found["duration"]) == (200, made["sid"], None)


@pytest.mark.parametrize(
    ("path", "user", "word", "status", "code"),
    [
        (CALLS, ACCOUNT_SID, "other", 401, 20003),
        (CALLS, "AC" + "1" * 32, AUTH_TOKEN, 401, 20003),
        (CALLS.replace("0a", "0b"), ACCOUNT_SID, AUTH_TOKEN, 401, 20003),
    ],
)
async def test_who_is_not_the_account_is_refused(
    town: Town, path: str, user: str, word: str, status: int, code: int
) -> None:
    got, error = await asked(town, "POST", f"{path}.json", user, word, data=FORM)
    assert (got, error["code"], error["status"]) == (status, code, status)
    assert town.world.calls == ()


async def test_what_is_not_there_is_not_found(town: Town) -> None:
    status, error = await asked(town, "GET", f"{CALLS}/CA{'0' * 32}.json")
    assert (status, error["code"]) == (404, 20404)


# A restart


@dataclass
class Lives:
    """A world with a journal; each life of it is a town with a gateway at another port."""

    file: Path
    base: str = ""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Town]:
        book = Journal(self.file)
        text, old = json.dumps(book.records), self.base
        try:
            async with open_town(
                book=book, recall=lambda base: json.loads(text.replace(old or base, base))
            ) as town:
                self.base = town.base
                yield town
        finally:
            book.close()


@pytest.fixture
def lives(tmp_path: Path) -> Lives:
    return Lives(tmp_path / "calls.jsonl")


@pytest.mark.rule("G-6")
async def test_after_a_restart_nobody_is_on_the_phone_and_the_gateway_is_told(lives: Lives) -> None:
    async with lives.open() as town:
        sid = await town.place()
        await town.until(CallState.RINGING)
        town.world.answer(PATIENT)
        await town.until_it("playing")
        count = town.call.sequence
    async with lives.open() as town:
        await town.idle()
        assert (town.call.sid, town.call.state) == (sid, CallState.COMPLETED)
        assert town.call.ended_by is By.NETWORK
        [told] = town.progress
        assert (told.result, told.call_id, told.sequence) == (CallResult.HANGUP, sid, count)
    async with lives.open() as town:
        await town.idle()
        assert (town.call.state, town.heard) == (CallState.COMPLETED, [])


async def test_a_phone_that_rang_at_the_end_has_failed_and_a_queued_call_is_made(
    lives: Lives,
) -> None:
    async with lives.open() as town:
        first = await town.place()
        await town.until(CallState.RINGING)
        town.world.phone(OTHER).habit = CONFIRMS
        second = await town.place(OTHER, attempt="3")
        assert town.world.call(second).state is CallState.QUEUED
    async with lives.open() as town:
        town.world.phone(OTHER).habit = CONFIRMS
        await town.idle()
        ends = {item.call_id: item.result for item in town.progress if item.result}
        assert ends == {first: CallResult.FAILED, second: CallResult.HANGUP}
        assert town.world.call(second).keys == "1"


async def test_an_end_that_the_gateway_did_not_take_is_told_again(lives: Lives) -> None:
    async with lives.open() as town:
        town.world.phone(PATIENT).habit = Habit(answers_after_s=None)
        town.world.faults.lose_every = 1
        await town.place()
        await town.idle()
        assert town.progress == []
        ended_at = town.call.ended_at
    async with lives.open() as town:
        await town.idle()
        assert [item.result for item in town.progress] == [CallResult.NO_ANSWER]
        assert town.call.ended_at == ended_at
