"""The events of a rehearsal's scenario: what each kind holds, and how one is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, StringConstraints, TypeAdapter
from pydantic_core import PydanticCustomError

from gateway.core.clinic import Clinic
from gateway.core.model import Answer, Appointment, Channel
from gateway.ports.schema_appointment import parse_appointment
from gateway.ports.schema_problems import FieldsError, Finding, StrictModel, kind_of, validate
from gateway.ports.schema_scalars import (
    REPLY_CHARS_MAX,
    Id,
    KeyId,
    Moment,
    Number,
    read_moment,
)

MenuAnswer: TypeAlias = Literal["confirm", "reschedule", "cancel"]
AnyChannel: TypeAlias = Literal["call", "push", "whatsapp", "max", "telegram", "sms"]


@dataclass(frozen=True, slots=True)
class AppointmentEvent:
    """The schedule shows a new or changed visit."""

    at: datetime
    appointment: Appointment


@dataclass(frozen=True, slots=True)
class ReplyEvent:
    """A patient writes; `quotes` is the appointment whose newest message is quoted."""

    at: datetime
    sender: str
    text: str
    channel: Channel
    quotes: str | None


@dataclass(frozen=True, slots=True)
class LinkEvent:
    """A patient presses a button on the page behind the newest link of the visit."""

    at: datetime
    appointment: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class AppEvent:
    """A patient answers in the clinic's own app."""

    at: datetime
    appointment: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class RemoveEvent:
    """A visit is gone from the schedule."""

    at: datetime
    appointment: str


@dataclass(frozen=True, slots=True)
class SettingsEvent:
    """A branch's settings change; in a `Scenario`, `clinic` is the whole clinic from then on."""

    at: datetime
    branch: str
    patch: Mapping[str, Any]
    clinic: Clinic | None = None


@dataclass(frozen=True, slots=True)
class DownEvent:
    """The gateway is stopped."""

    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class ScheduleDownEvent:
    """The schedule does not answer."""

    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class ChannelDownEvent:
    """A channel's provider, or with `call` the trunk, does not answer."""

    at: datetime
    channel: Channel
    until: datetime


ScenarioEvent: TypeAlias = (
    AppointmentEvent
    | ReplyEvent
    | LinkEvent
    | AppEvent
    | RemoveEvent
    | SettingsEvent
    | DownEvent
    | ScheduleDownEvent
    | ChannelDownEvent
)


class ReplyModel(StrictModel):
    """A message from a patient."""

    sender: Number = Field(alias="from")
    text: Annotated[str, StringConstraints(max_length=REPLY_CHARS_MAX)]
    channel: Literal["whatsapp", "max", "telegram", "sms"] = "whatsapp"
    quotes: Id | None = None


class PressModel(StrictModel):
    """A button on the patient page or in the app."""

    appointment: Id
    answer: MenuAnswer


class OutageModel(StrictModel):
    """Something is down."""

    until: Moment


class ChannelOutageModel(OutageModel):
    """A channel is down."""

    channel: AnyChannel


_REPLY = TypeAdapter(ReplyModel)
_PRESS = TypeAdapter(PressModel)
_REMOVED: TypeAdapter[str] = TypeAdapter(Id)
_OUTAGE = TypeAdapter(OutageModel)
_CHANNEL_OUTAGE = TypeAdapter(ChannelOutageModel)
_BRANCH: TypeAdapter[str] = TypeAdapter(KeyId)


_ANY_MOMENT = datetime.min.replace(tzinfo=UTC)


def read_event(data: object) -> ScenarioEvent:
    """Read one event or raise `FieldsError` with paths from the event on."""
    if not isinstance(data, Mapping):
        raise FieldsError([Finding((), f"must be an object; got {kind_of(data)}")])
    kind = _kind(data)
    at, wrong = _moment(data)
    try:
        event = _READERS[kind](at, data[kind])
    except FieldsError as error:
        wrong += [item.below((kind,)) for item in error.findings]
    else:
        if not wrong:
            return event
    raise FieldsError(wrong)


def _kind(data: Mapping[str, Any]) -> str:
    """Return the only kind that the event has."""
    kinds = [name for name in data if name != "at"]
    unknown = [name for name in kinds if name not in _READERS]
    known = ", ".join(_READERS)
    if unknown:
        findings = [
            Finding((name,), f"unknown field; an event is one of {known}") for name in unknown
        ]
        raise FieldsError(findings)
    if len(kinds) != 1:
        count = "none" if not kinds else ", ".join(kinds)
        raise FieldsError([Finding((), f"must be exactly one of {known}; got {count}")])
    return kinds[0]


def _moment(data: Mapping[str, Any]) -> tuple[datetime, list[Finding]]:
    """Read `at`; where it is wrong, go on without it to find what else is."""
    if "at" not in data:
        return _ANY_MOMENT, [Finding(("at",), "required, but missing")]
    try:
        return read_moment(data["at"]), []
    except PydanticCustomError as error:
        return _ANY_MOMENT, [Finding(("at",), error.message())]


def _read_appointment(at: datetime, data: object) -> AppointmentEvent:
    return AppointmentEvent(at, parse_appointment(data, consent_default=True))


def _read_reply(at: datetime, data: object) -> ReplyEvent:
    model = validate(_REPLY, data)
    return ReplyEvent(at, model.sender, model.text, Channel(model.channel), model.quotes)


def _read_link(at: datetime, data: object) -> LinkEvent:
    model = validate(_PRESS, data)
    return LinkEvent(at, model.appointment, Answer(model.answer))


def _read_app(at: datetime, data: object) -> AppEvent:
    model = validate(_PRESS, data)
    return AppEvent(at, model.appointment, Answer(model.answer))


def _read_removed(at: datetime, data: object) -> RemoveEvent:
    return RemoveEvent(at, validate(_REMOVED, data))


def _read_settings(at: datetime, data: object) -> SettingsEvent:
    """Read the branch and keep the rest as the patch, to be merged in the order of time."""
    if not isinstance(data, Mapping):
        raise FieldsError([Finding((), f"must be an object; got {kind_of(data)}")])
    if "branch" not in data:
        raise FieldsError([Finding(("branch",), "required, but missing")])
    try:
        branch = validate(_BRANCH, data["branch"])
    except FieldsError as error:
        raise FieldsError(item.below(("branch",)) for item in error.findings) from None
    return SettingsEvent(at, branch, {name: data[name] for name in data if name != "branch"})


def _read_down(at: datetime, data: object) -> DownEvent:
    return DownEvent(at, _until(at, validate(_OUTAGE, data)))


def _read_schedule_down(at: datetime, data: object) -> ScheduleDownEvent:
    return ScheduleDownEvent(at, _until(at, validate(_OUTAGE, data)))


def _read_channel_down(at: datetime, data: object) -> ChannelDownEvent:
    model = validate(_CHANNEL_OUTAGE, data)
    return ChannelDownEvent(at, Channel(model.channel), _until(at, model))


def _until(at: datetime, model: OutageModel) -> datetime:
    if model.until < at:
        raise FieldsError([Finding(("until",), "must not be earlier than at")])
    return model.until


_READERS: dict[str, Callable[[datetime, object], ScenarioEvent]] = {
    "appointment": _read_appointment,
    "reply": _read_reply,
    "link": _read_link,
    "app": _read_app,
    "remove": _read_removed,
    "settings": _read_settings,
    "down": _read_down,
    "schedule_down": _read_schedule_down,
    "channel_down": _read_channel_down,
}
