"""Why: an entry's row must say what its document says and hash to its leaf and its tile. Compares them a chunk at a time; only where a chunk does not
fit as a whole is each row looked at. Called by `walk`.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from operator import itemgetter
from typing import Any

import orjson

from exchange_api.evidence.audit.findings import Findings
from exchange_api.evidence.tiles import HASH, WIDTH, TileId

COLUMNS = ("id", "at", "kind", "application_id", "keyid", "nonce", "request_id", "grant_id", "library", "code")
_SAID = itemgetter(*COLUMNS)
ENTRY_SQL = """e.document, e.leaf_hash, e.id::text, to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), e.kind,
    e.application_id, e.keyid, e.nonce, e.request_id, e.grant_id, e.library, e.code, e.status"""
"""An entry's columns in the order that `check_entry` takes them."""

Row = Sequence[Any]
Hashes = Sequence[bytes | None]
Three = tuple[Hashes, Hashes, Mapping[TileId, bytes]]
"""What entries hash to, what leaves hold, and the tiles of level 0."""


def check_entries(rows: Sequence[Row], findings: Findings) -> tuple[list[bytes | None], list[dict[str, Any]]]:
    """Hold entries' columns to their documents; return their leaf hashes (None: no entry there) and the facts of entries on the hub's keys."""
    hashes: list[bytes | None] = []
    keys: list[dict[str, Any]] = []
    for row in rows:
        document = row[0]
        if document is None:
            hashes.append(None)
            continue
        own = sha256(b"\x00" + document).digest()
        hashes.append(own)
        said = _read(document)
        if said is None or own != row[1] or _SAID(said) != tuple(row[2:12]) or _status(said) != row[12]:
            _name_columns(row, said, own, findings)
        elif row[4] == "key" and row[5] is None:  # a caller's key is named by its application, and is none of the hub's
            keys.append(said["facts"])
    return hashes, keys


def settle(start: int, three: Three, names: Sequence[str | None], findings: Findings) -> list[bytes]:
    """Return the hash of each leaf from `start` on that two of entry, leaf and tile agree on, naming the one that does not."""
    own, placed, tiles = three
    flat = b"".join(tiles.get((0, index), b"") for index in range(start // WIDTH, (start + len(own) - 1) // WIDTH + 1))
    first = start % WIDTH * HASH
    if own == placed and b"".join(one or b"" for one in own) == flat[first : first + len(own) * HASH]:
        return [one for one in own if one is not None]
    settled = []
    for i, name in enumerate(names):
        found = own[i], placed[i], _tile_hash(tiles, start + i)
        settled.append(_settle_one(start + i, found, name, findings))
    return settled


def _settle_one(
    index: int, three: tuple[bytes | None, bytes | None, bytes | None], name: str | None, findings: Findings
) -> bytes:
    own, placed, tiled = three
    where = f"leaf {index}, entry {name}"
    if placed is None:
        findings.add("leaf.missing", index, "the log has no leaf here, and its tile or a checkpoint says it had")
    elif own is None:
        findings.add("entry.missing", name, f"leaf {index} is of this entry, and there is none")
    elif own != placed and own == tiled:
        findings.add("leaf.altered", index, f"its hash is not that of entry {name} and of the tile")
    elif own != placed:
        findings.add("entry.altered", name, f"its document does not hash to leaf {index}")
    if tiled is None:
        findings.add("tile.missing", f"0/{index // WIDTH}", f"no hash of {where}")
    elif tiled not in (own, placed):
        findings.add("tile.altered", f"0/{index // WIDTH}", f"its hash of {where} is another")
    candidates = [one for one in three if one is not None]
    agreed = [one for one in candidates if candidates.count(one) > 1]
    return (agreed or candidates or [bytes(HASH)])[0]


def _tile_hash(tiles: Mapping[TileId, bytes], index: int) -> bytes | None:
    at = index % WIDTH * HASH
    found = tiles.get((0, index // WIDTH), b"")[at : at + HASH]
    return found if len(found) == HASH else None


def _read(document: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(document)
    except orjson.JSONDecodeError:
        return None
    is_whole = isinstance(found, dict) and all(name in found for name in (*COLUMNS, "facts", "response"))
    return found if is_whole else None


def _status(said: Mapping[str, Any]) -> Any:
    response = said["response"]
    return response["status"] if response else None


def _name_columns(row: Row, said: Mapping[str, Any] | None, own: bytes, findings: Findings) -> None:
    if said is None:
        findings.add("entry.altered", row[2], "its document is no entry")
        return
    if own != row[1]:
        findings.add("entry.altered", row[2], "column leaf_hash is not the hash of its document")
    for name, found, wanted in zip((*COLUMNS, "status"), row[2:13], (*_SAID(said), _status(said)), strict=True):
        if found != wanted:
            findings.add("entry.altered", row[2], f"column {name} is not what its document says")
