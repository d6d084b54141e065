from __future__ import annotations

import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from gateway.core.reply import TEXT_CHARS_MAX, Meaning, Reading, read_reply

CORPUS = [
    json.loads(line)
    for line in (Path(__file__).parent / "reply_corpus.jsonl").read_text("utf-8").splitlines()
]
ACTIONS = {Meaning.CONFIRM, Meaning.RESCHEDULE, Meaning.CANCEL}
UNDERSTOOD = ACTIONS | {Meaning.REPEAT, Meaning.OPT_OUT, Meaning.OPT_IN}


def meaning(text: str) -> str:
    return read_reply(text).meaning.value


def groups() -> list[Any]:
    """Return the corpus by rule and answer; a row's "why" begins with its rule."""
    by_kind: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in CORPUS:
        by_kind[row["why"], row["answer"]].append(row)
    return [
        pytest.param(rows, id=f"{why}: {answer}", marks=pytest.mark.rule(why.split()[0]))
        for (why, answer), rows in by_kind.items()
    ]


@pytest.mark.parametrize("rows", groups())
def test_replies_of_patients_are_read_as_a_person_would(rows: list[dict[str, Any]]) -> None:
    misread = [(row["text"], got) for row in rows if (got := meaning(row["text"])) != row["answer"]]
    assert misread == []


def test_the_corpus_is_broad() -> None:
    texts = [row["text"] for row in CORPUS]
    assert len(texts) == len(set(texts)) >= 500
    assert {row["answer"] for row in CORPUS} == {each.value for each in Meaning}


@pytest.mark.rule("U-1")
@pytest.mark.parametrize(
    "text",
    [
        "Здравствуйте, Анна Сергеевна! {}. Спасибо за напоминание!",
        "Добрый день\n\n{}\n\nС уважением,\nПетров И.С.",
        "> Ждём вас завтра в 10:30. 1 - да, 3 - нет\n{}",
        "{}\nSent from my iPhone 12",
        "{}. Отправлено из мобильной Почты Mail.ru",
        "Hello, {}, thanks",
    ],
)
@pytest.mark.parametrize(
    ("option", "answer"), [("1", "confirm"), ("перенести", "reschedule"), ("не приду", "cancel")]
)
def test_courtesy_is_taken_off(text: str, option: str, answer: str) -> None:
    assert meaning(text.format(option)) == answer


@pytest.mark.rule("U-1")
@pytest.mark.parametrize(
    "text",
    [
        "1\nС уважением, но не приду",
        "1. С уважением. Передумала",
        "С уважением, Мария. 3, а не 1",
        "1\nС уважением, Мария Иванова Петровна из третьего подъезда",
        "1\nОтправлено с ошибкой, отмените",
        "Здравствуйте, Мария заболела, 1",
    ],
)
def test_what_is_no_signature_stays_in_the_message(text: str) -> None:
    assert meaning(text) == "ambiguous"


@pytest.mark.rule("U-1")
@pytest.mark.parametrize(
    "text",
    [
        "{}. Иванова",
        "{}, Иванова",
        "{}\nИванова Мария Петровна",
        "{}. Петров И.С.",
        "Иванова Мария, {}",
        "Здравствуйте, это Иванова. {}",
    ],
)
@pytest.mark.parametrize(
    ("option", "answer"), [("1", "confirm"), ("Перенести", "reschedule"), ("Не приду", "cancel")]
)
def test_the_patient_may_sign_without_courtesy(text: str, option: str, answer: str) -> None:
    assert meaning(text.format(option)) == answer


@pytest.mark.rule("U-1")
@pytest.mark.parametrize(
    "text",
    [
        "1 Иванова",
        "Отмените Иванова",
        "Это не Иванова, 1",
        "Да, Снова",
        "Приду, Маша",
        "1. Иванова Мария заболела",
        "Иванова не придёт, отмените",
        "Отмените. Иванова Мария, Иванов Пётр",
    ],
)
def test_whose_visit_it_is_stays_in_the_message(text: str) -> None:
    assert meaning(text) == "ambiguous"


@pytest.mark.rule("U-4")
@pytest.mark.parametrize("thing", ["клиника", "Доктор", "регистратура", "clinic"])
@pytest.mark.parametrize("number", ["{} 3", "{} №3", "{} номер 3", "3 {}"])
def test_the_number_of_something_is_no_option(thing: str, number: str) -> None:
    assert meaning(number.format(thing)) == "ambiguous"
    assert meaning("Уважаемая клиника, 3") == "cancel"


@pytest.mark.rule("U-4")
@pytest.mark.parametrize("needless", ["не нужна", "больше не нужна", "не актуальна", "не нужен"])
def test_what_is_not_needed_is_the_visit_or_the_option(needless: str) -> None:
    assert meaning(f"Запись {needless}, отмените") == "cancel"
    assert meaning(f"Отмените, {needless}") == "cancel"
    assert meaning(needless) == "ambiguous"
    assert meaning(f"отмена {needless}") == "ambiguous"
    assert meaning(f"отмена, к сожалению, {needless}") == "ambiguous"
    assert meaning(f"3, {needless}") == "ambiguous"


@pytest.mark.rule("U-6")
@pytest.mark.parametrize(
    "text",
    [
        "не звоните, смс",
        "Не звоните, лучше сообщения",
        "don't call me, text me",
        "stop calling, messages",
        "лучше не звонить",
    ],
)
def test_who_asks_for_another_way_does_not_opt_out(text: str) -> None:
    assert meaning(text) == "ambiguous"


