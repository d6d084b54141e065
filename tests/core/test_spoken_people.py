from __future__ import annotations

import pytest

from gateway.core.model import Person
from gateway.core.spoken import spoken_doctor, spoken_name, spoken_specialty
from gateway.core.spoken_people import is_stand_in


def name_of(first: str, middle: str = "", last: str = "", language: str = "ru") -> str:
    return spoken_name(Person("P-1", first, middle, last), language)


@pytest.mark.rule("C-3")
@pytest.mark.parametrize(
    ("first", "middle", "said"),
    [
        ("Мария", "Ивановна", "Мария Ивановна"),
        ("МАРИЯ", "ИВАНОВНА", "Мария Ивановна"),
        ("мария", "ивановна", "Мария Ивановна"),
        (" Мария ", " Ивановна ", "Мария Ивановна"),
        ("Мария", "", "Мария"),
        ("Мария", "-", "Мария"),
        ("Мария", "И.", "Мария"),
        ("Мария (мама)", "Ивановна", "Мария Ивановна"),
        ("Мария, не звонить", "Ивановна", "Мария Ивановна"),
        ("Анна-Мария", "", "Анна-Мария"),
        ("АННА-МАРИЯ", "", "Анна-Мария"),
        ("Мамед", "Али оглы", "Мамед Али оглы"),
        ("МАМЕД", "АЛИ ОГЛЫ", "Мамед Али оглы"),
        ("Ия", "Львовна", "Ия Львовна"),
        ("Петр", "Федорович", "Пётр Фёдорович"),
        ("Артем", "Семенович", "Артём Семёнович"),
        ("John", "", "Джон"),
        ("Әлия", "", "Элия"),
    ],
)
def test_a_patient_is_addressed_by_first_and_middle_name(
    first: str, middle: str, said: str
) -> None:
    assert name_of(first, middle) == said


@pytest.mark.parametrize(
    "first",
    ["", " ", "-", "—", "...", "Тест", "ТЕСТ", "test", "б/н", "н/д", "нет", "не указано", "Мария2",
     "123", "+79161234567", "М.", "М", "ааа", "xxx", "Пациент", "Аноним", "Без имени", "Имя",
     "Ребёнок", "РЕБЕНОК", "\N{GRINNING FACE}"],
)  # fmt: skip
def test_who_has_no_name_is_not_addressed(first: str) -> None:
    assert name_of(first, "Ивановна") == ""


@pytest.mark.rule("W-1")
@pytest.mark.parametrize(
    ("first", "middle", "last", "said"),
    [
        ("Сидорова Мария Ивановна", "", "", "Мария Ивановна"),
        ("Мария Ивановна Сидорова", "", "", "Мария Ивановна"),
        ("Сидорова Мария", "Ивановна", "Сидорова", "Мария Ивановна"),
        ("Мария", "СИДОРОВА", "Сидорова", "Мария"),
        ("Сидорова", "Мария", "Сидорова", ""),
    ],
)
def test_a_surname_is_never_said(first: str, middle: str, last: str, said: str) -> None:
    assert name_of(first, middle, last) == said


def test_a_guardian_is_addressed_instead() -> None:
    guardian = Person("P-2", "Анна", "Петровна", "Сидорова")
    child = Person("P-1", "Иван", "Олегович", "Сидоров", guardian=guardian)
    assert spoken_name(child, "ru") == "Анна Петровна"


def test_a_russian_name_has_latin_letters_in_english() -> None:
    assert name_of("Пётр", "Фёдорович", language="en") == "Pyotr Fyodorovich"
    assert name_of("Петр", "Федорович", language="en") == "Pyotr Fyodorovich"


