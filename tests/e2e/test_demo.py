"""The demo in a real browser: answers in chats change the schedule before one's eyes."""

from __future__ import annotations

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.e2e.conftest import show
from tests.e2e.support import Demo, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

SIDOROVA, VOLKOV, MIRONOVA, BROWN = "+79000000011", "+79000000012", "+79000000014", "+79000000015"


def find(browser: WebDriver, selector: str) -> WebElement:
    return wait_until(
        selector, lambda: next(iter(browser.find_elements(By.CSS_SELECTOR, selector)), None)
    )


def open_chat(browser: WebDriver, demo: Demo, number: str) -> None:
    """Open the page at a chat, as from the list."""
    browser.get(f"{demo.url}/demo")
    find(browser, f'#people li[data-number="{number}"] button').click()
    find(browser, ".taps button")


def write(browser: WebDriver, text: str) -> None:
    find(browser, ".compose textarea").send_keys(text + "\n")


def chip(browser: WebDriver, visit: str) -> str:
    return find(browser, f"#visit-{visit} .chip").text


def wait_for_chip(browser: WebDriver, visit: str, text: str) -> None:
    wait_until(f"{visit}: {text}", lambda: chip(browser, visit) == text)


def last_message(browser: WebDriver) -> str:
    return browser.find_elements(By.CSS_SELECTOR, ".message .said")[-1].text


def wait_for_reply(browser: WebDriver, part: str) -> None:
    wait_until(part, lambda: part in last_message(browser))


@pytest.mark.rule("C-9", "C-10", "C-12", "S-1")
def test_answers_in_chats_change_the_schedule(demo: Demo, browser: WebDriver) -> None:
    """1 confirms, 2 asks to move, a tap on the third button cancels; each is acknowledged."""
    demo.ask_everyone()
    open_chat(browser, demo, SIDOROVA)
    assert chip(browser, "V-201") == "Не подтверждён"
    write(browser, "1")
    wait_for_chip(browser, "V-201", "Подтверждён")
    wait_for_reply(browser, "запись подтверждена")
    open_chat(browser, demo, VOLKOV)
    write(browser, "2")
    wait_for_chip(browser, "V-207", "Просит перенести")
    wait_for_reply(browser, "просьбу перенести")
    open_chat(browser, demo, BROWN)
    browser.find_elements(By.CSS_SELECTOR, ".taps button")[2].click()
    wait_for_chip(browser, "V-205", "Отменён")
    wait_for_reply(browser, "cancelled")


@pytest.mark.rule("C-13", "C-15")
def test_nonsense_is_asked_again_and_stop_ends_it(demo: Demo, browser: WebDriver) -> None:
    """What is not understood changes nothing; after «стоп» nothing more is sent."""
    demo.ask_everyone()
    open_chat(browser, demo, MIRONOVA)
    write(browser, "А где парковка?")
    wait_for_reply(browser, "Не удалось понять ваш ответ")
    assert chip(browser, "V-202") == "Не подтверждён"
    write(browser, "стоп")
    wait_for_reply(browser, "больше не будете получать")
    assert chip(browser, "V-202") == "Не подтверждён"
    said = len(demo.messages(MIRONOVA))
    demo.post("/demo/clock", factor=600)
    wait_until("a day", lambda: demo.get("/demo/state")["clock"]["now"][8:10] != _day(demo), 200)
    assert len(demo.messages(MIRONOVA)) == said
    reasons = demo.visit("V-301")["does"]["confirmation"]["later"]
    assert "refused" in {reason["code"] for reason in reasons}


def _day(demo: Demo) -> str:
    return str(demo.visit("V-101")["start"])[8:10]


@pytest.mark.rule("C-11")
def test_a_quoted_message_names_the_visit(demo: Demo, browser: WebDriver) -> None:
    """Clicking a message quotes it, so that one of two visits is meant."""
    demo.ask_everyone()
    open_chat(browser, demo, "+79000000013")
    write(browser, "1")
    wait_for_reply(browser, "несколько записей")
    find(browser, ".message.theirs:nth-of-type(2) .said")
    browser.find_elements(By.CSS_SELECTOR, ".message.theirs .said")[1].click()
    find(browser, "#quoting:not([hidden])")
    quoted = browser.find_elements(By.CSS_SELECTOR, ".message.theirs .said")[1].text
    visit, other = ("V-203", "V-206") if "10:00" in quoted else ("V-206", "V-203")
    write(browser, "1")
    wait_for_chip(browser, visit, "Подтверждён")
    assert chip(browser, other) == "Не подтверждён"


