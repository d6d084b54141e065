from __future__ import annotations

import random
import re
import unicodedata

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gateway.core.reply import Meaning, read_reply
from gateway.core.reply_spellings import REAL_WORDS, SPELLINGS
from gateway.core.reply_words import PHRASES, WORDS

ACTIONS = {Meaning.CONFIRM, Meaning.RESCHEDULE, Meaning.CANCEL}
ACTING = ACTIONS | {Meaning.OPT_OUT}

CLEAR = {
    Meaning.CONFIRM: ["1", "да", "подтверждаю", "приду", "буду", "ок", "yes", "confirm", "первый"],
    Meaning.RESCHEDULE: ["2", "перенести", "перенесите", "в другой день", "reschedule", "второй"],
    Meaning.CANCEL: ["3", "отмена", "отмените запись", "не приду", "cancel", "третий"],
}
REPLIES = st.sampled_from([(text, means) for means, texts in CLEAR.items() for text in texts])
OPENINGS = ["Здравствуйте", "Добрый день", "привет", "Спасибо", "извините", "К сожалению", "Hello"]
CLOSINGS = ["спасибо", "пожалуйста", "Спасибо за напоминание", "thanks", "до свидания", "please"]
SEPARATORS = [", ", ". ", "! ", "\n", "\r\n", "\n\n", " - "]
INVISIBLE = ["\u200b", "\u200d", "\ufeff", "\u2060", "\u00ad", "\ufe0f", "\u202e", "\U000e0031"]
DIGIT_ZEROS = "0０٠۰०০੦௦๐໐၀០᠐𝟎𝟘𝟢𝟬𝟶"
LOOK_ALIKES = str.maketrans("аеорсухАВЕКМНОРСТХ", "aeopcyxABEKMHOPCTX")

KEYS = dict(
    zip("йцукенгшщзхъфывапролджэячсмитьбю", "qwertyuiop[]asdfghjkl;'zxcvbnm,.", strict=True)
)

DRESSES = [
    "{}.",
    "{})",
    "({})",
    "[{}]",
    "<{}>",
    "«{}»",
    '"{}"',
    "'{}'",
    "*{}*",
    "_{}_",
    "{}!!!",
    "{}…",
]
GREETED = st.tuples(
    st.sampled_from(["", *OPENINGS]), st.sampled_from(SEPARATORS), st.sampled_from(["", *CLOSINGS])
)

DOUBTS = [
    "наверное", "может быть", "если", "но позже", "только", "постараюсь", "не знаю", "maybe", "if",
    "probably", "нет да", "а сколько стоит", "Маша", "опоздаю", "в 3 часа", "10:30", "15.05",
    "+79161234567", "через 2 дня", "2 человека", "12", "👎", "❌", "🤔", "или нет",
]  # fmt: skip

# Sentences of patients about other things, with a number in them that is no option.
NUMBERED = [
    "буду через {} час", "приду в {}", "приду к {}", "в {} часа", "на {} раньше", "мне {} года",
    "кабинет {}", "{} этаж", "{} января", "{}.05", "{}:30", "1{}", "{}7", "{} человека",
    "опоздаю на {} минуты", "через {} дня", "{} раза звонил", "{} недели болею", "перенести на {}",
    "перенесите на {} февраля", "отмените {} записи", "подтверждаю на {}:00", "прием {}",
    "запись {}", "coming at {}", "{} pm", "in {} days", "room {}", "cancel {} appointments",
    "at {}", "{} people", "№{}5", "+7916{}234567", "8-800-{}00-35-35", "{}%", "{} руб", "{}½",
    "-{}", "{}-4", "{}/4", "{}+1", "к {} не успею", "с {} до 5", "дом {}", "температура 3{}",
    "{} дня температура", "{} визита", "{} ребенка", "в {} не приду", "нас {}", "{} моих приема",
]  # fmt: skip


def meaning(text: str) -> Meaning:
    return read_reply(text).meaning


