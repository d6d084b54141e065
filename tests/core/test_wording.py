from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.case import Content
from gateway.core.clinic import Branch
from gateway.core.links import link_of, read_payload
from gateway.core.model import Answer, Appointment, Channel, Doctor, Person, Status
from gateway.core.segments import sms_segments
from gateway.core.texts import texts_of
from gateway.core.wording import (
    ABOUTS,
    CHAT_ONLY,
    FACTS,
    FIRST_WORD,
    STATES,
    WITH_BUTTONS,
    WITHOUT_VISIT,
    Texts,
    compose,
    facts_of,
    sample_facts,
    sample_visit,
    samples,
    template_body,
)
from tests.core.test_texts import DOCUMENTS

TEXTS: Texts = texts_of([DOCUMENTS["ru"], DOCUMENTS["en"]])
RU, EN = TEXTS.by_language["ru"], TEXTS.by_language["en"]
CHATS = (Channel.WHATSAPP, Channel.MAX, Channel.TELEGRAM)
CHANNELS = (*CHATS, Channel.SMS, Channel.PUSH)
MENU = "1 — подтвердить\n2 — перенести\n3 — отменить"

BRANCH = Branch(
    clinic="zdorovie",
    id="lenina",
    name="Клиника «Здоровье» на Ленина",
    timezone="Asia/Yekaterinburg",
    name_in_messages="Здоровье",
    phone="+73433000000",
    link_base="https://zdorovie.example/v/",
    link_secret=b"secret",
)
VISIT = Appointment(
    id="A.1",
    branch="lenina",
    start=datetime.fromisoformat("2026-11-24T09:30:00+00:00"),
    created=datetime.fromisoformat("2026-11-20T09:00:00+00:00"),
    patient=Person("P-1", "Мария", "Ивановна", "Сидорова"),
    doctor=Doctor("Петров Иван Сергеевич", "Терапевт"),
)
LINK = link_of(BRANCH, "A.1", 1)

# Gaps where a fact should stand, and what is left of the pattern language.
UNSOUND = re.compile(
    r"  | [,.:;!?)]|\(\)|[{}|\[\]]|,$|[,:;][.,]|: *\Z|: *\n\S+:|^[,.:]", re.MULTILINE
).search


def message(
    about: str,
    channel: Channel = Channel.WHATSAPP,
    visit: Appointment | None = VISIT,
    branch: Branch = BRANCH,
) -> Content:
    zone = branch.timezone
    choices = (("A-2", VISIT.start + timedelta(days=1), zone), ("A.1", VISIT.start, zone))
    return compose(TEXTS, about, channel, branch=branch, snapshot=visit, booking=1, choices=choices)


def with_patient(**changes: object) -> Appointment:
    return replace(VISIT, patient=replace(VISIT.patient, **changes))


# What a message names


@pytest.mark.rule("W-1", "C-9")
def test_the_confirmation_in_a_chat_offers_link_numbers_and_buttons() -> None:
    content = message("confirmation")
    assert content.text == (
        "Здравствуйте! Мария Ивановна, просим подтвердить запись на приём.\n\n"
        "Где: Здоровье\n"
        "Когда: во вторник, 24 ноября, в 14:30\n"
        "Врач: Петров Иван Сергеевич, терапевт\n\n"
        f"Ответить можно по ссылке {LINK} или цифрой в этом чате:\n{MENU}"
    )
    assert content.link == LINK
    assert [button.title for button in content.buttons] == ["Подтвердить", "Перенести", "Отменить"]
    assert [read_payload(button.payload) for button in content.buttons] == [
        (answer, 1, "A.1") for answer in (Answer.CONFIRM, Answer.RESCHEDULE, Answer.CANCEL)
    ]


@pytest.mark.rule("C-9")
def test_the_confirmation_by_sms_carries_the_link_and_by_push_opens_the_app() -> None:
    sms, push = message("confirmation", Channel.SMS), message("confirmation", Channel.PUSH)
    assert sms.text == (
        f"Здоровье: приём 24 ноября в 14:30, Петров Иван Сергеевич (терапевт). Подтвердите: {LINK}"
    )
    assert (sms.link, sms.buttons, sms.parameters) == (LINK, (), ())
    assert "Откройте приложение" in push.text
    assert (push.link, push.buttons, push.parameters) == (None, (), ())


@pytest.mark.rule("W-1")
@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("about", ["details", "confirmation", "reminder"])
def test_messages_name_branch_time_doctor_and_specialty(about: str, channel: Channel) -> None:
    text = message(about, channel).text
    for fact in ("Здоровье", "24 ноября", "14:30", "Петров Иван Сергеевич", "терапевт"):
        assert fact in text
    assert "на Ленина" not in text


