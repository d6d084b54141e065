"""A rehearsal as a readable table."""

from __future__ import annotations

import io
from typing import Any

import pytest

from gateway.cli.table import print_table


def table(*lines: dict[str, Any]) -> str:
    out = io.StringIO()
    known = {"at": "2026-11-23T10:00:00+05:00", "appointment": "A-1", "function": "confirmation"}
    print_table([{**known, **line} for line in lines], out)
    return out.getvalue()


def test_nothing_is_told_in_words() -> None:
    assert table() == "Nothing would happen.\n"


def test_days_have_headings() -> None:
    shown = table(
        {"do": "skip", "reasons": ["club"]},
        {"do": "skip", "reasons": ["club"], "at": "2026-11-24T10:00:00+05:00"},
    )
    assert shown.index("2026-11-23") < shown.index("2026-11-24")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({"do": "call", "to": "+7", "attempt": 1, "result": "answer", "keys": "0 1"},
         "to +7, attempt 1: answer, keys 0 1"),
        ({"do": "call", "to": "+7", "attempt": 2, "result": "busy", "keys": ""},
         "to +7, attempt 2: busy"),
        ({"do": "skip", "reasons": ["club", "no_phone"]}, "club, no_phone"),
        ({"do": "answer", "source": "sms", "raw": "1", "answer": "confirm", "applied": True},
         "confirm by sms: '1'"),
        ({"do": "answer", "source": "sms", "raw": "?", "answer": None, "applied": False,
          "why": "unknown"}, "? by sms: '?' (not applied: unknown)"),
        ({"do": "whatsapp", "purpose": "reminder", "to": "+7", "result": "delivered",
          "text": "first\nsecond"}, "reminder to +7, delivered: first"),
        ({"do": "status", "from": "unconfirmed", "to": "confirmed", "source": "call"},
         "unconfirmed → confirmed (by call)"),
        ({"do": "conflict", "answer": "cancel", "status": "confirmed"},
         "cancel, but the schedule says confirmed"),
        ({"do": "charge", "amount": "2", "channel": "sms"}, "2 for sms"),
        ({"do": "write_off", "appointment": None, "function": None, "amount": "4",
          "day": "2026-11-23", "charges": 2}, "4 for 2026-11-23, 2 charges"),
        ({"do": "opt_out", "from": "+7"}, "+7"),
        ({"do": "opt_in", "from": "+7"}, "+7"),
        ({"do": "needs_attention", "why": "unclear_answer"}, "unclear_answer"),
    ],
)  # fmt: skip
def test_every_kind_of_line_says_what_belongs_to_it(line: dict[str, Any], words: str) -> None:
    (row,) = [text for text in table(line).splitlines() if text.startswith("  ")]
    assert row.endswith(words)
    assert "10:00:00" in row
