"""Why: harmless differences of spelling (blanks, full-width digits, date forms, labels for codes) are repaired as the directory declares and counted,
so that only real faults go to quarantine. Vectorised: a column is scanned as bytes and only suspect rows are touched. Called by `libraries.frames`.
The landed file keeps what came, so every repair can be looked at again (`libraries.repairs`) and undone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from libraries.normalising.derivations import is_item, parts_of_uscc, usccs_of
from libraries.normalising.spellings import day_first, excel_days, half_width, iso_dates, month_first
from libraries.texts import Flags, offsets_of, plain, text_bytes
from schemas.codes import code_table
from schemas.identifiers import upgrade_citizen_ids
from schemas.resource import Item, ResourceDocument

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


@dataclass(frozen=True)
class Binding:
    """What a repair may need beside its column: the resource version, and another item's texts, repaired, row for row."""

    document: ResourceDocument
    column: Callable[[str], Any]


@dataclass(frozen=True)
class Step:
    """One repair of one column: its declared name, the texts before and after, how many it changed."""

    name: str
    before: Any
    after: Any
    changed: int


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
    """Private use characters and the ideographs' extensions have no other form and stay; a compatibility ideograph becomes the one it is the double of."""
    return pc.utf8_normalize(texts, form="NFC")


REPAIRS = {
    "trim": Repair(_trim, _holding(*_BLANK_LEADS)),
    "half_width": Repair(half_width, _holding((0xE3, 0xE3), (0xEF, 0xEF))),
    "upper": Repair(pc.ascii_upper, _holding((0x61, 0x7A))),
    "nfc": Repair(_nfc, _holding((0x80, 0xFF))),
    "citizen_id_18": Repair(upgrade_citizen_ids, _of_length(15)),
    "date": Repair(iso_dates),
    "date:dmy": Repair(day_first),
    "date:mdy": Repair(month_first),
    "date:excel": Repair(excel_days, _of_length(5)),
}


def repair_of(name: str, binding: Binding | None = None) -> Repair | None:
    """Return a normalisation by its declared name, None when there is none.

    Beside REPAIRS: `code:<table>` labels to codes, `map:<name>` a table of the binding, `uscc:<authority>,<kind>,<division>` (`derivations`),
    and for missing values `or:<item>` what another item says, `else:<value>` always the same.
    """
    kind, _, argument = name.partition(":")
    if kind == "else" and argument:
        return Repair(lambda texts: pc.fill_null(texts, argument))
    if kind == "or" and binding is not None and is_item(argument, binding.document):
        return Repair(lambda texts: pc.coalesce(texts, binding.column(argument)))
    if kind == "code" and argument:
        return Repair(code_table(argument).codes_of)
    if kind == "map" and binding is not None and argument in codes_of(binding.document):
        return Repair(partial(_mapped, codes_of(binding.document)[argument]))
    if kind == "uscc" and binding is not None and (parts := parts_of_uscc(argument, binding.document)):
        return Repair(
            lambda texts: usccs_of(texts, [binding.column(p) if p.islower() else pa.scalar(p) for p in parts])
        )
    return REPAIRS.get(name)


def codes_of(document: ResourceDocument) -> Mapping[str, Mapping[str, str]]:
    """Return the code tables that the resource's binding declares, by item or name."""
    return document.source.codes if document.source else {}


def repairs_of(item: Item, document: ResourceDocument) -> tuple[str, ...]:
    """Return an item's repairs in order: those it declares, then the binding's table of its own name unless it stands among them."""
    own = f"map:{item.id}"
    return (*item.normalise, own) if item.id in codes_of(document) and own not in item.normalise else item.normalise


def columns_behind(document: ResourceDocument, items: Iterable[str]) -> list[str]:
    """Return the items whose columns are needed to repair these, themselves included."""
    found = dict.fromkeys(items)
    for item in list(found):
        for name in document.item(item).normalise:
            kind, _, argument = name.partition(":")
            if kind == "uscc":
                found |= dict.fromkeys(p for p in parts_of_uscc(argument, document) or () if p.islower())
            elif kind == "or":
                found |= dict.fromkeys([argument])
    return list(found)


def steps(values: Any, item: Item, binding: Binding) -> Iterator[Step]:
    """Yield every repair of a string array in the order declared, each on what the one before left."""
    for name in repairs_of(item, binding.document):
        after, changed = normalise(values, name, binding)
        yield Step(name, values, after, changed)
        values = plain(after) if changed else after


def normalise(texts: Any, name: str, binding: Binding | None = None) -> tuple[Any, int]:
    """Apply one declared normalisation to a string array; return the array and how many values changed. Null stays null but for `or:` and `else:`."""
    repair = repair_of(name, binding)
    assert repair is not None, "frames.require_normalisations refuses unknown ones"
    rows = np.flatnonzero(repair.suspects(texts)) if repair.suspects else None
    if rows is not None and not len(rows):
        return texts, 0
    before = texts if rows is None else texts.take(pa.array(rows))
    after = repair.apply(before).cast(pa.string())
    changed = changes(before, after)
    count = int(pc.sum(changed).as_py() or 0)
    if not count:
        return texts, 0
    if rows is None:
        return after, count
    mask = np.zeros(len(texts), np.bool_)
    mask[rows] = True
    return pc.replace_with_mask(texts, pa.array(mask), after), count


def changes(before: Any, after: Any) -> Any:
    """Return which values a repair changed; a missing value that stays missing did not change, one that was filled did."""
    changed = pc.fill_null(pc.not_equal(before, after), False)
    if after.null_count < before.null_count:
        changed = pc.or_(changed, pc.and_(before.is_null(), after.is_valid()))
    return changed


def _mapped(table: Mapping[str, str], texts: Any) -> Any:
    places = pc.index_in(texts, value_set=pa.array(list(table), pa.string()))
    return pc.coalesce(pa.array(list(table.values()), pa.string()).take(places), texts)
