"""Commands that need no store: `rehearse` and `parse-reply`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TextIO

from gateway import compose
from gateway.cli.table import print_table
from gateway.core.reply import Meaning, read_reply
from gateway.errors import InvalidInput, Problem

_REHEARSE_HELP = """\
examples:
  callahead rehearse tomorrow.yaml           what would happen, as a table for each day
  callahead rehearse tomorrow.yaml --json    one JSON object a line

docs/rehearsal.md describes the scenario. Nothing leaves this machine.
exit codes: 0 rehearsed to its end, 1 failed, 2 the scenario is not valid
"""

_PARSE_HELP = """\
example:
  echo '{"text": "да, приду"}' | callahead parse-reply
  {"answer": "confirm"}
"""


def add_commands(commands: argparse._SubParsersAction, common: argparse.ArgumentParser) -> None:  # type: ignore[type-arg]
    """Add the commands of this module."""
    rehearse = commands.add_parser(
        "rehearse",
        help="play a clinic's day in advance and print what would happen",
        epilog=_REHEARSE_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    rehearse.add_argument("scenario", type=Path, metavar="SCENARIO", help="YAML or JSON file")
    rehearse.add_argument("--json", action="store_true", help="one JSON object a line")
    rehearse.set_defaults(command=_rehearse)
    parse = commands.add_parser(
        "parse-reply",
        help="read patients' replies and print what each means",
        epilog=_PARSE_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parse.add_argument("--json", action="store_true", help="print JSON (as it does anyway)")
    parse.set_defaults(command=_parse_reply)


def _rehearse(arguments: argparse.Namespace) -> int:
    source = str(arguments.scenario)
    try:
        text = arguments.scenario.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInput(Problem("", error.strerror or "cannot be read"), source=source) from None
    except UnicodeDecodeError:
        raise InvalidInput(Problem("", "is not UTF-8 text"), source=source) from None
    lines = compose.rehearse(text, source)
    if arguments.json:
        for line in lines:
            sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    else:
        print_table(lines, sys.stdout)
    sys.stdout.flush()
    return 0


def _parse_reply(arguments: argparse.Namespace) -> int:
    return parse_replies(sys.stdin, sys.stdout)


def parse_replies(lines: TextIO, out: TextIO) -> int:
    """Read `{"text": …}` objects line by line and print an answer for each, in order."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        text = _text_of(line, number)
        reading = read_reply(text)
        answer = "unknown" if reading.meaning is Meaning.OPT_IN else reading.meaning.value
        shown: dict[str, object] = {"answer": answer}
        if reading.meaning is Meaning.OPT_IN:
            shown["opt_in"] = True
        if reading.matched:
            shown["matched"] = list(reading.matched)
        if reading.time is not None:
            shown["time"] = f"{reading.time[0]:02}:{reading.time[1]:02}"
        out.write(json.dumps(shown, ensure_ascii=False) + "\n")
    out.flush()
    return 0


def _text_of(line: str, number: int) -> str:
    try:
        value = json.loads(line)
    except ValueError:
        problem = Problem("", "is not JSON", number)
        raise InvalidInput(problem, source="standard input") from None
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        problem = Problem("text", 'must be text: {"text": "…"}', number)
        raise InvalidInput(problem, source="standard input")
    return str(value["text"])
