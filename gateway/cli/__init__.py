"""The command line: `callahead` = `python -m gateway`.

Data goes to standard output, words to standard error. Exit 0: done; 1: failed; 2: wrong usage
or input.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from gateway.cli import (
    attention_command,
    call_command,
    clinic_commands,
    config_commands,
    demo_command,
    offline,
    report_commands,
    samples_command,
    say_command,
    server,
    speech_command,
)
from gateway.errors import CallaheadError, InvalidInput, NotFound, StoreError

DONE, FAILED, WRONG_INPUT = 0, 1, 2

PROBLEMS_MAX = 5
"""Problems named in one line; the rest is counted."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    _speak_utf8()
    parser = build_parser()
    arguments = parser.parse_args(argv)
    command: Callable[[argparse.Namespace], int] | None = getattr(arguments, "command", None)
    if command is None:
        arguments.help_of.print_help(sys.stderr)
        return WRONG_INPUT
    try:
        return _carried_out(command, arguments)
    except InvalidInput as error:
        _complain(_one_line(error))
        return WRONG_INPUT
    except NotFound as error:
        _complain(str(error))
        return WRONG_INPUT
    except (StoreError, CallaheadError) as error:
        _complain(str(error))
        return FAILED
    except KeyboardInterrupt:
        _complain("interrupted")
        return FAILED
    except BrokenPipeError:
        # The reader has gone (`| head`): nobody is left to be told.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        _complain(_of_the_system(error))
        return FAILED


def _carried_out(
    command: Callable[[argparse.Namespace], int], arguments: argparse.Namespace
) -> int:
    code = command(arguments)
    sys.stdout.flush()  # here, so that a reader who has gone is noticed here
    return code


def _speak_utf8() -> None:
    """Read and write UTF-8 whatever the locale is; no odd character may end a command."""
    for stream, errors in ((sys.stdin, "replace"), (sys.stdout, "backslashreplace")):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors=errors)


def _complain(text: str) -> None:
    print(f"callahead: {text}", file=sys.stderr)


def _of_the_system(error: OSError) -> str:
    """What the system refused, and for which file; a taken port has none."""
    words = error.strerror or str(error)
    return f"{error.filename}: {words}" if error.filename else words


def _one_line(error: InvalidInput) -> str:
    """Everything that is wrong, in one line: a second problem is often the cause of the first."""
    if not error.problems:
        return str(error)
    told = "; ".join(str(problem) for problem in error.problems[:PROBLEMS_MAX])
    more = len(error.problems) - PROBLEMS_MAX
    told += f"; and {more} more" if more > 0 else ""
    return f"{error.source}: {told}" if error.source else told


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of every command; each names the function that carries it out."""
    parser = argparse.ArgumentParser(
        prog="callahead",
        description="Telephony IVR and messaging gateway for clinics.",
        epilog="`callahead COMMAND --help` explains a command and gives examples.",
    )
    parser.set_defaults(help_of=parser)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--config",
        type=Path,
        default=None,
        metavar="FILE",
        help="configuration (default: config/gateway.yaml)",
    )
    common.add_argument(
        "--data",
        type=Path,
        default=Path("data"),
        metavar="DIR",
        help="folder of the embedded store (default: ./data)",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for module in (
        demo_command,
        server,
        offline,
        samples_command,
        call_command,
        say_command,
        speech_command,
        clinic_commands,
        attention_command,
        report_commands,
        config_commands,
    ):
        module.add_commands(commands, common)
    return parser
