"""Why: harmless differences of spelling (blanks, full-width digits, date forms, labels for codes) are repaired as the directory declares and counted,
so that only real faults go to quarantine. Vectorised: a column is scanned as bytes and only suspect rows are touched. Called by `libraries.frames`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from libraries.spellings import half_width, iso_dates
from libraries.texts import Flags, offsets_of, text_bytes
from schemas.codes import code_table
from schemas.identifiers import upgrade_citizen_ids

_BLANK_LEADS = (
    (0x00, 0x20),
    (0x7F, 0x7F),
    (0xC2, 0xC2),
    (0xE1, 0xE3),
    (0xEF, 0xEF),
)  # bytes that begin a blank in UTF-8
_BLANKS = "".join(
    map(
        chr,
        (
            *range(0x21),
            0x7F,
            0x85,
            0xA0,
            0x1680,
            *range(0x2000, 0x200C),
            0x2028,
            0x2029,
            0x202F,
            0x205F,
            0x3000,
            0xFEFF,
        ),
    )
)


@dataclass(frozen=True)
class Repair:
    """One declared normalisation: which rows may need it (None: all), and what it does to them."""

    apply: Callable[[Any], Any]
    suspects: Callable[[Any], Flags] | None = None


def _holding(*ranges: tuple[int, int]) -> Callable[[Any], Flags]:
    """Return what finds rows that hold a byte of one of the ranges; comparing ranges vectorises, a table of 256 does not (ten times slower)."""

    def suspects(texts: Any) -> Flags:
        offsets = offsets_of(texts)
        data = text_bytes(texts)[offsets[0] : offsets[-1]]
        held = np.zeros(len(data), np.bool_)
        for low, high in ranges:
            held |= data - np.uint8(low) <= np.uint8(high - low)  # a byte below the range wraps to above it
        found: Flags = np.zeros(len(texts), np.bool_)
        if held.any():
            places = np.flatnonzero(held) + offsets[0]
            found[np.searchsorted(offsets, places, side="right") - 1] = True
        return found

    return suspects


def _of_length(width: int) -> Callable[[Any], Flags]:
    return lambda texts: np.diff(offsets_of(texts)) == width


def _trim(texts: Any) -> Any:
    return pc.utf8_trim(texts, characters=_BLANKS)


def _nfc(texts: Any) -> Any:
    return pc.utf8_normalize(texts, form="NFC")


REPAIRS = {
    "trim": Repair(_trim, _holding(*_BLANK_LEADS)),
    "half_width": Repair(half_width, _holding((0xE3, 0xE3), (0xEF, 0xEF))),
    "upper": Repair(pc.ascii_upper, _holding((0x61, 0x7A))),
    "nfc": Repair(_nfc, _holding((0x80, 0xFF))),
    "citizen_id_18": Repair(upgrade_citizen_ids, _of_length(15)),
    "date": Repair(iso_dates),
}


def repair_of(name: str) -> Repair | None:
    """Return a normalisation by its declared name (`code:<table>` for labels), None when there is none."""
    kind, _, table = name.partition(":")
    return Repair(code_table(table).codes_of) if kind == "code" and table else REPAIRS.get(name)


def normalise(texts: Any, name: str) -> tuple[Any, int]:
    """Apply one declared normalisation to a string array; return the array and how many values changed. Null stays null."""
    repair = repair_of(name)
    assert repair is not None, "frames.require_normalisations refuses unknown ones"
    rows = np.flatnonzero(repair.suspects(texts)) if repair.suspects else None
    if rows is not None and not len(rows):
        return texts, 0
    before = texts if rows is None else texts.take(pa.array(rows))
    after = repair.apply(before).cast(pa.string())
    changed = pc.fill_null(pc.not_equal(before, after), False)
    count = int(pc.sum(changed).as_py() or 0)
    if not count:
        return texts, 0
    if rows is None:
        return after, count
    mask = np.zeros(len(texts), np.bool_)
    mask[rows] = True
    return pc.replace_with_mask(texts, pa.array(mask), after), count
