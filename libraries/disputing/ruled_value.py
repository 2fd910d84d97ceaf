"""Why: a steward types what a source would deliver; it must become exactly what the library would hold, or be refused by name. Pure; called by
`libraries.rulings`.
"""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa

from schemas.codes import code_table
from schemas.errors import Invalid
from schemas.geometry import canonical_of
from schemas.library import Attribute

_DECIMALS = 10  # as the merge keeps them
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Ruled:
    """A value as the database takes it, as canonical text, and as the column of one that a row's hash is made of."""

    value: Any
    text: str
    column: Any


def canonical(attribute: Attribute, written: str) -> Ruled:
    """Return a value as its attribute is declared. Raises Invalid `ruling.value_unfit`; the value itself is in no error."""
    given = written.strip()
    if not given:
        raise _unfit(attribute, "it is empty / 值为空")
    if attribute.type == "date":
        return _day(attribute, given)
    if attribute.type == "number":
        return _number(attribute, given)
    found = canonical_of(given, attribute.crs) if attribute.type == "geometry" else given
    if found is None:
        raise _unfit(attribute, "it is no sound geometry / 不是有效的几何信息")
    if attribute.length is not None and len(found) > attribute.length:
        raise _unfit(attribute, f"longer than {attribute.length} / 超过 {attribute.length} 个字符")
    if attribute.code_table is not None and found not in code_table(attribute.code_table).entries:
        raise _unfit(attribute, f"no code of {attribute.code_table} / 不是代码表 {attribute.code_table} 的代码")
    return Ruled(found, found, pa.array([found], pa.string()))


def _day(attribute: Attribute, given: str) -> Ruled:
    try:
        day = date.fromisoformat(given) if _DAY.fullmatch(given) else None
    except ValueError:
        day = None
    if day is None:
        raise _unfit(attribute, "no day YYYY-MM-DD / 不是 YYYY-MM-DD 形式的日期")
    return Ruled(day, day.isoformat(), pa.array([day], pa.date32()))


def _number(attribute: Attribute, given: str) -> Ruled:
    try:
        number = Decimal(given)
        fits = number.is_finite() and abs(number) < 10**18 and number == round(number, _DECIMALS)
    except InvalidOperation:
        fits = False
    if not fits:
        raise _unfit(attribute, f"no number of at most {_DECIMALS} decimals / 不是至多 {_DECIMALS} 位小数的数字")
    exact = format(round(number, _DECIMALS), "f").rstrip("0").removesuffix(".")
    shown = "0" if exact in ("-0", "") else exact
    return Ruled(Decimal(shown), shown, pa.array([shown], pa.string()))


def _unfit(attribute: Attribute, why: str) -> Invalid:
    return Invalid("ruling.value_unfit", attribute=attribute.id, why=why)
