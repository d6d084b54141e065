"""Commands about the configuration: `config check`, `config schema`, `config show`."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
from typing import Any

from gateway import compose
from gateway.settings import Settings, load

_HELP = """\
examples:
  callahead config check                     file, line and field of everything that is wrong
  callahead config show                      the settings that hold, secrets left out
  callahead config schema                    JSON Schema of the file

exit codes: 0 valid, 2 not valid
"""

_USER = re.compile(r"://[^/?#\s]*@")
"""User and password of an address."""

SECRET_WORDS = ("secret", "token", "key", "password", "service_account")


def add_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    common: argparse.ArgumentParser,
) -> None:
    """Add the commands of this module."""
    config = commands.add_parser(
        "config",
        help="check, show or describe the configuration",
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    config.set_defaults(help_of=config)
    kinds = config.add_subparsers(title="commands", metavar="COMMAND")
    for name, command, words in (
        ("check", _check, "say everything that is wrong"),
        ("show", _show, "print the settings that hold"),
        ("schema", _schema, "print the JSON Schema of the file"),
    ):
        kinds.add_parser(name, help=words, parents=[common]).set_defaults(command=command)


def _check(arguments: argparse.Namespace) -> int:
    loaded = load(arguments.config)
    asyncio.run(compose.check(loaded))
    for warning in asyncio.run(compose.warnings(loaded, arguments.data)):
        print(f"callahead: warning: {warning}", file=sys.stderr)
    print("The configuration is valid.", file=sys.stderr)
    return 0


def _show(arguments: argparse.Namespace) -> int:
    settings = load(arguments.config).settings
    print(json.dumps(_without_secrets(settings.model_dump(mode="json")), indent=2))
    return 0


def _without_secrets(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _without_secrets(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_secrets(item, name) for item in value]
    if value is not None and any(word in name.lower() for word in SECRET_WORDS):
        return "•••"
    return _USER.sub("://•••@", value) if isinstance(value, str) else value


def _schema(arguments: argparse.Namespace) -> int:
    print(json.dumps(Settings.model_json_schema(), ensure_ascii=False, indent=2))
    return 0
