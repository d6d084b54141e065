"""What hostile or broken input does to the patient page: nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.core.model import Status
from tests.web.patients import Patient, patient_of


@pytest.fixture
async def patient() -> AsyncIterator[Patient]:
    async with patient_of() as somebody:
        yield somebody


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


@pytest.mark.rule("P-1", "P-2")
@pytest.mark.parametrize(
    "name", ["a%0d%0aSet-Cookie:%20x=1", "a%0aX-Injected:%201", "a%00b", "%ff"]
)
async def test_a_hostile_token_puts_nothing_into_the_answer(patient: Patient, name: str) -> None:
    await patient.asked()
    for method in ("GET", "POST"):
        page = await patient.request(method, f"/v/{name}", data={"answer": "cancel"})
        assert page.status == 404
        assert not {"Set-Cookie", "X-Injected"} & set(page.headers)
        assert "Injected" not in page.text


async def test_hostile_queries_are_not_repeated_on_the_page(patient: Patient) -> None:
    await patient.asked()
    for query in ("?said=<script>alert(1)</script>", "?step=%22onclick", "?said=" + "x" * 4000):
        page = await patient.opens(query)
        assert page.status == 200
        assert "script" not in page.text
        assert "onclick" not in page.text
        assert "xxxx" not in page.text


async def test_hostile_fields_are_not_repeated_and_lead_nowhere_else(patient: Patient) -> None:
    await patient.asked()
    for form in (
        {"start": "//evil.example/"},
        {"start": "6a1b2c3d-AAAAAAAAAAAAAA"},
        {"answer": "https://evil.example"},
        {"answer": "confirm\r\nX-Injected: 1"},
        {"shown": "\r\nX-Injected: 1", "answer": "cancel"},
        {f"field{number}": "x" for number in range(50)},
    ):
        page = await patient.request("POST", data=form, allow_redirects=False)
        assert page.status == 303
        assert page.headers["Location"] in ("?", "?step=times", "?said=stale")
        assert "X-Injected" not in page.headers
    assert await patient.status() is Status.UNCONFIRMED
