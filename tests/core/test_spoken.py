from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.core.model import Doctor, Person
from gateway.core.pattern import read_pattern
from gateway.core.spoken import (
    LANGUAGES,
    call_facts,
    speech,
    spoken_date,
    spoken_day,
    spoken_time,
    spoken_when,
)
from gateway.core.spoken_ru import clock_words, date_words
from tests.core.strategies import a_branch, a_person, a_visit

START = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
YEKATERINBURG = "Asia/Yekaterinburg"
FACTS = {"name", "clinic", "specialty", "doctor", "when", "day", "date", "time", "phone", "state"}

# Dates and times


@pytest.mark.rule("C-3")
def test_a_moment_is_said_as_the_branch_s_clock_shows_it() -> None:
    said = "во вторник, двадцать четвёртого ноября, в четырнадцать часов тридцать минут"
    assert spoken_when(START, YEKATERINBURG, "ru") == said
    assert spoken_time(START, YEKATERINBURG, "ru") == "четырнадцать часов тридцать минут"
    assert spoken_date(START, YEKATERINBURG, "ru") == "двадцать четвёртого ноября"
    assert spoken_day(START, YEKATERINBURG, "ru") == "во вторник, двадцать четвёртого ноября"
    assert spoken_time(START, "Europe/Moscow", "ru") == "двенадцать часов тридцать минут"
    assert spoken_day(START, "Pacific/Auckland", "ru") == "во вторник, двадцать четвёртого ноября"
    assert spoken_day(START, "Pacific/Kiritimati", "ru") == "во вторник, двадцать четвёртого ноября"
    late = START + timedelta(hours=12)
    assert spoken_day(late, YEKATERINBURG, "ru") == "в среду, двадцать пятого ноября"


def test_a_moment_is_said_in_english() -> None:
    said = "on Tuesday, the twenty-fourth of November, at two thirty in the afternoon"
    assert spoken_when(START, YEKATERINBURG, "en") == said
    assert spoken_day(START, YEKATERINBURG, "en") == "on Tuesday, the twenty-fourth of November"


def test_every_weekday_has_its_preposition() -> None:
    days = [
        spoken_day(START + timedelta(days=step), "UTC", "ru").split(",")[0] for step in range(7)
    ]
    assert days == [
        "во вторник", "в среду", "в четверг", "в пятницу", "в субботу", "в воскресенье",
        "в понедельник",
    ]  # fmt: skip


@pytest.mark.rule("C-3")
def test_days_and_times_of_a_leap_year_are_all_said_differently() -> None:
    """A sample of the product: every day of 2028, at minutes that wander over the whole day."""
    zone = ZoneInfo(YEKATERINBURG)
    said = set()
    for step in range(366 * 5):
        wall = datetime(2028, 1, 1, tzinfo=zone) + timedelta(
            days=step // 5, minutes=step * 353 % 1440
        )
        when = spoken_when(wall.astimezone(UTC), YEKATERINBURG, "ru")
        assert when.endswith(
            f", {date_words(wall.day, wall.month)}, в {clock_words(wall.hour, wall.minute)}"
        )
        assert speech(when, "ru") == when
        said.add(when)
    assert len(said) == 366 * 5


@pytest.mark.rule("C-3")
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_said_of_a_moment_is_left_as_it_is(language: str) -> None:
    for minute in range(0, 1440, 7):
        when = spoken_when(START + timedelta(minutes=minute), "UTC", language)
        assert speech(f"{when}.", language) == f"{when}."


@pytest.mark.parametrize("language", ["ru", "ru-RU", "RU", "en", "en-GB"])
def test_a_language_has_a_region_or_not(language: str) -> None:
    assert speech("1", language) in ("один", "one")


def test_a_language_that_is_not_spoken_is_named() -> None:
    with pytest.raises(ValueError, match="'kk'"):
        speech("1", "kk")
    with pytest.raises(ValueError, match="'kk'"):
        spoken_when(START, "UTC", "kk")


# Overrides


@pytest.mark.parametrize(
    ("text", "overrides", "said"),
    [
        ("Клиника Smile", {"Smile": "Смайлик"}, "Клиника Смайлик"),
        ("Клиника «SMILE»", {"smile": "Смайлик"}, "Клиника Смайлик"),
        ("Клиника «Smile+»", {"Smile+": "Смайл плюс"}, "Клиника Смайл плюс"),
        ("Smiles", {"Smile": "Смайлик"}, "Смилес"),
        ("КДЦ №8", {"КДЦ": "диагностический центр"}, "диагностический центр номер восемь"),
        ("КДЦ №85", {"КДЦ": "центр", "КДЦ №85": "Парнас"}, "Парнас"),
        ("Клиника №1", {"№1": "первая"}, "Клиника первая"),
        ("Клиника №12", {"№1": "первая"}, "Клиника номер двенадцать"),
        ("Берёзка", {"березка": "у берёзы"}, "у берёзы"),
        ("Березка", {"Берёзка": "у берёзы"}, "у берёзы"),
        ("ООО Ромашка", {"ООО Ромашка": ""}, ""),
        ("Кабинет К2", {"К2": "каб. 2"}, "Кабинет кабинет два"),
        ("Терапевт", {"": "пусто", "!": "", "Хирург": "доктор"}, "Терапевт"),
        ("Клиника", {"Клиника": "клиника 24/7"}, "клиника двадцать четыре на семь"),
    ],
)  # fmt: skip
def test_a_clinic_s_own_reading_comes_first(
    text: str, overrides: dict[str, str], said: str
) -> None:
    assert speech(text, "ru", overrides) == said


