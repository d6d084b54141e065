"""A demo on a free port, and a browser without a window."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.chrome.webdriver import WebDriver

from tests.e2e.support import Demo

QUIET = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    found = Demo(tmp_path / "demo")
    found.start()
    yield found
    found.kill()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    binary = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.fail("chromium and chromedriver are needed; scripts/system_packages.sh names them")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in (*QUIET, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    found = webdriver.Chrome(options=options, service=Service(driver))
    yield found
    found.quit()


def show(browser: WebDriver, width: int, height: int) -> None:
    """Give the page a size in its own pixels, narrower than a window may be."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


@pytest.fixture
def browser(chromium: WebDriver) -> Iterator[WebDriver]:
    """A page at desktop size that has never been used; at the end nothing was complained about."""
    show(chromium, 1440, 900)
    yield chromium
    wrong = [
        line["message"]
        for line in chromium.get_log("browser")
        if line["level"] == "SEVERE"
        and "ERR_CONNECTION" not in line["message"]
        and "ERR_INCOMPLETE_CHUNKED" not in line["message"]
    ]
    chromium.get("about:blank")
    assert not wrong, wrong
