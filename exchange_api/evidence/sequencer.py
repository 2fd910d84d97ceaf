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
from exchange_api.evidence.noting import go_on
from exchange_api.evidence.paths import PATHS
from exchange_api.evidence.subjects import SUBJECTS
from exchange_api.evidence.tiles import HASH, TileId, edge_tiles, grow_tiles, read_node, tile_of
from exchange_api.keys import ED25519, HubSigner, log_signer
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

# by the index: what was taken lies about dead until the next vacuum
_LOOK = text("""
SELECT (SELECT keyid FROM evidence.signing_keys WHERE state = 'active' AND algorithm = :kind ORDER BY not_before DESC LIMIT 1) AS keyid
WHERE (SELECT min(position) FROM evidence.pending) IS NOT NULL
""")

MONTHS_S = 3_600
"""Seconds between two looks whether the next months of entries are there."""

log = logging.getLogger(__name__)


class SequencerSettings(HutongSettings):
    """How the sequencer paces itself."""

    sequencer_interval_s: float = Field(default=0.5, gt=0, description="Seconds between two looks for new entries.")
    sequencer_batch: int = Field(default=2_000, gt=0, description="Most entries put into the log at once.")
    sequencer_share: float = Field(
        default=0.3, gt=0, le=1, description="Largest part of a core it takes while it is behind: answers come first."
    )


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
    """Sequence until told to stop, as role `sequencer`, and note what leads to entries, bite by bite, while there is time until the next look.

    After each piece of work it rests, so that it takes its share of a core and no more. It outlives a database that is away for a while.
    """
    settings, log_keys = SequencerSettings(), _LogKeys()
    looked_at = float("-inf")
    while not stop_event.is_set():
        begun = time.monotonic()
        due, is_behind = begun + (interval or settings.sequencer_interval_s), False
        try:
            if begun - looked_at > MONTHS_S:
                with transaction("sequencer") as session:
                    keep_months(session)
                looked_at = begun
            is_behind = _sequence(log_keys, settings.sequencer_batch) == settings.sequencer_batch
            _rest(stop_event, begun, settings.sequencer_share)
            if not is_behind:  # a proof does not wait for the paths
                _note(stop_event, due, settings.sequencer_share)
        except (Transient, OperationalError) as away:
            log.warning("sequencer waits: %s", type(away).__name__ if isinstance(away, OperationalError) else away)
            log_keys.forget()
        if not is_behind:
            stop_event.wait(max(due - time.monotonic(), 0))


class _LogKeys:
    """Who signs the log, loaded again when another key is the active one."""

    def __init__(self) -> None:
        self._signer: HubSigner | None = None

    def forget(self) -> None:
        self._signer = None

    def wanted(self, session: Session) -> HubSigner | None:
        """Return the signer, or None while nothing waits for a place in the log."""
        looked = session.execute(_LOOK, {"kind": ED25519}).first()
        if looked is None:
            return None
        if self._signer is None or self._signer.keyid != looked.keyid:
            self._signer = log_signer(session)
        return self._signer


def _sequence(log_keys: _LogKeys, most: int) -> int:
    with transaction("sequencer") as session:
        signer = log_keys.wanted(session)
        return sequence_once(session, signer, LogSettings().log_origin, most) if signer else 0


def _note(stop_event: threading.Event, due: float, share: float) -> None:
    """Note one bite, and more until it is time to look for new entries."""
    while not stop_event.is_set():
        begun = time.monotonic()
        with transaction("sequencer") as session:
            noted = go_on(session, [PATHS, SUBJECTS])
        _rest(stop_event, begun, share)
        if not noted or time.monotonic() >= due:
            return


def _rest(stop_event: threading.Event, begun: float, share: float) -> None:
    stop_event.wait((time.monotonic() - begun) * (1 / share - 1))


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
