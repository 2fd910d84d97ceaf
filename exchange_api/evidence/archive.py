"""Why: entries outlive the machine that holds them. An archive is a stretch of the log in two files that prove themselves: the entries, and what leads from
them to a signed checkpoint. Called by `hutong log archive` and `check-archive`; it removes nothing.

The manifest holds the roots of all before the stretch; with the leaves of the stretch they must give the root that the hub signed.
"""

import gzip
import hashlib
import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api.evidence.audit.tree import Tree
from exchange_api.evidence.canonical import canonical_json, parse_strict
from exchange_api.evidence.checkpoint import verify_checkpoint
from exchange_api.evidence.ledger import leaf_hash
from exchange_api.evidence.log import read_tiles
from exchange_api.evidence.merkle import span_nodes
from exchange_api.evidence.tiles import edge_tiles, tile_of
from exchange_api.signing import public_key_from_jwk
from exchange_api.signing.algorithms import decode_base64
from schemas.errors import Invalid
from schemas.tables.evidence import Checkpoint, Entry, Leaf

FORMAT = "hutong-archive/1"
AT_ONCE = 4_096


def write_archive(session: Session, folder: Path, before: datetime) -> Path | None:
    """Write what is in the log since the folder's last archive, up to the last checkpoint signed before a moment; return the manifest, or None when
    nothing is new. Whole or not at all: the manifest comes last.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    start = max((int(json.loads(one.read_text("utf-8"))["end"]) for one in folder.glob("*.json")), default=0)
    newest = select(Checkpoint).where(Checkpoint.signed_at < before).order_by(Checkpoint.size.desc()).limit(1)
    until = session.scalars(newest).first()
    if until is None or until.size <= start:
        return None
    name, digest = f"{start:012d}-{until.size:012d}", hashlib.sha256()
    entries = folder / f"{name}.ndjson.gz"
    draft = entries.with_suffix(".part")
    with gzip.open(draft, "wb", compresslevel=6) as file:
        for document in _documents(session, start, until.size):
            file.write(document + b"\n")
            digest.update(document + b"\n")
    draft.replace(entries)
    before_it = read_tiles(session, {*edge_tiles(start), *map(tile_of, span_nodes((0, start)))})
    peaks = [b64encode(one).decode() for one in Tree(start, before_it).peaks]
    manifest = {
        "format": FORMAT,
        "start": start,
        "end": until.size,
        "before": peaks,
        "sha256": digest.hexdigest(),
        "note": until.note,
    }
    place, draft = folder / f"{name}.json", folder / f"{name}.draft"
    draft.write_bytes(canonical_json(manifest) + b"\n")
    draft.replace(place)
    return place


def check_archive(manifest: Path, jwks: Mapping[str, Any]) -> int:
    """Recompute an archive offline against the hub's key set; return how many entries it holds. Raises Invalid archive.broken."""
    try:
        members = parse_strict(manifest.read_bytes())
        keys = [public_key_from_jwk(one, one.get("kid")) for one in jwks["keys"] if one.get("crv") == "Ed25519"]
        checkpoint, _ = verify_checkpoint(members["note"], keys)
        tree, digest = Tree(), hashlib.sha256()
        tree.size, tree.peaks = members["start"], [decode_base64(one) for one in members["before"]]
        with gzip.open(manifest.with_suffix(".ndjson.gz"), "rb") as file:
            for line in file:
                digest.update(line)
                tree.grow(leaf_hash(line.removesuffix(b"\n")))
                tree.take_done()
        told = members["format"], members["end"], members["sha256"]
        if told != (FORMAT, checkpoint.size, digest.hexdigest()) or (tree.size, tree.root()) != (
            checkpoint.size,
            checkpoint.root,
        ):
            raise ValueError("the entries do not lead to the signed root")
    except (OSError, EOFError, ValueError, KeyError, TypeError, IndexError, Invalid) as wrong:
        raise Invalid("archive.broken", file=manifest.name, reason=str(wrong)[:200]) from wrong
    return int(members["end"] - members["start"])


def _documents(session: Session, start: int, end: int) -> Iterator[bytes]:
    for begin in range(start, end, AT_ONCE):
        stretch = Leaf.index >= begin, Leaf.index < min(begin + AT_ONCE, end)
        query = select(Entry.document).join(Leaf, Leaf.entry_id == Entry.id).where(*stretch).order_by(Leaf.index)
        yield from session.scalars(query)
