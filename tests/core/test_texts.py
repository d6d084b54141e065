from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from gateway.core.model import Answer, Status
from gateway.core.texts import texts_of, warnings_of, words_of
from gateway.core.wording import ABOUTS, Family, families_of
from gateway.errors import InvalidInput
from gateway.scripts import SCRIPTS_FOLDER

DOCUMENTS: dict[str, dict[str, Any]] = {
    language: yaml.safe_load(
        (SCRIPTS_FOLDER / f"messages.{language}.yaml").read_text(encoding="utf-8")
    )
    for language in ("ru", "en")
}


def changed(field: str, value: object, language: str = "ru") -> dict[str, Any]:
    """Return the product's own document with one field changed, or taken out by None."""
    document = copy.deepcopy(DOCUMENTS[language])
    *path, last = field.split("/")
    place = document
    for step in path:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return document


def problems(document: object) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        words_of(document)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.rule("W-3")
def test_every_message_has_every_text_of_its_families() -> None:
    texts = texts_of([DOCUMENTS["ru"], DOCUMENTS["en"]])
    assert texts.languages == ("ru", "en")
    for words in texts.by_language.values():
        assert set(words.messages) == {(a, f) for a in ABOUTS for f in families_of(a)}
        assert set(words.states) == set(Status)
        assert list(words.buttons) == [Answer.CONFIRM, Answer.RESCHEDULE, Answer.CANCEL]


@pytest.mark.rule("W-3")
@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_products_own_texts_are_not_dear(language: str) -> None:
    assert warnings_of(words_of(DOCUMENTS[language])) == ()


@pytest.mark.rule("W-3")
@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        # facts
        (
            "messages/reminder/sms",
            "{date} в {time}, [[{doctor} {specialty}]]",
            "messages.reminder.sms: does not name {clinic}",
        ),
        (
            "messages/state.cancelled/sms",
            "{clinic}: отменена, {time}[[ {phone}]]",
            "messages.state.cancelled.sms: does not name {when} or {day} or {date}",
        ),
        (
            "messages/state.cancelled/sms",
            "{clinic}: отменена, {date}[[ {phone}]]",
            "messages.state.cancelled.sms: does not name {when} or {time}",
        ),
        (
            "messages/details/push",
            "{clinic}: {when}[[, {specialty}]]",
            "messages.details.push: does not name {doctor}",
        ),
        (
            "messages/details/push",
            "{clinic}: {when}[[, {doctor}]]",
            "messages.details.push: does not name {specialty}",
        ),
        (
            "messages/state.begun/sms",
            "{clinic}: {when} уже началось",
            "messages.state.begun.sms: does not name {phone}",
        ),
        (
            "messages/acknowledgement.conflict/sms",
            "{clinic}: {when} изменилась",
            "messages.acknowledgement.conflict.sms: does not name {state}",
        ),
        (
            "messages/clarification.which_visit/sms",
            "Какая запись?",
            "messages.clarification.which_visit.sms: does not name {visits}",
        ),
        # links
        (
            "messages/confirmation/sms",
            "{clinic}: {when}[[, {doctor}, {specialty}]]",
            "messages.confirmation.sms: does not name {link}",
        ),
        (
            "messages/acknowledgement.reschedule/chat",
            "{clinic}: {when}, принято",
            "messages.acknowledgement.reschedule.chat: does not name {link}",
        ),
        # numbers and words
        (
            "messages/clarification.options/sms",
            "{clinic}, {when}: 1 — да, 2 — нет, 12 и 33",
            "messages.clarification.options.sms: does not offer the number 3",
        ),
        (
            "messages/acknowledgement.opt_out/sms",
            "{clinic}: больше не пишем.",
            "messages.acknowledgement.opt_out.sms: does not tell the way back: старт or start",
        ),
        # unknown facts and facts out of place
        (
            "messages/state.moved/sms",
            "{clinic}, {when}, {surname}",
            "messages.state.moved.sms: {surname} is no fact",
        ),
        (
            "messages/state.moved/sms",
            "{clinic}, {when}, {visits}",
            "messages.state.moved.sms: {visits} is not known here",
        ),
        (
            "messages/clinic_phone/sms",
            "{clinic}[[, {phone}]], {when}",
            "messages.clinic_phone.sms: {when} is not known here",
        ),
        (
            "messages/clinic_phone/sms",
            "{clinic}: {phone}",
            "messages.clinic_phone.sms: {phone} may be unknown: write it inside [[ ]]",
        ),
        (
            "messages/clinic_phone/sms",
            "{clinic} [[{phone}",
            "messages.clinic_phone.sms: [[ and ]] stand in pairs, never one pair inside another",
        ),
        # templates
        (
            "messages/details/chat",
            "{clinic}: {when}, [[{doctor}, {specialty}|врач]].",
            "messages.details.chat: begins or ends with a fact, "
            "which WhatsApp refuses in templates",
        ),
        (
            "messages/details/chat",
            "В {clinic}: {when}[[, {doctor}, {specialty}|, врач]].",
            "messages.details.chat: holds two facts with nothing between them, "
            "which WhatsApp refuses in templates",
        ),
        (
            "messages/details/chat",
            "В {clinic}, {when} приём[[, {doctor}, {specialty}]].",
            "messages.details.chat: [[ ]] needs a last choice without facts: "
            "WhatsApp refuses empty ones",
        ),
        (
            "messages/details/chat",
            "В {clinic}, {when} приём[[\n{doctor}, {specialty}| — врач]].",
            "messages.details.chat: [[ ]] holds a line break, tab or four spaces, "
            "which WhatsApp refuses",
        ),
        (
            "messages/state.moved/chat",
            "{clinic} {when} {link} " + "о" * 1000,
            "messages.state.moved.chat: longer than 1024 characters with the sample's facts",
        ),
        (
            "messages/state.moved/sms",
            "{clinic}: {when}.",
            "messages.state.moved.sms: does not name {link} or {phone}",
        ),
        (
            "messages/acknowledgement.conflict/chat",
            "{clinic}: {when}: {state}.",
            "messages.acknowledgement.conflict.chat: does not name {link} or {phone}",
        ),
        (
            "states/cancelled",
            "запись\nотменена",
            "states.cancelled: holds a line break, tab or four spaces, "
            "which WhatsApp refuses in a fact",
        ),
        (
            "calendar/when",
            "{on_weekday},\n{date}, в {time}",
            "calendar.when: holds a line break, tab or four spaces, "
            "which WhatsApp refuses in a fact",
        ),
        (
            "calendar/weekdays",
            ["пн", "вт", "ср", "чт", "пт", "сб", "вос\tкресенье"],
            "calendar.weekdays: a name is empty or holds a line break, tab or four spaces, "
            "which WhatsApp refuses in a fact",
        ),
        # buttons, calendar, states, sample
        ("buttons/confirm", "Подтвердить эту запись", "buttons.confirm: longer than 20 characters"),
        ("calendar/date", "{number}", "calendar.date: does not name {month}"),
        ("calendar/date", "{number} {month} {date}", "calendar.date: {date} is not known here"),
        (
            "calendar/date",
            "{number} {month",
            "calendar.date: { and } stand only around the name of a fact: {clinic}",
        ),
        ("calendar/months", ["январь"], "calendar.months: 1 names instead of 12"),
        ("calendar/months", "январь", "calendar.months: not a list of names"),
        ("calendar/weekdays", [1, 2, 3, 4, 5, 6, 7], "calendar.weekdays: not a list of names"),
        ("sample/phone", 73433000000, "sample.phone: not a text"),
        ("language", "", "language: missing"),
    ],
)
def test_a_text_that_lacks_what_it_must_say_is_refused(
    field: str, value: object, expected: str
) -> None:
    assert expected in problems(changed(field, value))


