from __future__ import annotations

import unicodedata

import pytest

from gateway.core.reply import Meaning, read_reply
from gateway.core.reply_signs import DEVICES, NAMES, SIGNS
from gateway.core.reply_spellings import COMMON_WORDS, FUZZY_WORDS, REAL_WORDS, SPELLINGS
from gateway.core.reply_words import _PHRASES, PHRASES, WORDS, Kind

ACTING = {Meaning.CONFIRM, Meaning.RESCHEDULE, Meaning.CANCEL, Meaning.REPEAT, Meaning.OPT_OUT}


def test_a_phrase_has_one_kind() -> None:
    listed = [
        (tuple(phrase.replace("-", " ").split()), kind)
        for kind, lists in _PHRASES.items()
        for words in lists
        for phrase in words.split(",")
    ]
    assert {(words, kind) for words, kind in listed if PHRASES[words] is not kind} == set()
    assert () not in PHRASES


def test_the_vocabulary_is_written_the_way_it_is_read() -> None:
    for word in WORDS | SPELLINGS.keys() | REAL_WORDS | NAMES | DEVICES:
        assert word == word.casefold()
        assert "ё" not in word
        assert word.replace("'", "").isalpha()
        assert word == unicodedata.normalize("NFKC", word)


def test_spellings_lead_to_words_of_the_vocabulary() -> None:
    assert not SPELLINGS.keys() & WORDS
    assert {word for meant in SPELLINGS.values() for word in meant} <= WORDS


def test_every_kind_that_is_said_in_words_has_some() -> None:
    assert set(Kind) - set(PHRASES.values()) == {Kind.NUMBER, Kind.SAD, Kind.UNKNOWN}


@pytest.mark.rule("U-3")
def test_a_real_word_is_never_read_as_a_misspelling() -> None:
    assert not REAL_WORDS & (WORDS | SPELLINGS.keys())
    assert COMMON_WORDS <= REAL_WORDS
    assert {word for word in REAL_WORDS if read_reply(word).meaning in ACTING} == set()


@pytest.mark.rule("U-3")
def test_only_long_words_are_read_through_misspellings() -> None:
    assert min(map(len, FUZZY_WORDS)) == 6
    assert "подтверждаю" in FUZZY_WORDS
    assert {"да", "приду", "буду", "нет"}.isdisjoint(FUZZY_WORDS)


def test_signs_are_single_characters() -> None:
    assert all(len(sign) == 1 for sign in SIGNS)
    assert "1" not in SIGNS
