from __future__ import annotations

import pytest

from gateway.errors import InvalidInput
from gateway.ports.schema_facts import missing_from, read_facts

FACTS = """\
name: МАРИЯ ИВАНОВНА
doctor: Петров И. С.
specialty: Терапевт
clinic: СПб ГБУЗ «КДЦ №85»
start: 2026-11-24T14:30
"""


@pytest.mark.rule("C-3")
def test_facts_are_put_into_words() -> None:
    facts = read_facts(FACTS, "facts.yaml", "ru")
    assert facts["clinic"] == "Санкт-Петербург ка дэ цэ номер восемьдесят пять"
    assert (facts["specialty"], facts["doctor"]) == ("терапевт", "Петров")
    assert facts["date"] == "двадцать четвёртого ноября"
    assert facts["time"] == "четырнадцать часов тридцать минут"
    assert facts["when"].startswith("во вторник")


def test_english_facts_are_english_words() -> None:
    facts = read_facts("start: 2026-11-24T14:30:00+03:00\nclinic: Health", "facts.yaml", "en")
    assert facts["time"] == "two thirty in the afternoon"


def test_a_fact_of_the_date_may_be_given_as_it_shall_be_said() -> None:
    facts = read_facts("start: 2026-11-24T14:30\ndate: послезавтра", "facts.yaml", "ru")
    assert facts["date"] == "послезавтра"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("start: tomorrow", "facts.yaml: line 1: start: must be a date and time such as"),
        ("name: Мария\nsurname: Иванова", "facts.yaml: line 2: surname"),
        ("name: 5", "facts.yaml: line 1: name"),
        (f"clinic: {'я' * 201}", "facts.yaml: line 1: clinic: must have at most 200 characters"),
        ("", "facts.yaml: is empty"),
        ("- a", "facts.yaml: line 1: must have fields at its top level"),
    ],
)
def test_what_is_wrong_is_named_by_line_and_field(text: str, problem: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_facts(text, "facts.yaml", "ru")
    assert str(caught.value).startswith(problem)


def test_facts_that_a_sentence_needs_are_told_when_they_are_missing() -> None:
    named = frozenset({"clinic", "date", "doctor"})
    assert missing_from({"clinic": "Здоровье"}, named) == ["date"]
    assert missing_from({"clinic": "Здоровье", "date": "завтра"}, named) == []
