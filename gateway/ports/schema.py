"""The public formats: the appointment object and a clinic's settings, from JSON and back.

This is the place to import them from. Everything that comes in goes through here once, at the
border; inside there are only the frozen values of `gateway.core`.
"""

from __future__ import annotations

from gateway.ports.schema_appointment import (
    appointment_json_schema,
    read_appointment,
    write_appointment,
)
from gateway.ports.schema_clinic import (
    clinic_json_schema,
    normalise_clinic,
    read_clinic,
    warnings_of,
    write_clinic,
)
from gateway.ports.schema_patch import merge_branch

__all__ = [
    "appointment_json_schema",
    "clinic_json_schema",
    "merge_branch",
    "normalise_clinic",
    "read_appointment",
    "read_clinic",
    "warnings_of",
    "write_appointment",
    "write_clinic",
]
