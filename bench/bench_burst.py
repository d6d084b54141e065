"""The morning burst: all confirmations of one branch due at once, at the sender's own limit.

    python bench/bench_burst.py                       10,000 messages, 80 a second: 2.5 minutes
    python bench/bench_burst.py --messages 2000       a quick look

A whole gateway (`callahead run`, store with fsync always) sends over HTTP to a stand-in of Meta's
API, which reports every message as sent, delivered and read through the signed webhook, and some
patients tap "confirm", which is acknowledged by one more message. What counts is the ratio to the
ideal: messages by the limit. Nothing may come faster than the limit in any second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
import urllib.request
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import _gateway as gateways

from adapters.store.redis_store import RedisStore
from gateway.core.case import FunctionState
from gateway.core.decide import Settings, decide, new_contact
from gateway.core.events import AppointmentChanged
from gateway.core.model import Appointment, Doctor, Person
from gateway.ports.schema import normalise_clinic, read_clinic
from gateway.ports.store import ClinicRecord, Commit, Outcome, Rates, Write
from gateway.scripts import load_texts

CLINIC, BRANCH, SENDER = "clinic", "lenina", "106540352242920"
LEAD_S = 6.0
"""The gateway has so long to start before the messages fall due."""

LOADERS = 64
PATIENCE_S = 120.0
SLOW_MS = 50.0


def settings(zone: str, per_minute: int) -> dict[str, object]:
    """Return the clinic's settings: confirmations by message, of tomorrow's visits."""
    functions = {
        "details": {"enabled": True},
        "confirmation": {"enabled": True, "method": "message", "start": "09:00",
                         "hours": ["09:00", "20:00"]},
        "reminder": {"enabled": True},
    }  # fmt: skip
    branch = {
        "id": BRANCH, "name": "Клиника «Здоровье» на Ленина", "name_in_messages": "Здоровье",
        "timezone": zone, "phone": "+74950000000", "channels": ["whatsapp", "sms"],
        "per_minute": per_minute, "functions": functions,
    }  # fmt: skip
    return {"id": CLINIC, "name": "Клиника «Здоровье»", "language": "ru", "branches": [branch]}


def noon_zone(now: datetime) -> str:
    """Return a time zone in which it is about noon, so that the benchmark runs at any hour."""
    east = 12 - now.hour
    return f"Etc/GMT{-east:+d}" if east else "Etc/GMT"


async def fill(data: Path, options: argparse.Namespace, due: datetime) -> None:
    """Write the clinic and its visits, all of which want to be confirmed at `due`."""
    zone = noon_zone(due)
    document = settings(zone, options.per_minute)
    connected = {BRANCH: due - timedelta(days=30)}
    secrets = {"link_base": "https://callahead.example/v/", "link_secret": b"s" * 32}
    clinic = read_clinic(document, connected=connected, **secrets)
    decided_by = Settings(clinic.branches[0], load_texts())
    async with gateways.opened(data) as store:
        record = ClinicRecord(CLINIC, 0, normalise_clinic(document), connected)
        rates = {BRANCH: Rates(options.per_minute, 4)}
        assert await store.save_clinic(record, rates) is Outcome.DONE
        numbers = iter(range(options.messages))
        await asyncio.gather(*(_load(store, numbers, decided_by, due) for _ in range(LOADERS)))


async def _load(
    store: RedisStore, numbers: Iterator[int], settings: Settings, due: datetime
) -> None:
    then = due - timedelta(days=3)
    for number in numbers:
        phone = f"+7916{number:07}"
        patient = Person(
            f"P-{number}", "Мария", "Ивановна", "Соколова", (phone,), "ru", consent=True
        )
        visit = Appointment(
            f"A-{number:07}", BRANCH, due + timedelta(days=1, minutes=number % 400), then,
            patient, Doctor("Петров Павел Петрович", "терапевт"), 1800,
        )  # fmt: skip
        empty = new_contact(CLINIC, phone, BRANCH)
        case, contact = decide(None, empty, AppointmentChanged(visit), settings, then)
        assert case is not None
        assert contact is not None
        case = replace(
            case, details=FunctionState(then), attempts=(), attempts_made=1, due=due, journal=()
        )
        writes = (Write(case, 0, due), Write(contact, 0, None))
        assert await store.commit(Commit(CLINIC, writes)) is Outcome.DONE


def configure(folder: Path, port: int, meta: int, options: argparse.Namespace) -> Path:
    """Write the gateway's configuration."""
    file = folder / "gateway.yaml"
    file.write_text(
        f"listen: {{host: 127.0.0.1, port: {port}}}\n"
        "public_url: https://callahead.example\nlog: {level: error}\n"
        "whatsapp:\n  app_secrets: [app_secret_of_the_benchmark]\n"
        f"  verify_token: token_of_the_benchmark\n  api_base: http://127.0.0.1:{meta}\n"
        f'  senders:\n    - {{phone_number_id: "{SENDER}", access_token: t, clinic: {CLINIC}, '
        f"per_second: {options.per_second}}}\n",
        encoding="utf-8",
    )
    return file


