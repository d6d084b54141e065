"""Short Russian forms in full: «ул.», «каб.», «и т. д.», in the case that the sentence wants."""

from __future__ import annotations

import re
from typing import Final

from gateway.core.spoken_ru import Case
from gateway.core.spoken_ru_dates import text_before, word_before
from gateway.core.spoken_ru_units import UNITS
from gateway.core.spoken_ru_words import (
    ADJECTIVES,
    BEFORE_DIGITS,
    BEFORE_NAMES,
    CASE_AFTER,
    DECLINED,
    ENDS_SENTENCES,
    FEMININE_PLACES,
    MOTION,
    NAMES_TOO,
    NEEDS_STOP,
    PHRASES,
    PROFESSIONS,
    WEEKDAYS,
    WHOLE,
    WITH_STOP,
    alternatives,
)

# --- Phrases --------------------------------------------------------------------------------------

_PHRASE: Final = re.compile(
    rf"(?<![\w-])(?:{alternatives(PHRASES).replace(chr(92) + ' ', ' ?')})(?![а-яё])", re.IGNORECASE
)
_PHRASE_OF: Final = {written.replace(" ", ""): spoken for written, spoken in PHRASES.items()}
_PHRASE_ENDS: Final = frozenset(written.replace(" ", "") for written in ENDS_SENTENCES)
_WHOLE: Final = re.compile(rf"(?<![\w.-])(?:{alternatives(WHOLE)})(?![\w-])", re.IGNORECASE)


def say_phrases(text: str) -> str:
    """Say abbreviations of several words, and those that have no full stop to tell them."""
    text = _ISLAND.sub("Васильевский остров", _SIDE.sub(_side, text))
    return _WHOLE.sub(lambda match: WHOLE[match[0].lower()], _PHRASE.sub(_phrase, text))


def _phrase(match: re.Match[str]) -> str:
    written = match[0].lower().replace(" ", "")
    ends = written in _PHRASE_ENDS and re.match(r" [А-ЯЁ]", match.string[match.end() :])
    return _PHRASE_OF[written] + ("." if ends else "")


# Parts of St Petersburg behind a street: «12-й линии В.О.», «Большой пр. П.С.»; or alone.
_SIDE: Final = re.compile(
    r"(?P<street>(?i:лини[яиюй]|пр(?:осп(?:ект[ауе]?)?)?\.?|пр-к?т[ауе]?|ул\.?|улиц[аыеу])) "
    r"(?P<side>В\. ?О|П\. ?С|ВО(?=[ ,]|$))(?P<stop>\.?)(?![\w-])"
)
_SIDES: Final = {"В": "Васильевского острова", "П": "Петроградской стороны"}
_ISLAND: Final = re.compile(r"(?<![\w.])В\. ?О\.(?=, ?(?:\d|[А-ЯЁ][а-яё]+ (?:пр|лин|ул)))")


def _side(match: re.Match[str]) -> str:
    ends = match["stop"] and re.match(r" [А-ЯЁ]", match.string[match.end() :])
    return f"{match['street']} {_SIDES[match['side'][0]]}{'.' if ends else ''}"


# --- Days of the week -----------------------------------------------------------------------------

_DAY: Final = alternatives(WEEKDAYS)
_DAYS: Final = re.compile(
    rf"(?<![\w-])(?P<day>{_DAY})\.?(?: ?[-–] ?(?P<last>{_DAY})\.?)?(?![\w-])", re.IGNORECASE
)
_ONE_DAY: Final = re.compile(rf"(?<!\w)(?P<day>{_DAY})\.?", re.IGNORECASE)
_DAYS_IN_A_ROW: Final = re.compile(
    rf"(?<![\w-])по (?:(?:{_DAY})\.?(?:,? и |, ?)?)+(?![\w-])", re.IGNORECASE
)
_FROM: Final = re.compile(r"(?<![а-яё])[Сс]о? [а-яё]+\.? $")


def _weekdays(match: re.Match[str]) -> str:
    """Say «с понедельника по пятницу», «во вторник»."""
    nominative, genitive, accusative, _ = WEEKDAYS[match["day"].lower()]
    before = word_before(match)
    if match["last"]:
        return f"{'' if before == 'с' else 'с '}{genitive} по {WEEKDAYS[match['last'].lower()][2]}"
    if before in ("с", "со", "до", "от", "после", "кроме"):
        return genitive
    return accusative if before in ("в", "во", "на", "по") else nominative


