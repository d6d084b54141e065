"""A script that could lead nowhere is refused, with the field and the reason."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidInput
from gateway.ivr.menu import Key, Silence, resume, start
from gateway.ivr.reading import script_of, scripts_of
from gateway.scripts import SCRIPTS_FOLDER, read_script

TEXT = (SCRIPTS_FOLDER / "confirm_visit.ru.yaml").read_text(encoding="utf-8")
DOCUMENT = yaml.safe_load(TEXT)


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the product's script with one field changed; None takes it out."""
    document = copy.deepcopy(DOCUMENT)
    *above, last = path.split(".")
    at = document
    for name in above:
        at = at[name]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return document


def refused(document: object) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        script_of(document)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.rule("W-3")
@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("start", "nowhere", "start: there is no state 'nowhere'"),
        ("start", "goodbye", "start: must be a state with keys"),
        ("start", None, "start: missing"),
        ("changed", "visit", "changed: must be a state that ends the call without an answer"),
        ("limits.then", "lost", "limits.then: there is no state 'lost'"),
        ("limits.repeat", -1, "limits.repeat: must be a count, 0 to 9"),
        ("limits.repeat", True, "limits.repeat: must be a count, 0 to 9"),
        ("limits", None, "limits: missing"),
        ("greeting", "hello", "greeting: there is no such field"),
        ("states.visit.wait", 0, "states.visit.wait: must be seconds, 1 to 60"),
        ("states.visit.wait", None, "states.visit.wait: must be seconds, 1 to 60"),
        ("states.visit.barge_in", "no", "states.visit.barge_in: must be true or false"),
        ("states.visit.silence", "hush", "states.visit.silence: there is no state 'hush'"),
        ("states.visit.wrong_key", None, "states.visit.wrong_key: missing"),
        ("states.visit.say", [], "states.visit.say: missing"),
        ("states.visit.say", "Здравствуйте", "states.visit.say: not a list of sentences"),
        ("states.goodbye.ends", "hangup", "states.goodbye.ends: must be one of no_answer_key"),
        ("states.goodbye.ends", None, "states.goodbye: leads nowhere"),
        ("states.confirmed.answer", "yes", "states.confirmed.answer: must be one of confirm"),
        ("states.confirmed.keys", {"1": "x"}, "states.confirmed.answer: there is no such field"),
        ("states.confirmed.ends", "no_answer_key", "states.confirmed.ends: an answer ends the"),
        ("states.keys.keys", {}, "states.keys.keys: no key"),
        ("states.goodbye", 5, "states.goodbye: not a mapping of names to values"),
        ("states", None, "states: missing"),
    ],
)
def test_what_is_wrong_is_named(path: str, value: Any, problem: str) -> None:
    assert any(found.startswith(problem) for found in refused(changed(path, value)))


@pytest.mark.rule("W-3")
@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"1": "confirmed", "12": "visit"}, "states.keys.keys.12: not a key of a telephone"),
        ({"1": "survey"}, "states.keys.keys.1: there is no state 'survey'"),
        ({"1": 5}, "states.keys.keys.1: not the name of a state"),
        ({"7": "confirmed"}, "states.keys.say: does not offer the key 7"),
    ],
)
def test_a_key_leads_somewhere_and_is_offered(keys: dict[str, Any], problem: str) -> None:
    assert any(found.startswith(problem) for found in refused(changed("states.keys.keys", keys)))


@pytest.mark.rule("C-4")
@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("states.keys.silence", "cancelled", "states.keys.silence: cancel is the answer of"),
        ("states.keys.wrong_key", "confirmed", "states.keys.wrong_key: confirm is the answer of"),
        ("states.visit.keys", {"1": "cancelled", "3": "confirmed"}, "states.visit.keys.1: cancel"),
        ("states.keys.keys", {"*": "cancelled"}, "states.keys.keys.*: cancel is the answer of"),
    ],
)
def test_nobody_answers_without_pressing_the_key_of_the_answer(
    path: str, value: Any, problem: str
) -> None:
    assert any(found.startswith(problem) for found in refused(changed(path, value)))


def test_a_state_always_says_something() -> None:
    found = refused(changed("states.goodbye.say", ["[[До свидания, {name}.]]"]))
    assert found == ["states.goodbye.say: says nothing when facts are unknown"]


@pytest.mark.rule("W-3", "C-3")
@pytest.mark.parametrize(
    ("sentence", "problem"),
    [
        ("{surname}", "states.goodbye.say[0]: {surname} is no fact"),
        ("Звоните {phone}", "states.goodbye.say[0]: {phone} may be unknown: write it inside [[ ]]"),
        ("[[Звоните", "states.goodbye.say[0]: [[ and ]] stand in pairs"),
        ("", "states.goodbye.say[0]: not a text"),
    ],
)
def test_every_fact_exists(sentence: str, problem: str) -> None:
    found = refused(changed("states.goodbye.say", [sentence]))
    assert any(text.startswith(problem) for text in found)


