"""A gateway for a benchmark: its data folder filled with asked patients, and its processes.

Every patient has one visit and was asked by WhatsApp whether it holds, so one reply of each is
accepted and changes the status. Documents are committed straight through the store, as the
gateway itself would have left them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import _replies as replies

from adapters.store.embedded import open_embedded
from adapters.store.redis_store import RedisStore, open_store
from gateway.core.case import (
    Attempt,
    AttemptState,
    Button,
    Case,
    Contact,
    Content,
    FunctionState,
)
from gateway.core.decide import Settings, decide, new_contact
from gateway.core.events import AppointmentChanged
from gateway.core.links import button_payload
from gateway.core.model import (
    Answer,
    Appointment,
    Channel,
    Doctor,
    Function,
    Person,
    Purpose,
    Status,
)
from gateway.ports.schema import normalise_clinic, read_clinic
from gateway.ports.store import ClinicRecord, Commit, Outcome, Rates, Write
from gateway.scripts import load_texts

ROOT = Path(__file__).resolve().parent.parent
BRANCH = "lenina"
PER_MINUTE = 600
LOADERS = 64
START_S = 30.0

_TICKS = os.sysconf("SC_CLK_TCK")


def settings(clinic: str) -> dict[str, object]:
    """Return a clinic's settings as it would import them."""
    functions = {
        "details": {"enabled": True, "hours": ["06:00", "21:00"]},
        "confirmation": {
            "enabled": True, "method": "message", "start": "10:00", "hours": ["09:00", "20:00"],
        },
        "reminder": {"enabled": True, "hours": ["06:00", "21:00"], "lead": "2h"},
    }  # fmt: skip
    branch = {
        "id": BRANCH, "name": "Клиника «Здоровье» на Ленина", "name_in_messages": "Здоровье",
        "timezone": "Europe/Moscow", "phone": "+74950000000", "channels": ["whatsapp"],
        "per_minute": PER_MINUTE, "functions": functions,
    }  # fmt: skip
    return {"id": clinic, "name": "Клиника «Здоровье»", "language": "ru", "branches": [branch]}


SETTINGS = Settings(
    read_clinic(
        settings("any"),
        connected={BRANCH: datetime(2020, 1, 1, tzinfo=UTC)},
        link_base="https://callahead.example/v/",
        link_secret=b"s" * 32,
    ).branches[0],
    load_texts(),
)


def asked(number: int, now: datetime) -> tuple[Case, Contact]:
    """Return a patient who has read the question and not answered yet."""
    clinic, id_ = replies.clinic_of(number), replies.appointment_of(number)
    phone = replies.phone_of(number)
    patient = Person(
        f"P-{number}", "Мария", "Ивановна", "Соколова", (phone,), "ru", consent=True
    )  # fmt: skip
    visit = Appointment(
        id_, BRANCH, now + timedelta(days=2, minutes=number % 600), now - timedelta(days=5),
        patient, Doctor("Петров Павел Петрович", "терапевт"), 1800,
    )  # fmt: skip
    answers = (Answer.CONFIRM, Answer.RESCHEDULE, Answer.CANCEL)
    buttons = tuple(Button(a, a.value, button_payload(a, 1, id_)) for a in answers)
    sent = now - timedelta(hours=1)

    def message(id_: str, function: Function, purpose: Purpose, content: Content) -> Attempt:
        provider_id = replies.question_of(number) if id_ == "2" else "wamid.1"
        return Attempt(
            id_, 1, function, purpose, Channel.WHATSAPP, phone, AttemptState.READ,
            started_at=sent, first_try_at=sent, tries=1, content=content, about=purpose.value,
            price=Decimal("2"), provider_id=provider_id,
        )  # fmt: skip

    told = "Мария Ивановна, вы записаны 6 марта в 12:00, терапевт Петров П. П., ул. Ленина, 5."
    question = (
        "Мария Ивановна, вы придёте 6 марта в 12:00 к терапевту Петрову П. П.? "
        "1 — да, 2 — перенести, 3 — отменить."
    )
    facts = ("Мария Ивановна", "6 марта", "12:00", "терапевт Петров П. П.")
    link = f"https://callahead.example/v/{number:016}"
    attempts = (
        message("1", Function.DETAILS, Purpose.DETAILS,
                Content(told, "details", "ru", facts, link=link)),
        message("2", Function.CONFIRMATION, Purpose.CONFIRMATION,
                Content(question, "confirmation", "ru", facts, buttons)),
    )  # fmt: skip
    then = now - timedelta(days=5)
    case, contact = decide(None, new_contact(clinic, phone, BRANCH), AppointmentChanged(visit),
                           SETTINGS, then)  # fmt: skip
    assert case is not None
    assert contact is not None
    case = replace(
        case, clinic=clinic, details=FunctionState(sent), attempts=attempts, attempts_made=2,
        link_booking=1, due=now + timedelta(days=1),
    )  # fmt: skip
    return case, replace(contact, clinic=clinic)


