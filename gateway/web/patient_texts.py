"""The words of the patient page, in Russian and English."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.core.model import Answer, Status


@dataclass(frozen=True, slots=True)
class Words:
    """Everything the page says in one language; `{phone}` is the clinic's."""

    language: str
    title: str
    when: str
    where: str
    who: str
    buttons: Mapping[Answer, str]
    done: Mapping[Answer, str]
    states: Mapping[Status, str]
    moved: str
    removed: str
    begun: str
    unknown: str
    busy: str


TEXTS: Mapping[str, Words] = {
    "ru": Words(
        language="ru",
        title="Ваш приём",
        when="Когда",
        where="Где",
        who="Врач",
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
        states={
            Status.UNCONFIRMED: "Пожалуйста, ответьте, придёте ли вы.",
            Status.CONFIRMED: "Запись подтверждена, ждём вас.",
            Status.RESCHEDULE_REQUESTED: (
                "Вы попросили перенести приём. Из клиники вам позвонят, чтобы выбрать другое время."
            ),
            Status.CANCELLED: "Запись отменена. Чтобы записаться снова, позвоните: {phone}",
            Status.ARRIVED: "Вы уже в клинике.",
            Status.COMPLETED: "Приём состоялся.",
            Status.NO_SHOW: "Приём не состоялся. Чтобы записаться снова, позвоните: {phone}",
        },
        moved="Время приёма изменилось, эта ссылка больше не действует. Телефон клиники: {phone}",
        removed="Этой записи больше нет в расписании. Телефон клиники: {phone}",
        begun="Время приёма уже наступило. Телефон клиники: {phone}",
        unknown="Ссылка не найдена. Проверьте, что она открыта целиком.",
        busy="Сейчас не получается. Пожалуйста, попробуйте через минуту.",
    ),
    "en": Words(
        language="en",
        title="Your appointment",
        when="When",
        where="Where",
        who="Doctor",
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
        states={
            Status.UNCONFIRMED: "Please tell us whether you will come.",
            Status.CONFIRMED: "Your appointment is confirmed. See you soon.",
            Status.RESCHEDULE_REQUESTED: (
                "You have asked for another time. The clinic will call you to choose one."
            ),
            Status.CANCELLED: "This appointment is cancelled. To book again, call {phone}",
            Status.ARRIVED: "You are at the clinic already.",
            Status.COMPLETED: "This appointment has taken place.",
            Status.NO_SHOW: "This appointment did not take place. To book again, call {phone}",
        },
        moved="The time has changed and this link is no longer valid. The clinic: {phone}",
        removed="This appointment is no longer in the schedule. The clinic: {phone}",
        begun="The appointment has begun already. The clinic: {phone}",
        unknown="There is no such link. Please check that it was opened whole.",
        busy="This does not work right now. Please try again in a minute.",
    ),
}
