"""`callahead attention`: what waits for a clinic's staff, and that they have seen to it."""

from __future__ import annotations

import argparse
import json
import sys

from gateway import compose
from gateway.cli.clinic_commands import with_gateway
from gateway.core.attention import LANGUAGES
from gateway.errors import NotFound
from gateway.service.attention import QUEUE_MAX, mark_done, waiting_for_staff
from gateway.web.attention import shown

_HELP = """\
examples:
  callahead attention zdorovie                         what waits, the longest waiting first
  callahead attention zdorovie --json                  one JSON object a line
  callahead attention zdorovie --done 3f9c02ab11d0e7c4 the staff has seen to it

exit codes: 0 done, 2 no such clinic, or nothing of this id waits (any more)
"""


def add_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    common: argparse.ArgumentParser,
) -> None:
    """Add the command."""
    attention = commands.add_parser(
        "attention",
        help="list what waits for a clinic's staff, or mark it done",
        parents=[common],
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    attention.add_argument("clinic", metavar="CLINIC")
    attention.add_argument("--done", metavar="ID", help="take this item off the queue")
    attention.add_argument("--lang", choices=LANGUAGES, default=LANGUAGES[0])
    attention.add_argument("--json", action="store_true", help="one JSON object a line")
    attention.set_defaults(command=lambda arguments: with_gateway(_attention, arguments))


async def _attention(gateway: compose.Gateway, arguments: argparse.Namespace) -> int:
    service = gateway.service
    clinic = await service.clinics.clinic(arguments.clinic)
    if arguments.done is not None:
        if not await mark_done(service.store, service.engine, clinic.id, arguments.done):
            raise NotFound(f"nothing of the id {arguments.done!r} waits in {clinic.id!r}")
        print("Done: it waits no more.", file=sys.stderr)
        return 0
    waiting = await waiting_for_staff(service.store, clinic.id, QUEUE_MAX)
    for item in (shown(one, clinic, arguments.lang) for one in waiting):
        if arguments.json:
            print(json.dumps(item, ensure_ascii=False))
            continue
        whose = item["appointment"] or item["number"]
        print(f"{item['id']}  {item['at']}  {item['branch']}  {whose}  {item['text']}")
        if item["raw"]:
            print(f"{'':18}{item['number'] or ''}: {item['raw']!r}")
    if not waiting and not arguments.json:
        print("Nothing waits for the staff.", file=sys.stderr)
    return 0