async def fill(data: Path, cases: int) -> None:
    """Write the clinics and `cases` asked patients into a fresh data folder."""
    async with opened(data) as store:
        now = datetime.now(UTC).replace(microsecond=0)
        for number in range(replies.CLINICS):
            clinic = replies.clinic_of(number)
            record = ClinicRecord(clinic, 0, normalise_clinic(settings(clinic)), {BRANCH: now})
            assert await store.save_clinic(record, {BRANCH: Rates(PER_MINUTE, 4)}) is Outcome.DONE
        numbers = iter(range(cases))
        await asyncio.gather(*(_load(store, numbers, now) for _ in range(LOADERS)))


async def _load(store: RedisStore, numbers: Iterator[int], now: datetime) -> None:
    for number in numbers:
        case, contact = asked(number, now)
        writes = (Write(case, 0, case.due), Write(contact, 0, None))
        assert await store.commit(Commit(case.clinic, writes)) is Outcome.DONE


@contextlib.asynccontextmanager
async def opened(data: Path) -> AsyncIterator[RedisStore]:
    """Open the store of a data folder, or join the gateway that has it open."""
    server = await open_embedded(data)
    store = await open_store(server.url)
    try:
        yield store
    finally:
        await store.close()
        await server.close()


async def lost(data: Path, accepted: list[int]) -> list[int]:
    """Return those of the accepted replies of which the store knows nothing."""
    async with opened(data) as store:
        missing: list[int] = []
        numbers = iter(accepted)

        async def look() -> None:
            for number in numbers:
                clinic, id_ = replies.clinic_of(number), replies.appointment_of(number)
                case, contact = await store.load_case(clinic, id_)
                kept = case is not None and case.status is Status.CONFIRMED and case.pushes
                if not kept or contact is None or not contact.seen:
                    missing.append(number)

        await asyncio.gather(*(look() for _ in range(LOADERS)))
        return sorted(missing)


def configure(folder: Path, port: int, graph: int) -> Path:
    """Write a gateway's configuration; its messages go to a local stand-in of Meta's API."""
    senders = "".join(
        f'\n    - {{phone_number_id: "{replies.sender_of(n)}", access_token: t, '
        f"clinic: {replies.clinic_of(n)}}}"
        for n in range(replies.CLINICS)
    )
    file = folder / f"gateway-{port}.yaml"
    file.write_text(
        f"listen: {{host: 127.0.0.1, port: {port}}}\n"
        f"public_url: https://callahead.example\nlog: {{level: error}}\n"
        f"whatsapp:\n  app_secrets: [{replies.SECRET}]\n  verify_token: token_of_the_benchmark\n"
        f"  api_base: http://127.0.0.1:{graph}\n  senders:{senders}\n",
        encoding="utf-8",
    )
    return file


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Process:
    """A server process: started, waited for, measured, stopped."""

    def __init__(self, name: str, port: int, command: list[str], folder: Path,
                 **environment: str) -> None:  # fmt: skip
        self.name, self.port = name, port
        self._log = folder / f"{name.replace(' ', '-')}-{port}.log"
        with self._log.open("wb") as out:
            self._process = subprocess.Popen(
                command, stdout=out, stderr=out, cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            )  # fmt: skip

    def wait(self) -> None:
        """Wait until somebody listens."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.05)
        self.stop()
        raise SystemExit(f"{self.name} did not start:\n{self._log.read_text()[-2000:]}")

    def store_pid(self) -> int | None:
        """Return the process id of the gateway's own store, if it has one."""
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0]) if children else None

    def cpu(self) -> tuple[float, float]:
        """Return the CPU seconds used by the server and by its store."""
        store = self.store_pid()
        return _cpu(self._process.pid), _cpu(store) if store else 0.0

    def settle(self) -> float:
        """Wait until nothing is left to do; return how long that took."""
        start, before = time.monotonic(), sum(self.cpu())
        while True:
            time.sleep(0.25)
            after = sum(self.cpu())
            if after - before <= 0.02 or time.monotonic() - start > START_S:
                return time.monotonic() - start - 0.25
            before = after

    def kill(self) -> None:
        """End it as a crash would, its store at the same moment."""
        store = self.store_pid()
        for pid in (self._process.pid, *([store] if store else [])):
            os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """End it cleanly."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(40)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def gateway(role: str, data: Path, folder: Path, graph: int) -> Process:
    """Start `callahead ROLE` on a data folder."""
    port = free_port()
    file = configure(folder, port, graph)
    command = [sys.executable, "-m", "gateway", role, "--config", str(file), "--data", str(data)]
    return Process(f"callahead {role}", port, command, folder)


def peer(kind: str, folder: Path, python: str = sys.executable, **environment: str) -> Process:
    """Start one of `_peers.py`; what it handled goes to the file `done-KIND`."""
    port = free_port()
    file = str(Path(__file__).with_name("_peers.py"))
    done = str(folder / f"done-{kind}")
    return Process(kind, port, [python, file, kind, str(port), done], folder, **environment)
