"""Sends prepared HTTP requests over a fixed number of connections, each request once.

A process of its own: reads a pickled `Job` from standard input, writes a pickled `Result`.
Without `rate` every connection sends its next request as soon as it has the answer to the last.
With `rate` requests leave at fixed times, and a latency counts from the time at which the request
should have left, so a server that stalls is charged for everybody it kept waiting.
"""

from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import uvloop


@dataclass(frozen=True)
class Job:
    """What to send. `requests` are whole HTTP requests."""

    port: int
    requests: list[bytes]
    connections: int
    seconds: float
    rate: float | None = None


@dataclass
class Result:
    """What came of it. `accepted` are the positions of the requests that were answered 200."""

    accepted: list[int]
    refused: int
    unanswered: int
    latencies_ms: list[float]
    took: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.accepted) / self.took

    def percentile(self, share: float) -> float:
        """Latency in ms below which that share of the requests stayed."""
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def drive(job: Job) -> Result:
    """Run a job in a process of its own."""
    return finish(start(job))


def start(job: Job) -> subprocess.Popen[bytes]:
    """Start a job; `finish` waits for it."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__))], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(pickle.dumps(vars(job)))
    process.stdin.close()
    return process


def finish(process: subprocess.Popen[bytes]) -> Result:
    """Wait for a job and return what came of it."""
    assert process.stdout is not None
    out = process.stdout.read()
    assert process.wait() == 0, "the load generator failed"
    return Result(**pickle.loads(out))


class _Run:
    """One job while it runs."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.next = 0
        self.result = Result([], 0, 0, [], 0.0)
        self.clients: list[_Client] = []
        self.started = 0.0
        self.done = asyncio.Event()

    def take(self) -> int | None:
        """Return the position of the next request, or None when it is over."""
        if self.next >= len(self.job.requests):
            return None
        if time.perf_counter() - self.started >= self.job.seconds:
            return None
        self.next += 1
        return self.next - 1

    def ended(self) -> None:
        """A connection has nothing more to do."""
        if all(client.idle for client in self.clients):
            self.done.set()


class _Client(asyncio.Protocol):
    def __init__(self, run: _Run) -> None:
        self.run = run
        self.idle = False
        self._loop = asyncio.get_running_loop()
        self._position: int | None = None
        self._since = 0.0
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def begin(self, index: int) -> None:
        self._at = self.run.started + (index / self.run.job.rate if self.run.job.rate else 0.0)
        self._step = self.run.job.connections / self.run.job.rate if self.run.job.rate else 0.0
        self._plan()

    def _plan(self) -> None:
        if not self._step:
            self._send()
            return
        wait = self._at - time.perf_counter()
        if wait > 0:
            self._loop.call_later(wait, self._send)
        else:
            self._send()

    def _send(self) -> None:
        self._position = self.run.take()
        if self._position is None:
            self.idle = True
            self.run.ended()
            return
        self._since = self._at if self._step else time.perf_counter()
        self._at += self._step
        self._transport.write(self.run.job.requests[self._position])

    def data_received(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        head = data.find(b"\r\n\r\n")
        if head < 0:
            self._buffer = data
            return
        at = data.lower().find(b"content-length:", 0, head)
        length = int(data[at + 15 : data.find(b"\r", at)]) if at >= 0 else 0
        if len(data) < head + 4 + length:
            self._buffer = data
            return
        self._buffer = b""
        result = self.run.result
        result.latencies_ms.append((time.perf_counter() - self._since) * 1000)
        if data[9:12] == b"200":
            result.accepted.append(self._position)
        else:
            result.refused += 1
        self._position = None
        self._plan()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.idle:
            self.run.result.unanswered += self._position is not None
            self.idle = True
            self.run.ended()


async def _main(job: Job) -> Result:
    loop, run = asyncio.get_running_loop(), _Run(job)
    for _ in range(job.connections):
        _, client = await loop.create_connection(lambda: _Client(run), "127.0.0.1", job.port)
        run.clients.append(client)
    run.started = time.perf_counter()
    for index, client in enumerate(run.clients):
        client.begin(index)
    await run.done.wait()
    run.result.took = time.perf_counter() - run.started
    for client in run.clients:
        client._transport.abort()
    return run.result


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(_main(Job(**pickle.loads(sys.stdin.buffer.read()))))
    sys.stdout.buffer.write(pickle.dumps(vars(found)))