@pytest.mark.rule("W-1", "G-2")
def test_times_are_in_the_branchs_zone() -> None:
    kamchatka = replace(BRANCH, timezone="Asia/Kamchatka")
    late = replace(VISIT, start=VISIT.start + timedelta(hours=3))
    assert "в среду, 25 ноября, в 00:30" in message("reminder", visit=late, branch=kamchatka).text


@pytest.mark.rule("W-1")
def test_every_weekday_and_month_is_written_as_it_is_said() -> None:
    whens, dates = set(), set()
    for days in range(365):
        visit = replace(VISIT, start=VISIT.start + timedelta(days=days))
        facts = facts_of(RU, BRANCH, visit)
        whens.add(facts["when"].split(",")[0])
        dates.add(facts["date"].split()[1])
    assert whens == {
        "в понедельник",
        "во вторник",
        "в среду",
        "в четверг",
        "в пятницу",
        "в субботу",
        "в воскресенье",
    }
    assert dates == {
        "января",
        "февраля",
        "марта",
        "апреля",
        "мая",
        "июня",
        "июля",
        "августа",
        "сентября",
        "октября",
        "ноября",
        "декабря",
    }
    assert facts_of(EN, BRANCH, VISIT)["when"] == "Tuesday 24 November at 14:30"
    assert facts_of(RU, BRANCH, VISIT)["day"] == "вторник, 24 ноября"


@pytest.mark.rule("W-1")
@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("about", ABOUTS)
def test_no_message_names_a_surname(about: str, channel: Channel) -> None:
    guardian = Person("G-1", "Анна", "Сидорова", "Сидорова")
    visit = with_patient(first_name="Сидорова Мария", guardian=guardian)
    for one in (visit, with_patient(first_name="Сидорова Мария")):
        assert "сидоров" not in message(about, channel, one).text.casefold()


HIDDEN = st.text(alphabet="ЖЩЪЫЭ", min_size=4, max_size=12)
"""Texts that occur in none of ours and in no fact that may be told."""


@pytest.mark.rule("W-1", "P-4")
@given(
    surname=HIDDEN, other=HIDDEN, full_name=st.booleans(), language=st.sampled_from(["ru", "en"])
)
def test_nothing_about_a_patient_is_told_but_how_they_are_addressed(
    surname: str, other: str, full_name: bool, language: str
) -> None:
    """Surnames, ids, numbers and the kind of visit stay with us, in every language."""
    first = f"{surname} Мария" if full_name else "Мария"
    guardian = Person(f"{other}-G", first, "Ивановна", surname, (f"+7{other}",), language)
    patient = Person(f"{other}-P", first, "Ивановна", surname, (f"+7{other}",), language)
    for person in (patient, replace(patient, guardian=guardian)):
        visit = replace(
            VISIT,
            id=other,
            patient=person,
            service=True,
            club=True,
            anonymous=True,
            online_consultation=True,
        )
        for about in ABOUTS:
            for channel in CHANNELS:
                content = message(about, channel, visit)
                told = f"{content.text} {' '.join(content.parameters)}".casefold()
                assert surname.casefold() not in told, about
                assert other.casefold() not in told, about


@pytest.mark.rule("W-1")
def test_a_text_can_name_no_other_fact_about_a_visit() -> None:
    """Whoever adds a fact decides here that it is nothing medical beyond the specialty."""
    assert set(FACTS) == {
        *("clinic", "phone", "link", "visits", "state"),
        *("when", "day", "date", "weekday", "time"),
        *("doctor", "specialty", "name"),
    }


@pytest.mark.rule("G-7", "W-1")
def test_the_guardian_is_addressed_by_name() -> None:
    guardian = Person("G-1", "Анна", "Петровна", "Сидорова", language="en")
    content = message("reminder", visit=with_patient(guardian=guardian, language="ru"))
    assert content.text.startswith("Hello! Анна Петровна, this is a reminder")
    assert "Мария" not in content.text


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Терапевт", "терапевт"),
        ("ЛОР", "ЛОР"),
        ("УЗИ-диагностика", "УЗИ-диагностика"),
        ("врач УЗИ", "врач УЗИ"),
        ("  Детский\nхирург ", "детский хирург"),
        ("", ""),
    ],
)
def test_a_specialty_stands_inside_a_sentence(written: str, said: str) -> None:
    facts = facts_of(RU, BRANCH, replace(VISIT, doctor=Doctor("", written)))
    assert facts["specialty"] == said


