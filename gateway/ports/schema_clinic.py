"""A clinic's settings as the clinic writes them: the document, its defaults, its changes.

What is stored is the document as the clinic wrote it, checked but not filled up. A default that
the clinic never chose stays a default, and a branch without a country keeps following the
clinic's; `write_clinic` shows the settings with every default filled in.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias, cast

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, TypeAdapter

from gateway.core.clinic import (
    NEVER_CONNECTED,
    Branch,
    Budget,
    Clinic,
    ConfirmationSettings,
    DetailsSettings,
    Hours,
    Prices,
    ReminderSettings,
)
from gateway.core.model import Channel
from gateway.errors import Problem
from gateway.ports.schema_problems import (
    FieldsError,
    Finding,
    Path,
    StrictModel,
    bad,
    show_path,
    validate,
)
from gateway.ports.schema_scalars import (
    Amount,
    CalendarDate,
    ClockTime,
    Country,
    Gap,
    KeyId,
    Language,
    Lead,
    Name,
    WrittenPhone,
    Zone,
    write_amount,
    write_clock,
    write_duration,
)

BRANCHES_MAX = 1000
PER_MINUTE_MAX = 100_000  # about 1,700 a second, more than any provider takes from one sender
LINES_MAX = 10_000
SPOKEN_MAX = 2000  # a name for every doctor of a large branch
CALL_ATTEMPTS_MAX = 10  # more calls a day to one patient than this would be harassment
PRICE_CHANGES_MAX = 1000

MessageChannel: TypeAlias = Literal["push", "whatsapp", "max", "telegram", "sms"]

_DETAILS = DetailsSettings()
_CONFIRMATION = ConfirmationSettings()
_REMINDER = ReminderSettings()
_PRICES = Prices()
_WARN_AT = Budget(Decimal(0)).warn_at
_CHANNELS: tuple[MessageChannel, ...] = ("push", "whatsapp", "sms")
_PRICED: tuple[str, ...] = tuple(item.name for item in fields(Prices) if item.name != "since")


def _check_hours(hours: list[time]) -> list[time]:
    if not hours[0] < hours[1]:
        raise bad("must open before closing, both on the same day")
    return hours


def _check_channels(channels: list[MessageChannel]) -> list[MessageChannel]:
    for channel in channels:
        if channels.count(channel) > 1:
            raise bad(f"names {channel} twice")
    return channels


def _check_share(share: Decimal) -> Decimal:
    if not 0 < share <= 1:
        raise bad("must be more than 0 and at most 1")
    return share


def as_list(value: object) -> object:
    """Take one object as a list of one (see `tariff`)."""
    return [value] if isinstance(value, Mapping) else value


def _list_of(hours: Hours) -> list[time]:
    return [hours.opening, hours.closing]


def _shown(default: str) -> dict[str, JsonValue]:
    """Show a default in the JSON schema as it would be written."""
    return {"default": default}


HoursList: TypeAlias = Annotated[
    list[ClockTime], Field(min_length=2, max_length=2), AfterValidator(_check_hours)
]

ChannelOrder: TypeAlias = Annotated[
    list[MessageChannel],
    Field(min_length=1),
    AfterValidator(_check_channels),
]


class DetailsModel(StrictModel):
    """How `details` is done."""

    enabled: bool = _DETAILS.enabled
    hours: HoursList = Field(default_factory=lambda: _list_of(_DETAILS.hours))


class ConfirmationModel(StrictModel):
    """How `confirmation` is done."""

    enabled: bool = _CONFIRMATION.enabled
    method: Literal["call", "message"] = _CONFIRMATION.method
    start: ClockTime = Field(
        default=_CONFIRMATION.start, json_schema_extra=_shown(write_clock(_CONFIRMATION.start))
    )
    hours: HoursList = Field(default_factory=lambda: _list_of(_CONFIRMATION.hours))
    call_attempts: int = Field(default=_CONFIRMATION.call_attempts, ge=1, le=CALL_ATTEMPTS_MAX)
    attempt_gap: Gap = Field(
        default=_CONFIRMATION.attempt_gap,
        json_schema_extra=_shown(write_duration(_CONFIRMATION.attempt_gap)),
    )
    call_gap: Gap = Field(
        default=_CONFIRMATION.call_gap,
        json_schema_extra=_shown(write_duration(_CONFIRMATION.call_gap)),
    )


class ReminderModel(StrictModel):
    """How `reminder` is done."""

    enabled: bool = _REMINDER.enabled
    hours: HoursList = Field(default_factory=lambda: _list_of(_REMINDER.hours))
    lead: Lead = Field(
        default=_REMINDER.lead, json_schema_extra=_shown(write_duration(_REMINDER.lead))
    )


class FunctionsModel(StrictModel):
    """The three functions, each with its own settings (rule G-1)."""

    details: DetailsModel = DetailsModel()
    confirmation: ConfirmationModel = ConfirmationModel()
    reminder: ReminderModel = ReminderModel()


class PricesModel(StrictModel):
    """Prices, from a date on where `from` says so; a missing price is that of rule T-1."""

    since: CalendarDate | None = Field(default=None, alias="from")
    call: Amount = _PRICES.call
    push: Amount = _PRICES.push
    push_after_call: Amount = _PRICES.push_after_call
    whatsapp: Amount = _PRICES.whatsapp
    max: Amount = _PRICES.max
    telegram: Amount = _PRICES.telegram
    sms: Amount = _PRICES.sms


Tariff: TypeAlias = Annotated[
    list[PricesModel],
    Field(min_length=1, max_length=PRICE_CHANGES_MAX),
    BeforeValidator(as_list, json_schema_input_type=PricesModel | list[PricesModel]),
]


class BudgetModel(StrictModel):
    """What the branch may spend in a calendar month, and at which share of it people are told."""

    month: Amount
    warn_at: Annotated[Amount, AfterValidator(_check_share)] = Field(
        default=_WARN_AT, json_schema_extra=_shown(write_amount(_WARN_AT))
    )


class BranchModel(StrictModel):
    """One branch; `country` and `language` default to the clinic's."""

    id: KeyId
    name: Name
    timezone: Zone
    name_in_messages: Name | None = None
    phone: WrittenPhone = ""
    country: Country | None = None
    language: Language | None = None
    per_minute: int = Field(default=60, ge=1, le=PER_MINUTE_MAX)
    lines: int = Field(default=4, ge=1, le=LINES_MAX)
    sms_price: Literal["message", "segment"] = "message"
    spoken: Mapping[Name, Name] = Field(default_factory=dict, max_length=SPOKEN_MAX)
    functions: FunctionsModel = FunctionsModel()
    channels: ChannelOrder = Field(default_factory=lambda: list(_CHANNELS))
    undelivered_after: Lead | None = None
    tariff: Tariff = Field(default_factory=lambda: [PricesModel()])
    budget: BudgetModel | None = None


