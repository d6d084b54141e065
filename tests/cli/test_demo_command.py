"""`callahead demo` on the command line; tests/e2e starts it for real."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import build_parser, demo_command, main


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the demo was asked for."""
    calls: list[dict[str, Any]] = []

    async def demo(data: Path, **options: Any) -> None:
        options.pop("stop").set()
        calls.append({"data": data, **options})
        options["ready"]("http://127.0.0.1:9000/demo")
        await asyncio.sleep(0.01)

    monkeypatch.setattr(demo_command, "demo", demo)
    monkeypatch.setattr("gateway.log.set_up", lambda *_, **__: None)
    return calls


def test_its_data_lies_apart_and_its_address_is_printed(
    asked: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo"]) == 0
    assert asked[0]["data"] == Path("data/demo")
    assert asked[0]["port"] == 8080
    assert (asked[0]["fresh"], asked[0]["factor"]) == (False, None)
    assert capsys.readouterr().out == "Callahead demo: http://127.0.0.1:9000/demo\n"


def test_options_are_passed_on(asked: list[dict[str, Any]], tmp_path: Path) -> None:
    options = ["--port", "0", "--fresh", "--factor", "60", "--data", str(tmp_path)]
    assert main(["demo", "--no-browser", *options]) == 0
    assert asked[0]["port"] == 0
    assert (asked[0]["data"], asked[0]["fresh"], asked[0]["factor"]) == (tmp_path, True, 60.0)


@pytest.mark.parametrize(
    "options", [["--port", "70000"], ["--port", "x"], ["--factor", "601"], ["--factor", "fast"]]
)
def test_what_cannot_be_is_refused(asked: list[dict[str, Any]], options: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["demo", *options])
    assert ended.value.code == 2
    assert asked == []


def test_the_data_of_other_commands_stays_where_it_was() -> None:
    assert build_parser().parse_args(["run"]).data == Path("data")


@pytest.mark.parametrize(
    ("is_terminal", "display", "opened"), [(True, ":0", 1), (True, "", 0), (False, ":0", 0)]
)
def test_a_browser_opens_only_where_it_is_seen(
    asked: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    is_terminal: bool,
    display: str,
    opened: int,
) -> None:
    pages: list[str] = []
    monkeypatch.setattr("webbrowser.open", pages.append)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal, raising=False)
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert main(["demo"]) == 0
    assert len(pages) == opened


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["demo", "--help"])
    assert "callahead demo --fresh" in capsys.readouterr().out
