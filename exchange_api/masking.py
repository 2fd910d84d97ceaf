"""Why: nobody gets more of a value than was granted. Per grant every attribute is compiled to one function: full, masked, or yes/no.

What a mask leaves of a text is said in `schemas/masking.py`. Called by `permit`, tests and pages; pure.
"""

import json
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Literal

from schemas.library import Attribute
from schemas.masking import HIDDEN, mask_of

Form = Literal["full", "masked", "yes_no"]
Masking = Callable[[Any], Any]
__all__ = ["HIDDEN", "Form", "Masking", "compile_mask", "plain"]


def compile_mask(attribute: Attribute, form: Form) -> Masking:
    """Return the function that turns a stored value of `attribute` into what the granted `form` may show, ready for JSON; null stays null."""
    if form == "yes_no":
        return _is_given
    if form == "full" or attribute.mask == "none":
        return _geojson if attribute.type == "geometry" else plain
    return partial(_masked, mask_of(attribute.mask))


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


def _geojson(value: Any) -> Any:
    return None if value is None else json.loads(value)


def _is_given(value: Any) -> bool:
    return value is not None and value != ""


def _masked(mask: Callable[[str], str], value: Any) -> Any:
    if value is None:
        return None
    return mask(value.isoformat() if isinstance(value, date | datetime) else str(value))
