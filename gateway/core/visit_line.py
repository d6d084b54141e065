"""The day and time by which a patient names a visit, as a list of visits has them (rule Z-10).

«вторник, 24 ноября, 14:30», "24 November 14:30", «24.11 в 14:30». Anything beside them names none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

CHARS_MAX: Final = 60
"""No line of a list of visits is longer."""

_MONTHS: Final = (
    "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    "january february march april may june july august september october november december",
)
_NUMBER_OF: Final = {
    name: number for names in _MONTHS for number, name in enumerate(names.split(), start=1)
}
_WEEKDAYS: Final = (
    "понедельник|вторник|сред[ау]|четверг|пятниц[ау]|суббот[ау]|воскресенье"
    "|monday|tuesday|wednesday|thursday|friday|saturday|sunday"
)
_LINE: Final = re.compile(
    rf"\W*(?:(?:на|в|во|on)\s+)?(?:(?:{_WEEKDAYS})\W+)?"
    rf"(?:(?P<day>\d\d?)\s+(?P<month>{'|'.join(_NUMBER_OF)})|(?P<d>\d\d?)\.(?P<m>\d\d?))"
    r"\W+(?:(?:в|at)\s+)?(?P<hour>\d\d?)[:.](?P<minute>\d\d)\W*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class VisitLine:
    """A day and time as the branch's clock shows them."""

    month: int
    day: int
    hour: int
    minute: int

    def names(self, start: datetime) -> bool:
        """Tell whether a visit begins then; `start` is on the branch's clock."""
        return (self.month, self.day, self.hour, self.minute) == (
            start.month,
            start.day,
            start.hour,
            start.minute,
        )


def visit_line(text: str) -> VisitLine | None:
    """Return the day and time that are the whole message, else None."""
    found = _LINE.fullmatch(text) if len(text) <= CHARS_MAX else None
    if found is None:
        return None
    day = int(found["day"] or found["d"])
    month = _NUMBER_OF[found["month"].lower()] if found["month"] else int(found["m"])
    return VisitLine(month, day, int(found["hour"]), int(found["minute"]))
