"""Why: what a mask named in `schemas/libraries/*.yml` leaves of a text, written once for everyone who shows values: answers of the exchange, rows in
quarantine. The shapes follow the conventions collected from GB/T 37964 practice. A citizen id keeps one character at each end, not 6 + 4: those leave
only the birth digits unknown, and shared data often carries the birth date. A mask never tells the hidden part, and hides everything when a value is
too short or not of its kind. Pure; anyone may call it.
"""

import re
from collections.abc import Callable

from schemas.library import Mask

HIDDEN = "***"
"""Stands for a value of which nothing is shown, its length included."""

_COUNTY = re.compile(
    r"(?:[^\d\s]{2,9}?(?:省|自治区|市))?(?:[^\d\s]{2,10}?(?:自治州|地区|盟|市))?[^\d\s]{1,9}?(?:(?<![小社园校景厂矿库])区|县|旗|市)"
)
_NOT_COUNTY = re.compile(r"[路街巷弄号村镇乡道里]")


def mask_of(mask: Mask) -> Callable[[str], str]:
    """Return the function that tells what `mask` leaves of a text."""
    return _MASKS[mask]


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


_MASKS: dict[Mask, Callable[[str], str]] = {
    "none": str,
    "all": _all,
    "name": _name,
    "citizen_id": _citizen_id,
    "phone": _phone,
    "address": _address,
    "division": _division,
    "year": _year,
    "tail4": _tail4,
}
