"""Why: a batch is looked at once, row group by row group and in bounded memory: repaired, asked every rule, and its sound rows written in library types.
What comes out is one word of rule bits per row, for `libraries.checking` to judge. Called by `libraries.ingest` and `quarantine`.
"""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from catalog.rules import Rule
from libraries import duplicates, landing, references
from libraries.duplicates import Rows
from libraries.frames import Frame
from libraries.landing import Folder
from libraries.masks import JUDGES, RULES_PER_COLUMN, Bits, broken, pack
from libraries.texts import Flags, hashes_of, present
from schemas.resource import ResourceDocument

WORKERS = 2


@dataclass(frozen=True)
class Look:
    """What screening needs to know: the batch's folder, its resource version, the row rules in bit order, the day it landed."""

    folder: Folder
    document: ResourceDocument
    rules: tuple[Rule, ...]
    today: date


@dataclass(frozen=True)
class Screened:
    """A whole batch as screened. bits: per 63 rules one uint64 per row, row n at n - 1; repeated: rows dropped as copies of another."""

    rows: int
    bits: list[Bits]
    repeated: Rows
    repairs: dict[str, int]
    parts: dict[str, Rows]


@dataclass(frozen=True)
class _Group:
    bits: list[Bits]
    hashes: NDArray[np.uint64]
    is_key: Flags
    repairs: Counter[str]
    part: str
    written: Rows


def screen(look: Look) -> Screened:
    """Ask every rule of every row and write the rows that break none to checked/part-NNNNN.parquet; what was there before is removed.

    Raises Terminal `quality.bad_rule`.
    """
    look.folder.clear("checked")
    places = [(path, group, number) for number, (path, group) in enumerate(landing.groups_of(look.folder, "landed"))]
    with ThreadPoolExecutor(WORKERS) as workers:  # Arrow and numpy let go of the interpreter while they work
        groups = list(workers.map(partial(_look_at, look), places))
    if not groups:
        return Screened(0, pack(0, []), np.empty(0, np.int64), {}, {})
    bits = [np.concatenate(columns) for columns in zip(*(group.bits for group in groups), strict=True)]
    found = _duplicates(look, groups)
    for number, rule in enumerate(look.rules):
        if rule.kind == "unique":
            column, bit = divmod(number, RULES_PER_COLUMN)
            bits[column][found.contradicting - 1] |= np.uint64(1 << bit)
    repairs = sum((group.repairs for group in groups), Counter())
    if len(found.repeated):
        repairs["duplicate_row"] = len(found.repeated)
    written = {group.part: group.written for group in groups}
    return Screened(len(bits[0]), bits, found.repeated, dict(repairs), written)


def keep_only(look: Look, screened: Screened, good: Flags) -> int:
    """Take rows that did not stay good (good[row - 1]) out of the written parts; return how many rows are left in all."""
    left = 0
    for part, rows in screened.parts.items():
        kept = good[rows - 1]
        left += int(kept.sum())
        if kept.all():
            continue
        with look.folder.filesystem.open_input_file(look.folder.at(part)) as source:
            table = pq.ParquetFile(source).read()
        _write(look.folder, part, table.filter(pa.array(kept)))
    return left


def frames_with(look: Look, wanted: Rows) -> Iterator[Frame]:
    """Yield frames of just the wanted rows (sorted numbers), group by group in row order."""
    for table in landed_rows(look.folder, wanted):
        yield Frame(table, look.document, look.today)


def landed_rows(folder: Folder, wanted: Rows) -> Iterator[pa.Table]:
    """Yield the wanted rows (sorted numbers) as they landed, group by group in row order."""
    first = 1
    for path, group in landing.groups_of(folder, "landed"):
        count = landing.rows_in(folder, path, group)
        low, high = np.searchsorted(wanted, (first, first + count))
        if high > low:
            yield landing.read_group(folder, path, group).take(pa.array(wanted[low:high] - first))
        first += count


def _look_at(look: Look, place: tuple[str, int, int]) -> _Group:
    path, group, number = place
    frame = Frame(landing.read_group(look.folder, path, group), look.document, look.today)
    answers = [_answer(rule, frame) for rule in look.rules]
    bad = np.logical_or.reduce(answers) if answers else np.zeros(frame.rows, np.bool_)
    part = f"checked/part-{number:05d}.parquet"
    output = frame.output()
    _write(look.folder, part, output.filter(pa.array(~bad)) if bad.any() else output)
    hashes, is_key = _keys(look, frame, answers)
    return _Group(pack(frame.rows, answers), hashes, is_key, frame.repairs, part, frame.numbers[~bad])


def _answer(rule: Rule, frame: Frame) -> Flags:
    if rule.kind == "reference":
        return references.missing(rule, frame)
    return broken(rule, frame) if rule.kind in JUDGES else np.zeros(frame.rows, np.bool_)


def _keys(look: Look, frame: Frame, answers: list[Flags]) -> tuple[NDArray[np.uint64], Flags]:
    assert look.document.source is not None
    keys = frame.key()
    is_key = present(keys)
    own = {(item,) for item in look.document.source.key}
    for rule, answer in zip(look.rules, answers, strict=True):
        if rule.items in own and rule.scope == "row":
            is_key = is_key & ~answer
    return hashes_of(keys), is_key


def _duplicates(look: Look, groups: list[_Group]) -> duplicates.Duplicates:
    if not any(rule.kind == "unique" for rule in look.rules):
        nothing = np.empty(0, np.int64)
        return duplicates.Duplicates(nothing, nothing)
    hashes = np.concatenate([group.hashes for group in groups])
    is_key = np.concatenate([group.is_key for group in groups])
    return duplicates.find(duplicates.suspects_of(hashes, is_key), partial(frames_with, look))


def _write(folder: Folder, part: str, table: pa.Table) -> None:
    temporary = folder.at(part) + ".tmp"
    pq.write_table(table, temporary, filesystem=folder.filesystem, compression="snappy")
    folder.filesystem.move(temporary, folder.at(part))
