"""Why: nobody gets more of a value than was granted. Per grant every attribute is compiled to one function: full, masked, or yes/no.

Masks are named in `schemas/libraries/*.yml`; their shapes follow the conventions collected from GB/T 37964 practice. A citizen id keeps one character at
each end, not 6 + 4: those leave only the birth digits unknown, and shared data often carries the birth date. A mask never tells the hidden part, and
hides everything when a value is too short or not of its kind. Called by `permit`, tests and pages; pure.
"""

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from schemas.library import Attribute, Mask

Form = Literal["full", "masked", "yes_no"]
Masking = Callable[[Any], Any]
HIDDEN = "***"
"""Stands for a value of which nothing is shown, its length included."""

_COUNTY = re.compile(
    r"(?:[^\d\s]{2,9}?(?:省|自治区|市))?(?:[^\d\s]{2,10}?(?:自治州|地区|盟|市))?[^\d\s]{1,9}?(?:(?<![小社园校景厂矿库])区|县|旗|市)"
)
_NOT_COUNTY = re.compile(r"[路街巷弄号村镇乡道里]")


def compile_mask(attribute: Attribute, form: Form) -> Masking:
    """Return the function that turns a stored value of `attribute` into what the granted `form` may show, ready for JSON; null stays null."""
    if form == "yes_no":
        return _is_given
    if form == "full" or attribute.mask == "none":
        return plain
    return _MASKS[attribute.mask]


def plain(value: Any) -> Any:
    """Return a stored value as JSON has it: dates in ISO 8601, numbers as numbers, texts unchanged."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        if value.is_nan():
            raise ValueError("not a number has no place in JSON")
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def _is_given(value: Any) -> bool:
    return value is not None and value != ""


def _masked(mask: Callable[[str], str]) -> Masking:
    def apply(value: Any) -> Any:
        if value is None:
            return None
        return mask(value.isoformat() if isinstance(value, date | datetime) else str(value))

    return apply


def _all(_: str) -> str:
    return HIDDEN


def _name(text: str) -> str:
    return text[0] + "*" * (len(text) - 1) if len(text) > 1 else HIDDEN


def _citizen_id(text: str) -> str:
    return f"{text[0]}{'*' * 16}{text[-1]}" if len(text) == 18 else HIDDEN


def _phone(text: str) -> str:
    if len(text) == 11 and text.isdigit() and text[0] == "1":
        return f"{text[:3]}****{text[7:]}"
    return f"{HIDDEN}{text[-4:]}" if len(text) >= 8 else HIDDEN


def _address(text: str) -> str:
    found = _COUNTY.match(text)
    if found is None or found.end() == len(text) or _NOT_COUNTY.search(found[0]):
        return HIDDEN
    return f"{found[0]}{HIDDEN}"


def _division(text: str) -> str:
    return f"{text[:4]}**" if len(text) == 6 and text.isdigit() else HIDDEN


def _year(text: str) -> str:
    return text[:4] if re.fullmatch(r"\d{4}-\d{2}-\d{2}.*", text) else HIDDEN


def _tail4(text: str) -> str:
    return f"{HIDDEN}{text[-4:]}" if len(text) >= 8 else HIDDEN


_MASKS: dict[Mask, Masking] = {
    "none": plain,
    "all": _masked(_all),
    "name": _masked(_name),
    "citizen_id": _masked(_citizen_id),
    "phone": _masked(_phone),
    "address": _masked(_address),
    "division": _masked(_division),
    "year": _masked(_year),
    "tail4": _masked(_tail4),
}
