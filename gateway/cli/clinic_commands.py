"""Commands about clinics: settings, keys, schedules, and why somebody got nothing."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from gateway import compose
from gateway import log as logs
from gateway.cli.explanation import show_explanation
from gateway.cli.progress import Progress
from gateway.cli.rows import rows_of
from gateway.errors import InvalidInput, NotFound, Problem
from gateway.ports.schema import warnings_of
from gateway.ports.yaml_lines import read_document
from gateway.service.schedule_import import import_rows
from gateway.settings import load
from gateway.web.auth import new_key

Work = Callable[[compose.Gateway, argparse.Namespace], Awaitable[int]]

_HELP: dict[str, str] = {
    "clinic": """\
examples:
  callahead clinic import clinic.yaml        take the settings of a new or known clinic
  callahead clinic export zdorovie           print them as JSON
  callahead clinic show                      list the clinics; with an id, its branches
""",
    "key": """\
examples:
  callahead key create zdorovie --label "1C"     prints the key once; only its hash is kept
  callahead key revoke zdorovie 3f9c02ab         by the beginning of the hash that `show` lists
""",
    "schedule": """\
example:
  callahead schedule import zdorovie visits.ndjson

One appointment object a line (NDJSON), or a JSON or YAML list. Good rows are stored; every bad
one is named with its line and field. exit codes: 0 all stored, 2 some rows were not taken
""",
    "explain": """\
example:
  callahead explain zdorovie A-1 --lang ru