@pytest.mark.rule("U-1")
@given(REPLIES, GREETED, st.sampled_from(["", ">Подтвердите визит: 1, 2, 3?\n", "> отмена\n"]))
def test_courtesy_and_quotes_never_change_the_action(
    reply: tuple[str, Meaning], greeted: tuple[str, str, str], quoted: str
) -> None:
    text, means = reply
    opening, separator, closing = greeted
    parts = [part for part in (opening, text, closing) if part]
    assert meaning(quoted + separator.join(parts)) is means


@pytest.mark.rule("U-2")
@given(
    st.sampled_from([("1", Meaning.CONFIRM), ("2", Meaning.RESCHEDULE), ("3", Meaning.CANCEL)]),
    st.sampled_from(DIGIT_ZEROS),
    st.lists(st.sampled_from(INVISIBLE), max_size=3),
    st.sampled_from(["{}", *DRESSES]),
)
def test_a_digit_means_its_option_in_any_script_and_dress(
    reply: tuple[str, Meaning], zero: str, invisible: list[str], dress: str
) -> None:
    digit, means = reply
    written = "".join(invisible) + chr(ord(zero) + int(digit)) + "".join(invisible)
    assert meaning(dress.format(written)) is means


@pytest.mark.rule("U-3")
@given(REPLIES, st.randoms(use_true_random=False))
def test_case_look_alikes_and_invisible_characters_never_change_the_action(
    reply: tuple[str, Meaning], chance: random.Random
) -> None:
    text, means = reply
    chars = [chance.choice((char, char.upper())) for char in text]
    if len(text) > 1 and not text.isascii():
        at = chance.randrange(1, len(chars))  # a word keeps a letter that says its script
        chars = [*chars[:at], *(c.translate(LOOK_ALIKES) if c in "оО" else c for c in chars[at:])]
    chars.insert(chance.randrange(len(chars) + 1), chance.choice(INVISIBLE))
    assert meaning("".join(chars)) is means


@pytest.mark.rule("U-3")
@given(REPLIES)
def test_a_word_typed_on_the_other_keyboard_never_means_another_action(
    reply: tuple[str, Meaning],
) -> None:
    text, means = reply
    other = {en: ru for ru, en in KEYS.items()} if text.isascii() else KEYS
    typed = "".join(other.get(char, char) for char in text)
    assume(len(text) > 1 and typed != text)
    assert meaning(typed) is means


@pytest.mark.rule("U-3")
@given(
    REPLIES, st.integers(0, 20), st.integers(3, 9), st.sampled_from(["", "!", "!!!", "...", ")))"])
)
def test_stretched_letters_never_turn_one_action_into_another(
    reply: tuple[str, Meaning], at: int, times: int, end: str
) -> None:
    text, means = reply
    at %= len(text)
    stretched = text[:at] + text[at] * times + text[at + 1 :] + end
    assert meaning(stretched) is (Meaning.AMBIGUOUS if text.isdigit() else means)


@pytest.mark.rule("U-4")
@given(REPLIES, REPLIES, st.sampled_from([" ", ", ", " и ", " или ", "/", "\n", ". ", " а не "]))
def test_two_options_never_act(
    left: tuple[str, Meaning], right: tuple[str, Meaning], between: str
) -> None:
    assume((right[0], between) != ("в другой день", " "))  # «приду в другой день» is one answer
    got = meaning(left[0] + between + right[0])
    allowed = {left[1], Meaning.AMBIGUOUS} if left[1] is right[1] else {Meaning.AMBIGUOUS}
    assert got in allowed


@pytest.mark.rule("U-4")
@given(st.text(max_size=20), REPLIES, st.text(max_size=20), st.sampled_from("?？؟❓⁉¿"))
def test_a_question_never_acts(
    before: str, reply: tuple[str, Meaning], after: str, mark: str
) -> None:
    text = f"{before} {reply[0]}{mark} {after}".replace(">", "")
    assert meaning(text) not in ACTING


@pytest.mark.rule("U-4")
@given(REPLIES, st.sampled_from(["не ", "не надо ", "только не ", "никогда не ", "not ", "don't "]))
def test_a_negated_option_is_never_that_option(reply: tuple[str, Meaning], negation: str) -> None:
    text, means = reply
    got = meaning(negation + text)
    assert got is not means
    assert got in {Meaning.AMBIGUOUS, Meaning.CANCEL}
    assert got is Meaning.AMBIGUOUS or text in {"приду", "буду"}


