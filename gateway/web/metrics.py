"""Figures for Prometheus. No label ever holds anything about a person.

The composition root passes `Metrics.observe` to the engine; everything else is counted here at
the edge or read from the service when somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gateway.core.case import Entry, EntryKind
from gateway.ports.store import Outcome, Ref, StoreFigures
from gateway.service.assembly import Service

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Buckets of durations: a commit takes milliseconds, a long poll up to half a minute."""


class Metrics:
    """The figures of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._events = Counter(
            "callahead_events", "Committed timeline entries.", ["kind"], registry=self.registry
        )
        self._decisions = Counter(
            "callahead_decisions", "Committed decisions with a journal.", registry=self.registry
        )
        self._commits = Counter(
            "callahead_commits", "Commits by outcome.", ["outcome"], registry=self.registry
        )
        self._effects = Counter(
            "callahead_effects",
            "Results of messages and calls.",
            ["channel", "result"],
            registry=self.registry,
        )
        self._skips = Counter(
            "callahead_not_sent",
            "Functions that were not done, by reason.",
            ["function", "reason"],
            registry=self.registry,
        )
        self._hooks = Counter(
            "callahead_hook_requests",
            "Provider callbacks by what became of them.",
            ["hook", "result"],
            registry=self.registry,
        )
        self._requests = Histogram(
            "callahead_request_seconds",
            "Durations of requests.",
            ["method", "route", "status"],
            buckets=SECONDS,
            registry=self.registry,
        )
        # Finding a child by its labels costs as much as checking a signature: done once for each.
        self._known_hooks: dict[tuple[str, str], Counter] = {}
        self._known_requests: dict[tuple[str, str, int], Histogram] = {}
        self._up = Gauge(
            "callahead_dependency_up",
            "1 if the dependency answered the last time it was asked.",
            ["name"],
            registry=self.registry,
        )

    def observe(self, _ref: Ref, _branch: str, journal: tuple[Entry, ...]) -> None:
        """Count a committed journal; an observer of the engine."""
        self._decisions.inc()
        for entry in journal:
            self._events.labels(entry.kind.value).inc()
            if entry.kind in (EntryKind.MESSAGE, EntryKind.CALL):
                result = str(entry.data.get("result") or entry.data.get("state"))
                self._effects.labels(str(entry.data.get("channel")), result).inc()
            elif entry.kind is EntryKind.SKIP and entry.function is not None:
                reasons = entry.data.get("reasons")
                for reason in reasons if isinstance(reasons, list) else ():
                    self._skips.labels(entry.function.value, reason).inc()

    def committed(self, outcome: Outcome) -> None:
        """Count what came of a commit: done, conflict or duplicate."""
        self._commits.labels(outcome.value).inc()

    def hook(self, path: str, result: str) -> None:
        """Count a provider's callback."""
        found = self._known_hooks.get((path, result))
        if found is None:
            found = self._known_hooks[path, result] = self._hooks.labels(path, result)
        found.inc()

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; `route` is the path as it is registered, without anybody's ids."""
        found = self._known_requests.get((method, route, status))
        if found is None:
            found = self._requests.labels(method, route, str(status))
            self._known_requests[method, route, status] = found
        found.observe(seconds)

    def dependency(self, name: str, *, up: bool) -> None:
        """Note whether a dependency answered."""
        self._up.labels(name).set(up)

    def text(self, service: Service, figures: StoreFigures | None) -> bytes:
        """Return everything in Prometheus' text format; without `figures` the store was silent."""
        now = CollectorRegistry()
        now.register(_Now(_totals(service), _levels(service, figures)))
        return generate_latest(self.registry) + generate_latest(now)


class _Now(Collector):
    """Figures that are kept elsewhere, as they stand at this moment."""

    def __init__(
        self, totals: Mapping[str, tuple[str, float]], levels: Mapping[str, tuple[str, float]]
    ) -> None:
        self._totals = totals
        self._levels = levels

    def collect(self) -> Iterator[Metric]:
        """Yield one metric for each figure."""
        for name, (text, value) in self._totals.items():
            yield CounterMetricFamily(name, text, value=value)
        for name, (text, value) in self._levels.items():
            yield GaugeMetricFamily(name, text, value=value)


def _totals(service: Service) -> dict[str, tuple[str, float]]:
    inbox = service.inbox
    return {
        "callahead_inbound_taken": ("Messages and receipts from providers.", inbox.taken),
        "callahead_inbound_unmatched": ("Those of them that belong to nobody.", inbox.unmatched),
        "callahead_budget_warnings": (
            "Warnings that most of a month's budget is spent.",
            service.clinics.budgets.warnings,
        ),
    }


def _levels(service: Service, figures: StoreFigures | None) -> dict[str, tuple[str, float]]:
    under_way = service.effects.under_way
    levels: dict[str, tuple[str, float]] = {
        "callahead_effects_under_way": ("Messages, calls and pushes now under way.", under_way),
        "callahead_budgets_spent": (
            "Branches without money left for this month.",
            service.clinics.budgets.spent,
        ),
    }
    if figures is None:
        return levels
    late = 0.0
    if figures.oldest_due is not None:
        late = max(0.0, (service.clock.now() - figures.oldest_due).total_seconds())
    levels |= {
        "callahead_cases": ("Cases in the store.", figures.cases),
        "callahead_due": ("Entries of the due queue.", figures.due),
        "callahead_waiting": ("Entries that wait for pace or a line.", figures.waiting),
        "callahead_attention": ("Visits and numbers that wait for the staff.", figures.attention),
        "callahead_due_late_seconds": ("How late the oldest due entry is.", late),
    }
    for name, value in figures.extra.items():
        levels[f"callahead_store_{name}"] = ("Told by the store.", value)
    return levels
