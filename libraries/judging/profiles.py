"""Why: a batch can keep every rule and still be wrong: a column that came empty, a code that swallowed all others, texts cut short. A profile says in a few
figures what the values of each item look like, so that `guards` can hold a batch against the last ones.

Gathered by `screening` while a row group is at hand: missing values are counted in all rows, the rest in an even sample, which says as much of a
distribution and costs a large batch nothing. Figures hold no value of anybody; shares are kept of codes of the item's own table alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from libraries.frames import Frame
from libraries.texts import offsets_of
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
    sampled = pa.array(sample_of(frame.numbers, total))
    return {item.id: _tally(frame, item, sampled) for item in frame.document.items}


def sample_of(numbers: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Return the places of the rows (numbered from 1, without gaps) that belong to the batch's sample: SAMPLE rows of it, evenly spread, or all."""
    if total <= SAMPLE or not len(numbers):
        return np.arange(len(numbers))
    first, last = int(numbers[0]), int(numbers[-1])
    places = np.arange((first - 1) * SAMPLE // total + 1, last * SAMPLE // total + 1)
    return -(-places * total // SAMPLE) - first


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
    found = Tally(
        frame.rows, texts.null_count, _moments(np.diff(offsets_of(sample))), sample=[sample] if len(sample) else []
    )
    if item.type in _NUMBERS:
        numbers = frame.typed(item.id).take(sampled).drop_null()
        found.numbers = _moments(pc.cast(numbers, pa.float64()).to_numpy(zero_copy_only=False))
    if item.code_table:
        counted = pc.value_counts(sample)
        known = code_table(item.code_table).entries
        pairs = zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True)
        found.codes = {code: count for code, count in pairs if code in known}
    return found


def _moments(values: NDArray[Any]) -> Moments:
    numbers = values.astype(np.float64)
    return Moments(len(numbers), float(numbers.sum()), float((numbers * numbers).sum()))


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
