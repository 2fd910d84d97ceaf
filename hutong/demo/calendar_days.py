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


def odd_day(text: str) -> str:
    """Return an ISO date as clerks type it: 20240305, 2024/3/5, 2024年3月5日 or 2024.03.05, by its day."""
    year, month, number = text.split("-")
    forms = (
        f"{year}{month}{number}",
        f"{year}/{int(month)}/{int(number)}",
        f"{year}年{int(month)}月{int(number)}日",
        f"{year}.{month}.{number}",
    )
    return forms[int(number) % 4]
