"""Why: full-width characters and the many ways of writing a date are the commonest harmless differences; rewriting them must not cost a Python loop.
Only `libraries.normalising.normalise` and `libraries.typed` come here.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from libraries.texts import Flags, from_bytes, offsets_of, text_bytes

_MARKED = r"^(?P<y>\d{4})(?:年|[-/.])(?P<m>\d{1,2})(?:月|[-/.])(?P<d>\d{1,2})日?(?:[T ]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$"
_BARE = r"^(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})$"
_DAY_FIRST = r"^(?P<d>\d{1,2})[-/.](?P<m>\d{1,2})[-/.](?P<y>\d{4})$"
_MONTH_FIRST = r"^(?P<m>\d{1,2})[-/.](?P<d>\d{1,2})[-/.](?P<y>\d{4})$"
_SERIAL = r"^[2-7]\d{4}$"  # 1954 to 2119, counted in days from 1899-12-30
_SERIAL_ZERO = 25_569  # the serial of 1970-01-01
_CLOCK = r"^(?:[T ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?$"
_MONTHS = np.arange("0001-01", "10000-01", dtype="datetime64[M]").astype("datetime64[D]").astype(np.int64)
_MONTH_START = _MONTHS.astype(np.int32)
_MONTH_DAYS = np.append(np.diff(_MONTHS), 31).astype(np.int32)


def half_width(texts: Any) -> Any:
    """Return the texts with full-width ASCII (U+FF01–FF5E) and the ideographic space as their half-width twins."""
    offsets = offsets_of(texts)
    data = text_bytes(texts)[offsets[0] : offsets[-1]]
    padded = np.concatenate([data, np.zeros(2, np.uint8)])
    lead, second, third = padded[:-2], padded[1:-1], padded[2:]
    low = (lead == 0xEF) & (second == 0xBC) & (third >= 0x81) & (third <= 0xBF)
    high = (lead == 0xEF) & (second == 0xBD) & (third >= 0x80) & (third <= 0x9E)
    space = (lead == 0xE3) & (second == 0x80) & (third == 0x80)
    found = np.flatnonzero(low | high | space)
    if not len(found):
        return texts
    written = np.where(low, third - 0x60, np.where(high, third - 0x20, np.uint8(0x20)))
    fresh = data.copy()
    fresh[found] = written[found]
    kept = np.ones(len(data), np.bool_)
    kept[found + 1] = kept[found + 2] = False
    sizes = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept)])
    return from_bytes(fresh[kept], sizes[offsets - offsets[0]].astype(np.int32), texts)


def day_first(texts: Any) -> Any:
    """Return dates written D/M/YYYY (also with - or .) as YYYY-MM-DD; only for sources that declare it, since 01/02/2023 does not tell."""
    return _rewritten(texts, _DAY_FIRST)


def month_first(texts: Any) -> Any:
    """Return dates written M/D/YYYY (also with - or .) as YYYY-MM-DD; only for sources that declare it."""
    return _rewritten(texts, _MONTH_FIRST)


def excel_days(texts: Any) -> Any:
    """Return the five-digit serial numbers that spreadsheets keep dates as (1954 to 2119) as YYYY-MM-DD."""
    serials = pc.if_else(pc.match_substring_regex(texts, _SERIAL), texts, None).cast(pa.int32())
    days = pc.subtract(serials, pa.scalar(_SERIAL_ZERO, pa.int32())).cast(pa.date32())
    return pc.coalesce(days.cast(pa.string()), texts)


def _rewritten(texts: Any, pattern: str) -> Any:
    written = _joined(texts, pattern)
    return pc.if_else(pc.is_valid(dates_of(written)), written, texts)


def iso_dates(texts: Any) -> Any:
    """Return dates written YYYYMMDD, YYYY/M/D, YYYY.M.D, YYYY-M-D or YYYY年M月D日, with or without a time of day, as YYYY-MM-DD.

    Everything else stays as it is, 2023年2月30日 too: it is no day, so there is nothing to repair.
    """
    doubtful = ~_iso_shaped(texts)[0]
    if not doubtful.any():
        return texts
    rows = texts.filter(pa.array(doubtful))
    written = pc.coalesce(_joined(rows, _MARKED), _joined(rows, _BARE))
    written = pc.if_else(pc.is_valid(dates_of(written)), written, rows)
    return pc.replace_with_mask(texts, pa.array(doubtful), written)


def dates_of(texts: Any) -> Any:
    """Return texts of the form YYYY-MM-DD as date32; null where the text is null, of another form, or no day of the calendar."""
    shaped, cells = _iso_shaped(texts)
    digits = cells - np.uint8(48)
    year = digits[0].astype(np.int32) * 1000 + digits[1] * np.int32(100) + digits[2] * np.int32(10) + digits[3]
    month = digits[5] * np.int32(10) + digits[6]
    day = digits[8] * np.int32(10) + digits[9]
    good = (year >= 1) & (month >= 1) & (month <= 12)
    place = np.where(good, (year - 1) * 12 + month - 1, 0)
    good &= (day >= 1) & (day <= _MONTH_DAYS[place])
    days: NDArray[np.int32] = np.zeros(len(texts), np.int32)
    days[shaped] = _MONTH_START[place] + day - 1
    valid = shaped.copy()
    valid[shaped] = good
    return pa.array(days, mask=~valid).cast(pa.date32())


def day_and_clock(texts: Any) -> Any:
    """Return the dates of texts YYYY-MM-DD[ HH:MM[:SS]] as date32; null where the day or the clock is not one."""
    days = dates_of(pc.utf8_slice_codeunits(texts, 0, 10))
    return pc.if_else(pc.match_substring_regex(pc.utf8_slice_codeunits(texts, 10), _CLOCK), days, None)


def _iso_shaped(texts: Any) -> tuple[Flags, NDArray[np.uint8]]:
    """Return which texts are ten bytes digit by digit as YYYY-MM-DD (nulls are not), and those texts' bytes as (10, rows)."""
    offsets = offsets_of(texts)
    shaped: Flags = np.diff(offsets) == 10
    if texts.null_count:
        shaped &= np.asarray(texts.is_valid().to_numpy(zero_copy_only=False), np.bool_)
    starts, data = offsets[:-1][shaped].astype(np.int64), text_bytes(texts)
    cells = np.stack([data[starts + place] for place in range(10)]) if len(starts) else np.empty((10, 0), np.uint8)
    good = (cells[4] == ord("-")) & (cells[7] == ord("-"))
    for place in (0, 1, 2, 3, 5, 6, 8, 9):
        good &= cells[place] - np.uint8(48) <= 9
    shaped[shaped] = good
    return shaped, cells[:, good]


def _joined(texts: Any, pattern: str) -> Any:
    parts = pc.extract_regex(texts, pattern)
    year, month, day = (pc.struct_field(parts, name) for name in "ymd")
    padded = (pc.utf8_lpad(part, 2, "0") for part in (month, day))
    return pc.binary_join_element_wise(year, *padded, "-")
