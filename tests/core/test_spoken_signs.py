from __future__ import annotations

import pytest

from gateway.core.spoken_signs import CYRILLIC, LATIN, clean, tidy


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("  два   пробела\t", "два пробела"),
        ("«Кавычки» “quotes” \"ascii\"", "Кавычки quotes ascii"),
        ("Санкт‑Петербург", "Санкт-Петербург"),
        ("9–18, 9—18", "9–18, 9–18"),
        ("−5", "-5"),
        ("за\u0301мок", "замок"),
        ("е\u0308лка и\u0306", "ёлка й"),
        ("мяг\u00adкий\u200b", "мягкий"),
        ("٣ ５ ① Ⅳ", "3 5 1 IV"),
        ("№5", "№5"),
        ("d’Arc l'Étoile", "d'Arc l'Etoile"),
        ("Әлия Її", "Элия Ии"),
        ("straße Łódź", "strasse Lodz"),
        ("Клиника™ ® ❤", "Клиника"),
        ("строка\nдругая", "строка другая"),
        ("абзац\n\nдругой", "абзац. другой"),
        ("абзац.\r\n\r\nдругой", "абзац. другой"),
        ("…", "..."),
        ("漢字", ""),
    ],
)  # fmt: skip
def test_signs_are_brought_to_one_dress(written: str, plain: str) -> None:
    assert clean(written) == plain
    assert clean(plain) == plain


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("а , б", "а, б"),
        ("а,б.в", "а, б. в"),
        ("а...", "а."),
        ("а ?!.. б", "а? б"),
        ("а – б", "а, б"),
        ("а - б", "а, б"),
        ("а-б", "а-б"),
        ("-а-", "а"),
        ("(а) [б]: в; г", "а, б, в, г"),
        (", а,", "а"),
        ("а_б*в", "а б в"),
        ("abc а 12", "а"),
        ("", ""),
        (".", ""),
    ],
)
def test_only_pauses_are_left(text: str, said: str) -> None:
    assert tidy(text, CYRILLIC) == said


def test_apostrophes_stay_inside_english_words_only() -> None:
    assert tidy("'don't' o''clock", LATIN, apostrophes=True) == "don't oclock"
    assert tidy("don't", LATIN) == "dont"