class ClinicModel(StrictModel):
    """A clinic and its branches."""

    id: KeyId
    name: Name | None = None
    country: Country = "RU"
    language: Language = "ru"
    display_zone: Zone = "Europe/Moscow"
    branches: list[BranchModel] = Field(min_length=1, max_length=BRANCHES_MAX)


_CLINIC = TypeAdapter(ClinicModel)


def parse_clinic(
    data: object,
    *,
    connected: Mapping[str, datetime],
    link_base: str,
    link_secret: bytes,
) -> Clinic:
    """Read a clinic or raise `FieldsError`; see `read_clinic`."""
    model = check_clinic(data)
    branches = tuple(
        _branch(model, branch, connected.get(branch.id, NEVER_CONNECTED), link_base, link_secret)
        for branch in model.branches
    )
    return Clinic(
        id=model.id,
        name=model.name or model.id,
        branches=branches,
        country=model.country,
        language=model.language,
        display_zone=model.display_zone,
    )


def read_clinic(
    data: object,
    connected: Mapping[str, datetime],
    link_base: str,
    link_secret: bytes,
) -> Clinic:
    """Read a clinic's document, or raise `InvalidInput` naming every bad field.

    `connected` is the moment of each branch's first import by branch id; the links of patients
    begin with `link_base` and are signed with `link_secret`.
    """
    try:
        return parse_clinic(data, connected=connected, link_base=link_base, link_secret=link_secret)
    except FieldsError as error:
        raise error.invalid() from None