def ask(port: int, path: str) -> object:
    """Ask the stand-in for what it has seen."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
        return json.load(answer)


def run(options: argparse.Namespace) -> None:
    """Fill, start, wait, print."""
    with tempfile.TemporaryDirectory(prefix="callahead-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        started = time.monotonic()
        due = datetime.now(UTC) + timedelta(seconds=LEAD_S + options.messages / 700)
        asyncio.run(fill(folder / "data", options, due))
        print(f"{options.messages:,} visits written in {time.monotonic() - started:.0f} s")
        port, meta_port = gateways.free_port(), gateways.free_port()
        script = str(Path(__file__).with_name("_meta.py"))
        meta = gateways.Process(
            "meta", meta_port,
            [sys.executable, script, str(meta_port), str(port), str(options.replies)], folder,
        )  # fmt: skip
        stack.callback(meta.stop)
        file = configure(folder, port, meta_port, options)
        gateway = gateways.Process(
            "callahead run", port,
            [sys.executable, "-m", "gateway", "run", "--config", str(file),
             "--data", str(folder / "data")], folder,
        )  # fmt: skip
        stack.callback(gateway.stop)
        meta.wait()
        gateway.wait()
        late = (datetime.now(UTC) - due).total_seconds()
        print(f"due {'in' if late < 0 else 'for'} {abs(late):.1f} s", flush=True)
        wait_for_all(meta_port, options)
        report(ask(meta_port, "/figures"), due, gateway, options)  # type: ignore[arg-type]


def wait_for_all(meta: int, options: argparse.Namespace) -> None:
    """Wait until every message came and nothing is left to be told."""
    end = time.monotonic() + options.messages * 1.5 / options.per_second + PATIENCE_S
    while time.monotonic() < end:
        time.sleep(1.0)
        count, templates, waiting = ask(meta, "/count")  # type: ignore[misc]
        if options.watch:
            print(f"  {count} messages, {templates} of them confirmations; {waiting}", flush=True)
        if templates >= options.messages and not waiting:
            return
    raise SystemExit("not every message came in time")


def report(
    figures: dict[str, list[float]], due: datetime, gateway: gateways.Process,
    options: argparse.Namespace,
) -> None:  # fmt: skip
    """Print the ratio to the ideal, the rate by the second, and how long webhooks took."""
    came = [(moment, template) for moment, template in figures["came"]]  # type: ignore[misc]
    # Answers to the last replies come when there is nothing left to be sent: not a part of it.
    last = max(moment for moment, template in came if template)
    times = sorted(moment for moment, _ in came if moment <= last)
    span, ideal = times[-1] - times[0], (len(times) - 1) / options.per_second
    by_second = Counter(int(moment - times[0]) for moment in times)
    whole = [by_second[second] for second in range(int(span))]
    most = max(bisect_left(times, at + 1.0) - index for index, at in enumerate(times))
    webhooks: list[tuple[float, float]] = figures["latencies_ms"]  # type: ignore[assignment]
    latencies = sorted(latency for _, latency in webhooks)
    slow = sorted({int(left - times[0]) for left, latency in webhooks if latency > SLOW_MS})
    lags = sorted(figures["lags_ms"])
    app, store = gateway.cpu()
    print(
        f"messages {len(times):,} ({len(came) - options.messages:,} of all were acknowledgements), "
        f"first {times[0] - due.timestamp():+.2f} s after they were due\n"
        f"took {span:.2f} s, ideal {ideal:.2f} s: ratio {ideal / span:.4f}, "
        f"idle {100 * (1 - ideal / span):.2f} %\n"
        f"messages in a second: median {statistics.median(whole):.0f}, "
        f"least {min(whole)}, most {max(whole)}; most in any second {most} "
        f"(limit {options.per_second:g})\n"
        f"webhooks {len(latencies):,}, failed {figures['failed']}: "
        f"p50 {part(latencies, 0.5):.1f} ms, p99 {part(latencies, 0.99):.1f} ms, "
        f"p99.9 {part(latencies, 0.999):.1f} ms, longest {latencies[-1]:.0f} ms\n"
        f"some took over {SLOW_MS:.0f} ms in {len(slow)} of {int(span)} seconds: "
        f"{', '.join(map(str, slow[:40])) or 'none'}\n"
        f"the stand-in was late itself: p99 {part(lags, 0.99):.1f} ms, at most {lags[-1]:.0f} ms\n"
        f"CPU of the gateway {app:.0f} s, of its store {store:.0f} s"
    )


def part(ordered: list[float], share: float) -> float:
    """Return the value below which that share of the values lies."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--per-second", type=float, default=80.0, help="the sender's limit")
    parser.add_argument("--per-minute", type=int, default=4800, help="the branch's pace")
    parser.add_argument("--replies", type=int, default=20, help="percent of patients that answer")
    parser.add_argument("--watch", action="store_true", help="print the progress every second")
    options = parser.parse_args()
    os.chdir(gateways.ROOT)
    print(
        f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}, "
        f"Python {sys.version.split()[0]}"
    )
    run(options)


if __name__ == "__main__":
    main()
