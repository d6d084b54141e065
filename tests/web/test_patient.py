"""The patient page over a real socket: opening changes nothing, a button does."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.core.model import Status
from gateway.errors import StoreUnavailable
from gateway.web.patient_html import HEADERS
from tests.service.support import case_ref
from tests.web.patients import Patient, patient_of
from tests.web.support import appointment


@pytest.fixture
async def patient() -> AsyncIterator[Patient]:
    async with patient_of() as somebody:
        yield somebody


@pytest.mark.rule("P-1")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "query",
    ["", "?step=cancel", "?step=times", "?answer=cancel", "?said=confirm", "?said=cancel", "?%00"],
)
async def test_opening_a_link_changes_nothing(patient: Patient, method: str, query: str) -> None:
    """Link previews open links too, and follow what they find there."""
    await patient.asked()
    before = await patient.edge.case()
    timeline = await patient.edge.store.timeline(case_ref())
    for _ in range(5):
        page = await patient.request(method, patient.path + query)
        assert page.status == 200
        assert "Спасибо" not in page.says
    assert await patient.edge.case() == before
    assert await patient.edge.store.timeline(case_ref()) == timeline


@pytest.mark.rule("P-1")
async def test_to_cancel_takes_a_second_button(patient: Patient) -> None:
    """A slip of the thumb must not cost the appointment."""
    await patient.asked()
    page = await patient.opens("?step=cancel")
    assert "Отменить приём?" in page.text
    assert page.buttons == ["cancel"]
    assert 'href="?">Назад' in page.text
    assert await patient.status() is Status.UNCONFIRMED
    page = await patient.presses("cancel", shown=page.shown)
    assert "Запись отменена." in page.says
    assert "Чтобы записаться снова, позвоните в клинику." in page.says


@pytest.mark.rule("P-1")
async def test_what_cannot_be_cancelled_asks_nothing(patient: Patient) -> None:
    await patient.asked()
    await patient.presses("reschedule")
    page = await patient.opens("?step=cancel")
    assert (page.buttons, "Отменить приём?" in page.text) == ([], False)


@pytest.mark.rule("P-1")
async def test_a_press_leads_to_a_page_that_can_be_reloaded(patient: Patient) -> None:
    """After a 303 neither a reload nor the back button presses again."""
    await patient.asked()
    pressed = await patient.request("POST", data={"answer": "confirm"}, allow_redirects=False)
    assert (pressed.status, pressed.text) == (303, "")
    assert pressed.headers["Location"] == "?said=confirm"
    for _ in range(3):
        page = await patient.opens("?said=confirm")
        assert "Спасибо, запись подтверждена." in page.says
    assert len((await patient.edge.case()).pushes) == 1


@pytest.mark.rule("C-10")
async def test_thanks_are_only_said_for_what_is_true(patient: Patient) -> None:
    """An old address of a press that the staff has undone since."""
    await patient.asked()
    await patient.presses("confirm")
    await patient.edge.put(appointment(status="cancelled"))
    page = await patient.opens("?said=confirm")
    assert "подтверждена" not in page.says
    assert "Запись отменена." in page.says


@pytest.mark.rule("P-1", "C-17")
async def test_a_form_that_is_older_than_the_visit_changes_nothing(patient: Patient) -> None:
    """A form that was left open, or comes again from a browser's memory."""
    await patient.asked()
    old = (await patient.opens()).shown
    await patient.edge.put(appointment(status="confirmed"))
    page = await patient.presses("cancel", shown=old)
    assert await patient.status() is Status.CONFIRMED
    assert "Пока страница была открыта, запись изменилась." in page.says
    page = await patient.presses("cancel", shown=page.shown)
    assert await patient.status() is Status.CANCELLED


@pytest.mark.rule("P-1", "S-1")
async def test_a_replayed_form_does_not_answer_a_later_question(patient: Patient) -> None:
    await patient.asked()
    old = (await patient.opens()).shown
    await patient.presses("cancel", shown=old)
    await patient.edge.work()
    await patient.edge.call("POST", "/v1/clinics/zdorovie/changes:ack", {"through": 1})
    assert await patient.status() is Status.CANCELLED
    await patient.edge.put(appointment(status="unconfirmed"))  # the staff put it back
    await patient.presses("cancel", shown=old)
    assert await patient.status() is Status.UNCONFIRMED