def _on_weekdays(match: re.Match[str]) -> str:
    """Say «по понедельникам и средам»; behind «с понедельника» it is «по пятницу»."""
    if _FROM.search(text_before(match)):
        return match[0]
    return _ONE_DAY.sub(lambda found: WEEKDAYS[found["day"].lower()][3], match[0])


# --- Nouns, declined ------------------------------------------------------------------------------

_NOUN: Final = re.compile(
    rf"(?<![\w.-])(?P<noun>{alternatives(DECLINED)})"
    r"(?:\.|(?=-?\d)|(?= ?\d)|(?= [А-ЯЁ])|(?<=-[а-яё])|(?<=-[а-яё]{2}))(?![а-яё])",
    re.IGNORECASE,
)
_BEFORE_NAME: Final = re.compile(
    rf"(?<![\w.-])(?<!\d )(?:(?:{alternatives(BEFORE_NAMES)})\. ?(?=[А-ЯЁ])"
    r"|[ГСПР]\. ?(?=[А-ЯЁ]{3})|(?<=[а-яё] )ш\.)"
)
_BEFORE_DIGIT: Final = re.compile(
    rf"(?<![\w.-])(?:(?:{alternatives(BEFORE_DIGITS)})\. ?(?=[+(]?\d)|д ?(?=\d))", re.IGNORECASE
)
_BLOCK: Final = re.compile(r"(?<=\d) ?[кК]\.?(?= ?\d\d?(?!\d))")
_BUILDING: Final = re.compile(r"(?<=\d) ?[сС]\.?(?=\d)")
_NUMBER_BEFORE: Final = re.compile(r"\d+(?:-?[а-яё]{1,2})? ?$")
_PREPOSITION: Final = re.compile(r"([а-яё]+)\.? $", re.IGNORECASE)
_ADJECTIVE_BEFORE: Final = re.compile(
    r"(?<![А-ЯЁа-яё-])[А-ЯЁ][а-яё-]*(?:-[А-ЯЁ][а-яё]*)?"
    r"(?P<ending>ой|ей|ую|юю|ого|его|ому|ему|ом|ем) $"
)
_FEMININE_ENDINGS: Final = frozenset(("ой", "ей", "ую", "юю"))
_CASE_OF_ENDING: Final = {
    **dict.fromkeys(("ой", "ей", "ого", "его"), Case.GENITIVE),
    **dict.fromkeys(("ую", "юю"), Case.ACCUSATIVE),
    **dict.fromkeys(("ому", "ему"), Case.DATIVE),
    **dict.fromkeys(("ом", "ем"), Case.PREPOSITIONAL),
}
_SENTENCE: Final = re.compile(r"[.!?] (?=[А-ЯЁ])")


def _case_of_place(match: re.Match[str]) -> Case:
    """Return the case of a place from its preposition; number and adjective may stand between."""
    text, case = text_before(match), Case.NOMINATIVE
    adjective = _adjective_before(match, text)
    if adjective:
        text, case = text[: adjective.start()], _CASE_OF_ENDING[adjective["ending"]]
    before = _PREPOSITION.search(_NUMBER_BEFORE.sub("", text))
    preposition = before[1].lower() if before else ""
    if case is Case.ACCUSATIVE:
        return case
    case = CASE_AFTER.get(preposition, case)
    if case is Case.PREPOSITIONAL and preposition in ("в", "во", "на"):
        sentence = _SENTENCE.split(match.string[: match.start()])[-1].lower()
        if any(word.startswith(MOTION) for word in sentence.split()):
            return Case.ACCUSATIVE
    return case


def _adjective_before(match: re.Match[str], text: str) -> re.Match[str] | None:
    """Return the declined adjective before a place, if it agrees with it: «на Советской ул.»."""
    adjective = _ADJECTIVE_BEFORE.search(text)
    if adjective is None:
        return None
    is_feminine = match[0].lower().rstrip(". ") in FEMININE_PLACES
    return adjective if is_feminine == (adjective["ending"] in _FEMININE_ENDINGS) else None


def _is_unit(key: str, match: re.Match[str]) -> bool:
    """Tell whether it is a unit behind its number: «5 см.», «10 мин.»."""
    return key in UNITS and _NUMBER_BEFORE.search(text_before(match)) is not None


