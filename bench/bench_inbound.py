"""Accepted inbound replies: verified, parsed, matched to a visit, committed durably, answered 200.

    python bench/bench_inbound.py                       ratios against a bare aiohttp handler
    python bench/bench_inbound.py --pywa /tmp/pywa/bin/python    and pywa beside it

Every request is another patient's reply to another open question, so every 200 changes a visit;
afterwards each of them is looked up in the store. All programs take turns in one run, so that a
noisy machine disturbs them alike: read the ratios, not the absolute figures. docs/benchmarks.md
says what they mean. For --pywa:

    python3 -m venv /tmp/pywa
    /tmp/pywa/bin/pip install 'pywa[fastapi]==4.5.0' uvicorn uvloop httptools
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import _gateway as gateways
import _load as load
import _replies as replies

ROUNDS = 3
HANDLER_MS = 50
CRASH_S = 1.5
PYWA = ("pywa-async", "pywa-fastapi")
WHAT = {
    "bare": "aiohttp, HMAC and JSON only",
    "callahead web": "callahead web, fsync always",
    "callahead run": "callahead run (workers too)",
    "pywa-async": "pywa_async, Starlette",
    "pywa-fastapi": "pywa_async, FastAPI",
}


@dataclass
class Side:
    """One program and what was measured of it."""

    process: gateways.Process
    cases: Iterator[int]
    data: Path | None = None
    accepted: list[int] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    halves: list[load.Result] = field(default_factory=list)
    results: list[load.Result] = field(default_factory=list)
    app_us: list[float] = field(default_factory=list)
    store_us: list[float] = field(default_factory=list)
    settled: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Name the program."""
        return self.process.name

    def take(self, count: int, *, typed: bool) -> tuple[list[int], list[bytes]]:
        """Return the next patients and their requests."""
        numbers = [number for _, number in zip(range(count), self.cases, strict=False)]
        return numbers, [replies.request_of(number, typed=typed) for number in numbers]

    def slice(self, count: int, settings: argparse.Namespace, rate: float | None = None) -> None:
        """Load it for a while, with everything it has or at a fixed rate."""
        numbers, requests = self.take(count, typed=settings.typed)
        before = self.process.cpu()
        job = load.Job(self.process.port, requests, settings.connections, settings.seconds, rate)
        result = load.drive(job)
        settled = self.process.settle()
        after = self.process.cpu()
        if result.refused or result.unanswered or not result.accepted:
            raise SystemExit(
                f"{self.name}: {result.refused} refused and {result.unanswered} unanswered "
                f"beside {len(result.accepted)} accepted"
            )
        self.accepted += [numbers[position] for position in result.accepted]
        if rate is not None:
            self.halves.append(result)
            return
        done = len(result.accepted)
        self.rates.append(result.rate)
        self.results.append(result)
        self.settled.append(settled)
        self.app_us.append((after[0] - before[0]) / done * 1e6)
        self.store_us.append((after[1] - before[1]) / done * 1e6)


def count_for(side: Side, settings: argparse.Namespace) -> int:
    """Return how many requests a slice may need: a share of the cases, or plenty."""
    if side.data is None:
        return int(30_000 * settings.seconds)
    return settings.cases // (2 * ROUNDS + 1)