@pytest.mark.rule("W-3")
@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("messages/reminder", "messages.reminder: missing"),
        ("messages/reminder/push", "messages.reminder.push: missing"),
        ("messages", "messages: missing"),
        ("states/no_show", "states.no_show: missing"),
        ("calendar", "calendar: missing"),
        ("calendar/on_weekdays", "calendar.on_weekdays: missing"),
        ("calendar/when", "calendar.when: missing"),
    ],
)
def test_what_is_missing_is_named_once(field: str, expected: str) -> None:
    assert problems(changed(field, None)) == [expected]


@pytest.mark.rule("W-3")
@pytest.mark.parametrize(
    "field", ["greeting", "buttons/repeat", "messages/farewell", "messages/clinic_phone/push"]
)
def test_what_nobody_would_read_is_refused(field: str) -> None:
    assert problems(changed(field, "text")) == [
        f"{field.replace('/', '.')}: there is no such field"
    ]


@pytest.mark.rule("W-3")
def test_everything_that_is_wrong_is_said_at_once() -> None:
    document = changed("buttons/cancel", "")
    document["messages"]["clinic_phone"]["sms"] = "Звоните"
    assert problems(document) == [
        "messages.clinic_phone.sms: does not name {clinic}",
        "messages.clinic_phone.sms: does not name {phone}",
        "buttons.cancel: missing",
    ]
    assert problems("text") == ["not a mapping of names to values"]


@pytest.mark.rule("W-3")
def test_a_middle_name_may_be_unknown_in_the_sample() -> None:
    assert words_of(changed("sample/middle_name", "")).sample.middle_name == ""


@pytest.mark.rule("H-6", "W-3")
def test_an_sms_of_more_than_two_parts_is_warned_about() -> None:
    words = words_of(changed("messages/state.begun/sms", "{clinic} {when}[[ {phone}]]" + "я" * 90))
    (warning,) = warnings_of(words)
    assert str(warning) == (
        "messages.state.begun.sms: 3 SMS parts with the sample's facts (142 units); "
        "charged by the part, that is 15 instead of 5"
    )


@pytest.mark.rule("W-3")
def test_a_clinic_can_write_its_own_text() -> None:
    own = "{clinic} ждёт вас {when}![[ Врач: {doctor} ({specialty}).]] {link}"
    words = words_of(changed("messages/reminder/sms", own))
    assert words.message("reminder", Family.SMS).facts == {
        "clinic",
        "when",
        "doctor",
        "specialty",
        "link",
    }