@pytest.mark.rule("S-1", "G-6")
async def test_many_presses_at_once_are_one_answer(patient: Patient) -> None:
    """A double click, or two phones with the same link."""
    await patient.asked()
    shown = (await patient.opens()).shown
    pressed = [patient.presses("confirm", shown=shown) for _ in range(8)]
    pages = await asyncio.gather(*pressed)
    assert {page.status for page in pages} == {200}
    assert all("Спасибо, запись подтверждена." in page.says for page in pages)
    assert await patient.status() is Status.CONFIRMED
    assert [push.after for push in (await patient.edge.case()).pushes] == [Status.CONFIRMED]


@pytest.mark.rule("P-1", "P-3", "C-9")
@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        ("confirm", Status.CONFIRMED, "Спасибо, запись подтверждена."),
        ("reschedule", Status.RESCHEDULE_REQUESTED, "Из клиники вам позвонят"),
        ("cancel", Status.CANCELLED, "Запись отменена."),
    ],
)
async def test_a_button_answers(patient: Patient, answer: str, status: Status, said: str) -> None:
    await patient.asked()
    assert (await patient.opens()).buttons == ["confirm", "reschedule", "?cancel"]
    page = await patient.presses(answer)
    assert (page.status, await patient.status()) == (200, status)
    assert said in page.text
    await patient.edge.work()
    _, feed = await patient.edge.call("GET", "/v1/clinics/zdorovie/changes")
    assert [(c["to"], c["source"]) for c in feed["changes"]] == [(status.value, "link")]


@pytest.mark.rule("C-12")
async def test_an_answer_on_the_page_brings_no_message(patient: Patient) -> None:
    await patient.asked()
    before = len(patient.edge.channel.sent)
    await patient.presses("confirm")
    await patient.edge.work()
    assert len(patient.edge.channel.sent) == before


@pytest.mark.rule("C-10", "Z-8")
async def test_a_confirmed_patient_may_change_their_mind(patient: Patient) -> None:
    await patient.asked()
    await patient.presses("confirm")
    page = await patient.opens()
    assert page.buttons == ["reschedule", "?cancel"]
    assert "Запись подтверждена, ждём вас." in page.text
    page = await patient.presses("cancel")
    assert (page.buttons, await patient.status()) == ([], Status.CANCELLED)
    assert "+73433000000" in page.text


@pytest.mark.rule("Z-8", "C-10")
@pytest.mark.parametrize("status", ["reschedule_requested", "cancelled", "arrived"])
async def test_what_is_settled_has_no_buttons_and_takes_no_answer(
    patient: Patient, status: str
) -> None:
    await patient.asked()
    await patient.edge.put(appointment(status=status))
    assert (await patient.opens()).buttons == []
    page = await patient.presses("confirm")
    assert (page.status, (await patient.status()).value) == (200, status)
    assert "Спасибо, запись подтверждена." not in page.text


async def test_a_second_press_says_what_is_true(patient: Patient) -> None:
    await patient.asked()
    await patient.presses("confirm")
    page = await patient.presses("confirm")
    assert "Спасибо, запись подтверждена." in page.text
    page = await patient.presses("cancel")
    page = await patient.presses("confirm")
    assert "Ваш ответ ничего не изменил." in page.says
    assert "Запись отменена." in page.says
    assert "подтверждена" not in page.says
    assert len((await patient.edge.case()).pushes) == 2


@pytest.mark.rule("P-2", "C-17")
async def test_the_link_of_an_old_time_is_dead(patient: Patient) -> None:
    await patient.asked()
    await patient.edge.put(appointment(start="2026-11-26T10:00:00+05:00"))
    for page in (await patient.opens(), await patient.presses("cancel")):
        assert (page.status, page.buttons) == (410, [])
        assert "Время приёма изменилось" in page.text
        assert "+73433000000" in page.text
    assert await patient.status() is Status.UNCONFIRMED


