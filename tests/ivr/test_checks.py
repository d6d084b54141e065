from __future__ import annotations

import pytest

from gateway.ivr.checks import problems_of, untranslated, ways_of
from gateway.scripts import load_scripts


@pytest.mark.rule("C-3", "W-3")
@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_products_scripts_are_right(language: str) -> None:
    scripts = load_scripts()
    assert list(problems_of(scripts.of(language))) == []
    assert list(untranslated(list(scripts.by_language.values()))) == []


def test_every_way_out_of_a_state_is_known() -> None:
    states = load_scripts().of("ru").states
    assert dict(ways_of(states["visit"])) == {
        "keys.1": "confirmed",
        "keys.2": "reschedule",
        "keys.3": "cancelled",
        "keys.0": "visit",
        "wrong_key": "keys",
        "silence": "silence",
    }
    assert list(ways_of(states["goodbye"])) == []
