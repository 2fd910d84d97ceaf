"""Why: places are known by the code of the division they are: twelve digits for everything from a province to a village (统计用区划代码). One rule for it,
vectorised like the identifiers of people and organisations. Anyone may call it, through `schemas.identifiers`.

Source: 国家统计局《统计用区划代码和城乡划分代码编制规则》 (2009), 一(一) and 二(二): digits 1–2 province, 3–4 prefecture, 5–6 county (GB/T 2260), 7–9 town
(001–599, GB/T 10114 below 400), 10–12 village (001–599). A prefecture without counties (东莞, 中山) has 00 for the county and towns right below.
No national standard fixes the code of a single address. The hub's own rule: the twelve digits of the village or town it lies in, a hyphen, and what the
place's own naming authority numbers it with (1 to 17 digits and capitals).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import Invalid
from schemas.identifiers.citizen_id import PROVINCES
from schemas.identifiers.columns import Cells, Flags, Texts, blocks, columns_of, flags_array, joined, scatter

DIVISION_DIGITS = 12
_ADDRESS = r"^[0-9]{12}-[0-9A-Z]{1,17}$"
_KIND = "place code"
_IS_PROVINCE: Flags = np.array([f"{number:02d}" in PROVINCES for number in range(100)])
_MOST = 599


@dataclass(frozen=True)
class PlaceCode:
    """The parts of a place code: twelve digits of the division, and an address's own number within it."""

    division: str
    address: str | None = None


def parse_place_code(text: str) -> PlaceCode:
    """Parse a place code. Raises Invalid `identifier.place`."""
    if not valid_place_codes(pa.array([text], pa.string()))[0].as_py():
        raise Invalid("identifier.place", kind=_KIND)
    division, _, address = text.partition("-")
    return PlaceCode(division, address or None)


def valid_place_codes(texts: Texts) -> pa.BooleanArray:
    """Return which texts are place codes; null stays null."""
    parts = []
    for block in blocks(texts):
        is_address = np.asarray(pc.fill_null(pc.match_substring_regex(block, _ADDRESS), False))
        heads: Any = pc.if_else(pa.array(is_address), pc.utf8_slice_codeunits(block, 0, DIVISION_DIGITS), block)
        fits, cells = columns_of(heads, DIVISION_DIGITS)
        good, has_town = (scatter(fits, found) for found in _judge(cells))
        parts.append(flags_array(block, good & (has_town | ~is_address)))
    return joined(parts, pa.BooleanArray)


def _judge(cells: Cells) -> tuple[Flags, Flags]:
    """Return which columns of twelve are divisions, and which of them have a town."""
    digits = cells - np.uint8(48)
    is_digits = (digits <= 9).all(axis=0)
    number = np.where(is_digits, digits, 0).astype(np.int16)
    prefecture, county = number[2] * 10 + number[3], number[4] * 10 + number[5]
    town, village = (number[at] * 100 + number[at + 1] * 10 + number[at + 2] for at in (6, 9))
    ordered = ((prefecture > 0) | ((county == 0) & (town == 0))) & ((town > 0) | (village == 0))
    good: Flags = is_digits & _IS_PROVINCE[number[0] * 10 + number[1]] & ordered & (town <= _MOST) & (village <= _MOST)
    return good, town > 0
