"""How a trunk wants numbers written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

NumberForm: TypeAlias = Literal["plus", "digits", "national"]


@dataclass(frozen=True, slots=True)
class NumberPlan:
    """`plus`: +79161234567; `digits`: 79161234567; `national`: 89161234567, and 810… abroad.

    `prefix` stands before everything else: some trunks choose a route by it.
    """

    form: NumberForm
    country_code: str
    national_prefix: str
    international_prefix: str
    prefix: str = ""

    def write(self, number: str) -> str:
        """Return an E.164 number (`+` and digits) as the trunk wants it."""
        return self.prefix + self._written(number)

    def _written(self, number: str) -> str:
        digits = number.removeprefix("+")
        if self.form == "plus":
            return f"+{digits}"
        if self.form == "digits":
            return digits
        if digits.startswith(self.country_code):
            return self.national_prefix + digits.removeprefix(self.country_code)
        return self.international_prefix + digits
