"""Commands that need no store."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from gateway.cli.offline import parse_replies
from gateway.errors import InvalidInput
from tests.cli.conftest import Command

SCENARIO = """\
start: 2026-11-23T08:00:00+03:00
until: 2026-11-24T20:00:00+03:00
clinic:
  id: zdorovie
  name: Здоровье
  branches:
    - {id: lenina, name: Здоровье, timezone: Asia/Yekaterinburg}
events:
  - at: 2026-11-20T12:00:00+03:00
    appointment:
      id: A-1
      branch: lenina
      start: 2026-11-24T14:30:00+05:00
      created: 2026-11-20T12:00:00+03:00
      patient: {id: P-1, phones: ["+79161234567"]}
"""


def read(text: str) -> list[dict[str, object]]:
    out = io.StringIO()
    assert parse_replies(io.StringIO(text), out) == 0
    return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.mark.rule("U-2", "U-3", "U-6")
def test_every_reply_gets_its_answer_in_order() -> None:
    texts = ["1", "да, приду", "3", "нет", "стоп", "старт", "погода"]
    found = read("\n\n".join(json.dumps({"text": text}) for text in texts))
    assert [line["answer"] for line in found] == [
        "confirm",
        "confirm",
        "cancel",
        "ambiguous",
        "opt_out",
        "unknown",
        "unknown",
    ]
    assert found[5]["opt_in"] is True


@pytest.mark.rule("Z-10")
def test_a_time_in_a_reply_is_told() -> None:
    assert read('{"text": "14:30"}')[0]["time"] == "14:30"


@pytest.mark.parametrize("bad", ["oops", "[1]", "{}", '{"text": 1}', '{"text": null}'])
def test_a_bad_line_is_named(bad: str) -> None:
    out = io.StringIO()
    with pytest.raises(InvalidInput, match="standard input: line 2"):
        parse_replies(io.StringIO('{"text": "1"}\n' + bad), out)


def test_replies_are_read_from_standard_input(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('{"text": "1"}\n'))
    done = command("parse-reply", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.data["answer"] == "confirm"
    monkeypatch.setattr("sys.stdin", io.StringIO("oops\n"))
    done = command("parse-reply")
    assert (done.code, done.out) == (2, "")
    assert "standard input: line 1: is not JSON" in done.err


@pytest.mark.rule("V-2")
def test_a_rehearsal_prints_lines_or_a_table(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "tomorrow.yaml"
    file.write_text(SCENARIO, encoding="utf-8")
    done = command("rehearse", file, "--json")
    assert (done.code, done.err) == (0, "")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert [line["do"] for line in lines][:2] == ["skip", "call"]
    table = command("rehearse", file)
    assert table.code == 0
    assert "2026-11-23" in table.out
    assert "to +79161234567, attempt 1: answered" not in table.out


@pytest.mark.rule("V-1")
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (SCENARIO.replace("id: P-1", "idd: P-1").encode(), "patient"),
        (b"start: [", "line"),
        (b"\xff\xfe", "UTF-8"),
        (None, "No such file"),
    ],
)
def test_a_scenario_that_is_not_valid_is_one_clear_line(
    command: Command, tmp_path: Path, content: bytes | None, words: str
) -> None:
    file = tmp_path / "bad.yaml"
    if content is not None:
        file.write_bytes(content)
    for more in ((), ("--json",)):
        done = command("rehearse", file, *more)
        assert (done.code, done.out) == (2, "")
        assert str(file) in done.err
        assert words in done.err
        assert len(done.err.splitlines()) == 1
