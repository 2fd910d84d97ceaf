"""Why: an entry's row must say what its document says and hash to its leaf and its tile. Compares them a chunk at a time; only where a chunk does not
fit as a whole is each row looked at. Called by `walk`.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from operator import itemgetter
from typing import Any
from uuid import UUID

import orjson

from exchange_api.evidence.audit.findings import Findings
from exchange_api.evidence.audit.spelling import is_spelled
from exchange_api.evidence.tiles import HASH, WIDTH, TileId

RETIRED = "log.retired"
TEXTS = ("kind", "application_id", "keyid", "nonce", "request_id", "grant_id", "library", "code")
COLUMNS = ("id", "at", *TEXTS, "status")
ENTRY_SQL = "e.document, e.leaf_hash, e.id::text, timestamptz_send(e.at), " + ", ".join(
    f"e.{one}" for one in COLUMNS[2:]
)
"""An entry's columns in the order that `check_entries` takes them, from the fourth on; the moment as its bytes, which cost least and hold any."""
_SAID = itemgetter(*TEXTS)
_MEMBERS = {"id", "at", *TEXTS, "facts", "response"}
_EPOCH, _STEP = datetime(2000, 1, 1, tzinfo=UTC), timedelta(microseconds=1)

Row = Sequence[Any]
Hashes = Sequence[bytes | None]
Three = tuple[Hashes, Hashes, Mapping[TileId, bytes]]
"""What entries hash to, what leaves hold, and the tiles of level 0."""


def check_entries(found: Sequence[Row], findings: Findings) -> tuple[list[bytes | None], list[dict[str, Any]]]:
    """Hold entries' columns to their documents; return their leaf hashes (None: no entry there) and the facts of entries on the hub's keys and on
    retirements.

    found: rows of three columns, then those of ENTRY_SQL.
    """
    hashes: list[bytes | None] = []
    keys: list[dict[str, Any]] = []
    for row in found:
        document = row[3]
        if document is None:
            hashes.append(None)
            continue
        own = sha256(b"\x00" + document).digest()
        hashes.append(own)
        is_key = (
            row[7] == "key" and row[8] is None
        )  # a caller's key is named by its application, and is none of the hub's
        if own == row[4] and not is_key and row[14] != RETIRED and is_spelled(document, row[5:16]):
            continue
        said = _read(document)
        if said is None or own != row[4] or (*_first(said), *_SAID(said), _status(said)) != row[5:16]:
            _name_columns(row, said, own, findings)
        elif is_key or row[14] == RETIRED:
            keys.append(said["facts"])
    return hashes, keys


def settle(start: int, three: Three, found: Sequence[Row], findings: Findings) -> bytes:
    """Return the hash of each leaf from `start` on that two of entry, leaf and tile agree on, one behind the other, naming the one that does not."""
    own, placed, tiles = three
    flat = b"".join(tiles.get((0, index), b"") for index in range(start // WIDTH, (start + len(own) - 1) // WIDTH + 1))
    first = start % WIDTH * HASH
    told = flat[first : first + len(own) * HASH]
    if own == placed and b"".join(one or b"" for one in own) == told:
        return told
    settled = []
    for i, row in enumerate(found):
        hashes = own[i], placed[i], _tile_hash(tiles, start + i)
        settled.append(_settle_one(start + i, hashes, name_of(row[2]), findings))
    return b"".join(settled)


def name_of(raw: bytes | None) -> str | None:
    """Return the id that these bytes are."""
    return str(UUID(bytes=raw)) if raw else None


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
    is_whole = isinstance(found, dict) and found.keys() >= _MEMBERS
    return found if is_whole else None


def _first(said: Mapping[str, Any]) -> tuple[Any, bytes | None]:
    """Return id and moment as ENTRY_SQL spells them; the moment None when it is none."""
    try:
        moment = (datetime.fromisoformat(said["at"]) - _EPOCH) // _STEP
        return said["id"], moment.to_bytes(8, "big", signed=True)
    except (TypeError, ValueError):
        return said["id"], None


def _status(said: Mapping[str, Any]) -> Any:
    response = said["response"]
    return response["status"] if response else None


def _name_columns(row: Row, said: Mapping[str, Any] | None, own: bytes, findings: Findings) -> None:
    name = row[5]
    if said is None:
        findings.add("entry.altered", name, "its document is no entry")
        return
    if own != row[4]:
        findings.add("entry.altered", name, "column leaf_hash is not the hash of its document")
    told = (*_first(said), *_SAID(said), _status(said))
    for column, found, wanted in zip(COLUMNS, row[5:16], told, strict=True):
        if found != wanted:
            findings.add("entry.altered", name, f"column {column} is not what its document says")
