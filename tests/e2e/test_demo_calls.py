"""The demo's telephones: one rings, speaks and takes keys, in a browser and across a power cut."""

from __future__ import annotations

import time
from typing import Any

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.e2e.conftest import show
from tests.e2e.support import Demo, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

KOZLOVA, VISIT = "+79000000051", "V-251"
PHONE = f"/demo/phones/{KOZLOVA}"


def calls_to(demo: Demo, number: str) -> list[Any]:
    """Return the calls to a number, oldest first."""
    calls = [item for key, item in demo.items().items() if key.startswith("call:")]
    return sorted((c for c in calls if c["number"] == number), key=lambda call: str(call["at"]))


def newest_call(demo: Demo, *states: str) -> Any:
    """Return the newest call to Kozlova once it stands so."""

    def seen() -> Any:
        found = calls_to(demo, KOZLOVA)
        return found[-1] if found and found[-1]["state"] in states else None

    return wait_until(" or ".join(states), seen)


def let_it_ring(demo: Demo) -> Any:
    """Let the clinic's clock reach ten, when its second branch calls; return Kozlova's call."""
    demo.post("/demo/clock", factor=60)
    found = newest_call(demo, "ringing")
    demo.post("/demo/clock", factor=1)
    return found


def answer(demo: Demo) -> Any:
    """Pick up, and return the call once the robot speaks."""
    assert demo.post(f"{PHONE}/answer")
    wait_until("the robot speaks", lambda: calls_to(demo, KOZLOVA)[-1]["playing"])
    return calls_to(demo, KOZLOVA)[-1]


def shown(browser: WebDriver, selector: str) -> Any:
    def seen() -> Any:
        found = browser.find_elements(By.CSS_SELECTOR, selector)
        return next((element for element in found if element.is_displayed()), None)

    return wait_until(selector, seen)


def heard_s(browser: WebDriver) -> float:
    """Return how far the browser has played what the robot says."""
    return float(browser.execute_script("return document.getElementById('voice').currentTime"))


@pytest.mark.rule("C-3", "C-4")
@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_a_phone_rings_speaks_and_takes_a_key(
    demo: Demo, browser: WebDriver, size: tuple[int, int]
) -> None:
    show(browser, *size)
    browser.get(f"{demo.url}/demo")
    let_it_ring(demo)
    shown(browser, "#ringing .take")
    browser.get(f"{demo.url}/demo#chat/{KOZLOVA}")
    shown(browser, "#call.rings .take").click()
    shown(browser, "#call.talks.speaks")
    wait_until("a voice", lambda: heard_s(browser) > 0.3)
    keys = browser.find_elements(By.CSS_SELECTOR, "#call .keys button")
    assert [key.find_element(By.TAG_NAME, "b").text for key in keys] == list("123456789*0#")
    shown(browser, '#call [data-key="9"]').click()
    wait_until("typed", lambda: shown(browser, "#call .typed").text == "9")
    browser.switch_to.active_element.send_keys("1")
    wait_until("confirmed", lambda: demo.visit(VISIT)["status"] == "confirmed")
    assert "разговор 0:" in shown(browser, "#call.over .status").text
    wait_until("the last word", lambda: _ended(browser))
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert "нажато 91" in shown(browser, "#talk .call-line").text
    width = browser.execute_script("return document.documentElement.scrollWidth")
    assert width <= size[0]


def _ended(browser: WebDriver) -> bool:
    """Tell whether the thanks were heard to their end, though the clinic had hung up."""
    return bool(browser.execute_script("return document.getElementById('voice').ended"))


@pytest.mark.rule("C-6")
def test_a_declined_call_is_followed_by_a_message(demo: Demo, browser: WebDriver) -> None:
    let_it_ring(demo)
    browser.get(f"{demo.url}/demo#chat/{KOZLOVA}")
    shown(browser, "#call.rings .refuse").click()
    wait_until("a message", lambda: demo.asked(KOZLOVA))
    [call] = calls_to(demo, KOZLOVA)
    assert (call["state"], call["ended_by"]) == ("busy", "patient")
    shown(browser, "#talk .call-line.missed")


@pytest.mark.rule("G-6", "C-4")
def test_a_key_that_was_pressed_survives_a_power_cut(demo: Demo) -> None:
    """The acknowledgement is being spoken when everything dies; the answer stands, once."""
    let_it_ring(demo)
    call = answer(demo)
    assert demo.post(f"/demo/calls/{call['id']}/keys", key="3")
    wait_until("cancelled", lambda: demo.visit(VISIT)["status"] == "cancelled")
    demo.kill()
    demo.start()
    items = demo.let_leases_end()
    assert items[f"visit:{VISIT}"]["status"] == "cancelled"
    [found] = calls_to(demo, KOZLOVA)
    assert found["state"] == "completed"
    assert demo.news(KOZLOVA) == []


@pytest.mark.rule("G-6", "C-6")
@pytest.mark.parametrize("picked_up", [False, True])
def test_a_call_that_a_power_cut_ended_is_not_made_again(demo: Demo, picked_up: bool) -> None:
    let_it_ring(demo)
    if picked_up:
        answer(demo)
    demo.kill()
    demo.start()
    newest_call(demo, "completed" if picked_up else "failed")
    demo.post("/demo/clock", factor=60)
    wait_until("a message", lambda: demo.asked(KOZLOVA), seconds=30)
    time.sleep(2)  # two minutes of the clinic's time: nobody calls again
    assert len(calls_to(demo, KOZLOVA)) == 1
    assert demo.visit(VISIT)["status"] == "unconfirmed"
