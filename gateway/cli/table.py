"""A rehearsal as a readable table, day by day."""

from __future__ import annotations

from collections.abc import Sequence
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
    """What belongs to a line, in a few words; the text of a message is cut to its first line."""
    match line["do"]:
        case "call":
            keys = f", keys {line['keys']}" if line["keys"] else ""
            return f"to {line['to']}, attempt {line['attempt']}: {line['result']}{keys}"
        case "skip":
            return ", ".join(str(reason) for reason in _items(line["reasons"]))
        case "answer":
            why = "" if line["applied"] else f" (not applied: {line['why']})"
            return f"{line['answer'] or '?'} by {line['source']}: {line['raw']!r}{why}"
        case "status":
            return f"{line['from']} → {line['to']} (by {line['source']})"
        case "conflict":
            return f"{line['answer']}, but the schedule says {line['status']}"
        case "charge":
            return f"{line['amount']} for {line['channel']}"
        case "write_off":
            return f"{line['amount']} for {line['day']}, {line['charges']} charges"
        case "opt_out" | "opt_in":
            return str(line["from"])
        case "needs_attention":
            return str(line["why"])
        case _:
            first = str(line["text"]).split("\n", 1)[0]
            return f"{line['purpose']} to {line['to']}, {line['result']}: {first[:60]}"


def _items(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []
