from __future__ import annotations

import pytest

from gateway.core.spoken_scripts import in_cyrillic, in_latin, look_alike


@pytest.mark.parametrize(
    ("latin", "cyrillic"),
    [
        ("Smile", "Смайл"),
        ("smile", "смайл"),
        ("CLINIC", "Клиник"),
        ("WhatsApp", "Вотсап"),
        ("SMS", "эс эм эс"),
        ("IT", "ай ти"),
        ("GMS", "джи эм эс"),
        ("B", "бэ"),
        ("Chaika", "Чайка"),
        ("Shchukin", "Щукин"),
        ("Dentalux", "Денталукс"),
        ("Philips", "Филипс"),
        ("Everest", "Эверест"),
        ("Zhukov", "Жуков"),
    ],
)
def test_latin_words_are_said_in_russian(latin: str, cyrillic: str) -> None:
    assert in_cyrillic(latin) == cyrillic


@pytest.mark.parametrize(
    ("cyrillic", "latin"),
    [
        ("Щукин", "Shchukin"),
        ("Евгений", "Yevgeny"),
        ("Сергеевич", "Sergeyevich"),
        ("Юлия", "Yuliya"),
        ("Пётр", "Pyotr"),
        ("Соловьёв", "Solovyov"),
        ("Белый", "Bely"),
        ("объезд", "obyezd"),
        ("мария", "mariya"),
    ],
)
def test_russian_words_are_said_in_english(cyrillic: str, latin: str) -> None:
    assert in_latin(cyrillic) == latin


def test_only_letters_that_look_alike_are_taken_for_others() -> None:
    assert look_alike("MPT") == "МРТ"
    assert look_alike("CПб") == "СПб"
    assert look_alike("Smile") is None
