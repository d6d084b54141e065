"""Channels in the demo, in a real browser: their order, SMS, MAX, push, the way out and back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from tests.e2e.conftest import show
from tests.e2e.support import Demo, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

SIDOROVA, VOLKOV, MIRONOVA, GUSEV = (f"+790000000{n}" for n in (11, 12, 14, 33))
WHATSAPP, MAX, PUSH = "whatsapp,sms", "max,sms", "push,telegram,sms"


def find(browser: WebDriver, selector: str, what: str = "tagName") -> Any:
    """Return what the first such element says, in one step: the page is alive."""
    script = f"return document.querySelector(arguments[0])?.{what}"
    return wait_until(selector, lambda: browser.execute_script(script, selector))


def press(browser: WebDriver, selector: str, index: int = 0) -> None:
    """Click on an element, again if the page has just drawn it anew."""

    def pressed() -> bool:
        found = browser.find_elements(By.CSS_SELECTOR, selector)
        try:
            found[index].click()
        except (IndexError, StaleElementReferenceException):
            return False
        return True

    wait_until(selector, pressed)


def write(browser: WebDriver, text: str) -> None:
    find(browser, ".compose textarea")
    browser.find_element(By.CSS_SELECTOR, ".compose textarea").send_keys(text + "\n")


def choose_order(browser: WebDriver, demo: Demo, order: str) -> None:
    """Turn the switch in the page, and wait until it is the clinic's setting."""
    browser.get(f"{demo.url}/demo")
    wait_until("orders", lambda: browser.find_elements(By.CSS_SELECTOR, "#order option"))
    Select(browser.find_element(By.ID, "order")).select_by_value(order)
    wait_until(order, lambda: set(orders(demo)) == {order})


def orders(demo: Demo) -> list[str]:
    """Return every branch's order as the clinic's own API shows it."""
    return [",".join(branch["channels"]) for branch in demo.clinic()["branches"]]


def open_phone(browser: WebDriver, demo: Demo, number: str) -> None:
    browser.get(f"{demo.url}/demo")
    press(browser, f'#people li[data-number="{number}"] button')
    find(browser, ".apps")


def open_app(browser: WebDriver) -> str:
    return str(find(browser, ".app[aria-pressed=true]", "dataset.app"))


def chip(browser: WebDriver, visit: str) -> str:
    return str(find(browser, f"#visit-{visit} .chip", "textContent"))


def spent(browser: WebDriver, channel: str) -> str:
    return str(find(browser, f"#money [data-channel={channel}]", "textContent"))


def tries(demo: Demo, visit: str) -> list[tuple[str, str, str | None]]:
    made = demo.visit(visit)["does"]["confirmation"]["tries"]
    return [(one["channel"], one["state"], one["price"]) for one in made]


@pytest.mark.rule("G-1", "D-4")
def test_one_switch_changes_the_channel_order(demo: Demo, browser: WebDriver) -> None:
    """The same patients are written to over other channels, from the next decision on."""
    assert set(orders(demo)) == {WHATSAPP}
    choose_order(browser, demo, MAX)
    demo.ask_everyone()
    assert [m["channel"] for m in demo.news(SIDOROVA)] == ["max"]
    assert [m["channel"] for m in demo.news(VOLKOV)] == ["sms"]  # has not opened the bot
    choose_order(browser, demo, PUSH)
    demo.post("/demo/schedule", **VISIT)
    wait_until("details", lambda: len(demo.news(SIDOROVA)) == 2)
    assert demo.news(SIDOROVA)[-1]["channel"] == "sms"  # this visit knows of no app


VISIT = {
    "last_name": "Сидорова",
    "first_name": "Мария",
    "middle_name": "Ивановна",
    "phone": "+7 900 000-00-11",
    "start": "2099-01-05T12:00",
}


@pytest.mark.rule("H-1", "P-1", "P-3", "T-3")
def test_without_whatsapp_an_sms_with_a_working_link_comes_and_is_charged_once(
    demo: Demo, browser: WebDriver
) -> None:
    """If WhatsApp took the message before it knew better, that charge is reversed."""
    demo.ask_everyone()
    open_phone(browser, demo, GUSEV)
    assert open_app(browser) == "sms"
    link = find(browser, ".said a", "href")
    assert "/v/" in str(link)
    assert tries(demo, "V-212") == [("whatsapp", "failed", None), ("sms", "delivered", "5")]
    charges = [
        (entry["data"]["channel"], entry["data"]["amount"])
        for entry in demo.get("/demo/explain/demo/V-212?timeline=1")["timeline"]
        if entry["kind"] == "charge"
    ]
    assert [amount for channel, amount in charges if channel == "sms"] == ["5"]
    assert sum(Decimal(amount) for channel, amount in charges if channel == "whatsapp") == 0
    assert spent(browser, "sms") == "СМС 5 ₽ (1)"
    page = browser.current_window_handle
    press(browser, ".said a")
    wait_until("the patient page", lambda: len(browser.window_handles) == 2)
    browser.switch_to.window(next(w for w in browser.window_handles if w != page))
    press(browser, "button[value=confirm]")
    wait_until("thanks", lambda: "подтвержд" in find(browser, "body", "innerText").lower())
    browser.close()
    browser.switch_to.window(page)
    wait_until("V-212", lambda: chip(browser, "V-212") == "Подтверждён")
    assert spent(browser, "sms") == "СМС 5 ₽ (1)"


