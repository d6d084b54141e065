"""The process' own configuration: where it listens, where its data is, who its providers are.

Read once at start by `cli` and `compose`; everybody else receives plain values. A clinic's
settings are data in the store, not configuration. Any text value may be `env:NAME` or
`file:PATH`: then it is read from there, so that no secret has to stand in the file.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field, TypeAdapter

from gateway.errors import InvalidInput, Problem
from gateway.ports.schema_problems import FieldsError, Finding, StrictModel, bad, validate
from gateway.ports.schema_problems import Path as FieldPath
from gateway.ports.schema_speech import SpeechSettings
from gateway.ports.yaml_lines import Document, read_document

DEFAULT_FILE = Path("config/gateway.yaml")
SECRET_BYTES_MAX = 64 * 1024


def _check_network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise bad("must be an address or a network such as 10.0.0.0/8") from None
    return text


ProxyNetwork: TypeAlias = Annotated[str, AfterValidator(_check_network)]


class Listen(StrictModel):
    """Address and port of the HTTP server, and the proxies before it."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    trusted_proxies: list[ProxyNetwork] = Field(default_factory=list)


class StoreSettings(StrictModel):
    """`url` null: an embedded server in the data folder."""

    url: str | None = None
    partitions: Annotated[int, Field(ge=1, le=1024)] = 64
    retention_days: Annotated[int, Field(ge=30, le=3650)] = 400


class Webhooks(StrictModel):
    """Outgoing webhooks; private addresses only where this says so."""

    allow_private: bool = False


class Logging(StrictModel):
    """What is logged; personal data only for a developer's own machine."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    show_personal_data: bool = False


class ScheduleWebhook(StrictModel):
    """Where a clinic takes its changes as signed webhooks, and is asked for free times."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=2000)]
    free_times: Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=2000)] | None = None
    secret: Annotated[str, Field(pattern=r"^whsec_[A-Za-z0-9+/=]{32,}$")]


class ClinicSchedule(StrictModel):
    """How a clinic hears of changes: by webhook; a clinic that is not listed uses the feed."""

    webhook: ScheduleWebhook


class Settings(StrictModel):
    """The whole file; docs in config/gateway.yaml."""

    listen: Listen = Listen()
    public_url: Annotated[str, Field(pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$")] = (
        "http://localhost:8080"
    )
    link_secret: Annotated[str, Field(min_length=16, max_length=200)] | None = None
    store: StoreSettings = StoreSettings()
    webhooks: Webhooks = Webhooks()
    log: Logging = Logging()
    schedules: Mapping[str, ClinicSchedule] = Field(default_factory=dict)
    whatsapp: Mapping[str, Any] | None = None
    telegram: Mapping[str, Any] | None = None
    max: Mapping[str, Any] | None = None
    push_backend: Mapping[str, Any] | None = None
    push_fcm: Mapping[str, Any] | None = None
    push_rustore: Mapping[str, Any] | None = None
    twilio_messaging: Mapping[str, Any] | None = None
    sms_exolve: Mapping[str, Any] | None = None
    sms_smsc: Mapping[str, Any] | None = None
    sms_smpp: Mapping[str, Any] | None = None
    sip: Mapping[str, Any] | None = None
    twilio_voice: Mapping[str, Any] | None = None
    speech: SpeechSettings = SpeechSettings()
    scripts: str | None = None


_SETTINGS = TypeAdapter(Settings)


class Loaded:
    """Settings together with the text they came from, so that a later finding has its line."""

    def __init__(
        self, settings: Settings, source: str, document: Document | None, folder: Path = Path()
    ) -> None:
        self.settings = settings
        self.folder = folder  # what paths in the file are relative to
        self._source = source
        self._document = document

    def invalid(self, findings: list[tuple[FieldPath, str]]) -> InvalidInput:
        """Return the error for findings of somebody who read a part of the settings."""
        lines = self._document.lines if self._document is not None else None
        found = [Finding(path, message) for path, message in findings]
        return FieldsError(found).invalid(self._source, lines)


def load(file: Path | None) -> Loaded:
    """Read the configuration; without a file the defaults hold.

    Raises `InvalidInput` naming file, line and field.
    """
    path = file or DEFAULT_FILE
    if file is None and not path.exists():
        return Loaded(Settings(), str(path), None)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8 text"
        raise InvalidInput(Problem("", reason), source=str(path)) from None
    document = read_document(text, str(path))
    try:
        data = _resolved(document.data, (), path.parent)
        return Loaded(validate(_SETTINGS, data), str(path), document, path.parent)
    except FieldsError as error:
        raise error.invalid(str(path), document.lines) from None


def _resolved(value: Any, path: FieldPath, folder: Path) -> Any:
    """Fill in what stands in the environment or in files."""
    if isinstance(value, dict):
        return {key: _resolved(item, (*path, key), folder) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolved(item, (*path, index), folder) for index, item in enumerate(value)]
    if isinstance(value, str) and value.startswith("env:"):
        found = os.environ.get(value[4:])
        if found is None:
            raise FieldsError([Finding(path, f"the environment has no {value[4:]}")])
        return found
    if isinstance(value, str) and value.startswith("file:"):
        return _from_file(folder / value[5:], path)
    return value


def _from_file(file: Path, path: FieldPath) -> str:
    try:
        with file.open(encoding="utf-8") as opened:
            return opened.read(SECRET_BYTES_MAX).strip()
    except (OSError, UnicodeDecodeError):
        raise FieldsError([Finding(path, "the file it names cannot be read")]) from None
