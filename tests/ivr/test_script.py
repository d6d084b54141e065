from __future__ import annotations

import pytest

from gateway.core.model import CallResult
from gateway.ivr.script import CALL_FACTS, MAY_BE_UNKNOWN, Scripts
from gateway.scripts import load_scripts

FACTS = {
    "name": "Мария Ивановна",
    "clinic": "Здоровье",
    "specialty": "терапевт",
    "doctor": "Петров Иван Сергеевич",
    "date": "двадцать четвёртого ноября",
    "time": "четырнадцать часов тридцать минут",
}


@pytest.mark.rule("C-3")
def test_the_russian_script_says_what_the_rule_has() -> None:
    said = " ".join(load_scripts().of("ru").words("visit", FACTS))
    assert said == (
        "Мария Ивановна, здравствуйте. Звоним подтвердить запись к врачу. "
        "Вас примет терапевт Петров Иван Сергеевич в клинике Здоровье. "
        "Ждём вас двадцать четвёртого ноября в четырнадцать часов тридцать минут. "
        "Если придёте, нажмите 1. Если хотите перенести приём, нажмите 2. "
        "Отменить запись, нажмите 3. Для повтора информации, нажмите 0."
    )


@pytest.mark.rule("C-3", "G-10")
def test_the_english_script_is_its_twin() -> None:
    russian, english = load_scripts().of("ru"), load_scripts().of("en")
    for name, state in russian.states.items():
        twin = english.states[name]
        assert (state.keys, state.result, state.answer) == (twin.keys, twin.result, twin.answer)
        assert len(state.say) == len(twin.say)
    assert english.limits == russian.limits


@pytest.mark.parametrize("unknown", sorted(MAY_BE_UNKNOWN))
@pytest.mark.parametrize("language", ["ru", "en"])
def test_every_sentence_can_be_said_when_a_fact_is_unknown(language: str, unknown: str) -> None:
    script = load_scripts().of(language)
    facts = dict.fromkeys(CALL_FACTS, "x") | {unknown: ""}
    for state in script.states:
        for sentence in script.words(state, facts):
            assert "  " not in sentence
            assert " ," not in sentence
            assert " ." not in sentence


def test_a_language_that_is_not_written_is_spoken_in_the_first_one() -> None:
    scripts = load_scripts()
    assert scripts.of("tt") is scripts.of("ru")
    assert Scripts({"en": scripts.of("en")}).of("ru").language == "en"


def test_final_states_end_the_call() -> None:
    states = load_scripts().of("ru").states
    assert {name for name, state in states.items() if state.listens} == {
        "visit",
        "keys",
        "silence",
    }
    assert states["goodbye"].result is CallResult.NO_ANSWER_KEY
    assert states["confirmed"].result is CallResult.ANSWER


@pytest.mark.rule("C-4")
@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_products_limits_are_those_of_the_rule(language: str) -> None:
    limits = load_scripts().of(language).limits
    assert (limits.repeat, limits.silence, limits.wrong_key) == (3, 1, 2)
