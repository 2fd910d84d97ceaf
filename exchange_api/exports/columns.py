"""Why: a file of a hundred thousand rows cannot be masked value by value at the speed of a file. The same masks over whole Arrow columns, held against
`schemas.masking` by a test over any texts. Called by `reading`; pure.

The frequent masks are vectorised; what a vectorised one cannot decide exactly as the mask itself does (digits beyond ASCII), the mask decides, once per
different value, and so it does for the masks that are rare.
"""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.library import Mask
from schemas.masking import HIDDEN, mask_of

Column = Any
_NOTHING = pa.scalar(None, pa.string())


def masked(column: Column, mask: Mask) -> Column:
    """Return a text column as `mask` leaves it; null stays null."""
    if mask == "none":
        return column
    if mask == "all":
        return pc.if_else(pc.is_valid(column), HIDDEN, _NOTHING)
    if mask == "name":
        return _names(column)
    fits, shown = _PARTS[mask](column) if mask in _PARTS else (None, None)
    if fits is None:
        return once_each(column, mask_of(mask))
    shown = pc.if_else(fits, shown, pc.if_else(pc.is_valid(column), HIDDEN, _NOTHING))
    is_sure = pc.fill_null(pc.string_is_ascii(column), True)
    return (
        shown
        if pc.all(is_sure).as_py() in (True, None)
        else pc.if_else(is_sure, shown, once_each(column, mask_of(mask)))
    )


def once_each(column: Column, change: Callable[[str], str]) -> Column:
    """Return a text column with each value changed, which is asked for once per different value."""
    coded = pc.dictionary_encode(column)
    return pa.array([change(one) for one in coded.dictionary.to_pylist()], pa.string()).take(coded.indices)


def _names(column: Column) -> Column:
    lengths = pc.utf8_length(column)
    stars = pc.binary_repeat(pa.scalar("*"), pc.max_element_wise(pc.subtract(lengths, 1), 0))
    shown = pc.binary_join_element_wise(pc.utf8_slice_codeunits(column, 0, 1), stars, "")
    return pc.if_else(pc.greater(lengths, 1), shown, pc.if_else(pc.is_valid(column), HIDDEN, _NOTHING))


def _phone(column: Column) -> tuple[Column, Column]:
    """Vectorise what is told of mobile numbers; of others some have a tail to tell, which the mask itself does."""
    fits = pc.match_substring_regex(column, r"\A1[0-9]{10}\z")
    if not pc.all(fits).as_py():
        return None, None
    ends = pc.utf8_slice_codeunits(column, 0, 3), pc.utf8_slice_codeunits(column, 7, 11)
    return fits, pc.binary_join_element_wise(*ends, "****")


def _year(column: Column) -> tuple[Column, Column]:
    fits = pc.match_substring_regex(column, r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}[^\n]*\z")
    return fits, pc.utf8_slice_codeunits(column, 0, 4)


def _division(column: Column) -> tuple[Column, Column]:
    shown = pc.binary_join_element_wise(pc.utf8_slice_codeunits(column, 0, 4), "**", "")
    return pc.match_substring_regex(column, r"\A[0-9]{6}\z"), shown


_PARTS: dict[Mask, Callable[[Column], tuple[Column, Column]]] = {"phone": _phone, "year": _year, "division": _division}
