"""Why: a full snapshot mostly says what the source said before. The source's claims, read as a stream, tell which rows need not be touched at
all and which records the snapshot no longer holds. Called by `libraries.merging.merge`; `libraries.merging.candidates` asks it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from libraries.claims import Assertion
from libraries.fingerprint import Hashes, hash_column
from schemas.database import StreamCut, streaming
from schemas.errors import Transient

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Known:
    """What a source is known to say of a batch's keys. present: hashes of those keys, sorted; is_known, row_hash: beside each, whether the source has a claim
    on it and the hash of its row; gone: keys that the batch does not hold; is_certain: no two known keys have one hash, so that a row which seems new or
    changed is.
    """

    present: Hashes
    is_known: Flags
    row_hash: NDArray[np.int64]
    gone: Any
    is_certain: bool

    def says(self, key_hash: Hashes, row_hash: NDArray[np.int64]) -> Flags:
        """Return for each row of the batch whether the source is already known to say exactly this."""
        place, order = places_of(key_hash, self.present)
        alike = np.empty(len(key_hash), np.bool_)
        alike[order] = self.is_known[place] & (self.row_hash[place] == row_hash[order])
        return alike


def places_of(hashes: Hashes, present: Hashes) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return where each hash stands among `present`, or would, in the order also returned: looked up in order, neighbours are found in the same stretch of
    memory.
    """
    order = np.argsort(hashes)
    return np.searchsorted(present, hashes[order]).clip(max=max(len(present) - 1, 0)), order


_KNOWN = "SELECT {key}, row_hash FROM {claims} WHERE source = {source}"


def read_known(assertion: Assertion, present: Hashes, held: list[str]) -> Known:
    """Read all current claims of a source. present: the batch's key hashes, sorted; held: keys in quarantine, whose records are not gone.

    Raises Transient `merge.interrupted`.
    """
    statement = _KNOWN.format_map(assertion.words)
    found = Gathered(present)
    try:
        with streaming("ingest") as cursor:
            cursor.execute(statement)
            for batch in cursor.fetch_record_batch():
                found.take(hash_column(batch.column(0)), batch.column(0), np.array(batch.column(1)))
    except StreamCut as error:
        raise Transient("merge.interrupted", table=assertion.words["claims"], state=error.state) from error
    left = pa.chunked_array(found.gone, pa.string()).combine_chunks()
    if held:
        left = left.filter(pc.invert(pc.is_in(left, value_set=pa.array(held, pa.string()))))
    return found.known(left)


class Gathered:
    """What is known, gathered beside the batch's keys as it streams in: ten bytes a key of the batch, whatever the library holds."""

    def __init__(self, present: Hashes) -> None:
        self._present = present
        self._is_known: Flags = np.zeros(max(len(present), 1), np.bool_)
        self._clashes = self._is_known.copy()
        self._row_hash = np.zeros(len(self._is_known), np.int64)
        self.gone: list[Any] = []

    def take(self, hashes: Hashes, keys: Any, row_hash: NDArray[np.int64]) -> None:
        """Take a stretch of the source's claims: hashes of their keys, the keys, hashes of their rows."""
        place, order = places_of(hashes, self._present)
        is_here = self._present[place] == hashes[order] if len(self._present) else np.zeros(len(hashes), np.bool_)
        place, here = place[is_here], order[is_here]
        again = (
            np.append(False, place[1:] == place[:-1]) | self._is_known[place] if len(place) else np.zeros(0, np.bool_)
        )
        self._clashes[place[again]] = True
        self._is_known[place] = True
        self._row_hash[place] = row_hash[here]
        absent = np.ones(len(hashes), np.bool_)
        absent[here] = False
        self.gone.append(keys.filter(pa.array(absent)))

    def known(self, gone: Any) -> Known:
        """Return it. Of two known keys with one hash nothing is known: their rows are looked at again."""
        is_certain = not bool(self._clashes.any())
        return Known(self._present, self._is_known & ~self._clashes, self._row_hash, gone, is_certain)