@pytest.mark.rule("W-1")
@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("about", ABOUTS)
@pytest.mark.parametrize("doctor", [Doctor(), Doctor("Петров"), Doctor("", "терапевт")])
def test_what_is_unknown_leaves_a_sound_sentence(
    about: str, channel: Channel, language: str, doctor: Doctor
) -> None:
    unknown = replace(with_patient(first_name="", middle_name=""), doctor=doctor)
    branch = replace(BRANCH, phone="", language=language)
    text = message(about, channel, unknown, branch).text.replace("https://", "")
    assert not UNSOUND(text), text


def test_facts_are_written_in_one_line() -> None:
    visit = replace(with_patient(first_name=" Мария\n"), doctor=Doctor("Петров\tИван", "a\nb"))
    branch = replace(BRANCH, name_in_messages="", name="Наша\nклиника")
    facts = facts_of(RU, branch, visit)
    assert (facts["name"], facts["doctor"], facts["specialty"]) == (
        "Мария Ивановна",
        "Петров Иван",
        "a b",
    )
    assert facts["clinic"] == "Наша клиника"


# Answers to the patient


@pytest.mark.rule("C-12")
@pytest.mark.parametrize("channel", [*CHATS, Channel.SMS])
def test_the_acknowledgement_of_reschedule_holds_the_link(channel: Channel) -> None:
    content = message("acknowledgement.reschedule", channel)
    assert LINK in content.text
    assert content.link == LINK


@pytest.mark.rule("C-7")
@pytest.mark.parametrize("channel", CHANNELS)
def test_the_reschedule_link_is_in_the_message_on_every_channel(channel: Channel) -> None:
    content = message("reschedule_link", channel)
    assert LINK in content.text
    assert content.link == LINK


@pytest.mark.rule("C-10")
@pytest.mark.parametrize("channel", [*CHATS, Channel.SMS])
@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status.UNCONFIRMED, "не подтверждена"),
        (Status.CONFIRMED, "уже подтверждена"),
        (Status.RESCHEDULE_REQUESTED, "просьба"),
        (Status.CANCELLED, "отменена"),
        (Status.ARRIVED, "ваш приход"),
        (Status.COMPLETED, "уже состоялся"),
        (Status.NO_SHOW, "состоя"),
    ],
)
def test_a_late_answer_is_told_the_true_state_and_how_to_change_it(
    status: Status, words: str, channel: Channel
) -> None:
    content = message(f"state.{status}", channel, replace(VISIT, status=status))
    assert words in content.text.casefold()
    page_changes_it = status in (Status.UNCONFIRMED, Status.CONFIRMED)
    assert (LINK in content.text) is page_changes_it
    assert (BRANCH.phone in content.text) is not page_changes_it
    if not page_changes_it:
        assert "подтвер" not in content.text


@pytest.mark.rule("C-10", "S-2")
@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("channel", CHANNELS)
def test_a_conflict_is_told_with_the_true_state(channel: Channel, status: Status) -> None:
    visit = replace(VISIT, status=status)
    text = message("acknowledgement.conflict", channel, visit).text
    assert RU.states[status] in text
    assert BRANCH.phone in text
    in_english = message(
        "acknowledgement.conflict", channel, visit, replace(BRANCH, language="en")
    ).text
    if status is Status.CANCELLED:
        assert "confirm" not in in_english
        assert "подтвер" not in text


@pytest.mark.rule("C-10")
@pytest.mark.parametrize("about", [*STATES, "acknowledgement.cancel"])
def test_confirmed_is_said_in_english_only_where_it_is_true(about: str) -> None:
    text = message(about, branch=replace(BRANCH, language="en")).text
    is_said = "confirm" in text.casefold()
    assert is_said is (about in ("state.confirmed", "state.unconfirmed"))


@pytest.mark.rule("C-13")
@pytest.mark.parametrize("about", ["clarification.options", "clarification.repeat"])
def test_what_was_not_understood_is_asked_again_with_three_options(about: str) -> None:
    chat, sms = message(about), message(about, Channel.SMS)
    assert MENU in chat.text
    assert len(chat.buttons) == 3
    assert "1 — приду, 2 — перенести, 3 — отменить" in sms.text
    assert sms.buttons == ()


@pytest.mark.rule("C-11", "Z-10")
@pytest.mark.parametrize("channel", [Channel.WHATSAPP, Channel.SMS])
def test_which_visit_lists_the_visits_in_their_order(channel: Channel) -> None:
    content = message("clarification.which_visit", channel, None)
    assert "— вторник, 24 ноября, 14:30\n— среда, 25 ноября, 14:30\n" in content.text
    assert content.link is None