@pytest.mark.rule("P-2")
async def test_each_time_has_its_own_link(patient: Patient) -> None:
    await patient.asked()
    old = patient.path
    await patient.edge.put(appointment(start="2026-11-24T18:00:00+05:00"))
    await patient.edge.work()
    new = (patient.edge.channel.sent[-1].content.link or "").removeprefix("https://visits.example")
    assert new != old
    assert (await patient.request("GET", new)).status == 200
    assert (await patient.request("GET", old)).status == 410


@pytest.mark.rule("P-2")
async def test_the_link_of_a_removed_visit_is_dead(patient: Patient) -> None:
    await patient.asked()
    await patient.edge.call("DELETE", "/v1/clinics/zdorovie/appointments/A-1")
    for page in (await patient.opens(), await patient.presses("confirm")):
        assert (page.status, page.buttons) == (410, [])
        assert "больше нет в расписании" in page.text


@pytest.mark.rule("P-2", "Z-8")
async def test_the_link_is_dead_from_the_moment_the_visit_begins(patient: Patient) -> None:
    await patient.asked()
    patient.edge.clock.advance(hours=25, minutes=29, seconds=59)
    assert (await patient.opens()).status == 200
    patient.edge.clock.advance(seconds=1)
    for page in (await patient.opens(), await patient.presses("cancel")):
        assert (page.status, page.buttons) == (410, [])
        assert "уже наступило" in page.text
    assert await patient.status() is Status.UNCONFIRMED


@pytest.mark.rule("P-2")
@pytest.mark.parametrize(
    "token", ["x", "0" * 16, "z" * 16, "a" * 65, "%00", "..%2f..", "%D0%96", "a%1fb", "*", "-"]
)
async def test_a_link_that_was_never_sent_leads_nowhere(patient: Patient, token: str) -> None:
    await patient.asked()
    for method in ("GET", "POST"):
        page = await patient.request(method, f"/v/{token}", data={"answer": "cancel"})
        assert page.status == 404
        assert "Петров" not in page.text
    assert await patient.status() is Status.UNCONFIRMED


@pytest.mark.rule("P-2")
async def test_a_remembered_token_of_another_visit_or_secret_leads_nowhere(
    patient: Patient,
) -> None:
    """The hint alone is not believed: the token has to be that of the visit."""
    await patient.asked()
    await patient.edge.store.remember("link:" + "z" * 16, case_ref(), timedelta(days=1))
    assert (await patient.request("GET", "/v/" + "z" * 16)).status == 404


@pytest.mark.rule("P-2")
async def test_a_link_is_short_and_unguessable(patient: Patient) -> None:
    await patient.asked()
    assert re.fullmatch(r"/v/[0-9a-z]{16}", patient.path)


@pytest.mark.rule("P-4", "W-1")
async def test_the_page_shows_no_more_than_the_message(patient: Patient) -> None:
    await patient.asked(service=False)
    page = await patient.opens()
    for shown in ("Петров Иван Сергеевич", "терапевт", "Здоровье", "14:30"):
        assert shown in page.text
    for hidden in ("Сидорова", "Мария", "79161234567", "P-1", "A-1", "Ленина"):
        assert hidden not in page.text


@pytest.mark.rule("P-4")
@pytest.mark.parametrize("path", ["", "/v/unknown"])
async def test_no_page_is_indexed_cached_or_framed(patient: Patient, path: str) -> None:
    await patient.asked()
    for method in ("GET", "HEAD", "POST"):
        page = await patient.request(method, path or None, allow_redirects=False)
        for name, value in HEADERS.items():
            assert page.headers[name] == value
        assert "no-store" in page.headers["Cache-Control"]
        assert "noindex" in page.headers["X-Robots-Tag"]
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert "form-action 'self'" in page.headers["Content-Security-Policy"]
        assert "unsafe" not in page.headers["Content-Security-Policy"]
        assert "Set-Cookie" not in page.headers


@pytest.mark.rule("P-1")
async def test_the_page_is_small_and_needs_nothing_else(patient: Patient) -> None:
    await patient.asked()
    page = await patient.opens()
    assert len(page.text.encode()) < 20_000
    assert '<meta name="viewport"' in page.text
    for foreign in ("<script", "javascript:", "onclick", "src=", "http://", "https://", "url("):
        assert foreign not in page.text
    assert page.text.count('<form method="post" action="?">') == 2