@pytest.mark.rule("C-9", "C-12", "S-1")
def test_a_max_patient_answers_by_button(demo: Demo, browser: WebDriver) -> None:
    choose_order(browser, demo, MAX)
    demo.ask_everyone()
    open_phone(browser, demo, SIDOROVA)
    assert open_app(browser) == "max"
    press(browser, ".taps button")
    wait_until("V-201", lambda: chip(browser, "V-201") == "Подтверждён")
    wait_until("thanks", lambda: "подтверждена" in demo.news(SIDOROVA)[-1]["text"])
    assert demo.news(SIDOROVA)[-1]["channel"] == "max"
    assert [one[:1] for one in tries(demo, "V-201")] == [("max",)]


@pytest.mark.rule("H-1")
def test_a_push_to_a_dead_token_moves_on(demo: Demo, browser: WebDriver) -> None:
    """The app was removed: its backend says so, and the question comes by Telegram."""
    choose_order(browser, demo, PUSH)
    demo.ask_everyone()
    open_phone(browser, demo, VOLKOV)
    assert open_app(browser) == "telegram"
    assert tries(demo, "V-207") == [("push", "failed", None), ("telegram", "accepted", "2")]
    press(browser, "#visit-V-207 .who")
    told = find(browser, "#visit-V-207 .tries-made", "textContent")
    assert "Push не доставлено (no_device)" in told
    press(browser, ".taps button", 1)
    wait_until("V-207", lambda: chip(browser, "V-207") == "Просит перенести")


@pytest.mark.rule("C-9", "C-12")
def test_a_push_is_answered_in_the_app(demo: Demo, browser: WebDriver) -> None:
    """The app shows what came of it; no message follows."""
    choose_order(browser, demo, PUSH)
    demo.ask_everyone()
    open_phone(browser, demo, SIDOROVA)
    assert open_app(browser) == "push"
    wait_until("read", lambda: tries(demo, "V-201") == [("push", "read", None)])
    press(browser, ".taps button")
    wait_until("V-201", lambda: chip(browser, "V-201") == "Подтверждён")
    wait_until("result", lambda: len(browser.find_elements(By.CSS_SELECTOR, ".message")) == 3)
    demo.settle()
    assert {m["channel"] for m in demo.news(SIDOROVA)} == {"push"}


@pytest.mark.rule("C-15")
def test_stop_silences_and_start_returns(demo: Demo, browser: WebDriver) -> None:
    """After «стоп» nothing more comes on any channel; after «старт» it does again."""
    choose_order(browser, demo, MAX)
    demo.ask_everyone()
    open_phone(browser, demo, MIRONOVA)
    assert open_app(browser) == "max"
    write(browser, "стоп")
    wait_until("farewell", lambda: "больше не будете" in demo.news(MIRONOVA)[-1]["text"])
    silent = len(demo.news(MIRONOVA))
    demo.post("/demo/schedule/V-301", action="remove")
    demo.post("/demo/schedule", **VISIT | {"phone": "+7 900 000-00-14"})
    wait_until("refused", lambda: "refused" in reasons(demo, "V-501"))
    assert len(demo.news(MIRONOVA)) == silent
    write(browser, "старт")
    wait_until("welcome", lambda: len(demo.news(MIRONOVA)) == silent + 2)
    demo.post("/demo/schedule", **VISIT | {"phone": "+7 900 000-00-14"})
    wait_until("details", lambda: len(demo.news(MIRONOVA)) == silent + 3)
    assert demo.news(MIRONOVA)[-1]["channel"] == "max"


def reasons(demo: Demo, visit: str) -> set[str]:
    view = (demo.items().get(f"visit:{visit}") or {}).get("does") or {}
    return {reason["code"] for reason in view.get("details", {}).get("reasons", ())}


def test_a_bot_that_was_not_opened_yet_is_opened_on_the_phone(
    demo: Demo, browser: WebDriver
) -> None:
    """Who opens the bot and shows their number is reached there until they stop it."""
    choose_order(browser, demo, MAX)
    open_phone(browser, demo, VOLKOV)
    press(browser, "[data-app=max]")
    press(browser, "[data-deed=start]")
    wait_until("asked for the number", lambda: has(demo, VOLKOV, "max", "asks_number"))
    press(browser, ".taps button")
    wait_until("thanked", lambda: has(demo, VOLKOV, "max", "service"))
    demo.ask_everyone()
    assert demo.news(VOLKOV)[-1]["channel"] == "max"
    press(browser, "[data-deed=stop]")
    find(browser, "[data-deed=start]")
    demo.post("/demo/schedule", **VISIT | {"phone": "+7 900 000-00-12"})
    wait_until("details", lambda: demo.news(VOLKOV)[-1]["channel"] == "sms")


def has(demo: Demo, number: str, channel: str, kind: str) -> bool:
    return any(m["channel"] == channel and m["kind"] == kind for m in demo.messages(number))


@pytest.mark.parametrize("number", [SIDOROVA, GUSEV])
def test_a_phone_shows_all_apps_without_scrolling_sideways(
    demo: Demo, browser: WebDriver, number: str
) -> None:
    choose_order(browser, demo, PUSH)
    demo.ask_everyone()
    show(browser, 390, 844)
    browser.get(f"{demo.url}/demo#chat/{number}")
    find(browser, ".app")
    names = "return [...document.querySelectorAll('.app')].map((app) => app.dataset.app)"
    for name in browser.execute_script(names):
        press(browser, f"[data-app={name}]")
        wait_until(str(name), lambda name=name: open_app(browser) == name)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    browser.get(f"{demo.url}/demo#schedule")
    assert browser.find_element(By.ID, "money").is_displayed()
    assert browser.find_element(By.ID, "order").is_displayed()
