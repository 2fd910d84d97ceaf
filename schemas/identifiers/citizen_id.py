"""Why: the citizen identification number (公民身份号码, GB 11643-1999) is the key of the population library, so it must be judged alike everywhere.

Anyone may call it, through `schemas.identifiers`. Lower-case `x` is not valid here: normalisation upper-cases before.
"""

from dataclasses import dataclass
from datetime import date
from operator import mul

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas import calendar
from schemas.errors import Invalid
from schemas.identifiers.columns import (
    Cells,
    Flags,
    Texts,
    blocks,
    characters,
    columns_of,
    fixed_width_texts,
    flags_array,
    is_present,
    join_texts,
    joined,
    scatter,
    weighted_sum,
)

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_OF_ZEROS = sum(WEIGHTS) * ord("0")
"""What seventeen zeros weigh, as bytes: taken off, digits need not be made numbers one by one."""
CHECK_CHARACTERS = "10X98765432"
EARLIEST_BIRTH_YEAR = 1800  # nobody on record was born earlier; a smaller year is a typing error
# GB/T 2260 provinces, and 81–83, which residence permits of Hong Kong, Macao and Taiwan residents carry; no two-digit code was ever abolished
PROVINCES = frozenset(
    str(number)
    for area in ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 83))
    for number in range(area[0], area[1] + 1)
)
_LAST_YEAR = 2199
_MONTHS = np.arange(f"{EARLIEST_BIRTH_YEAR}-01", f"{_LAST_YEAR + 1}-02", dtype="datetime64[M]").astype("datetime64[D]")
_MONTH_START: NDArray[np.int32] = _MONTHS[:-1].astype(np.int64).astype(np.int32)
_MONTH_DAYS: NDArray[np.int32] = np.diff(_MONTHS.astype(np.int64)).astype(np.int32)
_IS_PROVINCE: Flags = np.array([f"{number:02d}" in PROVINCES for number in range(100)])
_CHECK_CODES: Cells = np.frombuffer(CHECK_CHARACTERS.encode("ascii"), dtype=np.uint8)


@dataclass(frozen=True)
class CitizenId:
    """What a citizen id says: six-digit division of first registration, birth date, sex ('1' male, '2' female; GB/T 2261.1)."""

    division: str
    birth_date: date
    sex_code: str


def parse_citizen_id(text: str, today: date | None = None) -> CitizenId:
    """Parse an 18-character citizen id; births after `today` (default: the day in China) are refused.

    Raises Invalid `identifier.length`, `.characters`, `.division`, `.birth_date`, `.birth_in_future` or `.check_character` (GB 11643-1999, 4).
    """
    _require_form(text, 18)
    birth_date = _birth_date(text[6:14])
    if text[:2] not in PROVINCES:
        raise Invalid("identifier.division", kind="citizen id")
    if birth_date > (today or calendar.today()):
        raise Invalid("identifier.birth_in_future", kind="citizen id")
    if citizen_id_check_digit(text[:17]) != text[17]:
        raise Invalid("identifier.check_character", kind="citizen id")
    return CitizenId(text[:6], birth_date, "1" if int(text[16]) % 2 else "2")


def citizen_id_check_digit(first17: str) -> str:
    """Return the check character of 17 digits: ISO 7064 MOD 11-2 (GB 11643-1999, 4.2.4); raise Invalid for anything but 17 digits."""
    if len(first17) != 17:
        raise Invalid("identifier.length", kind="citizen id without check character", expected=17, found=len(first17))
    if not (first17.isascii() and first17.isdigit()):
        raise Invalid("identifier.characters", kind="citizen id")
    return CHECK_CHARACTERS[(sum(map(mul, first17.encode(), WEIGHTS)) - _OF_ZEROS) % 11]


def citizen_id_from_15(text15: str) -> str:
    """Return the 18-character form of a 15-digit id issued before 1999: century 19 and the check character (GB 11643-1999, annex).

    Raises Invalid as `parse_citizen_id` does.
    """
    _require_form(text15, 15)
    first17 = f"{text15[:6]}19{text15[6:]}"
    full = first17 + citizen_id_check_digit(first17)
    parse_citizen_id(full)
    return full


def valid_citizen_ids(texts: Texts, today: date | None = None) -> pa.BooleanArray:
    """Return which texts are citizen ids, as `parse_citizen_id` would judge; null stays null."""
    last_day = _day_number(today or calendar.today())
    parts = []
    for block in blocks(texts):
        fits, cells = columns_of(block, 18)
        parts.append(flags_array(block, scatter(fits, _judge(cells, last_day)[0])))
    return joined(parts, pa.BooleanArray)