@pytest.mark.rule("C-3")
def test_the_visit_is_named_before_anything_is_asked() -> None:
    bare = ["Нажмите 1, 2, 3 или 0."]
    found = refused(changed("states.visit.say", bare))
    for names in ("{clinic}", "{doctor}", "{specialty}", "{when} or {day} or {date}"):
        assert f"states.visit.say: does not name {names}" in found


def test_every_answer_must_be_possible_and_nothing_dead() -> None:
    document = changed("states.cancelled.answer", "confirm")
    assert "states: no state has the answer cancel" in refused(document)
    document = copy.deepcopy(DOCUMENT)
    document["states"]["survey"] = {"say": ["Спасибо."], "ends": "no_answer_key"}
    assert refused(document) == ["states.survey: nothing leads here"]


@pytest.mark.parametrize("document", [None, [], "script", 5])
def test_what_is_no_script_is_refused(document: object) -> None:
    assert refused(document)[0] in ("missing", "not a mapping of names to values")


def test_a_refusal_names_the_line() -> None:
    text = TEXT.replace("Звоним подтвердить запись к врачу.", "Звоним о записи к {врачу}.")
    line = 1 + next(n for n, row in enumerate(text.splitlines()) if "{врачу}" in row)
    with pytest.raises(InvalidInput, match=rf"own.yaml: line {line}: states.visit.say\[1\]"):
        read_script(text, "own.yaml")


@pytest.mark.rule("W-3")
def test_keys_that_lead_to_themselves_are_refused_with_their_line() -> None:
    text = TEXT.replace("keys: &menu {", 'keys: &menu {"9": *menu, ', 1)
    line = 1 + next(n for n, row in enumerate(text.splitlines()) if '"9": *menu' in row)
    with pytest.raises(InvalidInput) as caught:
        read_script(text, "own.yaml")
    assert f"line {line}: this alias has no anchor before it" in str(caught.value)


@pytest.mark.rule("W-3", "G-10")
def test_every_state_is_translated() -> None:
    english = copy.deepcopy(DOCUMENT)
    english["language"] = "en"
    english["states"]["farewell"] = english["states"].pop("goodbye")
    english["limits"]["then"] = "farewell"
    with pytest.raises(InvalidInput) as caught:
        scripts_of([script_of(DOCUMENT), script_of(english)])
    assert [str(problem) for problem in caught.value.problems] == [
        "states.farewell: missing in 'ru'; 'en' has it",
        "states.goodbye: missing in 'en'; 'ru' has it",
    ]


@given(st.data())
def test_a_call_ends_whatever_the_clinic_has_written(data: st.DataObject) -> None:
    """Any keys to any states, any limits: the checks let nothing pass that could go on forever."""
    document = copy.deepcopy(DOCUMENT)
    names = sorted(document["states"])
    for state in ("visit", "keys", "silence"):
        given_keys = dict.fromkeys("0123", "")
        for key in given_keys:
            given_keys[key] = data.draw(st.sampled_from(names))
        document["states"][state]["keys"] = given_keys
        for way in ("wrong_key", "silence"):
            document["states"][state][way] = data.draw(st.sampled_from(names))
    for count in ("repeat", "wrong_key", "silence"):
        document["limits"][count] = data.draw(st.integers(0, 9))
    try:
        script = script_of(document)
    except InvalidInput:
        return
    session, turn = start(script)
    for _ in range(40):
        if turn is None or not turn.listens:
            break
        heard = data.draw(st.sampled_from([Key("0"), Key("1"), Key("2"), Key("9"), Silence()]))
        session, turn = resume(script, session, heard)
    assert turn is not None
    assert turn.result is not None


@pytest.mark.rule("W-3")
def test_a_script_that_nobody_would_listen_to_is_refused_with_file_and_line() -> None:
    sentence = "If you are coming, press 1."
    text = (SCRIPTS_FOLDER / "confirm_visit.en.yaml").read_text(encoding="utf-8")
    long = text.replace(sentence, f"{'Please do come. ' * 100}{sentence}", 1)
    line = 1 + next(n for n, row in enumerate(long.splitlines()) if row.strip() == "say:")
    with pytest.raises(InvalidInput) as caught:
        read_script(long, "own.en.yaml")
    assert str(caught.value).startswith(f"own.en.yaml: line {line}: states.visit.say: ")
    assert "characters, at most 1500" in str(caught.value)


@pytest.mark.rule("W-3")
def test_a_script_with_too_many_states_is_refused_with_file_and_line() -> None:
    many = "".join(f"  more{n}: {{say: [No.], ends: no_answer_key}}\n" for n in range(50))
    line = 1 + TEXT.splitlines().index("states:")
    with pytest.raises(InvalidInput) as caught:
        read_script(TEXT + many, "own.ru.yaml")
    (problem,) = caught.value.problems
    states = len(DOCUMENT["states"]) + 50
    assert str(caught.value) == f"own.ru.yaml: line {line}: states: {states} states, at most 50"
    assert problem.line == line
