"""The executable specification: every file of tests/scenarios, played by `callahead rehearse`.

tests/scenarios/expand.py says how a file is read, lines.py how lines are compared. Whatever a file
is about, each of its lines is held against the documented form (V-2).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from tests.scenarios import expand, lines

ROOT = Path(__file__).parent.parent
TYPICAL = expand.FOLDER / "confirmation_call" / "key_1_confirms.yaml"


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


def rehearse(capsys: pytest.CaptureFixture[str], *arguments: str) -> Outcome:
    try:
        code = main(["rehearse", *arguments])
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    captured = capsys.readouterr()
    return Outcome(code, captured.out, captured.err)


def written(card: dict[str, Any], folder: Path) -> Path:
    path = folder / "scenario.yaml"
    text = card["source"] if "source" in card else expand.dump(card["scenario"])
    path.write_text(text, encoding="utf-8")
    return path


def of_kind(*, invalid: bool) -> list[Any]:
    cards = [(path, expand.load(path)) for path in expand.files()]
    return [
        pytest.param(path, id=expand.name(path), marks=pytest.mark.rule(*card["rules"]))
        for path, card in cards
        if ("invalid" in card) == invalid
    ]


@pytest.mark.parametrize("file", of_kind(invalid=False))
def test_scenario(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = expand.card(file)
    outcome = rehearse(capsys, str(written(card, tmp_path)), "--json")
    assert (outcome.code, outcome.err) == (0, ""), f"{file}\n{outcome.err}"
    came = [json.loads(line) for line in outcome.out.splitlines()]
    faults = [f"V-2: {fault}" for fault in lines.faults_of_form(came, card["scenario"])]
    if not faults:
        faults += lines.faults_of_sense(came, card["scenario"])
        faults += lines.faults_of_outcome(card, came)
    if faults:
        told = "\n\n  ".join(faults)
        output = "\n".join(f"    {lines.shown(line)}" for line in came)
        head = f"{expand.name(file)} {card['rules']}: {card['what']}"
        pytest.fail(f"{head}\n\n  {told}\n\n  all lines:\n{output}", pytrace=False)


@pytest.mark.rule("V-1")
@pytest.mark.parametrize("file", of_kind(invalid=True))
def test_invalid_scenario(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = expand.card(file)
    path = written(card, tmp_path)
    outcome = rehearse(capsys, str(path), "--json")
    assert (outcome.code, outcome.out) == (2, ""), outcome
    told = outcome.err.splitlines()
    assert len(told) == 1, f"one line says what is wrong, not {told}"
    assert path.name in told[0]
    said = told[0].replace(str(path.parent), "")
    if "field" in card["invalid"]:
        assert re.search(rf"\b{re.escape(card['invalid']['field'])}\b", said), said
    if "line" in card["invalid"]:
        assert re.search(rf"(?:line |:){card['invalid']['line']}(?!\d)", said), said


@pytest.mark.rule("V-1")
def test_a_scenario_that_is_not_there_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = rehearse(capsys, str(tmp_path / "nowhere.yaml"), "--json")
    assert (outcome.code, outcome.out) == (2, "")
    assert len(outcome.err.splitlines()) == 1
    assert "nowhere.yaml" in outcome.err


def test_a_rehearsal_comes_out_the_same_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(expand.card(TYPICAL), tmp_path)
    first, second = (rehearse(capsys, str(path), "--json") for _ in range(2))
    assert first == second
    assert first.code == 0


# --------------------------------------------------------------------------------------------------
# As a user starts it
# --------------------------------------------------------------------------------------------------


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway", "rehearse", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=25,
        check=False,
    )


@pytest.mark.rule("V-2")
def test_yaml_and_json_scenarios_are_one_and_the_same(tmp_path: Path) -> None:
    card = expand.card(TYPICAL)
    as_json = tmp_path / "scenario.json"
    as_json.write_text(json.dumps(card["scenario"], ensure_ascii=False), encoding="utf-8")
    from_yaml = command(written(card, tmp_path), "--json")
    from_json = command(as_json, "--json")
    assert (from_yaml.returncode, from_yaml.stderr) == (0, "")
    assert from_json.stdout == from_yaml.stdout
    came = [json.loads(line) for line in from_yaml.stdout.splitlines()]
    assert not list(lines.faults_of_form(came, card["scenario"]))


def test_without_json_a_table_a_day_can_be_read(tmp_path: Path) -> None:
    outcome = command(written(expand.card(TYPICAL), tmp_path))
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert not outcome.stdout.startswith("{")
    assert "A-1" in outcome.stdout
    for day in ("23", "24", "25"):
        assert re.search(rf"2026-11-{day}|\b{day}[. ]", outcome.stdout), f"no table of day {day}"


@pytest.mark.rule("V-1")
def test_an_invalid_scenario_ends_the_command_with_2(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("start: 2026-11-23T08:00:00+03:00\ncolour: red\n", encoding="utf-8")
    outcome = command(path)
    assert (outcome.returncode, outcome.stdout) == (2, "")
    assert len(outcome.stderr.splitlines()) == 1
    assert "broken.yaml" in outcome.stderr
