"""Any Russian text as words (rule C-3): abbreviations, initials, capitals, numbers, Latin letters.

The text comes from `gateway.core.spoken_signs.clean`; only words and punctuation are left of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from gateway.core.spoken_ru import Case, Gender, ordinal
from gateway.core.spoken_ru_dates import say_dates, say_phones, say_times, word_before
from gateway.core.spoken_ru_numbers import say_numbers
from gateway.core.spoken_ru_units import MENU_WORDS, ORDINAL_NOUNS, UNITS
from gateway.core.spoken_ru_words import (
    ADJECTIVES,
    AS_WORDS,
    BEFORE_DIGITS,
    BEFORE_NAMES,
    BY_LETTERS,
    CASE_AFTER,
    DECLINED,
    ENDS_SENTENCES,
    LATIN_LETTER_NAMES,
    LATIN_NAMED,
    LEGAL_FORMS,
    LETTER_NAMES,
    MOTION,
    NAMED_BY_LETTER,
    NEEDS_STOP,
    OWNERS,
    PHRASES,
    SMALL_WORDS,
    WEEKDAYS,
    WHOLE,
    WITH_STOP,
    YO,
    YO_SURNAMES,
)
from gateway.core.spoken_scripts import in_cyrillic, look_alike
from gateway.core.spoken_signs import CYRILLIC, WEB_ADDRESS, tidy


def russian(text: str) -> str:
    """Return the text in Russian letters, spaces and , . ! ? - alone."""
    text = re.sub(rf"(?<=[{CYRILLIC}a-zA-Z])'(?=[{CYRILLIC}])", "", text)
    for step in _STEPS:
        text = " ".join(step(text).split())
    return tidy(text, CYRILLIC)


def _keys(words: Iterable[str]) -> str:
    """Return an alternation of the written forms, the longest first."""
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))


# --- Latin letters --------------------------------------------------------------------------------

_NUMERO: Final = re.compile(r"(?<!\w)(?:N[or]?\.?|№№?) ?(?=\d)")
_CELSIUS: Final = re.compile(r"° ?[CСcс](?![а-яёa-z])")
_ROMAN: Final = re.compile(r"(?<![\w-])(?:[IVX]{2,6}|I)(?![\w-])")
_LATIN_WORD: Final = re.compile(rf"[{CYRILLIC}]*[a-zA-Z][a-zA-Z{CYRILLIC}]*\.?")
_LATIN_RUN: Final = re.compile(r"[a-zA-Z]+")
_TENS: Final = {"I": 1, "V": 5, "X": 10}
_ROMAN_RIGHT: Final = re.compile(r"X{0,3}(?:IX|IV|V?I{0,3})").fullmatch


def _addresses(text: str) -> str:
    """Say the dots and the @ of mail and web addresses."""

    def say(match: re.Match[str]) -> str:
        address = match["place"].replace(".", " точка ")
        return f" {address.replace('@', ' собака ').replace('/', ' дробь ')} "

    return _DOMAIN.sub(" точка ", WEB_ADDRESS.sub(say, text))


def _romans(text: str) -> str:
    return _ROMAN.sub(_roman, text)


def _roman(match: re.Match[str]) -> str:
    digits = match[0]
    if not _ROMAN_RIGHT(digits):
        return digits
    values = [_TENS[char] for char in digits]
    number = sum(
        -value if value < max(values[index:]) else value for index, value in enumerate(values)
    )
    after = re.match(r" ?([а-яё]+)", match.string[match.end() :])
    if after and after[1] in ORDINAL_NOUNS:
        return str(number)
    before = _name_before(match)
    if not before:
        return digits if len(digits) == 1 else str(number)
    gender = Gender.FEMININE if before[1].endswith(("а", "я")) else Gender.MASCULINE
    return ordinal(number, Case.NOMINATIVE, gender)


def _latin(text: str) -> str:
    return _LATIN_WORD.sub(_latin_word, _CELSIUS.sub("°", _NUMERO.sub(" номер ", text)))


def _latin_word(match: re.Match[str]) -> str:
    word, stop = match[0].removesuffix("."), "." if match[0].endswith(".") else ""
    if word.lower() == "dr":
        stop = ""
    cyrillic = look_alike(word)
    if cyrillic is not None:
        is_known = cyrillic.lower() in BY_LETTERS or cyrillic.lower() in AS_WORDS
        is_mixed = not word.isascii()
        if is_mixed or (word.isupper() and (is_known or cyrillic.lower() in LEGAL_FORMS)):
            return cyrillic + stop
    return _LATIN_RUN.sub(_latin_run, word) + stop


def _latin_run(match: re.Match[str]) -> str:
    said = in_cyrillic(match[0])
    if match[0].isupper() and _LATIN_RUN.fullmatch(match.string):
        plain = "".join([_SAME_SOUND.get(char, "") for char in match[0]])
        if len(plain) == len(match[0]) and plain.lower() in BY_LETTERS:
            return plain
    return said


_SAME_SOUND: Final = dict(zip("ABVGDEZIKLMNOPRSTUF", "АБВГДЕЗИКЛМНОПРСТУФ", strict=True))


# --- Initials -------------------------------------------------------------------------------------

_DOTTED: Final = re.compile(
    r"(?<![\w.])(?:[А-ЯЁ]\.){2,}[А-ЯЁ]\.?(?![\w])|(?<![\w.])(?:[А-ЯЁ]\.){3,}"
)
_PAIR: Final = re.compile(r"(?<![\w.])[А-ЯЁ]\.(?:-[А-ЯЁ]\.)? ?[А-ЯЁ](?:\.|(?=$|[ ,;)]))")
_FIRST: Final = re.compile(r"(?<![\w.])[А-ЯЁ]\. ?(?=[А-ЯЁ][а-яё]+)")
_LAST: Final = re.compile(r"(?<![\w.])[А-ЯЁ]\.(?=$| ?[,;)]| [а-яё])")
_NAME_BEFORE: Final = re.compile(r"([А-ЯЁ][А-ЯЁа-яё]+) ?$")
_NAME_CHARS_MAX: Final = 40
_NAME_AFTER: Final = re.compile(r" ?[А-ЯЁ][А-ЯЁа-яё]+")
_SURNAME: Final = re.compile(
    r"(?:[оеё]в|[иы]н|ск[иа][йя]|ко|[юу]к|ич|ян|дзе|ли|[иы]х|[оеё]ва|[иы]на|ец|ер)$", re.IGNORECASE
)
_TITLES: Final = frozenset({"врач", "доктор", "профессор", "доцент", "академик", "имени"})


def _initials(text: str) -> str:
    """Leave initials out: «Петров И. С.» is «Петров»."""
    text = _GREAT_OR_SMALL.sub(lambda match: _GREAT_AND_SMALL[match[1]], text)
    text = _DOTTED.sub(lambda match: match[0].replace(".", ""), text)
    text = _PAIR.sub(_pair, text)
    text = _FIRST.sub(_first, text)
    return _LAST.sub(_last, text)


def _name_before(match: re.Match[str]) -> re.Match[str] | None:
    """Return the word with a capital right before the match."""
    start = match.start()
    return _NAME_BEFORE.search(match.string[max(0, start - _NAME_CHARS_MAX) : start])


def _pair(match: re.Match[str]) -> str:
    before = _name_before(match)
    after = _NAME_AFTER.match(match.string, match.end())
    if before and before[1].lower() not in _TITLES and _SURNAME.search(before[1]):
        return ". " if after else ""
    return "" if before or after else match[0]


def _first(match: re.Match[str]) -> str:
    before = word_before(match)
    is_pronoun = match[0][0] == "Я" and before
    return match[0] if before in NAMED_BY_LETTER or is_pronoun else ""


def _last(match: re.Match[str]) -> str:
    before = _name_before(match)
    is_name = before and before[1].lower() not in NAMED_BY_LETTER
    return "" if is_name else match[0]


# --- Abbreviations --------------------------------------------------------------------------------

_GREAT_AND_SMALL: Final = {"Б": "Большая ", "М": "Малая "}
_PHRASE: Final = re.compile(
    rf"(?<![\w-])(?:{_keys(PHRASES).replace(chr(92) + ' ', ' ?')})(?![а-яё])", re.IGNORECASE
)
_PHRASE_OF: Final = {written.replace(" ", ""): spoken for written, spoken in PHRASES.items()}
_PHRASE_ENDS: Final = frozenset(written.replace(" ", "") for written in ENDS_SENTENCES)
_WHOLE: Final = re.compile(rf"(?<![\w.-])(?:{_keys(WHOLE)})(?![\w-])", re.IGNORECASE)
_DAYS: Final = re.compile(
    rf"(?<![\w-])(?P<day>{_keys(WEEKDAYS)})\.?(?: ?[-–] ?(?P<last>{_keys(WEEKDAYS)})\.?)?(?![\w-])",
    re.IGNORECASE,
)
_NOUN: Final = re.compile(
    rf"(?<![\w.-])(?P<noun>{_keys(DECLINED)})(?:\.|(?=-?\d)|(?= ?\d)|(?= [А-ЯЁ])|(?<=-[а-яё]{{1}})|"
    r"(?<=-[а-яё]{2}))(?![а-яё])",
    re.IGNORECASE,
)
_SENTENCE: Final = re.compile(r"[.!?] (?=[А-ЯЁ])")
_NUMBER_BEFORE: Final = re.compile(r"\d+(?:-?[а-яё]{1,2})? ?$")
_BEFORE_NAME: Final = re.compile(
    rf"(?<![\w.-])(?<!\d )(?:(?:{_keys(BEFORE_NAMES)})\. ?(?=[А-ЯЁ])|[ГСПР]\. ?(?=[А-ЯЁ]{{3}})|"
    rf"(?<=[а-яё] )ш\.)"
)
_GREAT_OR_SMALL: Final = re.compile(r"(?<=ул\. )([БМ])\. ?(?=[А-ЯЁ][а-яё]+ая(?![а-яё]))")
_DOMAIN: Final = re.compile(r"(?<=[а-яё])\.(?=(?:ру|рф)(?![а-яё]))")
_BEFORE_DIGIT: Final = re.compile(
    rf"(?<![\w.-])(?:(?:{_keys(BEFORE_DIGITS)})\. ?(?=[+(]?\d)|д ?(?=\d))", re.IGNORECASE
)
_BLOCK: Final = re.compile(r"(?<=\d) ?[кК]\.?(?= ?\d)")
_BUILDING: Final = re.compile(r"(?<=\d) ?[сС]\.?(?=\d)")
_STOPPED: Final = re.compile(rf"(?<![\w.-])(?P<word>{_keys(WITH_STOP)})\.(?![а-яё])", re.IGNORECASE)
_ADJECTIVE: Final = re.compile(
    rf"(?<![\w.-])(?P<word>{_keys(ADJECTIVES)})\.(?: ?(?P<next>[а-яё]{{2,}}))?", re.IGNORECASE
)


def _abbreviations(text: str) -> str:
    """Say in full what is written short."""
    text = _DAYS.sub(_weekdays, text)
    text = _ADJECTIVE.sub(_adjective, text)
    text = _BLOCK.sub(" корпус ", _BUILDING.sub(" строение ", text))
    text = _BEFORE_DIGIT.sub(_one_letter_before_digit, text)
    text = _BEFORE_NAME.sub(_one_letter_before_name, text)
    text = _NOUN.sub(_noun, text)
    return _STOPPED.sub(_stopped, text)


def _phrases(text: str) -> str:
    return _WHOLE.sub(lambda match: WHOLE[match[0].lower()], _PHRASE.sub(_phrase, text))


def _phrase(match: re.Match[str]) -> str:
    written = match[0].lower().replace(" ", "")
    ends = written in _PHRASE_ENDS and re.match(r" [А-ЯЁ]", match.string[match.end() :])
    return _PHRASE_OF[written] + ("." if ends else "")


def _weekdays(match: re.Match[str]) -> str:
    """Say «с понедельника по пятницу», «во вторник»."""
    nominative, genitive, accusative = WEEKDAYS[match["day"].lower()]
    before = word_before(match)
    if match["last"]:
        return f"{'' if before == 'с' else 'с '}{genitive} по {WEEKDAYS[match['last'].lower()][2]}"
    if before in ("с", "со", "до", "от", "после"):
        return genitive
    return accusative if before in ("в", "во", "на", "по") else nominative


def _case_of_place(match: re.Match[str]) -> Case:
    """Return the case of a place from its preposition; a number may stand between."""
    start = match.string[max(0, match.start() - 40) : match.start()]
    start = _NUMBER_BEFORE.sub("", start)
    before = re.search(r"([а-яё]+)\.? $", start, re.IGNORECASE)
    preposition = before[1].lower() if before else ""
    case = CASE_AFTER.get(preposition, Case.NOMINATIVE)
    if case is Case.PREPOSITIONAL and preposition in ("в", "во", "на"):
        sentence = _SENTENCE.split(match.string[: match.start()])[-1].lower()
        if any(word.startswith(MOTION) for word in sentence.split()):
            return Case.ACCUSATIVE
    return case


def _noun(match: re.Match[str]) -> str:
    key = match["noun"].lower()
    stopped = match[0].endswith(".")
    if not stopped and key in NEEDS_STOP:
        return match[0]
    if key in UNITS and _NUMBER_BEFORE.search(
        match.string[max(0, match.start() - 24) : match.start()]
    ):
        return match[0]
    return f"{DECLINED[key][_case_of_place(match)]} "


def _one_letter_before_name(match: re.Match[str]) -> str:
    return f"{BEFORE_NAMES[match[0][0].lower()][_case_of_place(match)]} "


def _one_letter_before_digit(match: re.Match[str]) -> str:
    return f"{BEFORE_DIGITS[match[0][0].lower()][_case_of_place(match)]} "


def _stopped(match: re.Match[str]) -> str:
    key = match["word"].lower()
    if key in UNITS and _NUMBER_BEFORE.search(
        match.string[max(0, match.start() - 24) : match.start()]
    ):
        return match[0]
    return f"{WITH_STOP[key]} "


_FEMININE: Final = {"ый": "ая", "ий": "ая", "ой": "ая"}
_GENITIVE: Final = {"ый": "ой", "ий": "ой", "ой": "ой"}
_NEUTER: Final = {"ый": "ое", "ий": "ое", "ой": "ое"}


_MASCULINE_GENITIVES: Final = ("врача", "олога", "евта", "атра", "урга", "центра", "кабинета")


def _adjective(match: re.Match[str]) -> str:
    """Return the adjective in the gender of its noun; a place keeps its own abbreviation."""
    word, after = ADJECTIVES[match["word"].lower()], match["next"]
    if not after:
        is_last = match["word"].lower() not in DECLINED
        return f"{word} " if is_last else match[0]
    if after.endswith(_MASCULINE_GENITIVES):
        return f"{word[:-2]}{'его' if word.endswith('ший') else 'ого'} {after}"
    endings = {"а": _FEMININE, "я": _FEMININE, "о": _NEUTER, "е": _NEUTER, "ы": _GENITIVE,
               "и": _GENITIVE}.get(after[-1])  # fmt: skip
    if endings:
        ending = endings[word[-2:]]
        word = word[:-2] + ending
    return f"{word} {after}"


# --- Capitals and lone letters --------------------------------------------------------------------

_WORD: Final = re.compile(rf"[{CYRILLIC}]+(?:-[{CYRILLIC}]+)*")
_OWNED: Final = re.compile(
    rf"(?<![А-ЯЁ])(?:{_keys(LEGAL_FORMS).upper()}) (?:{_keys(OWNERS).upper()})(?![{CYRILLIC}])"
    r"(?! на Д)"
)
_LONG_CAPITALS: Final = re.compile(r"[А-ЯЁ]{4,}")
_SMALL_LETTERS: Final = re.compile(r"[а-яё]{2}")
_KNOWN: Final = LEGAL_FORMS | BY_LETTERS | AS_WORDS.keys()
_VOWELS: Final = frozenset("аеёиоуыэюя")
_ONSETS: Final = frozenset(
    ("бл", "бр", "вл", "гл", "гр", "дв", "др", "зд", "кл", "кр", "кв", "пл", "пр", "св", "ск", "сл",
     "см", "сп", "ст", "тр", "фл", "фр", "хр", "шк", "шт", "зв", "цв")
)  # fmt: skip
_ALONE: Final = re.compile(rf"(?<![{CYRILLIC}-])[{CYRILLIC}](?![{CYRILLIC}-])")
_PREPOSITIONS_AND_VOWELS: Final = frozenset("вкс") | _VOWELS
_PARTICLES: Final = frozenset("бж")


def _capitals(text: str) -> str:
    """Say capitals as words or letter by letter; leave legal forms out."""
    text = _OWNED.sub("", text)
    long_words = [word for word in _LONG_CAPITALS.findall(text) if word.lower() not in _KNOWN]
    is_shouted = not _SMALL_LETTERS.search(text) and len(long_words) > 1

    def say(match: re.Match[str]) -> str:
        parts = [_part(part, is_shouted=is_shouted) for part in match[0].split("-")]
        spoken = [part for part in parts if part]
        hyphen = " " if any(" " in part for part in spoken) else "-"
        return hyphen.join(spoken)

    return _WORD.sub(say, text)


def _part(word: str, *, is_shouted: bool) -> str:
    low = word.lower()
    if len(word) == 1:
        return word
    if low in BY_LETTERS and (word.isupper() or len(word) > 2):
        return _by_letters(low)
    if not word.isupper():
        return word if word[1:].islower() else word[0] + word[1:].lower()
    if low in LEGAL_FORMS:
        return ""
    if low in AS_WORDS:
        return AS_WORDS[low]
    if low in SMALL_WORDS:
        return low
    is_word = _is_pronounced(low) or (is_shouted and bool(_VOWELS & set(low)))
    return word.capitalize() if is_word else _by_letters(low)


def _by_letters(word: str) -> str:
    return " ".join([LETTER_NAMES[char] for char in word])


def _is_pronounced(word: str) -> bool:
    """Tell whether unknown capitals are said as a word: their letters make syllables."""
    shape = "".join(["v" if char in _VOWELS else "c" for char in word])
    if "v" not in shape:
        return False
    if len(word) > 4:
        return "cccc" not in shape
    if len(word) == 4 and shape.startswith("cc"):
        return word[:2] in _ONSETS
    return shape == "cvc" or len(word) == 4


def _letters(text: str) -> str:
    return _ALONE.sub(_letter, text)


def _letter(match: re.Match[str]) -> str:
    letter = match[0]
    low = letter.lower()
    before = word_before(match)
    if letter.isupper() and before.startswith(LATIN_NAMED):
        return LATIN_LETTER_NAMES.get(low, LETTER_NAMES[low])
    if letter.isupper() and before in NAMED_BY_LETTER:
        return LETTER_NAMES[low]
    if low in _PREPOSITIONS_AND_VOWELS or letter in _PARTICLES:
        return letter
    return LETTER_NAMES[low]


# --- «ё» and signs --------------------------------------------------------------------------------

_THREE_OR_FOUR: Final = re.compile(r"(?<![а-яё])(тр|четыр)ех(?=[а-яё]{3})", re.IGNORECASE)
_KEY_SIGN: Final = re.compile(r"([а-яё]+) ([*#])(?!\d)", re.IGNORECASE)
_KEY_SIGNS: Final = {"*": "звёздочку", "#": "решётку"}
_SIGN_WORDS: Final = (
    (re.compile(r"\++"), " плюс "),
    (re.compile(r"&+"), " и "),
    (re.compile(r"№+"), " номер "),
    (re.compile(r"%+"), " процентов "),
    (re.compile(r"°+"), " градусов "),
    (re.compile(r"[₽]+"), " рублей "),
    (re.compile(r"[$]+"), " долларов "),
    (re.compile(r"€+"), " евро "),
    (re.compile(r"£+"), " фунтов "),
)


def _yo(text: str) -> str:
    return _WORD.sub(_with_yo, _THREE_OR_FOUR.sub(r"\1ёх", text))


def _with_yo(match: re.Match[str]) -> str:
    word = match[0]
    low = word.lower()
    found = YO.get(low) or (YO_SURNAMES.get(low) if word[0].isupper() else None)
    if not found:
        return word
    return found.capitalize() if word[0].isupper() else found


def _keys_of_phones(text: str) -> str:
    """Say the keys * and # behind «нажмите»."""

    def say(match: re.Match[str]) -> str:
        is_key = match[1].lower() in MENU_WORDS
        return f"{match[1]} {_KEY_SIGNS[match[2]] if is_key else ''}"

    return _KEY_SIGN.sub(say, text)


def _signs(text: str) -> str:
    for sign, words in _SIGN_WORDS:
        text = sign.sub(words, text)
    return text


_STEPS: Final = (
    _addresses,
    _romans,
    _latin,
    _phrases,
    _initials,
    _abbreviations,
    _keys_of_phones,
    say_phones,
    say_dates,
    say_times,
    say_numbers,
    _signs,
    _capitals,
    _letters,
    _yo,
)
"""In order: each takes away what the next ones could misread."""
