"""Why: reading the log: newest checkpoint, tiles, entry bundles, inclusion and consistency proofs. Routers and receipts call it; it writes nothing.

Everything read is committed, so nothing is published that the sequencer could still take back. An entry comes with its checkpoint and the few tiles of its
proof in one statement.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from exchange_api.evidence.checkpoint import add_lines, write_proof
from exchange_api.evidence.merkle import Node, Span, consistency_spans, inclusion_spans, span_nodes, span_root
from exchange_api.evidence.tiles import HASH, WIDTH, TileId, parse_tile_path, read_node, tile_of
from exchange_api.evidence.vouched import BEST
from exchange_api.evidence.vouched import newest_checkpoint as newest_checkpoint  # read here by routers and sequencer
from schemas.settings import HutongSettings
from schemas.tables.evidence import Entry, Leaf, Tile

# the tiles above the leaf, and the right edge of the tree of that size: they hold every node of the proof
_PROOF = f"""
SELECT e.document, place.index, best.size, best.note, best.lines, best.token, held.ids, held.hashes
FROM evidence.leaves place JOIN evidence.entries e ON e.id = place.entry_id
CROSS JOIN LATERAL ({BEST}) best
CROSS JOIN LATERAL (
    SELECT string_agg(t.level || ' ' || t.index || ' ' || length(t.hashes), ',' ORDER BY t.level, t.index) AS ids,
        string_agg(t.hashes, ''::bytea ORDER BY t.level, t.index) AS hashes
    FROM (SELECT l, place.index >> 8 * (l + 1) AS i FROM generate_series(0, 6) l UNION
        SELECT l, best.size >> 8 * (l + 1) FROM generate_series(0, 6) l) wanted
    JOIN evidence.tiles t ON t.level = wanted.l AND t.index = wanted.i) held
WHERE place.entry_id = %s
"""  # noqa: S608 — of constants


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
    driver: Any = session.connection().connection.driver_connection
    with driver.cursor(binary=True) as cursor:  # past the mapper: half of the time of a proof
        found = cursor.execute(_PROOF, (UUID(entry_id),)).fetchone()
    if found is None:
        return None
    document, index, size, note, lines, token, ids, hashes = found
    path = _roots(inclusion_spans(index, size), _parted(ids, hashes))
    return LogEntry(document, index, write_proof(index, path, add_lines(note, lines or ())), token)


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
    return _roots(spans, read_tiles(session, map(tile_of, nodes)))


def _parted(ids: str, hashes: bytes) -> dict[TileId, bytes]:
    """Return tiles that came in one piece: `ids` are level, index and bytes of each."""
    tiles, at = dict[TileId, bytes](), 0
    for one in ids.split(","):
        level, index, length = map(int, one.split())
        tiles[level, index] = hashes[at : at + length]
        at += length
    return tiles


def _roots(spans: list[Span], tiles: Mapping[TileId, bytes]) -> list[bytes]:
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
