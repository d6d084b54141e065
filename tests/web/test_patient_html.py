"""The page itself: small, readable, the same in both languages."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from collections.abc import Mapping

import pytest

from gateway.core.model import Answer, Status
from gateway.web.patient_html import HEADERS, error_page
from gateway.web.patient_style import DARK, LIGHT, STYLE
from gateway.web.patient_texts import TEXTS, Words, accepted

RU, EN = TEXTS["ru"], TEXTS["en"]


def luminance(colour: str) -> float:
    """WCAG 2.2: relative luminance."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.rule("P-1")
@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_everything_can_be_read(colours: Mapping[str, str]) -> None:
    """WCAG 2.2: text 4.5 (1.4.3), edges of what can be tapped 3 (1.4.11)."""
    on = {"paper": ("ink", "soft", "go", "no"), "card": ("ink", "soft")}
    for ground, texts in on.items():
        for text in texts:
            assert contrast(colours[ground], colours[text]) >= 4.5, (ground, text)
    for ground in ("ok", "go", "no"):
        assert contrast(colours[ground], colours["on"]) >= 4.5, ground
    for ground in ("paper", "card"):
        assert contrast(colours[ground], colours["line"]) >= 3, ground


@pytest.mark.rule("P-4")
def test_the_policy_allows_just_this_style() -> None:
    page = error_page(RU, "x").html()
    [style] = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style == STYLE
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in HEADERS["Content-Security-Policy"]
    assert "style=" not in page


@pytest.mark.rule("G-10")
def test_both_languages_say_everything() -> None:
    for name in (field.name for field in dataclasses.fields(Words)):
        one, other = getattr(RU, name), getattr(EN, name)
        if isinstance(one, Mapping):
            assert one.keys() == other.keys()
            assert all([*one.values(), *other.values()]), name
        else:
            assert one, name
            assert other, name
            assert re.findall(r"\{\w+\}", one) == re.findall(r"\{\w+\}", other), name
    assert set(RU.states) == set(Status)
    assert set(RU.done) == set(RU.then) == set(RU.buttons) == set(Answer) - {Answer.REPEAT}


@pytest.mark.parametrize("words", [RU, EN], ids=["ru", "en"])
def test_what_is_said_is_text_and_not_markup(words: Words) -> None:
    page = error_page(words, "<b>&").html()
    assert "&lt;b&gt;&amp;" in page
    assert page.startswith(f'<!doctype html>\n<html lang="{words.language}">')


@pytest.mark.rule("G-10")
@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "ru"),
        ("en", "en"),
        ("EN-us", "en"),
        ("ru,en;q=0.9", "ru"),
        ("en;q=0.5, ru;q=0.7", "ru"),
        ("fr, en;q=0.1", "en"),
        ("en;q=0", "ru"),
        ("en;q=nan, ru;q=0.1", "ru"),
        ("en;q=7, ru;q=0.1", "ru"),
        ("en;v=1", "en"),
        ("*", "ru"),
        (";;;,,,=", "ru"),
        ("x" * 10_000 + ",en", "ru"),
    ],
)
def test_the_language_that_a_browser_likes_best(header: str, language: str) -> None:
    assert accepted(header).language == language
