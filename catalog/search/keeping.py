"""Why: one index per process, kept as the directory is. Each question first asks for a mark of the directory's state (milliseconds); what changed is
read and put beside what is held, and only when much changed is everything read again, by a thread of its own while the old index goes on answering.
Called by `catalog.search.finding`.
"""

import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from catalog import snapshot
from catalog.search.entries import Names, read, read_names
from catalog.search.part import Part, build
from schemas.tables.directory import ResourceVersion

_FEW = 200  # changed versions that a question takes in by itself: some tens of milliseconds
_SMALL = 500  # versions that are all read again while a question waits
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Index:
    """What is searched: the part built last, a small one with what changed since, and which entries of the first are no more."""

    mark: tuple[object, ...]
    names: Names
    base: Part
    added: Part | None
    gone: frozenset[str]

    @property
    def parts(self) -> tuple[Part, ...]:
        """Return the parts."""
        return (self.base,) if self.added is None else (self.base, self.added)

    @cached_property
    def firsts(self) -> tuple[int, ...]:
        """Return, part by part, the place of its first entry among all."""
        return (0, len(self.base.entries))[: len(self.parts)]

    @property
    def size(self) -> int:
        """Return how many entries there are in all parts."""
        return sum(len(part.entries) for part in self.parts)

    @cached_property
    def ranks(self) -> NDArray[np.int64]:
        """Return every entry's place in the order of resource ids."""
        ids = [entry.resource_id for part in self.parts for entry in part.entries]
        ranks = np.empty(len(ids), np.int64)
        ranks[sorted(range(len(ids)), key=ids.__getitem__)] = np.arange(len(ids))
        return ranks

    def at(self, place: int) -> tuple[Part, int]:
        """Return the part and the place in it of an entry's place among all."""
        first = len(self.base.entries)
        return (self.base, place) if self.added is None or place < first else (self.added, place - first)

    @cached_property
    def is_there(self) -> tuple[NDArray[np.bool_], ...]:
        """Return, part by part, which entries still are."""
        first = np.array([entry.version_id not in self.gone for entry in self.base.entries], bool)
        return (first,) if self.added is None else (first, np.ones(len(self.added.entries), bool))

    @cached_property
    def held(self) -> dict[str, tuple[str, str, str]]:
        """Return the digest, state and department of every version that can be found."""
        there = zip(self.parts, self.is_there, strict=True)
        return {
            one.version_id: (one.digest, one.state, one.department)
            for part, kept in there
            for one, is_kept in zip(part.entries, kept, strict=True)
            if is_kept
        }


class Keeper:
    """Holds the index of versions in certain states; any thread may ask."""

    def __init__(self, states: Iterable[str]) -> None:
        self._states = tuple(states)
        self._lock = threading.Lock()
        self._index: Index | None = None
        self._at_work: threading.Thread | None = None

    def index(self, session: Session) -> Index:
        """Return the index as of now; while much is being read again, as of a moment ago. Only the first one of a process is waited for."""
        held, mark = self._index, snapshot.mark(session, self._states)
        if held and held.mark == mark:
            return held
        if not self._lock.acquire(blocking=held is None):
            return held or self.index(session)  # somebody is at it
        try:
            return self._brought_up(session, mark)
        finally:
            self._lock.release()

    def wait(self, seconds: float) -> None:
        """Wait for a reading in the background to end."""
        if thread := self._at_work:
            thread.join(seconds)

    def _brought_up(self, session: Session, mark: tuple[object, ...]) -> Index:
        held, names = self._index, read_names(session)
        if held is None:
            self._index = self._read(session, mark)
            return self._index
        now = self._digests(session)
        gone = held.gone | {one for one, known in held.held.items() if now.get(one) != known}
        new = [one for one, known in now.items() if held.held.get(one) != known]
        new += [one.version_id for one in (held.added.entries if held.added else ()) if one.version_id in now]
        if names != held.names or max(len(set(new)), len(gone)) > _FEW:
            if len(now) > _SMALL:
                self._read_aside(session.get_bind().engine)
                return held
            self._index = self._read(session, mark)
            return self._index
        added = build(read(session, self._states, names, set(new))) if new else None
        self._index = Index(mark, names, held.base, added, gone & {one.version_id for one in held.base.entries})
        return self._index

    def _digests(self, session: Session) -> dict[str, tuple[str, str, str]]:
        columns = (ResourceVersion.id, ResourceVersion.digest, ResourceVersion.state, ResourceVersion.department_id)
        rows = session.execute(select(*columns).where(ResourceVersion.state.in_(self._states)))
        return {row.id: (row.digest, row.state, row.department_id) for row in rows}

    def _read(self, session: Session, mark: tuple[object, ...]) -> Index:
        names = read_names(session)
        return Index(mark, names, build(read(session, self._states, names)), None, frozenset())

    def _read_aside(self, engine: Engine) -> None:
        if self._at_work is None or not self._at_work.is_alive():
            self._at_work = threading.Thread(target=self._read_again, args=(engine,), name="search-index", daemon=True)
            self._at_work.start()

    def _read_again(self, engine: Engine) -> None:
        try:
            with Session(engine) as session:
                mark = snapshot.mark(session, self._states)  # before reading: what changes meanwhile is noticed after
                self._index = self._read(session, mark)
        except SQLAlchemyError as failure:
            log.warning("the search index could not be read again (%s); the one before answers", type(failure).__name__)


_keepers: dict[tuple[str, tuple[str, ...]], Keeper] = {}


def keeper(session: Session, states: Iterable[str]) -> Keeper:
    """Return this process's keeper for a database and states."""
    key = (session.get_bind().engine.url.render_as_string(), tuple(states))
    return _keepers.setdefault(key, Keeper(key[1]))
