"""`callahead speech setup`: bring a speech engine to this machine."""

from __future__ import annotations

import argparse
import sys

import yaml

from gateway.compose.speech import SETUPS, set_up

_HELP = """\
example:
  callahead speech setup rhvoice

It prints the settings to add to the configuration. RHVoice comes from Debian's packages (component
non-free) and is under the GPL-3.0: it stays a program of its own beside the gateway. Nothing of
the system is changed.
exit codes: 0 done, 1 not possible here, 2 wrong usage
"""


def add_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    common: argparse.ArgumentParser,
) -> None:
    """Add the commands of this module."""
    group = commands.add_parser(
        "speech",
        help="set up a speech engine",
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    group.set_defaults(help_of=group)
    kinds = group.add_subparsers(title="commands", metavar="COMMAND")
    setup = kinds.add_parser(
        "setup",
        help="bring an engine into the data folder",
        parents=[common],
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    setup.add_argument("engine", choices=SETUPS, metavar="ENGINE", help=" or ".join(SETUPS))
    setup.set_defaults(command=_set_up)


def _set_up(arguments: argparse.Namespace) -> int:
    folder = arguments.data / "speech" / arguments.engine
    options = set_up(arguments.engine, folder, lambda words: print(words, file=sys.stderr))
    print(f"{arguments.engine} is in {folder}. Add this to the configuration:", file=sys.stderr)
    engines = [{"engine": arguments.engine, **options}, {"engine": "espeak_ng"}]
    print(yaml.safe_dump({"speech": {"engines": engines}}, sort_keys=False), end="")
    return 0
