"""The patient page in a real browser, on a phone's width and without scripts."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator

import pytest
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.e2e.conftest import show
from tests.e2e.support import Demo, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

SIDOROVA, VOLKOV, BROWN = "+79000000011", "+79000000012", "+79000000015"
PHONE_WIDTH, PHONE_HEIGHT = 390, 844
DEAD_LINK = re.compile(r"/v/[0-9a-z]{16} - Failed to load resource: .* status of 4(04|10)")
"""What the browser notes of pages that say that a link leads nowhere."""

TAP_MIN = 44
"""CSS pixels: what a thumb can hit (WCAG 2.2, 2.5.5)."""


@pytest.fixture
def phone(browser: WebDriver) -> Iterator[WebDriver]:
    """A phone whose browser runs no scripts."""
    show(browser, PHONE_WIDTH, PHONE_HEIGHT)
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    yield browser
    complaints = [line["message"] for line in browser.get_log("browser")]
    wrong = [text for text in complaints if not DEAD_LINK.search(text)]
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert not wrong, wrong


def link_of(demo: Demo, number: str) -> str:
    """Return the link of the newest question on a phone."""
    texts = [m["text"] for m in demo.messages(number) if "/v/" in (m["text"] or "")]
    found = re.search(r"http://\S+/v/[0-9a-z]{16}", texts[-1])
    assert found is not None
    return found[0]


def found(phone: WebDriver, selector: str) -> list[WebElement]:
    return phone.find_elements(By.CSS_SELECTOR, selector)


def reads(phone: WebDriver, text: str) -> None:
    """Wait until the page says this: a tap does not wait for the page that it leads to."""

    def is_said() -> bool:
        with contextlib.suppress(StaleElementReferenceException, NoSuchElementException):
            return text in phone.find_element(By.TAG_NAME, "body").text
        return False

    wait_until(text, is_said)


def press(phone: WebDriver, title: str) -> None:
    """Tap what carries this title."""
    named = f"[normalize-space()='{title}']"
    reads(phone, title)
    phone.find_element(By.XPATH, f"//button{named}|//a{named}").click()


def status_of(demo: Demo, visit: str) -> str:
    return str(demo.visit(visit)["status"])


def fits(phone: WebDriver) -> None:
    """Nothing is wider than the phone, and everything to be tapped is large enough."""
    size = phone.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
    assert size["width"] <= PHONE_WIDTH
    for item in found(phone, ".button, .time, .foot a"):
        assert item.size["height"] >= TAP_MIN, item.text
        assert item.accessible_name or item.text


@pytest.mark.rule("P-1", "P-3", "C-10")
def test_a_patient_confirms_and_then_moves_the_visit(demo: Demo, phone: WebDriver) -> None:
    """Confirmed, so still to be moved; the chosen time is booked, and the new page confirms it."""
    demo.ask_everyone()
    link = link_of(demo, SIDOROVA)
    phone.get(link)
    fits(phone)
    assert found(phone, "html")[0].get_attribute("lang") == "ru"
    press(phone, "Подтвердить")
    reads(phone, "Спасибо, запись подтверждена.")
    wait_until("confirmed", lambda: status_of(demo, "V-201") == "confirmed")
    phone.refresh()
    reads(phone, "Спасибо, запись подтверждена.")
    press(phone, "Перенести")
    reads(phone, "Выберите новое время:")
    fits(phone)
    offered = found(phone, ".time")
    assert 0 < len(offered) <= 20
    before = demo.visit("V-201")["start"]
    offered[3].click()
    press(phone, "Перенести на это время")
    reads(phone, "Приём перенесён.")
    assert phone.current_url.partition("?")[0] != link
    wait_until("moved", lambda: demo.visit("V-201")["start"] != before)
    press(phone, "Подтвердить")
    reads(phone, "Спасибо, запись подтверждена.")
    phone.get(link)
    reads(phone, "Вы перенесли приём. Новое время:")
    press(phone, "Открыть запись")
    reads(phone, "Запись подтверждена, ждём вас.")


@pytest.mark.rule("P-1")
def test_a_patient_cancels_in_two_steps(demo: Demo, phone: WebDriver) -> None:
    """The first tap only asks."""
    demo.ask_everyone()
    phone.get(link_of(demo, BROWN))
    assert found(phone, "html")[0].get_attribute("lang") == "en"
    press(phone, "Cancel")
    reads(phone, "Cancel the appointment?")
    fits(phone)
    press(phone, "Back")
    reads(phone, "Please tell us whether you will come.")
    assert status_of(demo, "V-205") == "unconfirmed"
    press(phone, "Cancel")
    press(phone, "Yes, cancel the appointment")
    reads(phone, "Your appointment is cancelled.")
    wait_until("cancelled", lambda: status_of(demo, "V-205") == "cancelled")
    phone.back()
    phone.refresh()
    assert not found(phone, "form")


@pytest.mark.rule("P-3", "C-7")
def test_who_has_asked_for_another_time_can_still_choose_one(demo: Demo, phone: WebDriver) -> None:
    """The link in the answer to a "2" leads to the free times; the wish is settled by them."""
    demo.ask_everyone()
    demo.say(VOLKOV, "2")
    wait_until("asked", lambda: status_of(demo, "V-207") == "reschedule_requested")
    phone.get(link_of(demo, VOLKOV))
    reads(phone, "Вы попросили перенести приём.")
    press(phone, "Выбрать новое время")
    reads(phone, "Выберите новое время:")
    found(phone, ".time")[0].click()
    press(phone, "Перенести на это время")
    reads(phone, "Приём перенесён.")
    demo.settle()
    assert status_of(demo, "V-207") == "unconfirmed"


@pytest.mark.rule("P-1")
def test_every_page_fits_a_phone_in_light_and_dark(demo: Demo, phone: WebDriver) -> None:
    """In both languages, also a link that leads nowhere."""
    demo.ask_everyone()
    for number in (SIDOROVA, BROWN):
        link = link_of(demo, number)
        for scheme in ("light", "dark"):
            features = [{"name": "prefers-color-scheme", "value": scheme}]
            phone.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
            for step in ("", "?step=cancel", "?step=times"):
                phone.get(link + step)
                fits(phone)
                assert found(phone, "h1")
                keep(phone, f"{number[-2:]}-{scheme}-{step[6:] or 'visit'}")
    phone.get(f"{demo.url}/v/{'0' * 16}")
    reads(phone, "There is no such link.")  # the browser's own language is English
    fits(phone)


def keep(phone: WebDriver, name: str) -> None:
    """Keep a picture of the page where PATIENT_PAGE_PICTURES names a folder."""
    folder = os.environ.get("PATIENT_PAGE_PICTURES")
    if folder:
        size = phone.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        show(phone, PHONE_WIDTH, max(PHONE_HEIGHT, size["height"]))
        phone.get_screenshot_as_file(f"{folder}/{name}.png")
        show(phone, PHONE_WIDTH, PHONE_HEIGHT)