def normalise_clinic(data: object) -> dict[str, Any]:
    """Check a clinic's document and return what is stored: what the clinic wrote, no more.

    Defaults are left out, so a branch keeps following its clinic and the product's defaults.
    """
    try:
        check_clinic(data)
    except FieldsError as error:
        raise error.invalid() from None
    return copy.deepcopy(cast("dict[str, Any]", data))


def check_clinic(data: object) -> ClinicModel:
    """Check a document, also what two of its fields say together, or raise `FieldsError`."""
    model = validate(_CLINIC, data)
    ids = [branch.id for branch in model.branches]
    findings = [
        Finding(("branches", index, "id"), "two branches have this id")
        for index, branch_id in enumerate(ids)
        if branch_id in ids[:index]
    ]
    for index, branch in enumerate(model.branches):
        findings += [
            Finding(("branches", index, "tariff", *path), message)
            for path, message in _tariff_findings(branch.tariff)
        ]
    if findings:
        raise FieldsError(findings)
    return model


def write_clinic(clinic: Clinic) -> dict[str, Any]:
    """Write the settings with every default filled in; `read_clinic` reads them back."""
    return {
        "id": clinic.id,
        "name": clinic.name,
        "country": clinic.country,
        "language": clinic.language,
        "display_zone": clinic.display_zone,
        "branches": [_write_branch(branch) for branch in clinic.branches],
    }


def warnings_of(clinic: Clinic) -> list[Problem]:
    """Return what is allowed but probably not meant (rule Z-6 and its like)."""
    return [
        Problem(show_path(("branches", index, *path)), message)
        for index, branch in enumerate(clinic.branches)
        for path, message in (*_confirmation_warnings(branch), *_other_warnings(branch))
    ]


def clinic_json_schema() -> dict[str, Any]:
    """Return the JSON schema of the document, for `config schema` and the API's description."""
    return _CLINIC.json_schema()


def _tariff_findings(tariff: list[PricesModel]) -> list[tuple[Path, str]]:
    findings: list[tuple[Path, str]] = []
    for index in range(1, len(tariff)):
        before, since = tariff[index - 1].since, tariff[index].since
        if since is None:
            findings.append(((index, "from"), "required, but missing: only the first may lack it"))
        elif before is not None and since <= before:
            findings.append(((index, "from"), "must be later than that of the entry before"))
    return findings


def _branch(
    clinic: ClinicModel,
    model: BranchModel,
    connected_at: datetime,
    link_base: str,
    link_secret: bytes,
) -> Branch:
    functions = model.functions
    confirmation = functions.confirmation
    return Branch(
        clinic=clinic.id,
        id=model.id,
        name=model.name,
        timezone=model.timezone,
        name_in_messages=model.name_in_messages or model.name,
        phone=model.phone,
        country=model.country or clinic.country,
        language=model.language or clinic.language,
        per_minute=model.per_minute,
        lines=model.lines,
        sms_price=model.sms_price,
        spoken=tuple(model.spoken.items()),
        details=DetailsSettings(functions.details.enabled, Hours(*functions.details.hours)),
        confirmation=ConfirmationSettings(
            enabled=confirmation.enabled,
            method=confirmation.method,
            start=confirmation.start,
            hours=Hours(*confirmation.hours),
            call_attempts=confirmation.call_attempts,
            attempt_gap=confirmation.attempt_gap,
            call_gap=confirmation.call_gap,
        ),
        reminder=ReminderSettings(
            functions.reminder.enabled, Hours(*functions.reminder.hours), functions.reminder.lead
        ),
        channels=tuple(Channel(name) for name in model.channels),
        undelivered_after=model.undelivered_after,
        tariff=tuple(Prices(**dict(prices)) for prices in model.tariff),
        budget=Budget(model.budget.month, model.budget.warn_at) if model.budget else None,
        connected_at=connected_at,
        link_base=link_base,
        link_secret=link_secret,
    )