@pytest.mark.rule("C-3")
@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Петров Иван Сергеевич", "Петров Иван Сергеевич"),
        ("ПЕТРОВ ИВАН СЕРГЕЕВИЧ", "Петров Иван Сергеевич"),
        ("петров иван", "Петров Иван"),
        ("Петров И. С.", "Петров"),
        ("Петров И.С.", "Петров"),
        ("Петров И.С", "Петров"),
        ("Петров И С", "Петров"),
        ("Петров ИС", "Петров"),
        ("И. С. Петров", "Петров"),
        ("И.С.Петров", "Петров"),
        ("Петров Иван С.", "Петров Иван"),
        ("Петров, Иван Сергеевич", "Петров Иван Сергеевич"),
        ("Петров Иван Сергеевич, к.м.н.", "Петров Иван Сергеевич"),
        ("Иванова (Петрова) Мария", "Иванова Мария"),
        ("ИВАНОВ И.И. (ТЕРАПЕВТ)", "Иванов"),
        ("Римский-Корсаков Николай Андреевич", "Римский-Корсаков Николай Андреевич"),
        ("РИМСКИЙ-КОРСАКОВ Н. А.", "Римский-Корсаков"),
        ("О'Коннор Джеймс", "Оконнор Джеймс"),
        ("Ким Светлана", "Ким Светлана"),
        ("Ли АН", "Ли"),
        ("Королев Федор Семенович", "Королёв Фёдор Семёнович"),
        ("Королева Алена Петровна", "Королёва Алёна Петровна"),
        ("Лазарев Писарев Токарев", "Лазарев Писарев Токарев"),
        ("Кузьменко Левин", "Кузьменко Левин"),
        ("Д-р Петров И. С.", "доктор Петров"),
        ("Врач Петров", "Врач Петров"),
        ("Ван дер Хорст Анна", "Ван дер Хорст Анна"),
        ("Влад Иванов", "Влад Иванов"),
        ("Ю Мария", "Ю Мария"),
        ("О Сергей Иванович", "О Сергей Иванович"),
        ("Ю Петров", "Петров"),
        ("Smith John", "Смит Джон"),
        ("Кабинет УЗИ №2", "Кабинет узи номер два"),
        ("Кабинет КТ", "Кабинет ка тэ"),
        ("", ""),
        ("-", ""),
        ("Тест", ""),
        ("ТЕСТОВЫЙ ВРАЧ", ""),
        ("Врач", ""),
        ("не указан", ""),
        ("Вакансия", ""),
        ("123", ""),
        ("И. С.", ""),
    ],
)
def test_a_doctor_has_the_full_name_without_initials(written: str, said: str) -> None:
    assert spoken_doctor(written, "ru") == said


def test_a_doctor_in_english() -> None:
    assert spoken_doctor("Dr. J. R. Smith", "en") == "Doctor Smith"
    assert spoken_doctor("Щукин Евгений Юрьевич", "en") == "Shchukin Yevgeny Yuryevich"


@pytest.mark.parametrize("written", ["", "-", "не указана", "нет", "123"])
def test_an_unknown_specialty_is_empty(written: str) -> None:
    assert spoken_specialty(written, "ru") == ""


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Терапевт", "general practitioner"),
        ("врач-кардиолог", "cardiologist"),
        ("ЛОР", "ear, nose and throat doctor"),
        ("Врач УЗИ", "ultrasound doctor"),
        ("Cardiologist", "cardiologist"),
        ("ENT doctor", "E N T doctor"),
        ("Иглорефлексотерапевт", "iglorefleksoterapevt"),
    ],
)
def test_specialties_are_named_in_english(written: str, said: str) -> None:
    assert spoken_specialty(written, "en") == said


def test_a_clinic_names_a_specialty_itself() -> None:
    assert spoken_specialty("Терапевт", "en", {"Терапевт": "family doctor"}) == "family doctor"
    assert spoken_specialty("Врач УЗД", "ru", {"УЗД": "диагност"}) == "врач диагност"


@pytest.mark.parametrize("text", ["-", "", "Не указано", "без имени", "н/д", "ааа", "1234"])
def test_stand_ins_are_seen(text: str) -> None:
    assert is_stand_in(text)


@pytest.mark.parametrize("text", ["Ян", "Нелли", "Ноябрина", "Терапевт", "Безруков"])
def test_words_that_only_look_like_stand_ins_are_none(text: str) -> None:
    assert not is_stand_in(text)
