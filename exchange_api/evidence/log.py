"""Why: reading the log: newest checkpoint, tiles, entry bundles, inclusion and consistency proofs. Routers and receipts call it; it writes nothing.

Everything read is committed, so nothing is published that the sequencer could still take back. Proofs fetch the few tiles they need in one query.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from pydantic import Field
from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from exchange_api.evidence.checkpoint import write_proof
from exchange_api.evidence.merkle import Node, Span, consistency_spans, inclusion_spans, span_nodes, span_root
from exchange_api.evidence.tiles import HASH, WIDTH, TileId, parse_tile_path, read_node, tile_of
from exchange_api.evidence.vouched import best_vouched
from exchange_api.evidence.vouched import newest_checkpoint as newest_checkpoint  # read here by routers and sequencer
from schemas.settings import HutongSettings
from schemas.tables.evidence import Entry, Leaf, Tile


class LogSettings(HutongSettings):
    """The name of this hub's log."""

    log_origin: str = Field(
        default="hutong.local/log",
        description="Origin line of checkpoints: the log's name, unique to this hub, without scheme, spaces or plus signs. Never change it.",
    )


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An entry, where it stands in the log, and the proof of it."""

    document: bytes
    index: int
    proof: str
    stamp: bytes | None = None


def find_entry(session: Session, entry_id: str) -> LogEntry | None:
    """Return an entry with its inclusion proof under the checkpoint that vouches best for it, or None when it is unknown or not yet in the log."""
    found = session.execute(
        select(Entry.document, Leaf.index.label("place"))
        .join(Leaf, Leaf.entry_id == Entry.id)
        .where(Entry.id == UUID(entry_id))
    ).first()
    best = best_vouched(session, found.place) if found else None
    if found is None or best is None:
        return None
    path = inclusion_path(session, found.place, best.size)
    return LogEntry(found.document, found.place, write_proof(found.place, path, best.note), best.stamp)


def inclusion_path(session: Session, index: int, size: int) -> list[bytes]:
    """Return the RFC 6962 inclusion proof of leaf `index` in the tree of `size`; ValueError when it is not in it."""
    return _span_roots(session, inclusion_spans(index, size))


def consistency_path(session: Session, old: int, new: int) -> list[bytes]:
    """Return the RFC 6962 consistency proof between two sizes; ValueError unless 0 < old ≤ new."""
    return _span_roots(session, consistency_spans(old, new))


def tree_root(session: Session, size: int) -> bytes:
    """Return the root of the tree of the first `size` leaves, from the tiles."""
    return _span_roots(session, [(0, size)])[0]


def tile(session: Session, path: str) -> bytes | None:
    """Return what GET /v1/log/tile/{path} serves: `<L>/<N>[.p/<W>]` or `entries/<N>[.p/<W>]`; None when there is no such tile (yet)."""
    wanted = parse_tile_path(path)
    if wanted is None:
        return None
    if wanted.level is None:
        return _bundle(session, wanted.index, wanted.width)
    row = session.get(Tile, (wanted.level, wanted.index))
    return row.hashes[: wanted.width * HASH] if row and len(row.hashes) >= wanted.width * HASH else None


def read_tiles(session: Session, ids: Iterable[TileId]) -> dict[TileId, bytes]:
    """Return the stored hashes of tiles by (level, index), in one query."""
    wanted = set(ids)
    if not wanted:
        return {}
    rows = session.execute(
        select(Tile.level, Tile.index, Tile.hashes).where(tuple_(Tile.level, Tile.index).in_(wanted))
    )
    return {(level, index): hashes for level, index, hashes in rows}


def _span_roots(session: Session, spans: list[Span]) -> list[bytes]:
    nodes: list[Node] = [node for span in spans for node in span_nodes(span)]
    tiles = read_tiles(session, map(tile_of, nodes))
    return [span_root(span, lambda level, index: read_node(tiles, (level, index))) for span in spans]


def _bundle(session: Session, index: int, width: int) -> bytes | None:
    start = index * WIDTH
    documents = session.scalars(
        select(Entry.document)
        .join(Leaf, Leaf.entry_id == Entry.id)
        .where(Leaf.index >= start, Leaf.index < start + width)
        .order_by(Leaf.index)
    ).all()
    if len(documents) < width:
        return None
    return b"".join(len(one).to_bytes(2, "big") + one for one in documents)
