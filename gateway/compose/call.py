"""One test call from the command line: a trunk, a script, facts, and what happened."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters import registry
from gateway.clock import Clock, SystemClock
from gateway.compose.adapters import prompts_of, with_files
from gateway.compose.speech import build_engines
from gateway.core.model import Appointment, CallResult, Person
from gateway.core.pattern import Facts
from gateway.core.spoken import speech
from gateway.errors import CallaheadError, InvalidInput, Problem
from gateway.ivr.menu import Heard, HungUp, Key, Lost, Turn, resume, start
from gateway.ivr.script import Script, Scripts
from gateway.ports.speech import Speech, SpeechError
from gateway.ports.store import Kind, Ref
from gateway.ports.telephony import CallOrder, Line, NotAnswered, NotPlaced, Trunk
from gateway.service.fail_over import fail_over
from gateway.service.supervisor import Supervisor
from gateway.settings import Loaded

Tell = Callable[[Mapping[str, object]], None]
"""Takes each thing that happens, with `s`: seconds since the start."""

_SIP_URI = re.compile(
    r"sips?:(?P<user>[A-Za-z0-9_.+*#-]{1,64})@(?P<host>[A-Za-z0-9.-]{1,253})(?::(?P<port>\d{1,5}))?"
    r"(?:;transport=(?P<transport>udp|tcp|tls))?"
)
_NUMBER = re.compile(r"\+[1-9]\d{6,14}")


async def call(
    loaded: Loaded, data: Path, to: str, script: Script, facts: Facts, tell: Tell
) -> CallResult:
    """Call a SIP address straight, or a number over the configured trunks; tell what happens.

    Raises `InvalidInput` for an address that is none, `CallaheadError` when nothing was dialled.
    """
    clock = SystemClock()
    number, options = _way_to(loaded, to)
    tools = registry.make_tools(clock, registry.memory_store(), _no_appointment)
    engines: tuple[Speech, ...] = ()
    try:
        engines = tuple(build_engines(loaded.settings.speech, tools, loaded.folder))
        sip = registry.build_telephony("sip", with_files("sip", options, loaded.folder), tools)
        if sip.run is None or sip.close is None:
            raise AssertionError("SIP trunks are our own")
        async with Supervisor() as supervisor:
            supervisor.serve(sip.run())
            try:
                prompts = await _prompts(loaded, engines, data, clock, script, facts)
                test = _TestCall(script, facts, prompts, clock, tell)
                return await test.lead(sip.trunks, _order(number, script, loaded, options))
            finally:
                await sip.close()
    finally:
        for engine in engines:
            await engine.close()
        await tools.close()


def _no_appointment(_: object) -> Appointment:
    raise AssertionError("a test call reads no schedule")


def _way_to(loaded: Loaded, to: str) -> tuple[str, Mapping[str, Any]]:
    """Return the number to dial and the settings of SIP to dial it with."""
    found = _SIP_URI.fullmatch(to)
    if found is not None:
        default = "5061" if found["transport"] == "tls" else "5060"
        trunk = {
            "name": "test",
            "proxy": f"{found['host']}:{found['port'] or default}",
            "transport": found["transport"] or "udp",
            "caller": "callahead",
            "number_form": "plus" if found["user"].startswith("+") else "digits",
        }
        own = {k: v for k, v in (loaded.settings.sip or {}).items() if k != "trunks"}
        return found["user"], {**own, "trunks": [trunk]}
    if _NUMBER.fullmatch(to) is None:
        raise InvalidInput(Problem("--to", "must be sip:user@host[:port] or a number: +7916…"))
    if loaded.settings.sip is None:
        raise InvalidInput(Problem("--to", "a number needs a trunk: `sip` in the configuration"))
    return to, loaded.settings.sip


def _order(number: str, script: Script, loaded: Loaded, options: Mapping[str, Any]) -> CallOrder:
    """Return an order that the first configured trunk takes."""
    serves = (options["trunks"][0].get("serves") or [{}])[0]
    clinic, branches = str(serves.get("clinic", "test")), serves.get("branches") or ["test"]
    now = datetime(2000, 1, 1, tzinfo=UTC)
    visit = Appointment("test", str(branches[0]), now, now, Person("test"))
    return CallOrder(
        Ref(Kind.CASE, clinic, "test"), "1", str(branches[0]), number, script.language, visit
    )


async def _prompts(
    loaded: Loaded,
    engines: tuple[Speech, ...],
    data: Path,
    clock: Clock,
    script: Script,
    facts: Facts,
) -> Mapping[str, Path]:
    turns = [
        [speech(sentence, script.language) for sentence in script.words(state, facts)]
        for state in script.states
    ]
    try:
        scripts = Scripts({script.language: script})
        prompts = prompts_of(loaded, engines, scripts, data, clock)
        made = await prompts.prepare(turns, script.language)
    except SpeechError as error:
        raise CallaheadError(f"the robot cannot speak: {error.code}") from None
    return {state: prompt.path for state, prompt in zip(script.states, made, strict=True)}


class _TestCall:
    """Leads the dialogue and tells what happens; nothing is committed anywhere."""

    def __init__(
        self,
        script: Script,
        facts: Facts,
        prompts: Mapping[str, Path],
        clock: Clock,
        tell: Tell,
    ) -> None:
        self._script = script
        self._facts = facts
        self._prompts = prompts
        self._clock = clock
        self._began = clock.now()
        self._tell_on = tell

    def _tell(self, what: str, **more: object) -> None:
        seconds = (self._clock.now() - self._began).total_seconds()
        self._tell_on({"s": round(seconds, 2), "what": what, **more})

    async def lead(self, trunks: Sequence[Trunk], order: CallOrder) -> CallResult:
        serving = [trunk for trunk in trunks if trunk.serves(order.ref.clinic, order.branch)]
        self._tell("dialling", to=order.to)
        try:
            line = await fail_over(serving, lambda trunk: trunk.dial(order), self._clock)
        except NotAnswered as error:
            self._tell("ended", result=error.result.value, code=error.code)
            return error.result
        except NotPlaced as error:
            self._tell("not_placed", code=error.code)
            raise CallaheadError(f"the call could not be placed: {error.code}") from None
        self._tell("answered")
        try:
            result = await self._talk(line)
        finally:
            await line.hang_up()
        self._tell("ended", result=result.value)
        return result

    async def _talk(self, line: Line) -> CallResult:
        session, turn = start(self._script)
        while True:
            heard = await self._played(line, turn)
            if turn.result is not None:
                return turn.result
            session, following = resume(self._script, session, heard)
            if following is None:
                return CallResult.FAILED if isinstance(heard, Lost) else CallResult.HANGUP
            turn = following

    async def _played(self, line: Line, turn: Turn) -> Heard:
        words = " ".join(self._script.words(turn.state, self._facts))
        answer = {"answer": turn.answer.value} if turn.answer is not None else {}
        self._tell("plays", state=turn.state, says=words, **answer)
        heard = await line.play(turn, self._prompts[turn.state])
        if isinstance(heard, Key):
            self._tell("heard", key=heard.key)
        elif isinstance(heard, HungUp | Lost):
            self._tell("hung_up" if isinstance(heard, HungUp) else "lost")
        elif turn.listens:
            self._tell("silence")
        return heard