@pytest.mark.rule("Z-12")
def test_a_moved_visit_is_told_with_its_new_time() -> None:
    moved = replace(VISIT, start=VISIT.start + timedelta(days=2))
    assert "в четверг, 26 ноября, в 14:30" in message("state.moved", visit=moved).text


@pytest.mark.rule("Z-8", "Z-12")
@pytest.mark.parametrize("channel", [Channel.WHATSAPP, Channel.SMS])
@pytest.mark.parametrize("about", ["state.removed", "state.begun", "clinic_phone"])
def test_what_only_the_clinic_can_change_is_answered_with_its_phone(
    about: str, channel: Channel
) -> None:
    content = message(about, channel)
    assert BRANCH.phone in content.text
    assert content.link is None


@pytest.mark.rule("C-15")
@pytest.mark.parametrize(("language", "word"), [("ru", "старт"), ("en", "start")])
def test_an_opt_out_is_acknowledged_with_the_way_back(language: str, word: str) -> None:
    branch = replace(BRANCH, language=language)
    assert word in message("acknowledgement.opt_out", visit=None, branch=branch).text
    assert word not in message("acknowledgement.opt_in", visit=None, branch=branch).text


@pytest.mark.parametrize("channel", [*CHATS, Channel.SMS])
@pytest.mark.parametrize("about", sorted(WITHOUT_VISIT - {"clarification.which_visit"} - CHAT_ONLY))
def test_a_number_without_a_visit_can_be_answered(about: str, channel: Channel) -> None:
    content = message(about, channel, None)
    assert "Здоровье" in content.text
    assert (content.link, content.buttons, content.template) == (None, (), about)


# Languages


@pytest.mark.rule("G-10")
@pytest.mark.parametrize(
    ("patient", "guardian", "branch", "spoken"),
    [
        (None, "", "ru", "ru"),
        (None, "", "en", "en"),
        ("en", "", "ru", "en"),
        ("EN-gb", "", "ru", "en"),
        ("en", None, "ru", "en"),
        ("en", "ru", "en", "ru"),
        ("tt", "", "en", "en"),
        ("tt", "tt", "tt", "ru"),
    ],
)
def test_the_language_is_the_contacts_the_patients_or_the_branchs(
    patient: str | None, guardian: str | None, branch: str, spoken: str
) -> None:
    who = None if guardian == "" else Person("G-1", language=guardian)
    visit = with_patient(language=patient, guardian=who)
    assert message("reminder", visit=visit, branch=replace(BRANCH, language=branch)).language == (
        spoken
    )


# Templates and samples


@pytest.mark.rule("W-2")
@pytest.mark.parametrize("language", ["ru", "en"])
def test_there_is_a_sample_of_every_message_for_every_channel(language: str) -> None:
    found = {(about, channel) for about, channel, _ in samples(TEXTS.by_language[language])}
    for about in ABOUTS:
        channels = CHANNELS if about in FIRST_WORD else (*CHATS, Channel.SMS)
        channels = CHATS if about in CHAT_ONLY else channels
        assert {channel for one, channel in found if one == about} == set(channels)


@pytest.mark.rule("H-6")
@pytest.mark.parametrize("language", ["ru", "en"])
def test_an_sms_has_at_most_two_parts(language: str) -> None:
    words = TEXTS.by_language[language]
    encoding = "UCS-2" if language == "ru" else "GSM-7"
    for _, channel, content in samples(words):
        if channel is Channel.SMS:
            length = sms_segments(content.text)
            assert (length.encoding, length.count <= 2) == (encoding, True)


def test_sample_facts_are_those_of_the_example_visit() -> None:
    facts = sample_facts(RU)
    branch, visit = sample_visit(RU)
    assert facts["name"] == "Мария Ивановна"
    assert facts["link"] == link_of(branch, visit.id, 1)


@pytest.mark.parametrize("about", ABOUTS)
@given(first_name=st.sampled_from(["", "Мария"]), doctor=st.sampled_from(["", "Петров"]))
def test_a_chat_message_is_its_template_with_the_parameters_put_in(
    about: str, first_name: str, doctor: str
) -> None:
    visit = replace(with_patient(first_name=first_name), doctor=Doctor(doctor))
    content = compose(
        TEXTS,
        about,
        Channel.WHATSAPP,
        branch=BRANCH,
        snapshot=visit,
        booking=1,
        choices=[("A.1", VISIT.start, "Europe/Moscow")],
    )
    body = template_body(RU, about)
    for number, value in enumerate(content.parameters, 1):
        body = body.replace(f"{{{{{number}}}}}", value)
    assert body == content.text
    assert content.template == about
    if about in FIRST_WORD:
        assert all(value and "\n" not in value for value in content.parameters)
    assert bool(content.buttons) is (about in WITH_BUTTONS)