_BEFORE_WORD: Final = re.compile(r"(?<!\.) [А-ЯЁ][А-ЯЁа-яё]")


def _noun(match: re.Match[str]) -> str:
    key = match["noun"].lower()
    is_other_word = key in NEEDS_STOP and not match[0].endswith(".")
    is_name = key in NAMES_TOO and _BEFORE_WORD.match(match.string, match.end())
    if is_other_word or is_name or _is_unit(key, match):
        return match[0]
    return f"{DECLINED[key][_case_of_place(match)]} "


def _one_letter_before_name(match: re.Match[str]) -> str:
    return f"{BEFORE_NAMES[match[0][0].lower()][_case_of_place(match)]} "


def _one_letter_before_digit(match: re.Match[str]) -> str:
    return f"{BEFORE_DIGITS[match[0][0].lower()][_case_of_place(match)]} "


# --- Adjectives and the rest ----------------------------------------------------------------------

_STOPPED: Final = re.compile(
    rf"(?<![\w.-])(?P<word>{alternatives(WITH_STOP)})\.(?![а-яё])", re.IGNORECASE
)
_ADJECTIVE: Final = re.compile(
    rf"(?<![\w.-])(?P<word>{alternatives(ADJECTIVES)})\."
    rf"(?: ?(?=(?:(?:{alternatives(ADJECTIVES)})\. ?)*"
    r"(?P<next>[а-яё-]{2,})))?",
    re.IGNORECASE,
)
_PROFESSION: Final = re.compile(
    rf"(?<![\w.-])(?P<first>{alternatives(PROFESSIONS)})\.(?=-[а-яё])"
    rf"|(?<=[а-яё]-)(?P<last>{alternatives(PROFESSIONS)})\.",
    re.IGNORECASE,
)
_MASCULINE_GENITIVES: Final = ("врача", "олога", "евта", "атра", "урга", "центра", "кабинета")
_PLURALS: Final = frozenset(
    ("услуги", "осмотры", "анализы", "врачи", "специалисты", "сёстры", "комиссии", "центры",
     "кабинеты", "исследования", "работники", "справки", "отделения", "консультации")
)  # fmt: skip
_ENDING_BEFORE: Final = {"а": "ая", "я": "ая", "о": "ое", "е": "ое", "ы": "ой", "и": "ой"}
"""The ending of an adjective by the last letter of its noun: «детская поликлиника»."""


def _stopped(match: re.Match[str]) -> str:
    key = match["word"].lower()
    return match[0] if _is_unit(key, match) else f"{WITH_STOP[key]} "


def _adjective(match: re.Match[str]) -> str:
    """Return the adjective in the gender of its noun; a place keeps its own abbreviation."""
    word, after = ADJECTIVES[match["word"].lower()], match["next"]
    if not after:
        return match[0] if match["word"].lower() in DECLINED else f"{word} "
    after = DECLINED[after.lower()][0] if after.lower() in DECLINED else after
    if after.endswith(_MASCULINE_GENITIVES):
        return f"{word[:-2]}{'его' if word.endswith('ший') else 'ого'} "
    if after.lower() in _PLURALS:
        return f"{word[:-2]}{'ие' if word.endswith('ий') else 'ые'} "
    ending = _ENDING_BEFORE.get(after[-1], word[-2:])
    if word.endswith("ший"):
        ending = {"ое": "ее", "ой": "ей"}.get(ending, ending)
    return f"{word[:-2]}{ending} "


def _profession(match: re.Match[str]) -> str:
    written = match["first"] or match["last"]
    said = PROFESSIONS[written.lower()]
    return said.capitalize() if written[0].isupper() else said


def say_abbreviations(text: str) -> str:
    """Say in full what is written short; numbers beside it are still digits."""
    text = _DAYS.sub(_weekdays, _DAYS_IN_A_ROW.sub(_on_weekdays, text))
    text = _ADJECTIVE.sub(_adjective, _PROFESSION.sub(_profession, text))
    text = _BLOCK.sub(" корпус ", _BUILDING.sub(" строение ", text))
    text = _BEFORE_DIGIT.sub(_one_letter_before_digit, text)
    text = _BEFORE_NAME.sub(_one_letter_before_name, text)
    text = _NOUN.sub(_noun, text)
    return _STOPPED.sub(_stopped, text)
