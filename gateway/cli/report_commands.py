"""Reports of a clinic, and the check that proves them."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date, timedelta
from typing import Any

from gateway import compose
from gateway.cli.clinic_commands import Work, with_gateway
from gateway.cli.progress import Progress
from gateway.core.clinic import Clinic
from gateway.core.hours import local_day
from gateway.core.model import Channel, Function
from gateway.service.reports import REPORTS, branches_of, day_of, query_of, report
from gateway.service.reports_check import Checked, Difference, check
from gateway.service.reports_formats import WRITERS, write_table
from gateway.service.reports_table import Query

FORMATS = ("table", *WRITERS)

CHECKED_DAYS = 365
"""How far back a check goes unless told otherwise: as far as everything is kept."""

_HELP = """\
examples:
  callahead report charges zdorovie --from 2026-11-01 --to 2026-11-30
  callahead report outcomes zdorovie --format xlsx > outcomes.xlsx
  callahead report check zdorovie                  do the books agree with the timelines?

Days are those of the branch's own calendar, both included; without them: this month so far.
`charges` and `work` are about what happened on those days, the others about visits that start
on them. On a terminal a report is a table, elsewhere JSON.
"""

_CHECK_HELP = """\
Computes every charge, daily write-off, month total and counter again from the timelines of all
visits and prints what the books say otherwise. Without dates: the last 365 days.
exit codes: 0 equal, 1 differences
"""


def add_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    common: argparse.ArgumentParser,
) -> None:
    """Add the commands of this module."""
    group = commands.add_parser(
        "report",
        help="what was done, what it cost, and what came of it",
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    group.set_defaults(help_of=group)
    reports = group.add_subparsers(title="commands", metavar="COMMAND")
    for name, kind in REPORTS.items():
        one = _command(reports, name, _report, kind.english, common)
        one.set_defaults(report=name)
        if "function" in kind.filters:
            one.add_argument("--function", choices=[f.value for f in Function])
        if "channel" in kind.filters:
            one.add_argument("--channel", choices=[c.value for c in Channel])
        one.add_argument(
            "--format", choices=FORMATS, help="default: table on a terminal, else json"
        )
        one.add_argument("--lang", choices=("ru", "en"), help="default: the clinic's language")
    proof = _command(
        reports, "check", _check, "Prove every total from the timelines", common, _CHECK_HELP
    )
    proof.add_argument("--json", action="store_true", help="print JSON")


def _command(
    commands: Any,
    name: str,
    work: Work,
    words: str,
    common: argparse.ArgumentParser,
    epilog: str | None = None,
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=words[0].lower() + words[1:],
        parents=[common],
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(command=lambda arguments: with_gateway(work, arguments))
    command.add_argument("clinic", metavar="CLINIC")
    command.add_argument("--branch", metavar="BRANCH", help="only this branch")
    command.add_argument("--from", dest="since", type=_day, metavar="DATE", help="first day")
    command.add_argument("--to", dest="until", type=_day, metavar="DATE", help="last day, included")
    return command


def _day(text: str) -> date:
    try:
        return day_of(text)
    except ValueError:
        raise argparse.ArgumentTypeError("must be a date, YYYY-MM-DD") from None


def _today(gateway: compose.Gateway, clinic: Clinic) -> date:
    return local_day(gateway.service.clock.now(), clinic.branches[0].timezone)


async def _report(gateway: compose.Gateway, arguments: argparse.Namespace) -> int:
    service = gateway.service
    clinic = await service.clinics.clinic(arguments.clinic)
    until = arguments.until or _today(gateway, clinic)
    query = query_of(
        arguments.report,
        clinic,
        since=arguments.since or until.replace(day=1),
        until=until,
        branch=arguments.branch,
        function=getattr(arguments, "function", None),
        channel=getattr(arguments, "channel", None),
    )
    made = await report(service.store, arguments.report, query)
    chosen = arguments.format or ("table" if sys.stdout.isatty() else "json")
    language = arguments.lang or clinic.language
    if chosen == "table":
        write_table(made, language, sys.stdout)
        return 0
    sys.stdout.flush()
    sys.stdout.buffer.write(WRITERS[chosen][1](made, language))
    if chosen == "json":
        sys.stdout.buffer.write(b"\n")
    return 0


async def _check(gateway: compose.Gateway, arguments: argparse.Namespace) -> int:
    service = gateway.service
    clinic = await service.clinics.clinic(arguments.clinic)
    until = arguments.until or _today(gateway, clinic)
    since = arguments.since or until - timedelta(days=CHECKED_DAYS)
    query = Query(clinic, branches_of(clinic, arguments.branch), since, until)
    progress = Progress("cases", (await service.store.figures()).cases)
    checked = await check(service.store, query, step=progress.step)
    progress.finish()
    for branch, day in checked.moving:
        print(f"{branch} {day}: still changing, not compared; ask again", file=sys.stderr)
    print(
        f"{checked.entries} timeline entries, {checked.charges} charges, {checked.amount:f} "
        f"in all: {len(checked.differences)} differences",
        file=sys.stderr,
    )
    if arguments.json:
        print(json.dumps(_document(checked), ensure_ascii=False))
    else:
        for difference in checked.differences:
            print(_line(difference))
    return 1 if checked.differences else 0


def _line(difference: Difference) -> str:
    visit = f", visit {difference.appointment}" if difference.appointment else ""
    return (
        f"{difference.branch} {difference.day}{visit}: {difference.what}: "
        f"timelines {difference.timelines}, books {difference.books}"
    )


def _document(checked: Checked) -> dict[str, object]:
    return {
        "cases": checked.cases,
        "entries": checked.entries,
        "charges": checked.charges,
        "amount": f"{checked.amount:f}",
        "moving": [{"branch": branch, "day": day.isoformat()} for branch, day in checked.moving],
        "differences": [
            {
                "branch": item.branch,
                "day": item.day.isoformat(),
                "appointment": item.appointment or None,
                "what": item.what,
                "timelines": item.timelines,
                "books": item.books,
            }
            for item in checked.differences
        ],
    }
