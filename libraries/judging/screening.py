"""Why: a batch is looked at once, row group by row group and in bounded memory: repaired, asked every rule, and its sound rows written in library types.
What comes out is one word of rule bits per row, for `libraries.checking` to judge. Called by `libraries.ingest` and `quarantine`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from catalog.rules import Rule
from libraries import landing
from libraries.frames import Frame
from libraries.judging import duplicates, moves, profiles, references
from libraries.judging.duplicates import Duplicates, Rows
from libraries.judging.masks import Bits, broken, pack
from libraries.judging.profiles import Tally
from libraries.landing import ROW, Folder
from libraries.normalising.normalise import columns_behind
from libraries.texts import Flags, flags, hashes_of, present
from schemas.resource import ResourceDocument

WORKERS = 2


@dataclass(frozen=True)
class Look:
    """What screening needs to know: the batch's folder, its resource version, the row rules in bit order, the day it landed.

    rows: profile the items of a batch of so many rows; 0: do not. failing: rule in SQL → keys of the rows that break it.
    """

    folder: Folder
    document: ResourceDocument
    rules: tuple[Rule, ...]
    today: date
    rows: int = 0
    failing: Mapping[str, pa.Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Screened:
    """A whole batch as screened. bits: per 63 rules one uint64 per row, row n at n - 1; repeated: rows dropped as copies of another."""

    rows: int
    bits: list[Bits]
    repeated: Rows
    repairs: dict[str, int]
    parts: dict[str, Rows]
    profile: dict[str, Tally] = field(default_factory=dict)


BEYOND = {"reference": references.missing, "state_moves": moves.forbidden}
"""Rules that ask the libraries, not only the row."""


@dataclass(frozen=True)
class _Group:
    bits: list[Bits]
    repairs: Counter[str]
    part: str
    written: Rows
    profile: dict[str, Tally]


def screen(look: Look) -> Screened:
    """Ask every rule of every row and write the rows that break none to checked/part-NNNNN.parquet; what was there before is removed.

    Keys are looked at first, on their own, so that a part is written once. Raises Terminal `quality.bad_rule`.
    """
    look.folder.clear("checked")
    places = [(path, group, number) for number, (path, group) in enumerate(landing.groups_of(look.folder, "landed"))]
    with ThreadPoolExecutor(WORKERS) as workers:  # Arrow and numpy let go of the interpreter while they work
        found = _duplicates(look, workers.map(partial(_keys_of, look), places))
        groups = list(workers.map(partial(_look_at, look, found), places))
    if not groups:
        return Screened(0, pack(0, []), found.repeated, {}, {})
    bits = [np.concatenate(columns) for columns in zip(*(group.bits for group in groups), strict=True)]
    repairs = sum((group.repairs for group in groups), Counter())
    if len(found.repeated):
        repairs["duplicate_row"] = len(found.repeated)
    profile = profiles.joined(group.profile for group in groups)
    parts = {group.part: group.written for group in groups}
    return Screened(len(bits[0]), bits, found.repeated, dict(repairs), parts, profile)


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
        landing.write_table(look.folder, part, table.filter(pa.array(kept)))
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


def _look_at(look: Look, found: Duplicates, place: tuple[str, int, int]) -> _Group:
    path, group, number = place
    frame = Frame(landing.read_group(look.folder, path, group), look.document, look.today)
    answers = [_answer(look, rule, frame, found) for rule in look.rules]
    out = np.logical_or.reduce([*answers, _listed(frame, found.repeated)])
    part = f"checked/part-{number:05d}.parquet"
    output = frame.output()
    landing.write_table(look.folder, part, output.filter(pa.array(~out)) if out.any() else output)
    profile = profiles.tally(frame, look.rows) if look.rows else {}
    return _Group(pack(frame.rows, answers), frame.repairs, part, frame.numbers[~out], profile)


def _answer(look: Look, rule: Rule, frame: Frame, found: Duplicates) -> Flags:
    if rule.kind == "unique":
        return _listed(frame, found.contradicting)
    if rule.kind == "sql":
        return flags(pc.is_in(frame.key(), value_set=look.failing[rule.id]))
    return BEYOND.get(rule.kind, broken)(rule, frame)


def _listed(frame: Frame, rows: Rows) -> Flags:
    """Return which rows of the frame are among `rows` (sorted numbers)."""
    answer: Flags = np.zeros(frame.rows, np.bool_)
    first = int(frame.numbers[0]) if frame.rows else 1
    low, high = np.searchsorted(rows, (first, first + frame.rows))
    answer[rows[low:high] - first] = True
    return answer


def _keys_of(look: Look, place: tuple[str, int, int]) -> tuple[NDArray[np.uint64], Flags]:
    """Return the hash of every row's key, and which keys are sound: present, and breaking none of their own rules."""
    assert look.document.source is not None
    path, group, _ = place
    wanted = look.document.source.key
    frame = Frame(
        landing.read_group(look.folder, path, group, [*columns_behind(look.document, wanted), ROW]),
        look.document,
        look.today,
    )
    keys = frame.key()
    is_key = present(keys)
    for rule in look.rules:
        if rule.scope == "row" and set(rule.items) <= set(wanted):
            is_key = is_key & ~broken(rule, frame)
    return hashes_of(keys), is_key


def _duplicates(look: Look, keys: Iterable[tuple[NDArray[np.uint64], Flags]]) -> Duplicates:
    nothing = np.empty(0, np.int64)
    if not any(rule.kind == "unique" for rule in look.rules):
        return Duplicates(nothing, nothing)
    found = list(keys)
    if not found:
        return Duplicates(nothing, nothing)
    hashes, is_key = (np.concatenate(columns) for columns in zip(*found, strict=True))
    return duplicates.find(duplicates.suspects_of(hashes, is_key), partial(frames_with, look))
