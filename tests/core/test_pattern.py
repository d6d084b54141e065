from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.pattern import Fact, OneOf, PatternError, read_pattern


def test_facts_stand_in_their_places() -> None:
    text, values = read_pattern("{clinic}: {date} в {time}.").fill(
        {"clinic": "Здоровье", "date": "24 ноября", "time": "14:30"}
    )
    assert text == "Здоровье: 24 ноября в 14:30."
    assert values == ("Здоровье", "24 ноября", "14:30")


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({"doctor": "Петров", "specialty": "терапевт"}, "14:30, Петров (терапевт)."),
        ({"doctor": "Петров", "specialty": ""}, "14:30, Петров."),
        ({"doctor": "", "specialty": "терапевт"}, "14:30, терапевт."),
        ({}, "14:30."),
    ],
)
def test_the_first_choice_with_all_its_facts_is_written(facts: dict[str, str], text: str) -> None:
    pattern = read_pattern("14:30[[, {doctor} ({specialty})|, {doctor}|, {specialty}]].")
    assert pattern.fill(facts)[0] == text
    assert pattern.facts == {"doctor", "specialty"}


def test_a_choice_without_facts_stands_there_otherwise() -> None:
    pattern = read_pattern("[[{name}, вы|Вы]] записаны")
    assert pattern.fill({"name": "Мария"}) == ("Мария, вы записаны", ("Мария, вы",))
    assert pattern.fill({"name": ""}) == ("Вы записаны", ("Вы",))


@pytest.mark.parametrize(
    ("text", "never"), [("[[{a}|b]]", True), ("[[{a}]]", False), ("[[{a}|]]", False)]
)
def test_an_optional_piece_may_be_empty_or_not(text: str, *, never: bool) -> None:
    (piece,) = read_pattern(text).pieces
    assert isinstance(piece, OneOf)
    assert piece.is_never_empty is never


def test_a_fact_that_must_be_there_is_missed() -> None:
    with pytest.raises(KeyError, match="phone"):
        read_pattern("{phone}").fill({})


def test_what_a_fact_says_is_never_read_as_a_pattern() -> None:
    assert read_pattern("{name}!").fill({"name": "{link} [[x]] |"})[0] == "{link} [[x]] |!"


def test_a_bar_outside_an_optional_piece_is_a_bar() -> None:
    assert read_pattern("a | b").fill({})[0] == "a | b"


@pytest.mark.parametrize(
    "text", ["[[a", "a]]", "[[a [[b]] c]]", "[[a]] b]]", "{", "}", "{}", "{Name}", "{a b}", "{{a}}"]
)
def test_a_text_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(PatternError):
        read_pattern(text)


def test_a_template_has_numbers_in_place_of_facts() -> None:
    pattern = read_pattern("Здравствуйте! [[{name}, вы|Вы]] к {doctor} в {time}.")
    assert pattern.numbered() == "Здравствуйте! {{1}} к {{2}} в {{3}}."


def test_the_words_of_a_text_are_those_of_every_choice() -> None:
    assert read_pattern("1{date}2[[, {name}3|4]]").words().split() == ["1", "2", ",", "3", "4"]


@given(st.lists(st.sampled_from(["{a}", "{b}", "[[x{a}|y]]", "[[{b}]]", "слово ", "\n"])))
def test_a_text_is_its_template_with_the_values_put_in(parts: list[str]) -> None:
    pattern = read_pattern("".join(parts))
    text, values = pattern.fill({"a": "A", "b": ""})
    body = pattern.numbered()
    for number, value in enumerate(values, 1):
        body = body.replace(f"{{{{{number}}}}}", value, 1)
    assert body == text
    assert sum(isinstance(piece, Fact | OneOf) for piece in pattern.pieces) == len(values)
