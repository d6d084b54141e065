"""The composition root: the only place that knows which adapters there are."""

from __future__ import annotations

from adapters import registry
from gateway import rehearse as rehearsal
from gateway.ports.schema_scenario import read_scenario
from gateway.scripts import load_texts


def rehearse(text: str, source: str) -> list[rehearsal.Line]:
    """Rehearse a scenario; raise `InvalidInput` when it is not valid."""
    scenario = read_scenario(text, source)
    return rehearsal.run(scenario, registry.memory_store, load_texts())