Says for each function what was done, what comes next, or every reason why nothing was sent.
""",
}


def add_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    common: argparse.ArgumentParser,
) -> None:
    """Add the commands of this module."""
    clinic = _group(commands, "clinic", "settings of clinics")
    take = _command(clinic, "import", _import_clinic, "take a clinic's settings", common)
    take.add_argument("file", type=Path, metavar="FILE", help="YAML or JSON")
    export = _command(clinic, "export", _export_clinic, "print a clinic's settings", common)
    export.add_argument("clinic", metavar="CLINIC")
    show = _command(clinic, "show", _show_clinic, "list clinics, or one clinic's branches", common)
    show.add_argument("clinic", metavar="CLINIC", nargs="?")
    show.add_argument("--json", action="store_true", help="print JSON")
    key = _group(commands, "key", "API keys of clinics")
    create = _command(key, "create", _create_key, "make a key", common)
    create.add_argument("clinic", metavar="CLINIC")
    create.add_argument("--label", default="", help="what it is for")
    revoke = _command(key, "revoke", _revoke_key, "make a key invalid", common)
    revoke.add_argument("clinic", metavar="CLINIC")
    revoke.add_argument("hash", metavar="HASH", help="beginning of the key's hash")
    schedule = _group(commands, "schedule", "appointments from a file")
    rows = _command(schedule, "import", _import_schedule, "store a file's appointments", common)
    rows.add_argument("clinic", metavar="CLINIC")
    rows.add_argument("file", type=Path, metavar="FILE")
    rows.add_argument("--json", action="store_true", help="print a result line for every row")
    why = _command(commands, "explain", _explain, "say why a patient got something or not", common)
    why.add_argument("clinic", metavar="CLINIC")
    why.add_argument("appointment", metavar="APPOINTMENT")
    why.add_argument("--lang", choices=("ru", "en"), default="ru")
    why.add_argument("--json", action="store_true", help="print JSON")


def _group(commands: Any, name: str, words: str) -> Any:
    group = commands.add_parser(
        name,
        help=words,
        epilog=_HELP[name],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    group.set_defaults(help_of=group)
    return group.add_subparsers(title="commands", metavar="COMMAND")


def _command(
    commands: Any, name: str, work: Work, words: str, common: argparse.ArgumentParser
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=words,
        parents=[common],
        epilog=_HELP.get(name),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(command=lambda arguments: with_gateway(work, arguments))
    return command


def with_gateway(work: Work, arguments: argparse.Namespace) -> int:
    """Join the running store, or start one for the duration of the command."""
    loaded = load(arguments.config)
    logs.set_up("warning", show_personal_data=loaded.settings.log.show_personal_data)

    async def run() -> int:
        async with compose.open_gateway(loaded, arguments.data) as gateway:
            return await work(gateway, arguments)

    return asyncio.run(run())


# -- clinics --------------------------------------------------------------------------------------


async def _import_clinic(gateway: compose.Gateway, arguments: argparse.Namespace) -> int:
    source = str(arguments.file)
    document = read_document(_text_of(arguments.file), source)
    try:
        clinic = await gateway.service.clinics.save(document.data)
    except InvalidInput as error:
        raise compose.with_lines(error, document, source) from None
    for warning in warnings_of(clinic):
        print(f"callahead: warning: {warning}", file=sys.stderr)
    count = len(clinic.branches)
    print(f"{clinic.id}: {count} {'branch' if count == 1 else 'branches'}", file=sys.stderr)
    return 0


async def _export_clinic(gateway: compose.Gateway, arguments: argparse.Namespace) -> int:
    record = await gateway.service.clinics.record(arguments.clinic)
    print(json.dumps(record.document, ensure_ascii=False, indent=2))
    return 0


async def _show_clinic(gateway: compose.Gateway, arguments: argparse.Namespace) -> int:
    service = gateway.service
    if arguments.clinic is None:
        ids = await service.store.clinics()
        print(json.dumps(list(ids)) if arguments.json else "\n".join(ids))
        return 0
    clinic = await service.clinics.clinic(arguments.clinic)
    keys = await service.store.keys(clinic.id)
    shown = {
        "id": clinic.id,
        "name": clinic.name,
        "branches": [
            {
                "id": branch.id,
                "name": branch.name,
                "timezone": branch.timezone,
                "method": branch.confirmation.method,
                "channels": [channel.value for channel in branch.channels],
            }
            for branch in clinic.branches
        ],
        "keys": [
            {"hash": digest[:8], "created": created.isoformat(), "label": label}
            for digest, created, label in keys
        ],
    }
    if arguments.json:
        print(json.dumps(shown, ensure_ascii=False, indent=2))
        return 0
    print(f"{clinic.id}  {clinic.name}")
    for branch in clinic.branches:
        order = ", ".join(branch.channels)
        print(f"  {branch.id}  {branch.timezone}  {branch.confirmation.method}  {order}")
    for digest, created, label in keys:
        print(f"  key {digest[:8]}  {created:%Y-%m-%d}  {label}")
    return 0


# -- keys -----------------------------------------------------------------------------------------


async def _create_key(gateway: compose.Gateway, arguments: argparse.Namespace) -> int:
    service = gateway.service
    clinic = await service.clinics.clinic(arguments.clinic)
    key, digest = new_key()
    await service.store.save_key(digest, clinic.id, service.clock.now(), arguments.label)
    print(key)
    print("Keep it: only its hash is stored.", file=sys.stderr)
    return 0


async def _revoke_key(gateway: compose.Gateway, arguments: argparse.Namespace) -> int:
    service = gateway.service
    clinic = await service.clinics.clinic(arguments.clinic)
    keys = await service.store.keys(clinic.id)
    found = [digest for digest, _, _ in keys if digest.startswith(arguments.hash)]
    if len(found) != 1 or not arguments.hash:
        problem = Problem("HASH", f"{len(found)} keys of this clinic begin with it")
        raise InvalidInput(problem)
    await service.store.revoke_key(clinic.id, found[0])
    print("The key is no longer valid.", file=sys.stderr)
    return 0


# -- schedules ------------------------------------------------------------------------------------


async def _import_schedule(gateway: compose.Gateway, arguments: argparse.Namespace) -> int:
    clinic = await gateway.service.clinics.clinic(arguments.clinic)
    rows = rows_of(_text_of(arguments.file), str(arguments.file))
    progress = Progress("appointments", len(rows))
    bad = 0
    async for stored in import_rows(gateway.service.engine, clinic.id, rows):
        progress.step()
        if stored.status == "error":
            bad += 1
            for problem in stored.problems:
                told = f"{problem.field}: {problem.message}" if problem.field else problem.message
                print(f"{arguments.file}: line {stored.line}: {told}", file=sys.stderr)
        if arguments.json:
            errors = [{"field": p.field, "message": p.message} for p in stored.problems]
            line = {"line": stored.line, "id": stored.id, "status": stored.status}
            print(json.dumps({**line, "errors": errors}, ensure_ascii=False))
    progress.finish()
    return 2 if bad else 0


async def _explain(gateway: compose.Gateway, arguments: argparse.Namespace) -> int:
    service = gateway.service
    case, contact = await service.store.load_case(arguments.clinic, arguments.appointment)
    if case is None:
        raise NotFound(f"no appointment {arguments.appointment!r} in {arguments.clinic!r}")
    settings = await service.clinics.settings(arguments.clinic, case.branch)
    show_explanation(
        case,
        contact,
        settings.branch,
        service.clock.now(),
        language=arguments.lang,
        as_json=arguments.json,
        out=sys.stdout,
    )
    return 0


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        problem = Problem("", error.strerror or "cannot be read")
    except UnicodeDecodeError:
        problem = Problem("", "is not UTF-8 text")
    raise InvalidInput(problem, source=str(file))
