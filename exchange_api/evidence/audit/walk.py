"""Why: whoever holds the database could change it; an audit recomputes everything from the entries up and says which row was touched. Called by
`hutong log audit` and tests.

One pass in the order of the log: document → columns, leaf, tile → tree → root of each checkpoint → its signature by a key in use then. One snapshot, one
chunk in memory. A checkpoint at which an audit starts is taken from the tiles and must give its signed root.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text, tuple_
from sqlalchemy.orm import Session

from exchange_api.evidence.audit import keys, rows, vouchers
from exchange_api.evidence.audit.findings import Findings
from exchange_api.evidence.audit.gaps import Gap, check_retirements, gaps_of
from exchange_api.evidence.audit.sharing import look_through
from exchange_api.evidence.audit.stretches import CHUNK, PLANNED, Stretch, fetch
from exchange_api.evidence.audit.tree import Tree
from exchange_api.evidence.checkpoint import Checkpoint as CheckpointText
from exchange_api.evidence.checkpoint import verify_checkpoint
from exchange_api.evidence.log import read_tiles
from exchange_api.evidence.merkle import span_nodes
from exchange_api.evidence.stamping import Authority
from exchange_api.evidence.tiles import HASH, TileId, edge_tiles, tile_of
from schemas.tables.evidence import Checkpoint, Retirement, SigningKey, Tile

_NO_END = 2**63 - 1
Progress = Callable[[int, int], None]

_PENDING = f"""SELECT p.position, p.leaf_hash, uuid_send(p.entry_id), {rows.ENTRY_SQL}, EXISTS (SELECT FROM evidence.leaves l WHERE l.entry_id = p.entry_id)
FROM evidence.pending p LEFT JOIN evidence.entries e ON e.id = p.entry_id
WHERE p.position > %s ORDER BY p.position LIMIT %s"""  # noqa: S608 — the columns are a constant
_UNPLACED = text("""
SELECT e.id FROM evidence.entries e
WHERE NOT EXISTS (SELECT FROM evidence.leaves l WHERE l.entry_id = e.id)
  AND NOT EXISTS (SELECT FROM evidence.pending p WHERE p.entry_id = e.id) LIMIT 1000
""")


_SIZES = text("""
SELECT (SELECT count(*) FROM evidence.leaves), (SELECT coalesce(max(index) + 1, 0) FROM evidence.leaves),
    (SELECT coalesce(max(size), 0) FROM evidence.checkpoints)
""")
_BEYOND = text("""
(SELECT 'tile.added', level || '/' || index, 'no leaf calls for it' FROM evidence.tiles
 WHERE level NOT BETWEEN 0 AND 7 OR index < 0 OR index > ((CAST(:size AS bigint) >> (8 * level)) - 1) >> 8 LIMIT 1000)
