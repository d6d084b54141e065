"""The demo with a SIP trunk: the telephone in the browser rings, speaks and takes keys."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By

from adapters.telephony.sandbox_rtp import is_loud
from tests.e2e.conftest import show
from tests.e2e.support import Demo, wait_until
from tests.e2e.test_demo_calls import (
    KOZLOVA,
    VISIT,
    calls_to,
    let_it_ring,
    newest_call,
    shown,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    found = Demo(tmp_path / "demo")
    found.start("--sip")
    yield found
    found.kill()


@pytest.mark.rule("C-3", "C-4")
def test_a_call_over_sip_is_heard_and_answered_in_the_browser(
    demo: Demo, browser: WebDriver
) -> None:
    show(browser, 1440, 900)
    call = let_it_ring(demo)
    assert call["live_sound"]
    browser.get(f"{demo.url}/demo#chat/{KOZLOVA}")
    shown(browser, "#call.rings .take").click()
    shown(browser, "#call.talks.speaks")
    with urllib.request.urlopen(f"{demo.url}/demo/calls/{call['id']}/sound", timeout=10) as sound:
        assert is_loud(sound.read(16_000))
    assert not browser.find_element(By.CSS_SELECTOR, "#call .unmute").is_displayed()
    shown(browser, '#call [data-key="1"]').click()
    wait_until("confirmed", lambda: demo.visit(VISIT)["status"] == "confirmed")
    newest_call(demo, "completed")
    [found] = calls_to(demo, KOZLOVA)
    assert (found["ended_by"], found["keys"]) == ("clinic", "1")
    shown(browser, "#call.over .button").click()
    assert "нажато 1" in shown(browser, "#talk .call-line").text


@pytest.mark.rule("C-6")
def test_a_call_over_sip_that_is_declined_is_followed_by_a_message(demo: Demo) -> None:
    let_it_ring(demo)
    assert demo.post(f"/demo/phones/{KOZLOVA}/decline")
    wait_until("a message", lambda: demo.asked(KOZLOVA))
    [call] = calls_to(demo, KOZLOVA)
    assert (call["state"], call["ended_by"]) == ("busy", "patient")


def test_the_sound_of_a_call_that_does_not_go_on_is_not_found(demo: Demo) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{demo.url}/demo/calls/SIP1/sound", timeout=10)
