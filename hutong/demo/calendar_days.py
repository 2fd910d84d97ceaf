"""Why: sources write dates in many ways; the generator draws days as whole numbers and writes them the way a source does.

Only the generator of hutong/demo comes here.
"""

from datetime import date

import numpy as np
from numpy.typing import NDArray

from hutong.demo.names import Texts

Days = NDArray[np.int64]  # days since 1970-01-01


def day(value: date) -> int:
    """Return a date as days since 1970-01-01."""
    return (value - date(1970, 1, 1)).days


def between(draw: np.random.Generator, first: int, last: int, count: int) -> Days:
    """Return `count` days from `first` up to and with `last`."""
    return draw.integers(first, last + 1, count)


def iso(days: Days) -> Texts:
    """Return days as YYYY-MM-DD."""
    return days.astype("datetime64[D]").astype("U10").astype(object)


def odd(draw: np.random.Generator, dates: Texts) -> Texts:
    """Return ISO dates as clerks type them: 20240305, 2024/3/5, 2024年3月5日, 2024.03.05."""
    written = [_typed(text, form) for text, form in zip(dates, draw.integers(0, 4, len(dates)), strict=True)]
    return np.array(written, object)


def _typed(text: str, form: int) -> str:
    year, month, number = text.split("-")
    forms = (f"{year}{month}{number}", f"{year}/{int(month)}/{int(number)}", f"{year}年{int(month)}月{int(number)}日", f"{year}.{month}.{number}")
    return forms[form]
