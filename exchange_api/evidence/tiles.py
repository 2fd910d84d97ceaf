"""Why: the log's hashes as C2SP tlog-tiles: 256-wide tiles, addressed and grown here, stored by the sequencer, read by log. Pure.

A tile of level l holds roots of 256^l leaves each. A stored tile only grows at its end, so the partial tile of width w is its first w hashes.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from exchange_api.evidence.merkle import Node, perfect_root

WIDTH = 256
HASH = 32
KEPT = 256
"""Tiles whose inner hashes a process remembers, 24 KiB each: those high in the tree are in every proof."""
TileId = tuple[int, int]
_PATH = re.compile(r"(entries|0|[1-9]\d?)/((?:x\d{3}/)*\d{3})(?:\.p/([1-9]\d{0,2}))?")


@dataclass(frozen=True, slots=True)
class TilePath:
    """A parsed `<L>/<N>[.p/<W>]`; `level` is None for an entry bundle; `width` is 1–256."""

    level: int | None
    index: int
    width: int


def parse_tile_path(path: str) -> TilePath | None:
    """Parse what follows `tile/` in a C2SP tile address; None when it is none."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    level = None if found[1] == "entries" else int(found[1])
    width = int(found[3]) if found[3] else WIDTH
    index = int(found[2].replace("x", "").replace("/", ""))
    is_canonical = tile_path(level, index, width) == path and (level is None or level <= 63)
    return TilePath(level, index, width) if is_canonical and width <= WIDTH and found[3] != "256" else None


def tile_path(level: int | None, index: int, width: int = WIDTH) -> str:
    """Return `<L>/<N>[.p/<W>]` as C2SP writes it, e.g. `0/x001/x234/067.p/8`."""
    digits = f"{index:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    name = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return f"{'entries' if level is None else level}/{name}" + (f".p/{width}" if width < WIDTH else "")


def tile_of(node: Node) -> TileId:
    """Return the tile (level, index) in which a node's leaves-most stored hashes stand."""
    level, index = node
    return level // 8, index << level % 8 >> 8


def read_node(tiles: Mapping[TileId, bytes], node: Node) -> bytes:
    """Return a node's hash from the tiles that hold it; KeyError or IndexError when they do not."""
    level, index = node
    above = level % 8
    hashes = tiles[tile_of(node)]
    place = index % (WIDTH >> above)
    if len(hashes) < (place + 1 << above) * HASH:
        raise IndexError(f"tile {tile_of(node)} holds {len(hashes) // HASH} hashes, {place + 1 << above} are needed")
    return _rows(hashes)[above][place * HASH : (place + 1) * HASH]


@lru_cache(maxsize=KEPT)
def _rows(hashes: bytes) -> tuple[bytes, ...]:
    """Return a tile's hashes and, above them, those of every perfect subtree, a row for each height. Remembered by content: it cannot go stale."""
    rows = [hashes]
    while len(below := rows[-1]) >= 2 * HASH:
        whole = range(0, len(below) - len(below) % (2 * HASH), 2 * HASH)
        rows.append(b"".join([sha256(b"\x01" + below[at : at + 2 * HASH]).digest() for at in whole]))
    return tuple(rows)


def grow_tiles(edge: Mapping[TileId, bytes], size: int, leaves: bytes) -> dict[TileId, bytes]:
    """Append leaf hashes (concatenated) to a tree of `size` and return every tile that is new or grew.

    `edge` holds the rightmost partial tile of each level that has one (see `edge_tiles`).
    """
    grown: dict[TileId, bytes] = {}
    level, done, added = 0, size, leaves
    while added:
        above: list[bytes] = []
        while added:
            index, held = divmod(done, WIDTH)
            room = (WIDTH - held) * HASH
            tile = (edge.get((level, index), b"")[: held * HASH]) + added[:room]
            grown[level, index] = tile
            done, added = done + len(added[:room]) // HASH, added[room:]
            if len(tile) == WIDTH * HASH:
                above.append(perfect_root([tile[i : i + HASH] for i in range(0, len(tile), HASH)]))
        level, size, added = level + 1, size // WIDTH, b"".join(above)
        done = size
    return grown


def edge_tiles(size: int) -> Iterable[TileId]:
    """Yield the partial tiles on the right edge of a tree of `size`."""
    level = 0
    while size:
        if size % WIDTH:
            yield level, size // WIDTH
        level, size = level + 1, size // WIDTH
