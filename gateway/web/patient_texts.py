"""The words of the patient page, in Russian and English."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.core.model import Answer, Status


@dataclass(frozen=True, slots=True)
class Words:
    """Everything the page says in one language; `{when}` is the time that the patient chose."""

    language: str
    title: str
    when: str
    where: str
    who: str
    phone: str
    buttons: Mapping[Answer, str]
    done: Mapping[Answer, str]
    then: Mapping[Answer, str]
    states: Mapping[Status, str]
    unchanged: str
    stale: str
    back: str
    # cancelling
    cancel_title: str
    cancel_sure: str
    cancel_yes: str
    # choosing another time
    times_title: str
    times_choose: str
    times_none: str
    times_away: str
    times_book: str
    times_other: str
    times_call_me: str
    times_call_later: str
    times_pick: str
    taken: str
    not_now: str
    moving: str
    look_again: str
    unsure: str
    moved_done: str
    moved_by_patient: str
    moved_link: str
    # links that lead nowhere
    moved: str
    removed: str
    begun: str
    error_title: str
    unknown: str
    busy: str
    too_often: str
    too_large: str


TEXTS: Mapping[str, Words] = {
    "ru": Words(
        language="ru",
        title="Ваш приём",
        when="Когда",
        where="Где",
        who="Врач",
        phone="Телефон клиники",
        buttons={
            Answer.CONFIRM: "Подтвердить",
            Answer.RESCHEDULE: "Перенести",
            Answer.CANCEL: "Отменить",
        },
        done={
            Answer.CONFIRM: "Спасибо, запись подтверждена.",
            Answer.RESCHEDULE: "Спасибо, мы передали вашу просьбу.",
            Answer.CANCEL: "Запись отменена.",
        },
        then={
            Answer.CONFIRM: "Ждём вас.",
            Answer.RESCHEDULE: "Из клиники вам позвонят, чтобы выбрать другое время.",
            Answer.CANCEL: "Чтобы записаться снова, позвоните в клинику.",
        },
        states={
            Status.UNCONFIRMED: "Пожалуйста, ответьте, придёте ли вы.",
            Status.CONFIRMED: "Запись подтверждена, ждём вас.",
            Status.RESCHEDULE_REQUESTED: (
                "Вы попросили перенести приём. Из клиники вам позвонят, чтобы выбрать другое время."
            ),
            Status.CANCELLED: "Запись отменена. Чтобы записаться снова, позвоните в клинику.",
            Status.ARRIVED: "Вы уже в клинике.",
            Status.COMPLETED: "Приём состоялся.",
            Status.NO_SHOW: "Приём не состоялся. Чтобы записаться снова, позвоните в клинику.",
        },
        unchanged="Ваш ответ ничего не изменил. Вот как обстоит дело сейчас.",
        stale="Пока страница была открыта, запись изменилась. Вот как обстоит дело сейчас.",
        back="Назад",
        cancel_title="Отменить приём?",
        cancel_sure="Время освободится для других пациентов, вернуть его может не получиться.",
        cancel_yes="Да, отменить приём",
        times_title="Перенести приём",
        times_choose="Выберите новое время:",
        times_none="Свободного времени в ближайшие недели не нашлось.",
        times_away="Сейчас не получается узнать, какое время свободно.",
        times_book="Перенести на это время",
        times_other="Другое время",
        times_call_me="Попросить клинику позвонить",
        times_call_later="Если ничего не подходит, дождитесь звонка из клиники.",
        times_pick="Выбрать новое время",
        taken="Это время только что заняли. Пожалуйста, выберите другое.",
        not_now="Перенести не получилось, запись осталась прежней. Попробуйте ещё раз чуть позже.",
        moving="Переносим приём: {when}. Подождите несколько секунд.",
        look_again="Проверить ещё раз",
        unsure=(
            "Пока не ясно, удалось ли перенести приём на новое время: {when}. "
            "Клиника проверит это и позвонит вам."
        ),
        moved_done="Приём перенесён.",
        moved_by_patient="Вы перенесли приём. Новое время: {when}.",
        moved_link="Открыть запись",
        moved="Время приёма изменилось, эта ссылка больше не действует.",
        removed="Этой записи больше нет в расписании.",
        begun="Время приёма уже наступило.",
        error_title="Страница приёма",
        unknown="Ссылка не найдена. Проверьте, что она открыта целиком.",
        busy="Сейчас не получается. Пожалуйста, попробуйте через минуту.",
        too_often="Слишком много запросов подряд. Пожалуйста, подождите немного и повторите.",
        too_large="Запрос слишком большой. Пожалуйста, откройте ссылку заново.",
    ),
    "en": Words(
        language="en",
        title="Your appointment",
        when="When",
        where="Where",
        who="Doctor",
        phone="The clinic's phone",
        buttons={
            Answer.CONFIRM: "Confirm",
            Answer.RESCHEDULE: "Reschedule",
            Answer.CANCEL: "Cancel",
        },
        done={
            Answer.CONFIRM: "Thank you, your appointment is confirmed.",
            Answer.RESCHEDULE: "Thank you, we have passed on your request.",
            Answer.CANCEL: "Your appointment is cancelled.",
        },
        then={
            Answer.CONFIRM: "See you soon.",
            Answer.RESCHEDULE: "The clinic will call you to choose another time.",
            Answer.CANCEL: "To book again, call the clinic.",
        },
        states={
            Status.UNCONFIRMED: "Please tell us whether you will come.",
            Status.CONFIRMED: "Your appointment is confirmed. See you soon.",
            Status.RESCHEDULE_REQUESTED: (
                "You have asked for another time. The clinic will call you to choose one."
            ),
            Status.CANCELLED: "This appointment is cancelled. To book again, call the clinic.",
            Status.ARRIVED: "You are at the clinic already.",
            Status.COMPLETED: "This appointment has taken place.",
            Status.NO_SHOW: "This appointment did not take place. To book again, call the clinic.",
        },
        unchanged="Your answer has changed nothing. This is how things stand now.",
        stale="The appointment changed while the page was open. This is how things stand now.",
        back="Back",
        cancel_title="Cancel the appointment?",
        cancel_sure="The time will be given to other patients; you may not get it back.",
        cancel_yes="Yes, cancel the appointment",
        times_title="Reschedule",
        times_choose="Choose a new time:",
        times_none="There is no free time in the next few weeks.",
        times_away="The free times cannot be shown right now.",
        times_book="Move to this time",
        times_other="Another time",
        times_call_me="Ask the clinic to call me",
        times_call_later="If nothing suits you, wait for the clinic's call.",
        times_pick="Choose a new time",
        taken="That time has just been taken. Please choose another one.",
        not_now="Rescheduling did not work; nothing has changed. Please try again a little later.",
        moving="Moving your appointment to {when}. This takes a few seconds.",
        look_again="Check again",
        unsure=(
            "It is not clear yet whether your appointment was moved to {when}. "
            "The clinic will check and call you."
        ),
        moved_done="Your appointment has been moved.",
        moved_by_patient="You have moved your appointment. The new time: {when}.",
        moved_link="Open the appointment",
        moved="The time has changed and this link is no longer valid.",
        removed="This appointment is no longer in the schedule.",
        begun="The appointment has begun already.",
        error_title="Your appointment",
        unknown="There is no such link. Please check that it was opened whole.",
        busy="This does not work right now. Please try again in a minute.",
        too_often="Too many requests in a row. Please wait a little and try again.",
        too_large="The request is too large. Please open the link again.",
    ),
}


def accepted(header: str) -> Words:
    """Return the words of the language that a browser likes best (RFC 9110, 12.5.4), of those
    that there are; Russian when it names none of them."""
    liked: list[tuple[float, int, str]] = []
    for place, item in enumerate(header[:1000].split(",")):
        tag, _, weight = item.partition(";")
        language = tag.strip().lower().split("-")[0]
        if language in TEXTS:
            liked.append((-_weight(weight), place, language))
    best = min(liked, default=(0.0, 0, ""))
    return TEXTS[best[2]] if best[0] < 0 else TEXTS["ru"]


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        found = float(value)
    except ValueError:
        return 0.0
    return found if 0 <= found <= 1 else 0.0
