"""`callahead demo`: everything in one process, with a clinic and patients of its own."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import webbrowser
from pathlib import Path

from gateway import compose
from gateway import log as logs
from gateway.cli.server import run_async
from gateway.compose.demo import demo
from gateway.settings import load

DATA = Path("data/demo")

_HELP = """\
examples:
  callahead demo                   start, print the page's address, open it in a browser
  callahead demo --port 9000       on another port
  callahead demo --factor 60       an hour of the clinic in a minute
  callahead demo --sip             the clinic phones over a SIP trunk instead of Twilio
  callahead demo --fresh           forget the last demo and begin anew

No account and no internet are needed. Stop it with Ctrl-C, or kill it: the next start goes on
where it was. While it runs, in another terminal:
  callahead explain demo V-209 --data data/demo
"""


def add_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    common: argparse.ArgumentParser,
) -> None:
    """Add the command. It keeps its data in a folder of its own, away from a clinic's."""
    command = commands.add_parser(
        "demo",
        help="show the gateway beside a small world of patients' phones",
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "--config", type=Path, metavar="FILE", help="configuration, for its listen.port only"
    )
    command.add_argument(
        "--data", type=Path, default=DATA, metavar="DIR", help=f"folder (default: ./{DATA})"
    )
    command.add_argument(
        "--port", type=_port, metavar="N", help="port (default: listen.port, 8080)"
    )
    command.add_argument("--fresh", action="store_true", help="begin anew")
    command.add_argument(
        "--sip", action="store_true", help="phone over SIP, with line cards and live sound"
    )
    command.add_argument("--no-browser", action="store_true", help="do not open a browser")
    command.add_argument(
        "--factor", type=_factor, metavar="N", help="how fast the clinic's time goes (default: 1)"
    )
    command.set_defaults(command=_demo)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise ValueError
    return port


def _factor(text: str) -> float:
    factor = float(text)
    if not 0 <= factor <= 600:
        raise argparse.ArgumentTypeError("must be from 0 to 600")
    return factor


def _demo(arguments: argparse.Namespace) -> int:
    port = arguments.port
    if port is None:
        port = load(arguments.config).settings.listen.port
    logs.set_up("warning")

    def ready(address: str) -> None:
        print(f"Callahead demo: {address}", flush=True)
        print("Stop it with Ctrl-C; the next start goes on where it was.", file=sys.stderr)
        if not arguments.no_browser and _has_screen():
            asyncio.get_running_loop().run_in_executor(None, webbrowser.open, address)

    async def run() -> None:
        await demo(
            arguments.data,
            port=port,
            stop=compose.stop_on_signals(),
            fresh=arguments.fresh,
            factor=arguments.factor,
            sip=arguments.sip,
            ready=ready,
        )

    run_async(run())
    return 0


def _has_screen() -> bool:
    """Tell whether a browser window would be seen; a text browser would take the terminal."""
    if not sys.stdout.isatty():
        return False
    return sys.platform == "darwin" or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