@pytest.mark.rule("U-3")
def test_a_please_does_not_break_a_phrase() -> None:
    assert meaning("Снимите, пожалуйста, меня с записи") == "cancel"
    assert meaning("Поменяйте пожалуйста дату приёма") == "reschedule"
    assert meaning("не, пожалуйста, отменяйте") == "ambiguous"


@pytest.mark.rule("U-4")
@pytest.mark.parametrize("text", ["+-", "+/-", "-+", "+ -", "+− приду", "±", "плюс-минус"])
def test_plus_minus_is_no_plus(text: str) -> None:
    assert meaning(text) == "ambiguous"
    assert meaning("+ - подтверждаю") == "confirm"


@pytest.mark.rule("U-4")
@pytest.mark.parametrize("text", ["н", "к", "y?", "ghble?", "ghble yt ghble", "yt jnvtyznm", "b"])
def test_what_is_typed_on_the_other_keyboard_is_no_answer_either(text: str) -> None:
    assert meaning(text) in {"ambiguous", "unknown"}


@pytest.mark.rule("U-4")
@pytest.mark.parametrize("refusal", ["не смогу", "не могу", "не получится", "не буду", "не успею"])
@pytest.mark.parametrize("option", ["отменить", "перенести", "отменять", "подтвердить"])
@pytest.mark.parametrize("between", [" ", " завтра ", ", к сожалению, ", " пока "])
def test_a_refused_option_is_no_option(refusal: str, option: str, between: str) -> None:
    assert meaning(refusal + between + option) == "ambiguous"
    assert meaning(option + between + refusal) != "confirm"


@pytest.mark.rule("U-1")
def test_why_someone_cannot_come_leaves_the_option_clear() -> None:
    assert meaning("Не смогу прийти, заболел ребёнок. Перенесите, пожалуйста") == "reschedule"
    assert meaning("Не смогу прийти, заболел ребёнок. Отмените, пожалуйста") == "cancel"
    assert meaning("Не смогу прийти, заболел ребёнок.") == "ambiguous"


@pytest.mark.rule("U-6", "C-15")
@pytest.mark.parametrize("text", ["отмена", "cancel", "отмените", "end", "quit", "3", "нет"])
def test_menu_words_never_double_as_opt_out(text: str) -> None:
    assert read_reply(text).meaning is not Meaning.OPT_OUT


@pytest.mark.rule("U-6")
@pytest.mark.parametrize("option", ["1", "приду", "отмена", "перенесите", "да", "нет", "старт"])
@pytest.mark.parametrize("opt_out", ["стоп", "stop", "не пишите мне больше", "отписаться"])
def test_an_opt_out_beside_anything_else_is_asked_again(opt_out: str, option: str) -> None:
    assert meaning(f"{opt_out}, {option}") == "ambiguous"
    assert meaning(f"{option} {opt_out}") == "ambiguous"


@pytest.mark.rule("Z-10")
@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("14:30", (14, 30)),
        ("в 14:30", (14, 30)),
        ("14.30", (14, 30)),
        ("14-30", (14, 30)),
        ("на 14:30, пожалуйста", (14, 30)),
        ("Тот, что в 9:05", (9, 5)),
        ("запись на 00:00", (0, 0)),
        ("１４：３０", (14, 30)),
        ("٢٣:٥٩", (23, 59)),
        ("24:00", None),
        ("14:60", None),
        ("14:30?", None),
        ("14:30 или 15:30", None),
        ("1, 14:30", None),
        ("приду в 14:30", None),
        ("не в 14:30", None),
        ("14:30:15", None),
        ("1430", None),
        ("2", None),
    ],
)
def test_a_lone_clock_time_names_a_visit_and_never_acts(
    text: str, clock: tuple[int, int] | None
) -> None:
    reading = read_reply(text)
    assert reading.time == clock
    assert reading.meaning is (Meaning.RESCHEDULE if text == "2" else Meaning.AMBIGUOUS)


def test_the_pieces_that_decided_are_named() -> None:
    assert read_reply("Здравствуйте! ① — Да, пoдтвeрждаю") == Reading(
        Meaning.CONFIRM, ("1", "да", "подтверждаю")
    )
    assert read_reply("1 или 3").matched == ("1", "3")
    assert read_reply("Сколько стоит приём?") == Reading(Meaning.UNKNOWN)


@pytest.mark.rule("U-4")
@pytest.mark.parametrize("text", ["1", "отмена ", "да, ", "стоп ", "1\n"])
def test_a_message_longer_than_any_chat_allows_is_never_acted_on(text: str) -> None:
    assert meaning(text + " " * TEXT_CHARS_MAX) == "ambiguous"
    assert meaning(text * TEXT_CHARS_MAX) == "ambiguous"
    assert meaning("\u200b" * TEXT_CHARS_MAX + text) == "unknown"


@pytest.mark.parametrize(
    "text",
    [
        "1",
        "1 ",
        "a",
        "не ",
        "не,",
        "не смогу ",
        "1-",
        "1 - ",
        "- ",
        "\n",
        "> 1\n",
        "<1",
        "a'",
        "é",
        "о\u0301",
        "\u0336",
        "\ufdfa",
        "👍",
        "дa",
        "подтвержадю ",
        "с уважением ",
        "отправлено с ",
        "здравствуйте анна ",
    ],
)
def test_a_megabyte_is_read_at_once(text: str) -> None:
    started = time.perf_counter()
    read_reply(text * (1_000_000 // len(text)))
    assert time.perf_counter() - started < 2.0


@pytest.mark.parametrize(
    "text", ["", " ", "\n", "\x00", "\ud800", "1\ud83d", "\U0010ffff", "\ufffe"]
)
def test_any_string_has_a_reading(text: str) -> None:
    assert read_reply(text).meaning in {Meaning.UNKNOWN, Meaning.AMBIGUOUS}
