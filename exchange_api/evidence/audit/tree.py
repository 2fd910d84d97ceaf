"""Why: every root and every tile follow from the leaves; grown here leaf by leaf from nothing, apart from the code that wrote them. Pure."""

from collections.abc import Mapping
from hashlib import sha256

from exchange_api.evidence.merkle import EMPTY_ROOT, hash_children, span_nodes
from exchange_api.evidence.tiles import HASH, WIDTH, TileId, read_node

TILE = WIDTH * HASH


class Tree:
    """A tree of `size` leaves: the roots of its perfect subtrees, and the tiles that are still growing."""

    def __init__(self, size: int = 0, tiles: Mapping[TileId, bytes] | None = None) -> None:
        self.size = size
        self.peaks = [read_node(tiles or {}, node) for node in span_nodes((0, size))]
        self.growing: list[bytearray] = []
        self.done: dict[TileId, bytes] = {}
        level, count = 0, size
        while count:
            held = (tiles or {}).get((level, count // WIDTH), b"")[: count % WIDTH * HASH]
            self.growing.append(bytearray(held))
            level, count = level + 1, count // WIDTH

    def grow(self, leaves: bytes) -> None:
        """Append leaf hashes, one behind the other; full tiles go to `done`."""
        at = 0
        while at < len(leaves):
            if not self.size % WIDTH and len(leaves) - at >= TILE:
                self._append_tile(leaves[at : at + TILE])
                at += TILE
            else:
                self._append(leaves[at : at + HASH], 0)
                at += HASH

    def _append_tile(self, tile: bytes) -> None:
        """Append 256 leaves at once: a row of hashes over another costs half of what leaf by leaf does."""
        if not self.growing:
            self.growing.append(bytearray())
        self.done[0, self.size >> 8] = row = tile
        while len(row) > HASH:
            pairs = range(0, len(row), 2 * HASH)
            row = b"".join([sha256(b"\x01" + row[at : at + 2 * HASH]).digest() for at in pairs])
        self._append(row, 8)

    def _append(self, value: bytes, level: int) -> None:
        """Append the root of a perfect subtree of 2^level leaves (0 or 8), at a size that is a multiple of that."""
        added, bits = 1 << level, self.size >> level
        self._put(level >> 3, value, bits)
        while bits & 1:
            value = sha256(b"\x01" + self.peaks.pop() + value).digest()
            bits, level = bits >> 1, level + 1
            if not level & 7:
                self._put(level >> 3, value, bits)
        self.peaks.append(value)
        self.size += added

    def root(self) -> bytes:
        """Return the root over all leaves so far."""
        if not self.peaks:
            return EMPTY_ROOT
        value = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            value = hash_children(peak, value)
        return value

    def edge(self) -> dict[TileId, bytes]:
        """Return the tiles on the right edge that are not full."""
        return {(level, self.size >> 8 * (level + 1)): bytes(one) for level, one in enumerate(self.growing) if one}

    def take_done(self) -> dict[TileId, bytes]:
        """Return the tiles that became full since the last time."""
        done, self.done = self.done, {}
        return done

    def _put(self, tile_level: int, value: bytes, index: int) -> None:
        if tile_level == len(self.growing):
            self.growing.append(bytearray())
        held = self.growing[tile_level]
        held += value
        if len(held) == TILE:
            self.done[tile_level, index >> 8] = bytes(held)
            held.clear()