@pytest.mark.rule("G-4")
def test_every_visit_says_why_nothing_was_sent(demo: Demo, browser: WebDriver) -> None:
    """The icon of a function tells the reasons, in both languages."""
    demo.ask_everyone()
    browser.get(f"{demo.url}/demo")
    icon = find(browser, "#visit-V-209 [data-function=confirmation]")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", icon)
    icon.click()
    assert "Нет согласия на обработку персональных данных" in find(browser, "#why").text
    find(browser, "#language").click()
    browser.find_element(By.CSS_SELECTOR, "#visit-V-209 [data-function=confirmation]").click()
    wait_until("English", lambda: "There is no consent" in find(browser, "#why").text)
    find(browser, "#language").click()


def test_staff_books_moves_and_cancels(demo: Demo, browser: WebDriver) -> None:
    """What the staff does in the schedule reaches the patient and the page."""
    browser.get(f"{demo.url}/demo")
    find(browser, "#visit-V-302")
    find(browser, "#add").click()
    browser.find_element(By.NAME, "last_name").send_keys("Комарова")
    browser.find_element(By.NAME, "first_name").send_keys("Зоя")
    browser.find_element(By.CSS_SELECTOR, "#form-add .strong").click()
    wait_until("details", lambda: demo.items().get("chat:+79000000056", {}).get("messages"))
    find(browser, "#visit-V-501")
    browser.execute_script("document.querySelector('#visit-V-501 .who').click()")
    find(browser, "#visit-V-501 [data-action=cancel]").click()
    wait_for_chip(browser, "V-501", "Отменён")
    explained = demo.get("/demo/explain/demo/V-501?timeline=1")
    assert explained["functions"]["details"]["state"] in ("sent", "delivered", "read")


@pytest.mark.parametrize("address", ["", "#chats", f"#chat/{SIDOROVA}"])
def test_a_phone_shows_it_without_scrolling_sideways(
    demo: Demo, browser: WebDriver, address: str
) -> None:
    demo.ask_everyone()
    show(browser, 390, 844)
    browser.get(f"{demo.url}/demo{address}")
    find(browser, "#visit-V-201")
    wait_until("chats", lambda: browser.find_elements(By.CSS_SELECTOR, "#people li"))
    wide = browser.execute_script(
        "return [...document.querySelectorAll('body *')].filter("
        "e => e.getBoundingClientRect().right > innerWidth + 1 && e.offsetParent"
        " && !e.closest('.tries')).map(e => e.outerHTML.slice(0, 90))"
    )
    assert wide == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390


@pytest.mark.rule("G-6")
def test_killed_and_started_again_it_shows_the_same(demo: Demo, browser: WebDriver) -> None:
    """Statuses and chats are what they were, nothing comes twice, and the page reconnects."""
    demo.ask_everyone()
    open_chat(browser, demo, SIDOROVA)
    write(browser, "3")
    wait_for_chip(browser, "V-201", "Отменён")
    before = demo.settle()
    time_before = demo.get("/demo/state")["clock"]["now"]
    demo.kill()
    find(browser, "#lost:not([hidden])")
    demo.start()
    after = demo.settle()
    assert {k: v["status"] for k, v in after.items() if k.startswith("visit:")} == {
        k: v["status"] for k, v in before.items() if k.startswith("visit:")
    }
    assert {k: v for k, v in after.items() if k.startswith("chat:")} == {
        k: v for k, v in before.items() if k.startswith("chat:")
    }
    assert demo.get("/demo/state")["clock"]["now"] >= time_before
    wait_until("connection", lambda: browser.find_elements(By.CSS_SELECTOR, "#lost[hidden]"))
    assert chip(browser, "V-201") == "Отменён"