def citizen_id_birth_dates(texts: Texts, today: date | None = None) -> pa.Date32Array:
    """Return the birth dates in valid citizen ids (date32); null where the id is null or not valid."""
    last_day = _day_number(today or calendar.today())
    parts = []
    for block in blocks(texts):
        fits, cells = columns_of(block, 18)
        valid, days = _judge(cells, last_day)
        parts.append(pa.array(scatter(fits, days), mask=~scatter(fits, valid), type=pa.int32()))
    return joined(parts, pa.Date32Array)


def citizen_id_sex(texts: Texts, today: date | None = None) -> pa.StringArray:
    """Return '1' (male) or '2' (female) of valid citizen ids (GB/T 2261.1); null where the id is null or not valid."""
    last_day = _day_number(today or calendar.today())
    parts = []
    for block in blocks(texts):
        fits, cells = columns_of(block, 18)
        codes = np.where(cells[16] & 1, np.uint8(ord("1")), np.uint8(ord("2")))
        parts.append(characters(scatter(fits, codes), scatter(fits, _judge(cells, last_day)[0])))
    return joined(parts, pa.StringArray)


def upgrade_citizen_ids(texts: Texts) -> pa.StringArray:
    """Return the texts with every sound 15-digit id in its 18-character form (`citizen_id_from_15`) and all else unchanged."""
    last_day = _day_number(calendar.today())
    parts = []
    for block in blocks(texts):
        fits, cells = columns_of(block, 15)
        if cells.shape[1]:
            full = _with_century(cells)
            valid, _ = _judge(full, last_day)
            upgraded = fixed_width_texts(np.ascontiguousarray(full[:, valid])).cast(block.type)
            block = pc.replace_with_mask(block, pa.array(scatter(fits, valid)), upgraded)
        parts.append(block)
    return joined(parts, pa.StringArray)


def append_citizen_check_digits(texts17: Texts) -> pa.StringArray:
    """Return the texts of 17 digits with their check characters; null stays null. Raises Invalid if a text is not 17 digits."""
    parts = []
    for block in blocks(texts17):
        fits, cells = columns_of(block, 17)
        if not np.array_equal(fits, is_present(block)) or (cells - np.uint8(48) > 9).any():
            raise Invalid("identifier.unfinished", kind="citizen id", expected="17 digits")
        checks = characters(scatter(fits, _check_codes(cells)), fits)
        parts.append(join_texts(block, checks, ""))
    return joined(parts, pa.StringArray)


def _judge(cells: Cells, last_day: int) -> tuple[Flags, NDArray[np.int32]]:
    """Return for (18, n) columns which are citizen ids, and the birth dates as days since 1970."""
    digits = cells[:17] - np.uint8(48)  # anything below "0" wraps to above 9
    valid: Flags = np.maximum.reduce(digits, axis=0) <= 9
    valid &= _IS_PROVINCE.take(_number(digits[:2]), mode="clip")
    months = _number(digits[10:12])
    valid &= (months >= 1) & (months <= 12)
    place = (_number(digits[6:10]) - EARLIEST_BIRTH_YEAR) * 12 + months - 1
    valid &= (place >= 0) & (place < len(_MONTH_START))
    day = _number(digits[12:14])
    days: NDArray[np.int32] = _MONTH_START.take(place, mode="clip") + day - np.int32(1)
    valid &= (day >= 1) & (day <= _MONTH_DAYS.take(place, mode="clip")) & (days <= last_day)
    valid &= _check_codes(cells[:17]) == cells[17]
    return valid, days


def _check_codes(cells: Cells) -> Cells:
    codes: Cells = _CHECK_CODES[weighted_sum(cells - np.uint8(48), WEIGHTS) % np.uint16(11)]
    return codes


def _with_century(cells: Cells) -> Cells:
    century = np.repeat(np.array([[ord("1")], [ord("9")]], dtype=np.uint8), cells.shape[1], axis=1)
    first17 = np.concatenate([cells[:6], century, cells[6:]])
    return np.concatenate([first17, _check_codes(first17)[np.newaxis]])


def _number(digits: Cells) -> NDArray[np.int32]:
    total: NDArray[np.int32] = digits[0].astype(np.int32)
    for line in digits[1:]:
        total *= np.int32(10)
        total += line
    return total


def _require_form(text: str, width: int) -> None:
    if len(text) != width:
        raise Invalid("identifier.length", kind="citizen id", expected=width, found=len(text))
    if not (text.isascii() and text[:17].isdigit() and (text[17:] in CHECK_CHARACTERS)):
        raise Invalid("identifier.characters", kind="citizen id")


def _birth_date(text: str) -> date:
    try:
        birth_date = date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        raise Invalid("identifier.birth_date", kind="citizen id") from None
    if not EARLIEST_BIRTH_YEAR <= birth_date.year <= _LAST_YEAR:
        raise Invalid("identifier.birth_date", kind="citizen id")
    return birth_date


def _day_number(day: date) -> int:
    return day.toordinal() - date(1970, 1, 1).toordinal()
