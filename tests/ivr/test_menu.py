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
from gateway.ivr.menu import Heard, HungUp, Key, Prompt, Session, Silence, Turn, resume, start

GOLDEN = Path(__file__).parent / "golden"


def heard_of(word: str) -> Heard:
    return {"silence": Silence(), "hangup": HungUp()}.get(word) or Key(word)


def shown(session: Session, turn: Turn | None) -> dict[str, Any]:
    """Return a turn and its session as plain data."""
    step: dict[str, Any] = {"plays": turn.prompt.value if turn else None}
    if turn is not None and turn.answer is not None:
        step["answer"] = turn.answer.value
    if turn is not None and turn.result is not None:
        step["ends_with"] = turn.result.value
    remembered = {name: value for name, value in asdict(session).items() if value}
    return step | ({"remembers": remembered} if remembered else {})


def restored(session: Session) -> Session:
    """Return the session written down and read back, as between two requests of a provider."""
    return Session(**yaml.safe_load(yaml.safe_dump(asdict(session))))


def played(words: list[str]) -> list[dict[str, Any]]:
    session, first = start()
    turn: Turn | None = first
    steps = [shown(session, turn)]
    for word in words:
        assert turn is not None
        assert turn.listens
        session, turn = resume(restored(session), heard_of(word))
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
    session, first = start()
    turn: Turn | None = first
    answers: list[Answer] = []
    for word in said:
        if turn is None or not turn.listens:
            break
        session, turn = resume(session, heard_of(word))
        if turn is not None and turn.answer is not None:
            answers.append(turn.answer)
            assert turn.result is CallResult.ANSWER
    assert len(answers) <= 1
    assert session.repeats <= 3
    assert session.wrong_keys <= 2
    assert session.silences <= 1
    assert len(session.keys) <= 7


@pytest.mark.rule("C-4")
@pytest.mark.parametrize("session", [Session(), Session("09", 1, 1, 1), Session("000", 3)])
@pytest.mark.parametrize(
    ("key", "prompt", "answer"),
    [
        ("1", Prompt.CONFIRMED, Answer.CONFIRM),
        ("2", Prompt.RESCHEDULE, Answer.RESCHEDULE),
        ("3", Prompt.CANCELLED, Answer.CANCEL),
    ],
)
def test_a_menu_key_answers_at_any_time(
    session: Session, key: str, prompt: Prompt, answer: Answer
) -> None:
    after, turn = resume(session, Key(key))
    assert turn == Turn(prompt, CallResult.ANSWER, answer)
    assert after.keys == session.keys + key


@pytest.mark.rule("C-4")
def test_nothing_is_played_to_someone_who_hung_up() -> None:
    session = Session("0", repeats=1)
    assert resume(session, HungUp()) == (session, None)
