"""Why: a batch can keep every rule and still be wrong: a column that came empty, a code that swallowed all others, texts cut short. A profile says in a few
figures what the values of each item look like, so that `libraries.guards` can hold a batch against the last ones.

Gathered by `libraries.screening` while a row group is at hand: counts and sums over what Arrow has read anyway, different values on an even sample.
Figures hold no value of anybody; shares are kept of codes of the item's own table alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from libraries.frames import Frame
from libraries.texts import Flags, offsets_of, present
from schemas.codes import code_table
from schemas.resource import Item
from schemas.tables.landing import ItemProfile

SAMPLE = 20_000
_CODES_KEPT = 200
_NUMBERS = ("N", "Y", "I", "F", "B")


@dataclass
class Moments:
    """How many values, their sum and the sum of their squares: enough for mean and spread, and adds up."""

    count: int = 0
    sum: float = 0.0
    squares: float = 0.0

    def add(self, other: "Moments") -> None:
        """Take other values in."""
        self.count, self.sum, self.squares = (
            self.count + other.count, self.sum + other.sum, self.squares + other.squares,
        )  # fmt: skip

    def mean_and_spread(self) -> tuple[float | None, float | None]:
        """Return mean and standard deviation, None and None without values."""
        if not self.count:
            return None, None
        mean = self.sum / self.count
        return mean, max(self.squares / self.count - mean * mean, 0.0) ** 0.5


@dataclass
class Tally:
    """One item's figures over some rows; tallies of the row groups of a batch add up to the batch's."""

    rows: int = 0
    nulls: int = 0
    lengths: Moments = field(default_factory=Moments)
    numbers: Moments | None = None
    codes: dict[str, int] | None = None
    sample: list[pa.Array] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Take another row group in."""
        self.rows, self.nulls = self.rows + other.rows, self.nulls + other.nulls
        self.lengths.add(other.lengths)
        self.sample += other.sample
        if other.numbers is not None:
            self.numbers = self.numbers or Moments()
            self.numbers.add(other.numbers)
        if other.codes is not None:
            self.codes = self.codes or {}
            for code, count in other.codes.items():
                self.codes[code] = self.codes.get(code, 0) + count


def tally(frame: Frame, total: int) -> dict[str, Tally]:
    """Return item → figures of one row group of a batch of `total` rows."""
    sampled = pa.array(np.flatnonzero(_sampled(frame, total)))
    return {item.id: _tally(frame, item, sampled) for item in frame.document.items}


def joined(parts: Iterable[dict[str, Tally]]) -> dict[str, Tally]:
    """Return the figures of a batch from those of its row groups."""
    whole: dict[str, Tally] = {}
    for part in parts:
        for item, found in part.items():
            whole.setdefault(item, Tally()).add(found)
    return whole


def rows_of(batch_id: str, profile: dict[str, Tally]) -> list[ItemProfile]:
    """Return the figures as they are kept, an item a row."""
    return [_row(batch_id, item, found) for item, found in profile.items()]


def _tally(frame: Frame, item: Item, sampled: pa.Array) -> Tally:
    texts = frame.texts(item.id)
    sample = texts.take(sampled).drop_null()
    found = Tally(frame.rows, texts.null_count, _lengths(texts), sample=[sample] if len(sample) else [])
    if item.type in _NUMBERS:
        found.numbers = _moments(_floats(frame.typed(item.id)))
    if item.code_table:
        counted = pc.value_counts(texts.drop_null())
        known = code_table(item.code_table).entries
        pairs = zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True)
        found.codes = {code: count for code, count in pairs if code in known}
    return found


def _lengths(texts: pa.Array) -> Moments:
    moments = _moments(np.diff(offsets_of(texts)).astype(np.float64))
    moments.count -= texts.null_count  # a missing value has no bytes: its zero is in no sum
    return moments


def _floats(values: pa.Array) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    kept = values.filter(pa.array(present(values)))
    return np.asarray(pc.cast(kept, pa.float64()).to_numpy(zero_copy_only=False), np.float64)


def _moments(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> Moments:
    return Moments(len(values), float(values.sum()), float(values @ values))


def _sampled(frame: Frame, total: int) -> Flags:
    """Return which rows belong to the batch's sample: SAMPLE of them, evenly spread; all of a smaller batch."""
    if total <= SAMPLE:
        return np.ones(frame.rows, np.bool_)
    numbers = frame.numbers
    flags: Flags = numbers * SAMPLE // total > (numbers - 1) * SAMPLE // total
    return flags


def _row(batch_id: str, item: str, found: Tally) -> ItemProfile:
    sample = pa.chunked_array(found.sample, pa.string())
    mean_length, length_spread = found.lengths.mean_and_spread()
    mean_number, number_spread = (found.numbers or Moments()).mean_and_spread()
    codes = sorted((found.codes or {}).items(), key=lambda pair: (-pair[1], pair[0]))[:_CODES_KEPT]
    return ItemProfile(
        batch_id=batch_id, item=item, rows=found.rows, nulls=found.nulls,
        sampled=len(sample), different=len(pc.unique(sample)),
        mean_length=mean_length, length_spread=length_spread,
        mean_number=mean_number, number_spread=number_spread, codes=dict(codes) if found.codes is not None else None,
    )  # fmt: skip
