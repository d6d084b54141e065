"""Commands about clinics, over a store of their own that they start and end."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command
from tests.service.support import CLINIC

pytestmark = [pytest.mark.redis, pytest.mark.timeout(120)]


def visit(appointment_id: str = "A-1", **more: Any) -> dict[str, Any]:
    return {
        "id": appointment_id,
        "branch": "lenina",
        "start": "2036-11-24T14:30:00+05:00",
        "created": "2026-11-20T12:00:00+05:00",
        "patient": {
            "id": "P-1",
            "last_name": "Сидорова",
            "phones": ["+79161234567"],
            "consent": True,
        },
        **more,
    }


def test_a_clinics_life_by_commands(command: Command, clinic_file: Path, tmp_path: Path) -> None:
    """Import, show, export, keys, schedule, explain: each finds what the one before has left."""
    done = command("clinic", "import", clinic_file)
    assert (done.code, done.out) == (0, "")
    assert "zdorovie: 1 branch\n" in done.err
    assert command("clinic", "show").out == "zdorovie\n"
    assert command("clinic", "export", "zdorovie").data == CLINIC

    key = command("key", "create", "zdorovie", "--label", "1C")
    assert re.fullmatch(r"chk_[0-9a-f]{24}\n", key.out)
    shown = command("clinic", "show", "zdorovie", "--json").data
    assert shown["branches"][0]["channels"] == ["whatsapp", "sms"]
    (kept,) = shown["keys"]
    assert kept["label"] == "1C"
    assert key.out.strip() not in json.dumps(shown)
    words = command("clinic", "show", "zdorovie").out
    assert "1C" in words
    assert "Asia/Yekaterinburg" in words

    assert command("key", "revoke", "zdorovie", "ffffffffff").code == 2
    assert command("key", "revoke", "zdorovie", "").code == 2
    assert command("key", "revoke", "zdorovie", kept["hash"]).code == 0
    assert command("clinic", "show", "zdorovie", "--json").data["keys"] == []

    rows = tmp_path / "visits.ndjson"
    texts = [json.dumps(visit()), "{oops", json.dumps(visit("A-2", start="soon"))]
    rows.write_text("\n".join(texts), encoding="utf-8")
    done = command("schedule", "import", "zdorovie", rows, "--json")
    assert done.code == 2
    results = [json.loads(line) for line in done.out.splitlines()]
    assert [(r["line"], r["id"], r["status"]) for r in results] == [
        (1, "A-1", "stored"),
        (2, None, "error"),
        (3, "A-2", "error"),
    ]
    assert f"{rows}: line 2: is not JSON" in done.err
    assert f"{rows}: line 3: start: " in done.err

    explained = command("explain", "zdorovie", "A-1", "--lang", "en")
    assert explained.code == 0
    assert "Details: " in explained.out
    assert "adopted" in explained.out
    told = command("explain", "zdorovie", "A-1", "--json").data
    assert told["functions"]["details"]["state"] in ("not_sent", "waiting")
    missing = command("explain", "zdorovie", "A-9")
    assert (missing.code, missing.out) == (2, "")
    assert "A-9" in missing.err
    assert "Traceback" not in missing.err


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ('{\n"id": "zdorovie",\n"name": 5\n}', "line 3: name"),
        ("id: zdorovie\nname: Z\nbranches:\n  - id: a\n    name: A\n    timezone: Mars/Base\n",
         "line 6: branches[0].timezone"),
        ("id: [\n", "line"),
    ],
)  # fmt: skip
def test_settings_that_are_not_valid_are_told_by_file_line_and_field(
    command: Command, tmp_path: Path, content: str, place: str
) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(content, encoding="utf-8")
    done = command("clinic", "import", file)
    assert (done.code, done.out) == (2, "")
    assert f"{file}: " in done.err
    assert place in done.err
    assert len(done.err.splitlines()) == 1


def test_what_is_not_there_is_told_in_one_line(command: Command, tmp_path: Path) -> None:
    for arguments in (
        ("clinic", "import", tmp_path / "missing.yaml"),
        ("clinic", "export", "nowhere"),
        ("clinic", "show", "nowhere"),
        ("key", "create", "nowhere"),
        ("schedule", "import", "nowhere", tmp_path / "missing.ndjson"),
    ):
        done = command(*arguments)
        assert (done.code, done.out) == (2, ""), arguments
        assert done.err.startswith("callahead: ")
        assert len(done.err.splitlines()) == 1
    assert command("clinic", "show", "--json").data == []


@pytest.mark.rule("G-6")
def test_a_branch_with_visits_cannot_be_left_out(
    command: Command, clinic_file: Path, tmp_path: Path
) -> None:
    lenina = CLINIC["branches"][0]
    both = tmp_path / "both.json"
    document = {**CLINIC, "branches": [lenina, {**lenina, "id": "mira"}]}
    both.write_text(json.dumps(document), encoding="utf-8")
    rows = tmp_path / "visits.ndjson"
    rows.write_text(json.dumps(visit(branch="mira")), encoding="utf-8")
    assert command("clinic", "import", both).code == 0
    assert command("schedule", "import", "zdorovie", rows).code == 0
    done = command("clinic", "import", clinic_file)
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "branches: 'mira' still has visits" in done.err
