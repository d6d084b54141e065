"""A rehearsal as a readable table, day by day."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TextIO

WIDTHS = (8, 14, 13, 16)
"""Columns: time, appointment, function, what was done; the rest of the line says the details."""


def print_table(lines: Sequence[dict[str, object]], out: TextIO) -> None:
    """Print the lines under a heading for each day."""
    if not lines:
        out.write("Nothing would happen.\n")
        return
    for day, group in groupby(lines, key=lambda line: str(line["at"])[:10]):
        out.write(f"\n{day}\n")
        for line in group:
            cells = (
                str(line["at"])[11:19],
                str(line["appointment"] or ""),
                str(line["function"] or ""),
                str(line["do"]),
            )
            start = " ".join(f"{cell:<{w}}" for cell, w in zip(cells, WIDTHS, strict=True))
            out.write(f"  {start} {_details(line)}".rstrip() + "\n")
    out.write("\n")


def _details(line: dict[str, object]) -> str:
    """What belongs to a line, in a few words."""
    describe = _DETAILS.get(str(line["do"]))
    return describe(line) if describe is not None else _message(line)


def _call(line: dict[str, object]) -> str:
    keys = f", keys {line['keys']}" if line["keys"] else ""
    return f"to {line['to']}, attempt {line['attempt']}: {line['result']}{keys}"


def _skip(line: dict[str, object]) -> str:
    reasons = line["reasons"]
    return ", ".join(str(reason) for reason in reasons) if isinstance(reasons, list) else ""


def _answer(line: dict[str, object]) -> str:
    why = "" if line["applied"] else f" (not applied: {line['why']})"
    return f"{line['answer'] or '?'} by {line['source']}: {line['raw']!r}{why}"


def _message(line: dict[str, object]) -> str:
    """The text of a message is cut to its first line."""
    first = str(line["text"]).split("\n", 1)[0]
    return f"{line['purpose']} to {line['to']}, {line['result']}: {first[:60]}"


_DETAILS: dict[str, Callable[[dict[str, object]], str]] = {
    "call": _call,
    "skip": _skip,
    "answer": _answer,
    "status": lambda line: f"{line['from']} → {line['to']} (by {line['source']})",
    "conflict": lambda line: f"{line['answer']}, but the schedule says {line['status']}",
    "charge": lambda line: f"{line['amount']} for {line['channel']}",
    "write_off": lambda line: f"{line['amount']} for {line['day']}, {line['charges']} charges",
    "opt_out": lambda line: str(line["from"]),
    "opt_in": lambda line: str(line["from"]),
    "needs_attention": lambda line: str(line["why"]),
}
