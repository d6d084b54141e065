"""`callahead call`: places one test call and prints what happened."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from gateway.cli.script_facts import script_and_facts
from gateway.compose.call import call
from gateway.core.model import CallResult
from gateway.settings import load

_HELP = """\
examples:
  callahead call --to sip:patient@192.0.2.7 --script confirm_visit.ru --facts facts.yaml
  callahead call --to +79161234567 --script confirm_visit.en --facts facts.yaml --json

A SIP address is called straight, without a trunk; a number over the configured trunks. Nothing is
written into any schedule. facts.yaml:
  name: Мария Ивановна
  doctor: Петров Иван Сергеевич
  specialty: терапевт
  clinic: Здоровье
  start: 2026-11-24T14:30

exit codes: 0 somebody picked up, 1 nobody did or the call could not be placed, 2 wrong input
"""

_NOBODY = frozenset(
    {
        CallResult.NO_ANSWER,
        CallResult.BUSY,
        CallResult.REJECTED,
        CallResult.UNREACHABLE,
        CallResult.MACHINE,
        CallResult.FAILED,
    }
)


def add_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    common: argparse.ArgumentParser,
) -> None:
    """Add the command."""
    command = commands.add_parser(
        "call",
        help="place one test call",
        parents=[common],
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--to", required=True, metavar="ADDRESS", help="sip:… or +number")
    command.add_argument(
        "--script", default="confirm_visit.ru", metavar="NAME", help="confirm_visit.ru or .en"
    )
    command.add_argument("--facts", required=True, type=Path, metavar="FILE", help="YAML or JSON")
    command.add_argument("--json", action="store_true", help="one JSON object a line")
    command.set_defaults(command=_call)


def _call(arguments: argparse.Namespace) -> int:
    loaded = load(arguments.config)
    script, facts = script_and_facts(loaded, arguments.script, arguments.facts)
    tell = _tell_json if arguments.json else _tell
    result = asyncio.run(call(loaded, arguments.data, arguments.to, script, facts, tell))
    return 1 if result in _NOBODY else 0


def _tell_json(step: Mapping[str, object]) -> None:
    print(json.dumps(step, ensure_ascii=False), flush=True)


def _tell(step: Mapping[str, object]) -> None:
    more = ", ".join(f"{key} {value}" for key, value in step.items() if key not in ("s", "what"))
    print(f"{step['s']:7.2f} s  {step['what']}{': ' if more else ''}{more}", file=sys.stdout)
    sys.stdout.flush()
