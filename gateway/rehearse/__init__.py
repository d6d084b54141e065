"""Rehearsal: the real core and the real service on a virtual clock, with scripted patients.

Nothing here decides anything. A scenario's events go through the engine as they would come from
a schedule, a provider or a patient; the adapters are a scripted world; the event loop's time
jumps from one timer to the next. What is printed are the committed timeline entries.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.clock import LoopClock
from gateway.core.model import Channel
from gateway.core.wording import Texts
from gateway.ivr.script import Scripts
from gateway.ports.schema_scenario import Scenario
from gateway.ports.store import Store
from gateway.rehearse.lines import Line, Lines
from gateway.rehearse.loop import VirtualLoop
from gateway.rehearse.player import Player
from gateway.rehearse.world import ScriptedChannel, ScriptedSchedule, ScriptedTrunk, World
from gateway.service.assembly import Parts, assemble
from gateway.service.supervisor import Supervisor
from gateway.service.voice import Voice

__all__ = ["Line", "play", "run"]


async def play(scenario: Scenario, store: Store, texts: Texts, scripts: Scripts) -> list[Line]:
    """Rehearse a scenario on the running (virtual) loop; return its lines in order."""
    loop = asyncio.get_running_loop()
    clock = LoopClock(scenario.start, loop.time)
    world = World(scenario)
    lines = Lines(scenario)
    async with Supervisor() as supervisor:
        schedule = ScriptedSchedule(world)
        parts = Parts(
            store=store,
            clock=clock,
            texts=texts,
            channels=tuple(ScriptedChannel(world, c) for c in Channel if c is not Channel.CALL),
            trunks=(ScriptedTrunk(world),),
            voice=Voice(scripts, texts, None),
            schedule=lambda _: schedule,
            senders={},
            link_base=scenario.clinic.branches[0].link_base,
            link_secret=scenario.clinic.branches[0].link_secret,
            spawn=supervisor.spawn,
        )
        service = assemble(
            parts,
            observe=lines.observe,
            observe_write_off=lines.observe_write_off,
            poll_s=None,
            one_by_one=True,
            raise_faults=True,
        )
        world.service = service
        world.spawn = supervisor.spawn
        await service.clinics.save(scenario.document)
        await Player(scenario, world, service, supervisor, lines.retime).play()
        supervisor.abandon()
    return lines.ordered()


def run(
    scenario: Scenario, make_store: Callable[[], Store], texts: Texts, scripts: Scripts
) -> list[Line]:
    """Rehearse a scenario from its start to its end and return its lines."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(play(scenario, make_store(), texts, scripts))
