"""Why: one writer puts recorded entries into the Merkle log: leaves, tiles and one signed checkpoint in one transaction, published by its commit.

An advisory lock lets one sequencer work at a time; the size is the checkpoint's key, so two checkpoints of one size cannot be. A crash anywhere
rolls all of it back and the entries are still pending. `hutong` runs `run_sequencer` as a process of its own; tests call `sequence_once`.
"""

import logging
import threading
import time
from datetime import UTC, datetime

from pydantic import Field
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from exchange_api.evidence.checkpoint import Checkpoint as CheckpointText
from exchange_api.evidence.checkpoint import sign_checkpoint
from exchange_api.evidence.log import LogSettings, newest_checkpoint, read_tiles
from exchange_api.evidence.merkle import Node, span_nodes, span_root
from exchange_api.evidence.months import keep_months
from exchange_api.evidence.noting import MOST
from exchange_api.evidence.paths import note_paths
from exchange_api.evidence.subjects import note_subjects
from exchange_api.evidence.tiles import HASH, TileId, edge_tiles, grow_tiles, read_node, tile_of
from exchange_api.keys import HubSigner, log_signer
from schemas.database import transaction
from schemas.errors import Terminal, Transient
from schemas.settings import HutongSettings
from schemas.tables.evidence import Checkpoint

LOCK = 7_311_002
"""Key of the advisory lock that makes the sequencer the only one."""

_PLACE = text("""
WITH taken AS (
    DELETE FROM evidence.pending
    WHERE position IN (SELECT position FROM evidence.pending ORDER BY position LIMIT :most)
    RETURNING position, entry_id, leaf_hash
), placed AS (
    INSERT INTO evidence.leaves (index, entry_id, leaf_hash)
    SELECT :size + row_number() OVER (ORDER BY position) - 1, entry_id, leaf_hash FROM taken
    RETURNING index, leaf_hash
)
SELECT string_agg(leaf_hash, ''::bytea ORDER BY index) FROM placed
""")

_STORE = text("""
INSERT INTO evidence.tiles (level, index, hashes)
SELECT * FROM unnest(CAST(:levels AS smallint[]), CAST(:indexes AS bigint[]), CAST(:hashes AS bytea[]))
ON CONFLICT (level, index) DO UPDATE SET hashes = EXCLUDED.hashes
""")

MONTHS_S = 3_600
"""Seconds between two looks whether the next months of entries are there."""

log = logging.getLogger(__name__)


class SequencerSettings(HutongSettings):
    """How the sequencer paces itself."""

    sequencer_interval_s: float = Field(default=0.5, gt=0, description="Seconds between two looks for new entries.")
    sequencer_batch: int = Field(default=20_000, gt=0, description="Most entries put into the log at once.")


def sequence_once(session: Session, signer: HubSigner, origin: str, most: int = 20_000) -> int:
    """Put up to `most` pending entries into the log and sign one checkpoint; return how many (0: none, or another sequencer is at it).

    The caller's commit publishes. Raises Terminal evidence.log_broken when tiles and checkpoint do not fit.
    """
    if not session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": LOCK}):
        return 0
    newest = newest_checkpoint(session)
    size = newest.size if newest else 0
    leaves: bytes | None = session.scalar(_PLACE, {"most": most, "size": size})
    if leaves is None:
        return 0
    added = len(leaves) // HASH
    tiles = read_tiles(session, {*edge_tiles(size), *map(tile_of, span_nodes((0, size)))})
    if newest and _root(tiles, size) != newest.root:
        raise Terminal("evidence.log_broken", reason=f"the tiles do not give the root of size {size}")
    grown = grow_tiles(tiles, size, leaves)
    _write(session, grown)
    body = CheckpointText(origin, size + added, _root({**tiles, **grown}, size + added))
    note = sign_checkpoint(body, signer, signer.public)
    session.add(
        Checkpoint(
            size=body.size, previous=size, root=body.root, keyid=signer.keyid, signed_at=datetime.now(UTC), note=note
        )
    )
    session.flush()
    return added


def run_sequencer(stop_event: threading.Event, interval: float | None = None) -> None:
    """Sequence until told to stop, as role `sequencer`; goes on at once while there is more, and outlives a database that is away for a while."""
    settings, origin = SequencerSettings(), LogSettings().log_origin
    pause, looked_at = interval or settings.sequencer_interval_s, float("-inf")
    while not stop_event.is_set():
        try:
            if time.monotonic() - looked_at > MONTHS_S:
                with transaction("sequencer") as session:
                    keep_months(session)
                looked_at = time.monotonic()
            with transaction("sequencer") as session:
                added = sequence_once(session, log_signer(session), origin, settings.sequencer_batch)
            with transaction("sequencer") as session:  # apart: a proof does not wait for the paths
                noted = note_paths(session)
            with transaction("sequencer") as session:
                noted = max(noted, note_subjects(session))
        except (Transient, OperationalError) as away:
            log.warning("sequencer waits: %s", type(away).__name__ if isinstance(away, OperationalError) else away)
            added = noted = 0
        if added < settings.sequencer_batch and noted < MOST:
            stop_event.wait(pause)


def _root(tiles: dict[TileId, bytes], size: int) -> bytes:
    def read(level: int, index: int) -> bytes:
        node: Node = (level, index)
        try:
            return read_node(tiles, node)
        except (KeyError, IndexError) as gap:
            raise Terminal("evidence.log_broken", reason=f"tile {tile_of(node)} is missing or short") from gap

    return span_root((0, size), read)


def _write(session: Session, grown: dict[TileId, bytes]) -> None:
    columns = {
        "levels": [level for level, _ in grown],
        "indexes": [index for _, index in grown],
        "hashes": list(grown.values()),
    }
    session.execute(_STORE, columns)
