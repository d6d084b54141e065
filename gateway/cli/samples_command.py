"""`callahead samples`: every message, and what the robot says, with example facts (rule W-2)."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, TypeAlias

from gateway import compose
from gateway.cli.clinic_commands import with_gateway
from gateway.clock import SystemClock
from gateway.core.clinic import Branch
from gateway.core.hours import local_day
from gateway.core.model import Channel, Function
from gateway.core.samples import function_of, sample_messages
from gateway.core.tariff import price_of
from gateway.core.texts import warnings_of
from gateway.core.wording import Words, sample_branch
from gateway.errors import InvalidInput, NotFound, Problem
from gateway.scripts import LANGUAGES
from gateway.settings import load
from gateway.web.samples import message_line

Line: TypeAlias = dict[str, Any]

_HELP = """\
examples:
  callahead samples                                   all of them, in Russian
  callahead samples --lang en --function reminder
  callahead samples --channel sms                     with parts, what is left, and the price
  callahead samples --clinic zdorovie --branch lenina with the branch's name, links and tariff

Without --clinic the tariff is the default one. With --config the texts and the host of the links
are those of that configuration. An SMS of more than two parts is sent, and warned about here.
"""


def add_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    common: argparse.ArgumentParser,
) -> None:
    """Add the command."""
    samples = commands.add_parser(
        "samples",
        help="print every message, and what the robot says, with example facts and prices",
        parents=[common],
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    samples.add_argument("--lang", choices=LANGUAGES, help="default: ru, or the branch's")
    samples.add_argument("--function", choices=[one.value for one in Function])
    samples.add_argument("--channel", choices=[one.value for one in Channel])
    samples.add_argument("--clinic", metavar="CLINIC", help="a clinic of the store")
    samples.add_argument("--branch", metavar="BRANCH", help="its branch (default: the first)")
    samples.add_argument("--json", action="store_true", help="one JSON object a line")
    samples.set_defaults(command=_samples)


def _samples(arguments: argparse.Namespace) -> int:
    if arguments.clinic is not None:
        return with_gateway(_of_clinic, arguments)
    if arguments.branch is not None:
        raise InvalidInput(Problem("--branch", "needs --clinic"))
    loaded = load(arguments.config)
    words = compose.texts_of(loaded).by_language[arguments.lang or LANGUAGES[0]]
    branch = sample_branch(words)
    if arguments.config is not None:
        branch = replace(branch, link_base=compose.link_base(loaded.settings))
    _print(words, branch, compose.call_samples(loaded, words, branch), arguments)
    return 0


async def _of_clinic(gateway: compose.Gateway, arguments: argparse.Namespace) -> int:
    service = gateway.service
    clinic = await service.clinics.clinic(arguments.clinic)
    wanted = arguments.branch or clinic.branches[0].id
    if clinic.branch(wanted) is None:
        raise NotFound(f"no branch {wanted!r} in {clinic.id!r}")
    settings = await service.clinics.settings(clinic.id, wanted)
    texts = settings.texts
    words = texts.by_language.get(arguments.lang) or texts.words(settings.branch, None)
    spoken = compose.call_samples(load(arguments.config), words, settings.branch)
    _print(words, settings.branch, spoken, arguments)
    return 0


def _print(
    words: Words,
    branch: Branch,
    spoken: Iterable[tuple[str, str]],
    arguments: argparse.Namespace,
) -> None:
    for line in _lines(words, branch, spoken):
        if arguments.function not in (None, line["function"]):
            continue
        if arguments.channel not in (None, line["channel"]):
            continue
        print(json.dumps(line, ensure_ascii=False) if arguments.json else _shown(line))
    for warning in warnings_of(words):
        print(f"callahead: warning: messages.{words.language}.yaml: {warning}", file=sys.stderr)


def _lines(words: Words, branch: Branch, spoken: Iterable[tuple[str, str]]) -> Iterator[Line]:
    day = local_day(SystemClock().now(), branch.timezone)
    for message in sample_messages(words, branch, day):
        yield {"language": words.language, **message_line(message)}
    price = price_of(branch, Channel.CALL, after_call=False, segments=1, day=day)
    for about, text in spoken:
        yield {
            "language": words.language,
            "about": about,
            "function": function_of(about),
            "channel": Channel.CALL,
            "text": text,
            "buttons": [],
            "parameters": [],
            "sms": None,
            "price": str(price),
            "price_after_call": None,
        }


def _shown(line: Line) -> str:
    head = [f"── {line['about']} · {line['channel']}"]
    if line["sms"] is not None:
        sms = line["sms"]
        head.append(f"{sms['encoding']}, {sms['units']} units in {sms['parts']} parts")
        head.append(f"{sms['left']} left")
    if line["price"] is not None:
        head.append(f"price {line['price']}")
    if line["price_after_call"] is not None:
        head.append(f"price after a call {line['price_after_call']}")
    rows = [", ".join(head), line["text"]]
    if line["buttons"]:
        rows.append(" ".join(f"[{title}]" for title in line["buttons"]))
    rows += [f"  {{{{{n}}}}} = {value}" for n, value in enumerate(line["parameters"], 1)]
    return "\n".join([*rows, ""])
