"""Names as a schedule holds them, made ready to be said: whose they are, and whether they are any.

Fields of a schedule hold initials, capitals, notes and stand-ins like «Тест»; a robot that says
"Hello, Test" is worse than one that says "Hello".
"""

from __future__ import annotations

import re
from typing import Final

from gateway.core.model import Person
from gateway.core.spoken_ru_words import BY_LETTERS


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_STAND_INS: Final = _set(
    """
    тест тестов тестова тестовый тестовая тестовна тестович test testov tester неизвестно
    неизвестный неизвестная неизв unknown нет none null отсутствует указано указан указана фыв
    фывапро йцу йцукен qwe qwerty asd asdf абв абвгд временный временная удалить удален дубль
    вакансия резерв занято свободно
    """
)
_NO_NAMES: Final = _STAND_INS | _set(
    """
    пациент пациентка patient аноним анонимный анонимная анонимно anonymous имя отчество фамилия
    фио name бронь новый новая клиент гость guest user мужчина женщина ребенок новорожденный
    новорожденная врач доктор doctor специалист дежурный сотрудник админ администратор admin
    """
)
_UNNAMED: Final = ("не ", "без ", "б/н", "н/д", "not ", "no ")
_PARTICLES: Final = frozenset(
    {"оглы", "кызы", "заде", "угли", "гызы", "de", "van", "von", "der", "дер", "ден", "фон"}
)
_TITLES: Final = frozenset({"врач", "доктор", "др", "д-р", "dr", "mr", "mrs", "ms", "prof"})
_NOTE: Final = re.compile(r"\([^)]*\)?|\[[^\]]*\]?")
_NOT_NAME: Final = re.compile(r"[^\w .'’-]|_")
_INITIALS: Final = re.compile(r"(?:[^\W\d_]\.[ -]?)+|[^\W\d_]")
_PATRONYMIC: Final = re.compile(r"(?:[оеё]вич|ич|[оеё]вна|ична|инична|оглы|кызы)$")
_ONE_LETTER_SURNAMES: Final = frozenset("ЮОИЭУЕ")
_SURNAME: Final = re.compile(
    r"(?:.{2}[оеё]в|[оеё]ва|(?<!константи)[иы]н|ск(?:ий|ая)|енко|[юу]к|дзе|швили|[иы]х|ец)$"
)
_WORDS_OF_FULL_NAME: Final = 3
_LETTERS_OF_INITIALS: Final = 2


def first_and_middle(patient: Person) -> str:
    """Return how to address the contact person: never with a surname, empty if nobody knows how."""
    person = patient.contact_person
    surnames = set(_words(f"{patient.last_name} {person.last_name}".casefold()))
    first = [word for word in _first_names(person) if word.casefold() not in surnames]
    if is_stand_in(person.first_name) or not first or not all(map(_is_name, first)):
        return ""
    middle = [
        word
        for word in _words(person.middle_name)
        if _is_name(word) and word.casefold() not in surnames
    ]
    return " ".join(map(_with_capital, first + middle))


def _first_names(person: Person) -> list[str]:
    """Return the first name; of a full name that was entered as one, what is not the surname."""
    words = _words(person.first_name)
    if len(words) != _WORDS_OF_FULL_NAME or person.middle_name.strip():
        return words
    if _PATRONYMIC.search(words[2].lower()):
        return words[1:]
    return words[:2] if _PATRONYMIC.search(words[1].lower()) else words


def full_name(name: str) -> str:
    """Return a doctor's name without notes and initials; empty for what is no name."""
    surname, *rest = _NOTE.sub(" ", name).split(",")
    # «Петров, Иван Сергеевич» is one name, «Петров Иван, к. м. н.» a name and a degree.
    words = [*surname.split(), *(rest[0].split() if rest and _is_titled(rest[0]) else ())]
    text = " ".join(words)
    if is_stand_in(text):
        return ""
    named = [
        word
        for place, word in enumerate(words)
        if not _INITIALS.fullmatch(word) or (place == 0 and _is_short_surname(words))
    ]
    if len(named) > 1 and not text.isupper():
        named = [named[0]] + [word for word in named[1:] if not _are_initials(word)]
    said = {word.rstrip(".").casefold() for word in named} - _TITLES
    if not said or said <= _NO_NAMES:
        return ""
    return " ".join(map(_with_capital, named) if text.islower() or text.isupper() else named)


def is_stand_in(text: str) -> bool:
    """Tell whether a field says nothing: «Тест», "-", «б/н», «не указан», digits."""
    low = " ".join(text.casefold().replace("ё", "е").split())
    letters = {char for char in low if char.isalpha()}
    if len(letters) < _LETTERS_OF_INITIALS or low.startswith(_UNNAMED):
        return True
    return low in _STAND_INS


def _is_titled(text: str) -> bool:
    """Tell whether every word has a capital and small letters, as names have."""
    return all([word.istitle() and "." not in word for word in text.split()])


def _words(text: str) -> list[str]:
    text = re.split(r"[,;/|]", _NOTE.sub(" ", text))[0]
    return _NOT_NAME.sub(" ", text).replace("’", "'").split()


def _is_name(word: str) -> bool:
    """Tell whether a word can be a name: «Ия» can, «И.», «Мария2» and «Тест» cannot."""
    is_plain = not any(char.isdigit() for char in word) and "." not in word
    is_role = word.casefold().replace("ё", "е") in _NO_NAMES
    return is_plain and not is_role and not is_stand_in(word)


def _is_short_surname(words: list[str]) -> bool:
    """Tell whether the first letter is a surname: «Ю Мария», «О Сергей Иванович».

    «Ю Петров» is an initial before a surname, and an initial mostly has a full stop.
    """
    first, *rest = words
    names = [word for word in rest if not _INITIALS.fullmatch(word)]
    if first.upper() not in _ONE_LETTER_SURNAMES or not names:
        return False
    return _PATRONYMIC.search(names[-1].lower()) is not None or (
        len(names) == 1 == len(rest) and not _SURNAME.search(names[0].lower())
    )


def _are_initials(word: str) -> bool:
    """Tell whether capitals are initials without full stops: «Петров ИС»."""
    is_short = word.isupper() and word.isalpha() and len(word) <= _LETTERS_OF_INITIALS
    return is_short and word.lower() not in BY_LETTERS


def _with_capital(word: str) -> str:
    """Return a name written in capitals or small letters only as names are written."""
    if word.casefold() in _PARTICLES:
        return word.lower()
    if not (word.isupper() or word.islower()):
        return word
    return "-".join([part.capitalize() for part in word.split("-")])