def run(settings: argparse.Namespace) -> None:
    """Start everything, measure in turns, check, print."""
    with tempfile.TemporaryDirectory(prefix="callahead-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        print(f"filling two stores with {settings.cases:,} asked patients each", flush=True)
        for role in ("web", "run", "crash"):
            cases = settings.cases if role != "crash" else settings.cases // 4
            asyncio.run(gateways.fill(folder / role, cases))

        def started(process: gateways.Process) -> gateways.Process:
            stack.callback(process.stop)
            process.wait()
            return process

        graph = started(gateways.peer("graph", folder))
        sides = [Side(started(gateways.peer("bare", folder)), endless())]
        for role in ("web", "run"):
            process = started(gateways.gateway(role, folder / role, folder, graph.port))
            sides.append(Side(process, iter(range(settings.cases)), folder / role))
        for kind in PYWA if has_pywa(settings.pywa) else ():
            process = started(gateways.peer(kind, folder, settings.pywa))
            sides.append(Side(process, endless()))
        measure(sides, settings)
        report(sides)
        for side in sides:
            if side.data is not None:
                side.process.stop()
                check(side)
        print(f"\nkill -9 under load, {CRASH_S} s in; pywa's handler takes {HANDLER_MS} ms")
        crash_of_gateway(folder, graph.port, settings, started)
        for kind in PYWA if has_pywa(settings.pywa) else ():
            crash_of_pywa(kind, folder, settings, started)


def endless() -> Iterator[int]:
    """Patients without end, for programs that remember nothing of them."""
    number = 0
    while True:
        yield number % 10_000_000
        number += 1


def has_pywa(python: str | None) -> bool:
    """Tell whether that Python can import pywa."""
    if python is None:
        return False
    command = [python, "-c", "import pywa_async, uvicorn, fastapi"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def measure(sides: list[Side], settings: argparse.Namespace) -> None:
    """Full load in turns, then half of it in turns."""
    for turn in range(ROUNDS):
        for side in sides[:: 1 if turn % 2 == 0 else -1]:
            side.slice(count_for(side, settings), settings)
    for _ in range(ROUNDS):
        for side in sides:
            rate = statistics.median(side.rates) / 2
            count = min(count_for(side, settings), int(rate * settings.seconds))
            side.slice(count, settings, rate)


def report(sides: list[Side]) -> None:
    """Print the table, ratios first.

    A busy machine disturbs the rate more than the CPU time of a reply, so that ratio is told too.
    """
    bare = sides[0]
    print(f"\nmedians of {ROUNDS} turns; ratio: rate by rate of {WHAT['bare']!r} in the same turn")
    print("app us and store us: CPU time of a reply; x: app us by app us of the same")
    print(
        f"{'':30}{'ratio':>7}{'(range)':>14}{'1/s':>8}{'app us':>8}{'x':>6}{'store us':>9}"
        f"{'p50 ms':>8}{'p99 ms':>8}{'p99 at half':>12}{'rest s':>8}"
    )
    for side in sides:
        ratios = [own / base for own, base in zip(side.rates, bare.rates, strict=True)]
        spread = f"({min(ratios):.3f}-{max(ratios):.3f})"
        costs = [own / base for own, base in zip(side.app_us, bare.app_us, strict=True)]
        print(
            f"{WHAT[side.name]:30}{statistics.median(ratios):7.3f}{spread:>14}"
            f"{statistics.median(side.rates):8.0f}{statistics.median(side.app_us):8.0f}"
            f"{statistics.median(costs):6.1f}{statistics.median(side.store_us):9.0f}"
            f"{middle(side.results, 0.5):8.1f}{middle(side.results, 0.99):8.1f}"
            f"{middle(side.halves, 0.99):12.1f}"
            f"{statistics.median(side.settled):8.2f}"
        )


def middle(results: list[load.Result], share: float) -> float:
    """Return the median of a percentile over the turns."""
    return statistics.median(result.percentile(share) for result in results)


def check(side: Side) -> None:
    """Look every accepted reply up in the store; end the run loudly when one is missing."""
    assert side.data is not None
    missing = asyncio.run(gateways.lost(side.data, side.accepted))
    if missing:
        raise SystemExit(f"{side.name}: {len(missing)} accepted replies are not in the store")
    print(f"{WHAT[side.name]}: all {len(side.accepted):,} accepted replies are in the store")


def crash_of_gateway(
    folder: Path,
    graph: int,
    settings: argparse.Namespace,
    started: Callable[[gateways.Process], gateways.Process],
) -> None:
    """Kill gateway and store at one moment under load and look for what was accepted."""
    process = started(gateways.gateway("web", folder / "crash", folder, graph))
    side = Side(process, iter(range(settings.cases // 4)), folder / "crash")
    numbers, requests = side.take(settings.cases // 4, typed=settings.typed)
    accepted = killed(process, requests, settings)
    side.accepted = [numbers[position] for position in accepted]
    missing = asyncio.run(gateways.lost(folder / "crash", side.accepted))
    print(f"{WHAT[process.name]:30}{len(accepted):6} accepted, {len(missing)} lost")
    if missing:
        raise SystemExit("accepted replies were lost")


def crash_of_pywa(
    kind: str,
    folder: Path,
    settings: argparse.Namespace,
    started: Callable[[gateways.Process], gateways.Process],
) -> None:
    """Kill pywa's server under load and count what it had accepted and not handled."""
    done = folder / f"done-{kind}"
    done.unlink()
    process = started(gateways.peer(kind, folder, settings.pywa, HANDLER_MS=str(HANDLER_MS)))
    side = Side(process, endless())
    _, requests = side.take(30_000, typed=settings.typed)
    accepted = killed(process, requests, settings)
    handled = len(set(done.read_text().split()))
    print(f"{WHAT[kind]:30}{len(accepted):6} accepted, {len(accepted) - handled} never handled")


def killed(
    process: gateways.Process, requests: list[bytes], settings: argparse.Namespace
) -> list[int]:
    """Load a server, kill it in the middle, and return what it had answered 200."""
    job = load.start(
        load.Job(process.port, requests, settings.connections, settings.seconds + CRASH_S)
    )
    time.sleep(CRASH_S)
    process.kill()
    return load.finish(job).accepted


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=20_000, help="asked patients in each store")
    parser.add_argument("--seconds", type=float, default=3.0, help="longest slice of load")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--typed", action="store_true", help='the patients type "1", no button')
    parser.add_argument("--pywa", metavar="PYTHON", help="a Python that has pywa 4.5")
    settings = parser.parse_args()
    os.chdir(gateways.ROOT)
    print(
        f"{settings.connections} connections, slices of {settings.seconds} s, bodies of "
        f"{len(replies.body_of(1, typed=settings.typed))} bytes, {os.cpu_count()} cores, "
        f"load average {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}"
    )
    if not has_pywa(settings.pywa):
        print("pywa: left out, name a Python that has it with --pywa (see --help)")
    run(settings)


if __name__ == "__main__":
    main()
