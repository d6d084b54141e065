"""In a real browser the button of the patient page opens the messenger by a one-time link."""

from __future__ import annotations

import asyncio

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

from gateway.core.model import Channel
from tests.web.town import ANNA, town

pytestmark = pytest.mark.e2e


def press(browser: WebDriver, address: str, label: str) -> str:
    """Open the page, press the button, and return where the browser is led."""
    browser.get(address)
    (button,) = [b for b in browser.find_elements("tag name", "button") if b.text == label]
    button.click()
    wait = WebDriverWait(browser, 10)
    wait.until(lambda _: not browser.current_url.startswith(address.partition("/v/")[0]))
    return browser.current_url


def block(browser: WebDriver, *addresses: str) -> None:
    """Keep the browser from asking for these addresses."""
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": list(addresses)})


@pytest.mark.rule("P-1")
async def test_a_press_leads_out_of_the_page_and_into_the_chat(browser: WebDriver) -> None:
    """Nothing of the page's own policy stands in the way, and no script is needed. The messenger
    itself is not asked: nothing leaves the machine."""
    block(browser, "*max.ru*")
    async with town("max", "sms") as here:
        page = str(here.client.make_url(await here.visit()))
        led = await asyncio.to_thread(press, browser, page, "Получать сообщения в MAX")
        assert led.startswith("https://max.ru/sandbox_bot?start=")
        here.max.start(ANNA, led.rpartition("=")[2])
        await here.settle()
        assert (await here.contact()).account(Channel.MAX) == str(ANNA)
    complaints = [entry["message"] for entry in browser.get_log("browser")]
    assert not [text for text in complaints if "Content Security Policy" in text]
    block(browser)