@pytest.mark.rule("U-4")
@given(REPLIES, st.sampled_from(DOUBTS), st.sampled_from([" ", ", ", "\n"]), st.booleans())
def test_anything_doubtful_beside_an_option_stops_it(
    reply: tuple[str, Meaning], doubt: str, between: str, first: bool
) -> None:
    parts = (doubt, reply[0]) if first else (reply[0], doubt)
    assert meaning(between.join(parts)) is Meaning.AMBIGUOUS


@pytest.mark.rule("U-4")
@given(
    st.sampled_from(NUMBERED),
    st.sampled_from("123١２²①"),
    st.sampled_from(["", "Здравствуйте, ", "да, ", "Спасибо. ", "я "]),
    st.sampled_from(["", ".", "!", " спасибо", " пожалуйста"]),
)
def test_a_digit_in_a_time_date_quantity_or_phone_never_acts(
    sentence: str, digit: str, before: str, after: str
) -> None:
    assert meaning(before + sentence.format(digit) + after) is Meaning.AMBIGUOUS


@pytest.mark.rule("U-3")
@settings(max_examples=300)
@given(
    st.sampled_from(sorted(REAL_WORDS)),
    st.sampled_from(["", "да ", "1 ", "отмена ", "перенесите ", "не приду "]),
)
def test_a_real_word_near_an_option_never_acts_nor_joins_one(word: str, beside: str) -> None:
    assert meaning(beside + word) not in ACTING


@pytest.mark.rule("U-3")
@settings(max_examples=300)
@given(
    st.sampled_from(sorted(w for p, _ in PHRASES.items() if len(p) == 1 for w in p if len(w) > 3)),
    st.integers(0, 30),
    st.sampled_from("абвгдеийклмнопрстуыьюяabcdeiknorst"),
    st.sampled_from(["drop", "insert", "replace", "swap"]),
)
def test_a_misspelling_never_means_another_action_than_its_word(
    word: str, at: int, letter: str, edit: str
) -> None:
    at %= len(word)
    edited = {
        "drop": word[:at] + word[at + 1 :],
        "insert": word[:at] + letter + word[at:],
        "replace": word[:at] + letter + word[at + 1 :],
        "swap": word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :],
    }[edit]
    stretched = re.search(r"(.)\1", edited)
    if edited not in WORDS | SPELLINGS.keys() and not stretched:
        assert meaning(edited) in {meaning(word), Meaning.AMBIGUOUS, Meaning.UNKNOWN}


@given(st.text(max_size=300))
def test_any_text_has_a_reading(text: str) -> None:
    reading = read_reply(text)
    assert isinstance(reading.meaning, Meaning)
    assert reading.meaning in {Meaning.AMBIGUOUS, Meaning.UNKNOWN} or reading.matched


@given(st.lists(st.characters(), max_size=40).map("".join))
def test_a_lone_surrogate_is_no_obstacle(text: str) -> None:
    read_reply("\ud800" + text + "\udfff")


@given(st.one_of(REPLIES.map(lambda reply: reply[0]), st.text(max_size=60)))
def test_the_reading_does_not_depend_on_the_unicode_form(text: str) -> None:
    composed = read_reply(unicodedata.normalize("NFC", text))
    assert read_reply(unicodedata.normalize("NFD", text)) == composed


@given(REPLIES, st.sampled_from(["", *OPENINGS]), st.sampled_from(["", *CLOSINGS]))
def test_compatibility_forms_read_alike(
    reply: tuple[str, Meaning], opening: str, closing: str
) -> None:
    text = f"{opening}, {reply[0]}, {closing}"
    assert read_reply(unicodedata.normalize("NFKC", text)) == read_reply(text)


@given(st.sampled_from([" ".join(words) for words in PHRASES]))
def test_every_phrase_is_read_with_its_first_letter_large_and_a_full_stop(phrase: str) -> None:
    assert meaning(phrase.capitalize() + ".") is meaning(phrase)
