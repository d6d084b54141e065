"""Ties tests to the rules of docs/behaviour.md, and runs them in the order of their kinds.

A test says which rules it proves: `@pytest.mark.rule("C-7")`, with one id or several, on a
function, a class, or one case of a table (`pytest.param(..., marks=pytest.mark.rule("D-1"))`).
An id that docs/behaviour.md does not have stops the run before the first test. With `--rules`
the run ends with the list of rules that no collected test proves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

BEHAVIOUR = Path(__file__).parents[1] / "docs" / "behaviour.md"
RULE_LINE = re.compile(r"^- \*\*([A-Z]-[0-9]+)\*\* ", re.MULTILINE)
KINDS = ("redis", "e2e")
"""Markers of the tests that run after the unit tests, in this order."""

_proved = pytest.StashKey[set[str]]()


def rules_in(text: str) -> list[str]:
    """Return the ids of the rules that `text` states, in its order."""
    return RULE_LINE.findall(text)


def rules_of(item: pytest.Item) -> Iterator[str]:
    """Yield the ids of the rules that a test says it proves."""
    for mark in item.iter_markers("rule"):
        if not mark.args:
            raise pytest.UsageError(f"{item.nodeid}: a rule marker names at least one rule")
        yield from mark.args


def kind_of(item: pytest.Item) -> int:
    """Return the place of a test's kind in the order of the run."""
    return max(
        (KINDS.index(kind) + 1 for kind in KINDS if item.get_closest_marker(kind)), default=0
    )


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rules", action="store_true", help="end with the rules that no collected test proves"
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Iterator[None]:
    """Read the marks of everything collected, deselected or not; sort what is left by kind."""
    known = set(rules_in(BEHAVIOUR.read_text(encoding="utf-8")))
    proved = config.stash[_proved] = set()
    for item in items:
        ids = set(rules_of(item))
        if unknown := ids - known:
            names = ", ".join(sorted(unknown))
            raise pytest.UsageError(f"{item.nodeid}: docs/behaviour.md has no rule {names}")
        proved |= ids
    yield
    items.sort(key=kind_of)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if not config.getoption("--rules"):
        return
    rules = rules_in(BEHAVIOUR.read_text(encoding="utf-8"))
    missing = [rule for rule in rules if rule not in config.stash.get(_proved, set())]
    terminalreporter.section("rules of docs/behaviour.md")
    terminalreporter.line(f"{len(rules) - len(missing)} of {len(rules)} rules have a test")
    if missing:
        terminalreporter.line(f"without a test: {', '.join(missing)}")
