"""Why: what the libraries would say had the batch never come. The standing batches that came after it are heard again, in the order in which they merged
and by the merge's own rules, but only of the affected keys: all of them at once, as columns of numbers. Called by `retract` alone.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from libraries.landing import Folder, folder_of, groups_of, read_group
from libraries.merging import withheld
from libraries.merging.candidates import ROW_HASH, keys_in, prepared
from libraries.retracting.affected import NOBODY, Affected, Claims, Numbers, microseconds
from libraries.retracting.voices import Spoken
from schemas.errors import Terminal
from schemas.library import Library

Flags = NDArray[np.bool_]
_FROM_BEFORE = -1


@dataclass
class Words:
    """What the source says of each affected key after the batches heard so far. place: the row of `rows` that says it, negative where it is the claim of
    before.
    """

    claims: Claims
    place: Numbers
    rows: list[Any] = field(default_factory=list)
    count: int = 0
    heard: list[str] = field(default_factory=list)

    def changed(self, now: Claims) -> Flags:
        """Return of which keys the source's claim is not, or not so marked, as it should be."""
        names = ("batch", "row_hash", "asserted_at")
        flags: Flags = np.logical_or.reduce([getattr(self.claims, name) != getattr(now, name) for name in names])
        return flags

    def taken(self, keys: Flags) -> tuple[Any, Numbers]:
        """Return the rows, as read from the batches, that say what is said of these keys, and the keys' places. None: no batch says any."""
        wanted = np.flatnonzero(keys & (self.claims.batch != NOBODY) & (self.place >= 0))
        if not len(wanted):
            return None, wanted
        rows = pa.concat_tables(self.rows, promote_options="default").combine_chunks()
        return rows.take(pa.array(self.place[wanted])), wanted


def hear_again(
    session: Session, spec: Library, affected: Affected, standing: list[Spoken], progress: Callable[[str], None]
) -> Words:
    """Return what is left to say of the affected keys. Raises Terminal `retraction.batch_missing`: nothing is guessed about a batch whose files are gone."""
    before = affected.before
    said = Claims(before.batch.copy(), before.row_hash.copy(), before.asserted_at.copy())
    words = Words(said, np.full(len(affected), _FROM_BEFORE, np.int64))
    first = int(affected.point.min(initial=np.iinfo(np.int64).max))
    for spoken in standing:
        if microseconds(spoken.merged_at) > first:
            progress(spoken.task.batch.id)
            _hear(session, spec, affected, spoken, words)
            words.heard.append(spoken.task.batch.id)
    return words


def _hear(session: Session, spec: Library, affected: Affected, spoken: Spoken, words: Words) -> None:
    """Let one batch say its word: a row replaces what was said otherwise, a whole snapshot takes back what it does not hold; neither what was said later."""
    folder = _require_files(spoken)
    open_to = microseconds(spoken.merged_at) > affected.point
    said_at, claims = microseconds(spoken.asserted_at), words.claims
    rows, places = _read(spec, affected, spoken, folder)
    if len(places):
        hashes = np.asarray(rows[ROW_HASH].combine_chunks())
        is_new = claims.batch[places] == NOBODY
        differs = (claims.row_hash[places] != hashes) & (claims.asserted_at[places] <= said_at)
        wins = open_to[places] & (is_new | differs)
        won = places[wins]
        claims.batch[won], claims.row_hash[won], claims.asserted_at[won] = spoken.number, hashes[wins], said_at
        words.place[won] = words.count + np.arange(len(won))
        words.rows.append(rows.filter(pa.array(wins)))
        words.count += len(won)
    if spoken.withdraws:
        gone = open_to & (claims.batch != NOBODY) & (claims.asserted_at <= said_at)
        gone[places] = False
        held = (
            pa.array(withheld.held_keys(session, spoken.task), pa.string()) if gone.any() else pa.array([], pa.string())
        )
        gone &= ~np.asarray(pc.is_in(affected.keys, value_set=held))
        claims.batch[gone] = claims.row_hash[gone] = claims.asserted_at[gone] = NOBODY


def _read(spec: Library, affected: Affected, spoken: Spoken, folder: Folder) -> tuple[Any, Numbers]:
    """Return the batch's canonical rows of affected keys, of rows with one key the last, and the place of each among the affected."""
    tables, places, total = list[Any](), list[Numbers](), 0
    for table, found, count in _groups(spec, affected, folder):
        total += count
        if len(found):
            tables.append(table)
            places.append(found)
    if spoken.task.batch.rows_good not in (None, total):
        raise _missing(spoken, "checked/")
    if not tables:
        return None, np.empty(0, np.int64)
    rows, place = pa.concat_tables(tables, promote_options="default"), np.concatenate(places)
    backwards = place[::-1]
    last = len(place) - 1 - np.unique(backwards, return_index=True)[1]
    return rows.take(pa.array(last)), place[last]


def _groups(spec: Library, affected: Affected, folder: Folder) -> Iterator[tuple[Any, Numbers, int]]:
    """Yield, row group by row group, the rows of affected keys, their places, and how many rows there are in all."""
    wanted = ["subject", *(spec.entry.from_ if spec.entry else ())]
    for path, group in groups_of(folder, "checked"):
        keys = keys_in(read_group(folder, path, group, columns=wanted), spec)
        place = pc.index_in(keys, value_set=affected.keys)
        is_wanted = place.is_valid()
        found = np.asarray(place.filter(is_wanted)).astype(np.int64)
        table = prepared(read_group(folder, path, group).filter(is_wanted), spec) if len(found) else None
        yield table, found, len(keys)


def _require_files(spoken: Spoken) -> Folder:
    """Return the batch's folder. Raises Terminal `retraction.batch_missing` when a file of it is not there: it would seem to say nothing."""
    batch = spoken.task.batch
    folder = folder_of(batch.path or "")
    named = [file["name"] for file in (batch.manifest or {}).get("files", ()) if file["rows"]]
    there = set(folder.files("landed")) if spoken.withdraws and named else set[str]()
    for name in named if spoken.withdraws else ():
        if folder.at(name) not in there:
            raise _missing(spoken, name)
    return folder


def _missing(spoken: Spoken, file: str) -> Terminal:
    batch = spoken.task.batch
    return Terminal("retraction.batch_missing", batch=batch.id, file=f"{batch.path}/{file}")
