"""Why: a declared type must be a fact before a value reaches a library. Casts columns to the directory's types without ever raising: what does not fit
becomes null and fails the item's type rule. Called by `libraries.frames`.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from libraries.normalising.spellings import dates_of, day_and_clock
from libraries.texts import plain

NUMBER = pa.decimal128(28, 6)
ATTRIBUTE_TYPES = {"text": pa.string(), "date": pa.date32(), "number": NUMBER}
_DECIMAL = r"^[+-]?\d{1,21}(?:\.\d{1,6}0*)?$"
_INTEGER = r"^[+-]?\d{1,21}$"
_TRUE, _FALSE = ("true", "t", "1", "yes", "y", "是"), ("false", "f", "0", "no", "n", "否")


def cast_to(kind: str, values: Any) -> Any:
    """Return a column in a data type of GB/T (D, T → date32; N, Y, F, B, I → decimal; L → "true"/"false"; else text), null where it does not fit."""
    if kind in ("D", "T"):
        return _days(kind, values)
    if kind in ("N", "Y", "F", "B", "I"):
        return _numbers(kind, values)
    return _logicals(plain(values)) if kind == "L" else plain(values)


def _days(kind: str, values: Any) -> Any:
    if pa.types.is_date(values.type) or pa.types.is_timestamp(values.type):
        return values.cast(pa.date32(), safe=False)
    texts = plain(values)
    return dates_of(texts) if kind == "D" else day_and_clock(texts)


def _numbers(kind: str, values: Any) -> Any:
    if pa.types.is_floating(values.type):
        return _from_floats(kind, values)
    texts = plain(values)
    fits = pc.match_substring_regex(texts, _INTEGER if kind == "I" else _DECIMAL)
    kept = pc.if_else(fits, texts, None)
    # seven or more decimals can only be zeros here, which the scale does not need
    return pc.replace_substring_regex(kept, r"(\.\d{6})0+$", r"\1").cast(NUMBER)


def _from_floats(kind: str, values: Any) -> Any:
    numbers = values.to_numpy(zero_copy_only=False).astype(np.float64)
    fits = np.isfinite(numbers) & (np.abs(numbers) < 1e15)
    if kind == "I":
        fits &= np.where(fits, numbers, 0.5) == np.floor(np.where(fits, numbers, 0))
    return pc.round(pa.array(np.where(fits, numbers, 0), mask=~fits), 6).cast(NUMBER, safe=False)


def _logicals(texts: Any) -> Any:
    lowered = pc.ascii_lower(texts)
    is_true, is_false = (pc.is_in(lowered, value_set=pa.array(words)) for words in (_TRUE, _FALSE))
    return pc.if_else(is_true, "true", pc.if_else(is_false, "false", pa.scalar(None, pa.string())))
