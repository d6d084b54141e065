"""The key menu: paths through a call as files, and what holds on every path.

Each file of tests/ivr/golden is one call: what was heard, and after each turn what is played, what
came of it and what is remembered. `CALLAHEAD_UPDATE_GOLDEN=1` writes them anew; the diff is then
the review.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.model import Answer, CallResult
from gateway.ivr.menu import (
    Heard,
    HungUp,
    Key,
    Lost,
    Session,
    Silence,
    Turn,
    UnknownSession,
    change,
    load,
    resume,
    start,
    turn_of,
)
from gateway.scripts import load_scripts

SCRIPT = load_scripts().of("ru")
GOLDEN = Path(__file__).parent / "golden"


def heard_of(word: str) -> Heard:
    return {"silence": Silence(), "hangup": HungUp(), "lost": Lost()}.get(word) or Key(word)


def shown(session: Session, turn: Turn | None) -> dict[str, Any]:
    """Return a turn and its session as plain data."""
    step: dict[str, Any] = {"plays": turn.state if turn else None}
    if turn is not None and turn.answer is not None:
        step["answer"] = turn.answer.value
    if turn is not None and turn.result is not None:
        step["ends_with"] = turn.result.value
    remembered = {
        name: value
        for name, value in asdict(session).items()
        if value and name not in ("state", "turn", "visited")
    }
    return step | ({"remembers": remembered} if remembered else {})


def restored(session: Session) -> Session:
    """Return the session written down and read back, as between two requests of a provider."""
    read = load(session.dump(), SCRIPT)
    assert read == session
    return read


def played(words: list[str]) -> list[dict[str, Any]]:
    session, first = start(SCRIPT)
    turn: Turn | None = first
    steps = [shown(session, turn)]
    for word in words:
        assert turn is not None
        assert turn.listens
        assert turn_of(SCRIPT, session) == turn
        session, turn = resume(SCRIPT, restored(session), heard_of(word))
        steps.append({"heard": word} | shown(session, turn))
    return steps


@pytest.mark.rule("C-3", "C-4")
@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.yaml")), ids=lambda file: file.stem)
def test_a_call_goes_as_written(file: Path) -> None:
    card = yaml.safe_load(file.read_text(encoding="utf-8"))
    steps = played([str(step["heard"]) for step in card["turns"][1:]])
    if os.environ.get("CALLAHEAD_UPDATE_GOLDEN"):
        card["turns"] = steps
        text = yaml.safe_dump(card, allow_unicode=True, sort_keys=False)
        file.write_text(text, encoding="utf-8")
    assert steps == card["turns"]


words = st.lists(st.sampled_from(("0", "1", "2", "3", "4", "*", "#", "silence", "hangup")))


@pytest.mark.rule("C-4")
@given(words)
def test_every_call_comes_to_an_end_and_answers_once_at_most(said: list[str]) -> None:
    session, first = start(SCRIPT)
    turn: Turn | None = first
    answers: list[Answer] = []
    for word in said:
        if turn is None or not turn.listens:
            break
        session, turn = resume(SCRIPT, session, heard_of(word))
        if turn is not None and turn.answer is not None:
            answers.append(turn.answer)
            assert turn.result is CallResult.ANSWER
    assert len(answers) <= 1
    assert session.repeats <= 3
    assert session.wrong_keys <= 2
    assert session.silences <= 1
    assert len(session.keys) <= 7
    assert turn is None or turn.result is not None or session.turn <= 7


@pytest.mark.rule("C-4")
@pytest.mark.parametrize(
    "session",
    [
        Session("visit", visited=("visit",)),
        Session("keys", 4, "09", 1, 1, 1, ("visit", "keys", "silence")),
        Session("visit", 4, "000", 3, visited=("visit",)),
    ],
)
@pytest.mark.parametrize(
    ("key", "state", "answer"),
    [
        ("1", "confirmed", Answer.CONFIRM),
        ("2", "reschedule", Answer.RESCHEDULE),
        ("3", "cancelled", Answer.CANCEL),
    ],
)
def test_a_menu_key_answers_at_any_time(
    session: Session, key: str, state: str, answer: Answer
) -> None:
    after, turn = resume(SCRIPT, session, Key(key))
    assert turn == Turn(state, CallResult.ANSWER, answer)
    assert after.keys == session.keys + key


@pytest.mark.rule("C-4")
@pytest.mark.parametrize("heard", [HungUp(), Lost("no_media")])
def test_nothing_is_played_to_someone_who_is_gone(heard: Heard) -> None:
    session = Session("visit", 2, "0", repeats=1, visited=("visit",))
    assert resume(SCRIPT, session, heard) == (session, None)


def test_nothing_is_heard_after_the_last_turn() -> None:
    session = Session("goodbye", 4, visited=("visit", "goodbye"))
    assert resume(SCRIPT, session, Key("1")) == (session, None)


@pytest.mark.rule("C-17")
def test_a_visit_that_has_changed_is_told_in_place_of_the_acknowledgement() -> None:
    session, _ = start(SCRIPT)
    session, _ = resume(SCRIPT, session, Key("1"))
    session, turn = change(SCRIPT, session)
    assert (session.state, session.keys) == ("changed", "1")
    assert turn == Turn("changed", CallResult.NO_ANSWER_KEY)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '["visit", 1, "", 0, 0]', "nonsense"])
def test_a_session_that_is_none_is_told(text: str) -> None:
    with pytest.raises(UnknownSession):
        load(text, SCRIPT)


def test_a_session_of_another_version_of_the_script_is_told() -> None:
    with pytest.raises(UnknownSession, match="no state 'survey'"):
        load(Session("survey").dump(), SCRIPT)
