"""The scenario of a rehearsal: a clinic, a cast of patients, and what happens when.

A scenario is checked as a whole before anything is rehearsed (rule V-1): settings events are
merged in the order of time, and an event may only name a visit that stands in the schedule by
then. Whoever gets a `Scenario` need not check anything again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import Field, PlainSerializer, PlainValidator, TypeAdapter
from pydantic_core import PydanticCustomError

from gateway.core.clinic import Clinic
from gateway.ports.schema_clinic import parse_clinic
from gateway.ports.schema_events import (
    AppEvent,
    AppointmentEvent,
    ChannelDownEvent,
    DownEvent,
    LinkEvent,
    RemoveEvent,
    ReplyEvent,
    ScenarioEvent,
    ScheduleDownEvent,
    SettingsEvent,
    read_event,
)
from gateway.ports.schema_patch import patch_branch
from gateway.ports.schema_problems import (
    FINDINGS_MAX,
    FieldsError,
    Finding,
    Path,
    StrictModel,
    bad,
    kind_of,
    validate,
)
from gateway.ports.schema_scalars import Moment, check_number
from gateway.ports.yaml_lines import read_document

__all__ = [
    "AppEvent",
    "AppointmentEvent",
    "CallScript",
    "ChannelDownEvent",
    "DownEvent",
    "LinkEvent",
    "PatientScript",
    "RemoveEvent",
    "ReplyEvent",
    "Scenario",
    "ScenarioEvent",
    "ScheduleDownEvent",
    "SettingsEvent",
    "read_scenario",
]

KEYS_MAX = 100  # no call lasts that long
LINK_BASE = "https://callahead.invalid/v/"
LINK_SECRET = b"rehearsal"  # these links lead nowhere; only their length and look matter

_Read = TypeVar("_Read")

CallOutcome: TypeAlias = Literal[
    "answered", "no_answer", "busy", "rejected", "unreachable", "machine"
]


@dataclass(frozen=True, slots=True)
class CallScript:
    """How a patient takes a call; keys are `0`-`9`, `*`, `#`, `-` (silence) and `hangup`."""

    result: CallOutcome = "no_answer"
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PatientScript:
    """How the person behind a number behaves."""

    call: CallScript = CallScript()
    whatsapp: bool = True
    max: bool = False
    telegram: bool = False
    sms_delivered: bool = True
    push_delivered: bool = True


@dataclass(frozen=True, slots=True)
class Scenario:
    """A checked scenario; `events` in the order of time, `document` the clinic as written.

    Every branch counts as connected at `start` (rule Z-1).
    """

    start: datetime
    until: datetime
    clinic: Clinic
    document: Mapping[str, Any]
    patients: Mapping[str, PatientScript]
    events: tuple[ScenarioEvent, ...]


def read_scenario(
    text: str, name: str, *, link_base: str = LINK_BASE, link_secret: bytes = LINK_SECRET
) -> Scenario:
    """Read a scenario, or raise `InvalidInput` with file name, line and field (rule V-1)."""
    document = read_document(text, name)
    try:
        return _Reader(link_base, link_secret).scenario(document.data)
    except FieldsError as error:
        shown = FieldsError(error.findings[:FINDINGS_MAX])
        raise shown.invalid(name, document.lines) from None


def _read_keys(value: object) -> tuple[str, ...]:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 9:
        return (str(value),)
    if not isinstance(value, str):
        raise bad(f'must be text in quotes, like "0 1"; got {kind_of(value)}')
    keys = tuple(value.split())
    if len(keys) > KEYS_MAX:
        raise bad(f"must have at most {KEYS_MAX} keys")
    if not all(key == "hangup" or key in _KEYS for key in keys):
        raise bad('must hold keys 0-9, *, #, "-" or "hangup" with spaces between, like "0 1"')
    return keys


_KEYS = frozenset("0123456789*#-")

Keys: TypeAlias = Annotated[
    tuple[str, ...], PlainValidator(_read_keys), PlainSerializer(" ".join, return_type=str)
]


class CallModel(StrictModel):
    """How a patient takes a call."""

    result: CallOutcome = "answered"
    keys: Keys = ()


class WhatsAppModel(StrictModel):
    """Whether the number has an account, which most have."""

    account: bool = True


class AccountModel(StrictModel):
    """Whether the number has an account, which most have not."""

    account: bool = False


class DeliveryModel(StrictModel):
    """Whether what the provider accepted is delivered."""

    delivered: bool = True


class BehaviourModel(StrictModel):
    """How the person behind a number behaves."""

    call: CallModel | None = None
    whatsapp: WhatsAppModel = WhatsAppModel()
    max: AccountModel = AccountModel()
    telegram: AccountModel = AccountModel()
    sms: DeliveryModel = DeliveryModel()
    push: DeliveryModel = DeliveryModel()


class ScenarioModel(StrictModel):
    """The top level; the clinic and the events are read one by one."""

    start: Moment
    until: Moment
    clinic: Any
    patients: dict[str, BehaviourModel] = Field(default_factory=dict)
    events: list[Any] = Field(default_factory=list)


_SCENARIO = TypeAdapter(ScenarioModel)


class _Reader:
    """Reads one scenario: each event by itself first, then all of them in the order of time."""

    def __init__(self, link_base: str, link_secret: bytes) -> None:
        self._link_base = link_base
        self._link_secret = link_secret
        self._connected: dict[str, datetime] = {}
        self._findings: list[Finding] = []
        # What holds at the moment of the event that is being checked.
        self._document: Mapping[str, Any] = {}
        self._known: set[str] = set()
        self._branches: frozenset[str] = frozenset()

    def scenario(self, data: object) -> Scenario:
        """Read everything or raise `FieldsError`."""
        model = validate(_SCENARIO, data)
        clinic = self._clinic(model)
        if model.until <= model.start:
            self._findings.append(Finding(("until",), "must be later than start"))
        for number in model.patients:
            self._try(("patients", number), check_number, number)
        events = self._events(model)
        if self._findings:
            raise FieldsError(self._findings)
        return Scenario(
            start=model.start,
            until=model.until,
            clinic=clinic,
            document=model.clinic,
            patients={number: _patient(script) for number, script in model.patients.items()},
            events=events,
        )

    def _clinic(self, model: ScenarioModel) -> Clinic:
        """Read the clinic; without it the events cannot be checked."""
        try:
            clinic = self._read_clinic(model.clinic)
            self._connected = {branch.id: model.start for branch in clinic.branches}
            clinic = self._read_clinic(model.clinic)
        except FieldsError as error:
            raise FieldsError(item.below(("clinic",)) for item in error.findings) from None
        self._document = model.clinic
        self._branches = frozenset(self._connected)
        return clinic

    def _read_clinic(self, document: object) -> Clinic:
        return parse_clinic(
            document,
            connected=self._connected,
            link_base=self._link_base,
            link_secret=self._link_secret,
        )

    def _events(self, model: ScenarioModel) -> tuple[ScenarioEvent, ...]:
        read: list[tuple[int, ScenarioEvent]] = []
        for index, data in enumerate(model.events):
            event = self._try(("events", index), read_event, data)
            if event is not None:
                read.append((index, event))
            if len(self._findings) >= FINDINGS_MAX:
                break
        if self._findings:
            return ()
        read.sort(key=lambda item: item[1].at)
        return tuple(self._in_order(read, model.start))

    def _in_order(
        self, read: list[tuple[int, ScenarioEvent]], start: datetime
    ) -> Iterator[ScenarioEvent]:
        """Check each event against what happened before it."""
        for index, event in read:
            path: Path = ("events", index)
            if event.at < start and not isinstance(event, AppointmentEvent):
                message = "lies before start, where only appointments may stand"
                self._findings.append(Finding((*path, "at"), message))
            checked = self._try(path, self._in_place, event)
            yield event if checked is None else checked

    def _in_place(self, event: ScenarioEvent) -> ScenarioEvent:
        """Check what an event names; return it with the settings that then hold."""
        match event:
            case AppointmentEvent(appointment=appointment):
                self._known.add(appointment.id)
                if appointment.branch not in self._branches:
                    path = ("appointment", "branch")
                    raise FieldsError([Finding(path, "the clinic has no branch with this id")])
            case LinkEvent(appointment=named):
                self._known_at(("link", "appointment"), named)
            case AppEvent(appointment=named):
                self._known_at(("app", "appointment"), named)
            case RemoveEvent(appointment=named):
                self._known_at(("remove",), named)
            case ReplyEvent(quotes=named) if named is not None:
                self._known_at(("reply", "quotes"), named)
            case SettingsEvent():
                return replace(event, clinic=self._changed(event))
        return event

    def _known_at(self, path: Path, appointment: str) -> None:
        if appointment not in self._known:
            message = "no event before this one has an appointment with this id"
            raise FieldsError([Finding(path, message)])

    def _changed(self, event: SettingsEvent) -> Clinic:
        """Merge a settings event into what holds so far."""
        try:
            self._document = patch_branch(self._document, event.branch, event.patch)
        except FieldsError as error:
            raise FieldsError(item.below(("settings",)) for item in error.findings) from None
        return self._read_clinic(self._document)

    def _try(self, path: Path, read: Callable[[Any], _Read], data: object) -> _Read | None:
        """Read, or note what is wrong below the path and go on."""
        try:
            return read(data)
        except FieldsError as error:
            self._findings += [item.below(path) for item in error.findings]
        except PydanticCustomError as error:
            self._findings.append(Finding(path, error.message()))
        return None


def _patient(model: BehaviourModel) -> PatientScript:
    call = model.call
    return PatientScript(
        call=CallScript() if call is None else CallScript(call.result, call.keys),
        whatsapp=model.whatsapp.account,
        max=model.max.account,
        telegram=model.telegram.account,
        sms_delivered=model.sms.delivered,
        push_delivered=model.push.delivered,
    )
