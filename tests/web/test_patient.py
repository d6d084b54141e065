"""The patient page over a real socket: opening changes nothing, a button does."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.core.model import Status
from gateway.errors import StoreUnavailable
from gateway.web.patient import HEADERS, PatientPages
from tests.service.support import case_ref
from tests.web.support import Edge, appointment, edge


@dataclass
class Page:
    """One response of the page."""

    status: int
    text: str
    headers: Any

    @property
    def buttons(self) -> list[str]:
        return re.findall(r'<button class="\w+" name="answer" value="(\w+)"', self.text)


@dataclass
class Patient:
    """Somebody who got a link."""

    edge: Edge
    path: str = ""

    async def asked(self, **more: Any) -> None:
        """Let a confirmation go out and take its link."""
        await self.edge.put(appointment(**more))
        await self.edge.work()
        link = self.edge.channel.sent[-1].content.link
        assert link is not None
        self.path = link.removeprefix("https://visits.example")

    async def request(self, method: str, path: str | None = None, **more: Any) -> Page:
        async with self.edge.client.request(method, path or self.path, **more) as got:
            return Page(got.status, await got.text(), got.headers)

    async def opens(self) -> Page:
        return await self.request("GET")

    async def presses(self, answer: str) -> Page:
        return await self.request("POST", data={"answer": answer})

    async def status(self) -> Status:
        return (await self.edge.case()).status


@pytest.fixture
async def patient() -> AsyncIterator[Patient]:
    pages: list[PatientPages] = []
    async with edge(extra=[lambda app: pages.append(_late(app))]) as running:
        pages[0]._service = running.service
        yield Patient(running)


def _late(app: Any) -> PatientPages:
    """The service is known only after the application is made."""
    page = PatientPages(None)  # type: ignore[arg-type]
    page.add_to(app)
    return page


@pytest.mark.rule("P-1")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_opening_a_link_changes_nothing(patient: Patient, method: str) -> None:
    """Link previews open links too."""
    await patient.asked()
    before = await patient.edge.case()
    for _ in range(3):
        assert (await patient.request(method)).status == 200
    await patient.request(method, f"{patient.path}?answer=cancel")
    assert await patient.edge.case() == before
    assert (await patient.edge.service.store.timeline(case_ref()))[-1].kind != "answer"


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
    assert (await patient.opens()).buttons == ["confirm", "reschedule", "cancel"]
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
    assert page.buttons == ["reschedule", "cancel"]
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
    assert "Запись подтверждена, ждём вас." in page.text
    assert len((await patient.edge.case()).pushes) == 1


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
        page = await patient.request(method, path or None)
        for name, value in HEADERS.items():
            assert page.headers[name] == value
        assert "no-store" in page.headers["Cache-Control"]
        assert "noindex" in page.headers["X-Robots-Tag"]
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert "Set-Cookie" not in page.headers


@pytest.mark.rule("P-1")
async def test_the_page_is_small_and_needs_nothing_else(patient: Patient) -> None:
    await patient.asked()
    page = await patient.opens()
    assert len(page.text.encode()) < 20_000
    assert '<meta name="viewport"' in page.text
    for foreign in ("<script", "javascript:", "onclick", "src=", "http://", "https://", "url("):
        assert foreign not in page.text
    assert page.text.count('<form method="post">') == 3


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


async def test_what_a_schedule_writes_is_text_and_not_markup(patient: Patient) -> None:
    await patient.asked(doctor={"name": "<img src=x>", "specialty": "a\"'&<b>"})
    page = await patient.opens()
    assert "<img" not in page.text
    assert "<b>" not in page.text
    assert "&lt;img src=x&gt;" in page.text


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/x-www-form-urlencoded"),
        (b"answer=repeat", "application/x-www-form-urlencoded"),
        (b"answer=CONFIRM", "application/x-www-form-urlencoded"),
        (b"answer", "application/x-www-form-urlencoded"),
        (b"other=confirm", "application/x-www-form-urlencoded"),
        (b"\xff\xfe\x00answer=\xff", "application/x-www-form-urlencoded; charset=nonsense"),
        (b"answer=%FF%FE", "application/x-www-form-urlencoded"),
        (b"--x\r\ngarbage", "multipart/form-data; boundary=x"),
        (b"--x\r\ngarbage", "multipart/form-data"),
        (b'{"answer": "cancel"}', "application/json"),
    ],
)
async def test_a_garbled_form_shows_the_page_and_changes_nothing(
    patient: Patient, body: bytes, kind: str
) -> None:
    await patient.asked()
    page = await patient.request("POST", data=body, headers={"Content-Type": kind})
    assert (page.status, len(page.buttons)) == (200, 3)
    assert await patient.status() is Status.UNCONFIRMED


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_form_that_is_too_large_is_refused(patient: Patient, chunked: bool) -> None:
    await patient.asked()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"answer=cancel&x=" + b"x" * 4000

    body: Any = pieces() if chunked else b"answer=cancel&x=" + b"x" * 4000
    page = await patient.request("POST", data=body)
    assert page.status == 413
    assert page.headers["Cache-Control"] == "no-store"
    assert await patient.status() is Status.UNCONFIRMED


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_other_methods_are_not_taken(patient: Patient, method: str) -> None:
    await patient.asked()
    assert (await patient.request(method)).status == 405
    assert await patient.status() is Status.UNCONFIRMED


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