def _write_branch(branch: Branch) -> dict[str, Any]:
    confirmation, reminder = branch.confirmation, branch.reminder
    return {
        "id": branch.id,
        "name": branch.name,
        "name_in_messages": branch.name_in_messages,
        "timezone": branch.timezone,
        "phone": branch.phone,
        "country": branch.country,
        "language": branch.language,
        "per_minute": branch.per_minute,
        "lines": branch.lines,
        "sms_price": branch.sms_price,
        "spoken": dict(branch.spoken),
        "functions": {
            "details": {
                "enabled": branch.details.enabled,
                "hours": _write_hours(branch.details.hours),
            },
            "confirmation": {
                "enabled": confirmation.enabled,
                "method": confirmation.method,
                "start": write_clock(confirmation.start),
                "hours": _write_hours(confirmation.hours),
                "call_attempts": confirmation.call_attempts,
                "attempt_gap": write_duration(confirmation.attempt_gap),
                "call_gap": write_duration(confirmation.call_gap),
            },
            "reminder": {
                "enabled": reminder.enabled,
                "hours": _write_hours(reminder.hours),
                "lead": write_duration(reminder.lead),
            },
        },
        "channels": [channel.value for channel in branch.channels],
        "undelivered_after": (
            None if branch.undelivered_after is None else write_duration(branch.undelivered_after)
        ),
        "tariff": [_write_prices(prices) for prices in branch.tariff],
        "budget": _write_budget(branch.budget),
    }


def _write_prices(prices: Prices) -> dict[str, str]:
    since = {} if prices.since is None else {"from": prices.since.isoformat()}
    return since | {name: write_amount(getattr(prices, name)) for name in _PRICED}


def _write_budget(budget: Budget | None) -> dict[str, str] | None:
    if budget is None:
        return None
    return {"month": write_amount(budget.month), "warn_at": write_amount(budget.warn_at)}


def _write_hours(hours: Hours) -> list[str]:
    return [write_clock(hours.opening), write_clock(hours.closing)]


def _confirmation_warnings(branch: Branch) -> list[tuple[Path, str]]:
    settings = branch.confirmation
    path = ("functions", "confirmation")
    opening, closing = write_clock(settings.hours.opening), write_clock(settings.hours.closing)
    if settings.start < settings.hours.opening:
        return [((*path, "start"), f"is before opening, so it means {opening}")]
    if settings.start >= settings.hours.closing:
        return [((*path, "start"), f"is not before closing ({closing}), so nobody is ever asked")]
    tries = _minutes(settings.attempt_gap) * (settings.call_attempts - 1)
    if settings.method == "call" and tries >= _open_minutes(settings):
        return [((*path, "attempt_gap"), "is so long that the last call attempts meet closing")]
    return []


def _other_warnings(branch: Branch) -> list[tuple[Path, str]]:
    warnings: list[tuple[Path, str]] = []
    if branch.reminder.lead >= timedelta(days=1):
        path = ("functions", "reminder", "lead")
        warnings.append((path, "is a day or more: reminders go out before the confirmation"))
    if not branch.phone:
        warnings.append((("phone",), "is empty, so messages cannot tell patients whom to call"))
    return warnings


def _open_minutes(settings: ConfirmationSettings) -> float:
    closing, start = settings.hours.closing, settings.start
    return (closing.hour - start.hour) * 60 + closing.minute - start.minute


def _minutes(duration: timedelta) -> float:
    return duration / timedelta(minutes=1)