@pytest.mark.rule("P-1", "G-10")
@pytest.mark.parametrize(
    ("person", "language", "title"),
    [
        ({}, "ru", "Ваш приём"),
        ({"language": "en"}, "en", "Your appointment"),
        ({"language": "ru"}, "ru", "Ваш приём"),
    ],
)
async def test_the_page_speaks_the_patients_language(
    patient: Patient, person: dict[str, str], language: str, title: str
) -> None:
    await patient.asked(person=person)
    page = await patient.opens()
    assert f'<html lang="{language}">' in page.text
    assert title in page.text
    assert (await patient.presses("confirm")).status == 200


@pytest.mark.rule("G-7")
async def test_the_page_speaks_the_guardians_language(patient: Patient) -> None:
    guardian = {"id": "G-1", "phones": ["+79161234567"], "consent": True, "language": "en"}
    await patient.asked(person={"guardian": guardian})
    assert "Your appointment" in (await patient.opens()).text


async def test_while_the_store_is_away_the_page_says_so(patient: Patient) -> None:
    await patient.asked()

    async def away(hint: str) -> None:
        raise StoreUnavailable("away")

    patient.edge.store.recall = away  # type: ignore[method-assign]
    page = await patient.opens()
    assert page.status == 503
    assert "попробуйте через минуту" in page.text
    assert page.headers["Cache-Control"] == "no-store"


async def test_a_visit_whose_branch_is_gone_leads_nowhere(patient: Patient) -> None:
    await patient.asked()
    case = await patient.edge.case()
    document = patient.edge.store._partitions[0]._documents["case:zdorovie:A-1"]
    document.body = replace(case, branch="closed")
    assert (await patient.opens()).status == 404


@pytest.mark.rule("G-10")
@pytest.mark.parametrize(
    ("liked", "title"),
    [
        ("", "Страница приёма"),
        ("en", "Your appointment"),
        ("de-DE, en-GB;q=0.7, ru;q=0.3", "Your appointment"),
        ("ru-RU,ru;q=0.9,en;q=0.8", "Страница приёма"),
        ("de", "Страница приёма"),
    ],
)
async def test_whoever_is_unknown_is_told_in_the_browsers_language(
    patient: Patient, liked: str, title: str
) -> None:
    page = await patient.request("GET", "/v/" + "0" * 16, headers={"Accept-Language": liked})
    assert (page.status, f"<h1>{title}</h1>" in page.text) == (404, True)
    assert f'<html lang="{page.headers["Content-Language"]}">' in page.text


async def test_a_known_patients_language_goes_before_the_browsers(patient: Patient) -> None:
    await patient.asked()
    page = await patient.request("GET", headers={"Accept-Language": "en"})
    assert '<html lang="ru">' in page.text


@pytest.mark.rule("P-2")
async def test_a_link_that_was_typed_by_hand_is_read_as_meant(patient: Patient) -> None:
    """Crockford's alphabet: capitals are small letters, O is zero, I and L are one."""
    await patient.asked()
    typed = patient.path.removeprefix("/v/").upper().replace("0", "O").replace("1", "l")
    assert (await patient.request("GET", f"/v/{typed}")).status == 200
    assert (await patient.request("GET", f"{patient.path}.")).status == 200


@pytest.mark.rule("P-1")
async def test_the_clinics_phone_can_be_tapped(patient: Patient) -> None:
    await patient.asked()
    assert '<a href="tel:+73433000000">+7 343 300-00-00</a>' in (await patient.opens()).text


@pytest.mark.rule("P-1", "W-1")
async def test_the_page_names_weekday_date_and_time_of_the_branch(patient: Patient) -> None:
    await patient.asked()
    page = await patient.opens()
    assert '<time datetime="2026-11-24T14:30+05:00">' in page.text
    assert "Вторник, 24 ноября, 14:30" in page.says


async def test_further_rows_stand_below_the_buttons() -> None:
    """Where other parts of the product offer the patient something."""

    async def row(visit: Any) -> str:
        return f'<p id="row">{visit.case.id}</p>'

    async with patient_of(rows=[row]) as patient:
        await patient.asked()
        page = await patient.opens()
        assert page.text.index('value="confirm"') < page.text.index('<p id="row">A-1</p>')
        assert "row" not in (await patient.opens("?step=cancel")).says
