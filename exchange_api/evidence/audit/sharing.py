"""Why: an audit of a big log keeps every core busy, or takes as many times longer. Stretches are looked at by processes of their own, all in the snapshot of
the one that audits, and come back in the order of the log. Called by `walk`.
"""

import gc
import multiprocessing
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor

from sqlalchemy import text
from sqlalchemy.orm import Session

from exchange_api.evidence.audit.gaps import Gap
from exchange_api.evidence.audit.stretches import PLANNED, Stretch, look_at
from schemas.database import transaction

AHEAD = 3
"""Stretches under way for each process: the memory an audit takes."""
LEAST = 16
"""Fewer stretches than this one process has looked at before another has begun."""
Chunk = tuple[int, int]
_snapshot = ""


def look_through(
    session: Session, chunks: Sequence[Chunk], gaps: Sequence[Gap] = (), processes: int = 1
) -> Iterator[Stretch]:
    """Yield what each stretch holds, in order. With several processes the session must be in a snapshot (REPEATABLE READ) of the role reader."""
    if processes < 2 or len(chunks) < LEAST:
        for chunk in chunks:
            yield look_at(session, *chunk, gaps)
        return
    snapshot = session.scalar(text("SELECT pg_export_snapshot()"))
    context, under_way = multiprocessing.get_context("spawn"), deque[Future[Stretch]]()
    pool = ProcessPoolExecutor(processes, context, _begin, (snapshot,))
    try:
        for chunk in chunks:
            under_way.append(pool.submit(_look, chunk, gaps))
            if len(under_way) >= AHEAD * processes:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(snapshot: str) -> None:
    global _snapshot
    _snapshot = snapshot
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the audit itself hears it, and ends its processes
    gc.disable()  # rows have no cycles, and looking for some costs a tenth


def _look(chunk: Chunk, gaps: Sequence[Gap]) -> Stretch:
    with transaction("reader") as session:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        session.execute(text(f"SET TRANSACTION SNAPSHOT '{_snapshot}'"))
        session.execute(text(PLANNED))
        return look_at(session, *chunk, gaps)