UNION ALL (SELECT 'leaf.added', index::text, 'no checkpoint reaches it' FROM evidence.leaves WHERE index < 0 OR index >= :size LIMIT 1000)
UNION ALL (SELECT 'checkpoint.added', size::text, 'there are no leaves for it' FROM evidence.checkpoints WHERE size <= 0 OR size > :size LIMIT 1000)
""")


@dataclass(frozen=True, slots=True)
class Wish:
    """What to audit: which log, between which moments, whose time stamps are believed, and how many processes may share the work."""

    origin: str
    begin: datetime | None = None
    end: datetime | None = None
    authority: Authority | None = None
    processes: int = 1

    @property
    def is_whole(self) -> bool:
        """Say whether all of the log is wanted."""
        return self.begin is None and self.end is None


@dataclass
class Audit:
    """What an audit went through and what it found."""

    findings: Findings = field(default_factory=Findings)
    begin: int = 0
    entries: int = 0
    retired: int = 0
    pending: int = 0
    checkpoints: int = 0
    vouchers: int = 0
    size: int = 0


@dataclass
class _Walk:
    """Where the walk stands."""

    session: Session
    audit: Audit
    tree: Tree
    origin: str
    signers: dict[str, Any]
    retired: list[Retirement]
    told: list[dict[str, Any]] = field(default_factory=list)
    gone: Counter[Gap] = field(default_factory=Counter)
    last: Checkpoint | None = None
    unproven: int = 0

    @property
    def findings(self) -> Findings:
        return self.audit.findings


def audit_log(session: Session, wish: Wish, progress: Progress | None = None) -> Audit:
    """Recompute the log between two moments (None: from its beginning, to its end). A fresh session becomes one snapshot; one that has begun must be one, and
    is looked at by this process alone: others could not see what it changed.
    """
    processes = 1 if session.in_transaction() else wish.processes
    if not session.in_transaction():
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    session.execute(text(PLANNED))
    start, end = _bounds(session, wish)
    held = list(session.scalars(select(SigningKey)))
    walk = _Walk(
        session,
        Audit(begin=start.size if start else 0),
        Tree(),
        wish.origin,
        keys.usable_keys(held),
        list(session.scalars(select(Retirement))),
    )
    if start is not None:
        _start_at(walk, start)
    chunks = [(begin, min(begin + CHUNK, end)) for begin in range(walk.tree.size, end, CHUNK)]
    for stretch in look_through(session, chunks, gaps_of(walk.retired), processes):
        _take_in(walk, stretch)
        if progress:
            progress(walk.tree.size, end)
    if walk.audit.size < end:
        walk.findings.add("checkpoint.missing", end, f"{end - walk.audit.size} leaves are behind no checkpoint")
    if wish.is_whole:
        _finish(walk, held, end)
    sizes = walk.audit.begin, walk.tree.size if wish.end else _NO_END
    walk.audit.vouchers = vouchers.check_vouchers(session, sizes, wish.authority, walk.findings)
    return walk.audit


def _bounds(session: Session, wish: Wish) -> tuple[Checkpoint | None, int]:
    """Return the checkpoint to start from (None: the beginning) and the size to go to."""
    start = None
    if wish.begin:
        before = select(Checkpoint).where(Checkpoint.signed_at < wish.begin)
        start = session.scalars(before.order_by(Checkpoint.size.desc()).limit(1)).first()
    count, leaves, size = session.execute(_SIZES).one()
    end = max(leaves, size)
    if wish.end:
        after = select(func.min(Checkpoint.size)).where(Checkpoint.signed_at >= wish.end)
        end = session.scalar(after) or end
    return start, min(end, count + CHUNK)  # a planted row of a far index must not make the walk endless


def _start_at(walk: _Walk, start: Checkpoint) -> None:
    tiles = read_tiles(walk.session, {*edge_tiles(start.size), *map(tile_of, span_nodes((0, start.size)))})
    try:
        walk.tree = Tree(start.size, tiles)
    except (KeyError, IndexError) as gap:
        walk.findings.add("tile.missing", gap, f"the tree of size {start.size} cannot be read from the tiles")
        walk.tree.size = start.size
    walk.audit.size = start.size
    _check_checkpoint(walk, start)


def _take_in(walk: _Walk, stretch: Stretch) -> None:
    """Take one stretch of leaves in, with the checkpoints within."""
    begin, leaves = stretch.begin, stretch.leaves
    end = begin + len(leaves) // HASH
    walk.findings.take(stretch.findings)
    walk.told += stretch.told
    walk.gone.update(stretch.gone)
    walk.audit.entries += stretch.entries
    walk.audit.retired += stretch.gone.total()
    done = begin
    for checkpoint in _checkpoints(walk.session, begin, end):
        walk.tree.grow(leaves[(done - begin) * HASH : (checkpoint.size - begin) * HASH])
        done = checkpoint.size
        _check_checkpoint(walk, checkpoint)
    walk.tree.grow(leaves[(done - begin) * HASH :])
    _check_tiles(walk, {one: hashes for one, hashes in walk.tree.take_done().items() if one[0]})


def _check_checkpoint(walk: _Walk, row: Checkpoint) -> None:
    root, last = walk.tree.root(), walk.last
    walk.audit.checkpoints += 1
    if row.root != root:
        walk.unproven += 1
        if walk.unproven == 1:  # every later one differs too: the first says where to look
            since = last.size if last else walk.audit.begin
            walk.findings.add(
                "checkpoint.root",
                row.size,
                f"the entries do not give its root: it, or something in [{since}, {row.size}) with its traces, was changed",
            )
    if (last is not None and row.previous != last.size) or (last is None and not walk.audit.begin and row.previous):
        kind = "missing" if row.previous > (last.size if last else 0) else "altered"
        walk.findings.add(
            f"checkpoint.{kind}",
            row.previous if kind == "missing" else row.size,
            f"checkpoint {row.size} follows one of size {row.previous}",
        )
    if last is not None and row.signed_at < last.signed_at:
        walk.findings.add("checkpoint.altered", row.size, "it was signed before the one before it")
    _check_note(walk, row)
    walk.last, walk.audit.size = row, row.size


def _check_note(walk: _Walk, row: Checkpoint) -> None:
    key, held = walk.signers.get(row.keyid, (None, None))
    try:
        if key is None or not keys.was_in_use(held, row.signed_at):
            raise ValueError(f"key {row.keyid} was not in use when it was signed")
        text_, signer = verify_checkpoint(row.note, [key])
        if text_ != CheckpointText(walk.origin, row.size, row.root) or signer is not key:
            raise ValueError("its note speaks of another origin, size or root than its row")
    except ValueError as wrong:
        walk.findings.add("checkpoint.altered", row.size, str(wrong))


def _check_tiles(walk: _Walk, wanted: dict[TileId, bytes]) -> None:
    if walk.unproven or not wanted:
        return
    stored = {
        (level, index): hashes
        for level, index, hashes in walk.session.execute(
            select(Tile.level, Tile.index, Tile.hashes).where(tuple_(Tile.level, Tile.index).in_(wanted))
        )
    }
    for (level, index), hashes in wanted.items():
        if (level, index) not in stored:
            walk.findings.add("tile.missing", f"{level}/{index}", f"{len(hashes) // HASH} hashes belong there")
        elif stored[level, index] != hashes:
            walk.findings.add("tile.altered", f"{level}/{index}", "it is not what the leaves give")


def _finish(walk: _Walk, held: list[SigningKey], end: int) -> None:
    """Look for what no leaf calls for, and hold the list of keys to what the log tells."""
    _check_tiles(walk, walk.tree.edge())
    for kind, row, detail in walk.session.execute(_BEYOND, {"size": end}):
        walk.findings.add(kind, row, detail)
    _check_pending(walk)
    walk.session.execute(text("SET LOCAL enable_hashjoin = on"))
    for (entry_id,) in walk.session.execute(_UNPLACED):
        walk.findings.add("entry.added", entry_id, "it is neither in the log nor on its way there")
    retirements = [facts for facts in walk.told if facts.get("action") == "retire_entries"]
    check_retirements(walk.retired, retirements, walk.gone, walk.findings)
    keys.check_keys(held, [facts for facts in walk.told if "action" not in facts], walk.findings)


def _check_pending(walk: _Walk) -> None:
    last = -(2**62)
    while found := fetch(walk.session, _PENDING, (last, CHUNK)):
        own, told = rows.check_entries(found, walk.findings)
        walk.told += told
        walk.audit.pending += len(found)
        for row, hashed in zip(found, own, strict=True):
            name = rows.name_of(row[2])
            if hashed is None:
                walk.findings.add("entry.missing", name, "it is on its way to the log, and there is none")
            elif hashed != row[1]:
                walk.findings.add("entry.altered", name, "its document does not hash to what waits for the log")
            if row[16]:
                walk.findings.add("pending.added", row[0], f"entry {name} is in the log already")
        last = found[-1][0]


def _checkpoints(session: Session, begin: int, end: int) -> list[Checkpoint]:
    within = select(Checkpoint).where(Checkpoint.size > begin, Checkpoint.size <= end)
    return list(session.scalars(within.order_by(Checkpoint.size)))
