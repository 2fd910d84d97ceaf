"""Why: what a demander fills in, with its limits. Whatever is written here is a stranger's text: it is measured and cleaned before anything reads it.

Pages, the officers' API and `hutong demand` read forms; the desk `demands` keeps them.
"""

import unicodedata
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from exchange_api.grant.terms import parse_hours
from schemas.errors import Invalid
from schemas.resource import Strict

MOST_ITEMS = 200
_TURNING = frozenset(
    "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
)  # text that reads otherwise than it stands
_MOST_PROBLEMS = 10


def clean(text: str, *, lines: bool = False) -> str:
    """Return a text without blanks around it. Raises ValueError for control characters, half characters and marks that turn the direction of writing."""
    allowed = "\n\r\t" if lines else ""
    for sign in text:
        if sign in _TURNING or (unicodedata.category(sign) in ("Cc", "Cs", "Co", "Cn") and sign not in allowed):
            raise ValueError(f"含有不可用的字符 holds a character that is not text: U+{ord(sign):04X}")
    return text.strip()


def _line(given: Any) -> Any:
    return clean(given) if isinstance(given, str) else given


def _lines(given: Any) -> Any:
    return clean(given, lines=True) if isinstance(given, str) else given


Line = Annotated[str, BeforeValidator(_line)]  # before its length is measured
Lines = Annotated[str, BeforeValidator(_lines)]
AnswerForm = Literal["full", "masked", "yes_no"]
Mode = Literal["query", "verify", "changes", "export"]


class WantedItem(Strict):
    """A wanted item as the demander writes it, and the form that is enough for it."""

    name: Line = Field(min_length=1, max_length=100)
    note: Line | None = Field(default=None, max_length=500)
    form: AnswerForm = "full"


class DemandForm(Strict):
    """What a demander fills in (政务数据共享条例 art. 20: basis, scenario, scope, mode, period). A draft needs no more than its service item."""

    service_item_id: Line = Field(min_length=1, max_length=100)
    application_id: Line | None = Field(default=None, max_length=100)
    purpose: Lines = Field(default="", max_length=500)
    basis: Lines = Field(default="", max_length=1000)
    scenario: Lines = Field(default="", max_length=2000)
    scope: Lines = Field(default="", max_length=2000)
    mode: Mode = "query"
    volume_per_day: int = Field(default=1000, gt=0, le=10_000_000)
    hours: str | None = Field(default=None, max_length=5, description='Daily hours of use in China\'s time, "08-18".')
    valid_until: date | None = None
    items: tuple[WantedItem, ...] = Field(default=(), max_length=MOST_ITEMS)

    @field_validator("hours")
    @classmethod
    def _is_span(cls, hours: str | None) -> str | None:
        if hours is not None:
            parse_hours(hours)
        return hours

    @model_validator(mode="after")
    def _nothing_twice(self) -> Self:
        """One name may be wanted twice where the notes tell them apart: of the applicant, of the spouse."""
        seen: set[tuple[str, str]] = set()
        for item in self.items:
            key = (unicodedata.normalize("NFKC", item.name).casefold(), item.note or "")
            if key in seen:
                raise ValueError(f"信息项重复 wanted twice: {item.name}")
            seen.add(key)
        return self


def read_form(data: Any) -> DemandForm:
    """Return what a file or a request says as a form. Raises Invalid `demand.malformed` with every place that is wrong, `grant.hours`."""
    try:
        return DemandForm.model_validate(data)
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False, include_context=False)
        told = [f"{'.'.join(str(part)[:40] for part in one['loc']) or '-'}: {one['msg']}" for one in wrong]
        more = f" (+{len(told) - _MOST_PROBLEMS})" if len(told) > _MOST_PROBLEMS else ""
        raise Invalid("demand.malformed", problems="; ".join(told[:_MOST_PROBLEMS]) + more) from error