def test_a_reading_in_which_the_written_form_stands_is_taken_once() -> None:
    overrides = {"Ромашка": "клиника Ромашка №1"}
    once = speech("Приходите в «Ромашка».", "ru", overrides)
    assert once == "Приходите в клиника Ромашка номер один."
    assert speech(once, "ru", overrides) == once


def test_the_order_of_readings_does_not_matter() -> None:
    overrides = {"Smile": "Смайлик", "Smile Dental": "Смайл Дентал"}
    backwards = dict(reversed(overrides.items()))
    assert speech("Smile Dental", "ru", overrides) == "Смайл Дентал"
    assert speech("Smile Dental", "ru", backwards) == "Смайл Дентал"


# Facts of a call


@pytest.mark.rule("C-3")
def test_the_facts_of_a_call_are_words() -> None:
    branch = a_branch(name_in_messages="Клиника «Здоровье» на ул. Ленина")
    visit = a_visit(doctor=Doctor("ПЕТРОВ ИВАН СЕРГЕЕВИЧ", "Врач УЗИ"))
    assert call_facts(visit, branch, "ru", state="запись подтверждена") == {
        "name": "Мария Ивановна",
        "clinic": "Здоровье на улице Ленина",
        "specialty": "врач узи",
        "doctor": "Петров Иван Сергеевич",
        "when": "во вторник, двадцать четвёртого ноября, в четырнадцать часов тридцать минут",
        "day": "во вторник, двадцать четвёртого ноября",
        "date": "двадцать четвёртого ноября",
        "time": "четырнадцать часов тридцать минут",
        "phone": "плюс семь, триста сорок три, триста, ноль ноль, ноль ноль",
        "state": "запись подтверждена",
    }


@pytest.mark.rule("C-3")
def test_what_a_clinic_does_not_know_is_empty() -> None:
    visit = a_visit(doctor=Doctor(), patient=Person("P-1"))
    facts = call_facts(visit, a_branch(phone=""), "ru")
    assert set(facts) == FACTS
    assert {name for name, fact in facts.items() if not fact} == {
        "name", "specialty", "doctor", "phone", "state",
    }  # fmt: skip


def test_readings_of_the_branch_hold_in_every_fact() -> None:
    overrides = {"Здоровье": "Здоровье плюс", "терапевт": "врач терапевт", "Петров": "Петро́в"}
    facts = call_facts(a_visit(), a_branch(), "ru", overrides)
    assert facts["clinic"] == "Здоровье плюс"
    assert facts["specialty"] == "врач терапевт"
    assert facts["doctor"] == "Петров Иван Сергеевич"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Клиника «Здоровье»", "Здоровье"),
        ("Клиника", "Клиника"),
        ("Клиника №1", "номер один"),
        ("Поликлиника №1", "Поликлиника номер один"),
        ("ООО «Клиника Здоровье»", "Здоровье"),
    ],
)
def test_a_clinic_stands_behind_the_word_clinic(written: str, said: str) -> None:
    assert call_facts(a_visit(), a_branch(name_in_messages=written), "ru")["clinic"] == said


def test_a_branch_without_a_name_for_messages_has_its_own() -> None:
    branch = a_branch(name_in_messages="")
    assert call_facts(a_visit(), branch, "ru")["clinic"] == "Здоровье на Ленина"


def test_the_facts_of_an_english_call_are_english() -> None:
    branch = a_branch(name_in_messages="Zdorovye Clinic", phone="+44 20 7946 0958")
    patient = a_person(first_name="Mary", middle_name="")
    facts = call_facts(replace(a_visit(), patient=patient), branch, "en", state="confirmed")
    assert facts["name"] == "Mary"
    assert facts["clinic"] == "Zdorovye Clinic"
    assert facts["specialty"] == "general practitioner"
    assert facts["doctor"] == "Petrov Ivan Sergeyevich"
    assert facts["when"].startswith("on Tuesday, the twenty-fourth of November, at two thirty")
    assert facts["phone"] == "plus four four, two zero, seven nine, four six, zero nine, five eight"


@pytest.mark.rule("C-3")
def test_a_sentence_of_the_script_is_said_with_its_facts() -> None:
    pattern = read_pattern(
        "[[{name}, здравствуйте.|Здравствуйте.]] Звоним подтвердить запись к врачу. Вас примет"
        "[[ {specialty}]][[ {doctor}]] в клинике {clinic}. Ждём вас {date} в {time}. Если придёте,"
        " нажмите 1. Если хотите перенести приём, нажмите 2. Отменить запись, нажмите 3. Для"
        " повтора информации, нажмите 0."
    )
    facts = call_facts(a_visit(), a_branch(), "ru")
    assert speech(pattern.fill(facts)[0], "ru") == (
        "Мария Ивановна, здравствуйте. Звоним подтвердить запись к врачу. Вас примет терапевт"
        " Петров Иван Сергеевич в клинике Здоровье. Ждём вас двадцать четвёртого ноября в"
        " четырнадцать часов тридцать минут. Если придёте, нажмите один. Если хотите перенести"
        " приём, нажмите два. Отменить запись, нажмите три. Для повтора информации, нажмите ноль."
    )
