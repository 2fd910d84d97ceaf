"""Why: a full snapshot mostly says what the source said before. Sixteen bytes per current claim, read as a stream, tell which rows need not be touched at
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
from schemas.database import libpq_uri
from schemas.errors import Transient

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Known:
    """What a source is known to say: hashes of its keys, sorted, with the hashes of their rows; `gone`: keys that the batch does not hold."""

    key_hash: Hashes
    row_hash: NDArray[np.int64]
    gone: Any

    @property
    def is_certain(self) -> bool:
        """Tell whether no two known keys have one hash, so that a row which seems new or changed is."""
        return not bool(np.any(self.key_hash[1:] == self.key_hash[:-1]))

    def says(self, key_hash: Hashes, row_hash: NDArray[np.int64]) -> Flags:
        """Return for each row whether the source is already known to say exactly this."""
        if not len(self.key_hash):
            return np.zeros(len(key_hash), np.bool_)
        order = np.argsort(key_hash)  # looked up in order, so that neighbours are found in the same stretch of memory
        place = np.searchsorted(self.key_hash, key_hash[order]).clip(max=len(self.key_hash) - 1)
        alike = np.empty(len(key_hash), np.bool_)
        alike[order] = (self.key_hash[place] == key_hash[order]) & (self.row_hash[place] == row_hash[order])
        return alike


_KNOWN = "SELECT {key}, row_hash FROM {claims} WHERE source = {source}"


def read_known(assertion: Assertion, present: Hashes, held: list[str]) -> Known:
    """Read all current claims of a source. present: the batch's key hashes, sorted; held: keys in quarantine, whose records are not gone.

    Raises Transient `merge.interrupted`.
    """
    import adbc_driver_postgresql.dbapi as adbc  # brings pandas along: 1.5 s that a task without a snapshot to compare need not wait

    statement = _KNOWN.format_map(assertion.words)
    key_hash, row_hash = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    gone: list[Any] = []
    try:
        with adbc.connect(libpq_uri("ingest"), autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            for batch in cursor.fetch_record_batch():
                hashes = hash_column(batch.column(0))
                key_hash.append(hashes)
                row_hash.append(np.array(batch.column(1)))
                gone.append(batch.column(0).filter(pa.array(_absent(hashes, present))))
    except (adbc.Error, OSError) as error:  # a server lost while streaming is an OSError of Arrow
        raise Transient(
            "merge.interrupted", table=assertion.words["claims"], state=getattr(error, "sqlstate", None)
        ) from error
    hashes = np.concatenate(key_hash)
    order = np.argsort(hashes)
    left = pa.chunked_array(gone, pa.string()).combine_chunks()
    if held:
        left = left.filter(pc.invert(pc.is_in(left, value_set=pa.array(held, pa.string()))))
    return Known(hashes[order], np.concatenate(row_hash)[order], left)


def _absent(hashes: Hashes, present: Hashes) -> Flags:
    if not len(present):
        return np.ones(len(hashes), np.bool_)
    order = np.argsort(hashes)
    place = np.searchsorted(present, hashes[order]).clip(max=len(present) - 1)
    absent = np.empty(len(hashes), np.bool_)
    absent[order] = present[place] != hashes[order]
    return absent
