"""Why: the index is kept as the directory is. Each question first asks for a mark of the directory's state (milliseconds); what changed is read and put
beside what is held. Only when much changed is everything read again: for the hub's own published directory by a process of its own that lays it on the
shelf for all workers, elsewhere by a thread. Until then the old index answers, without what is no more. Called by `catalog.search.finding`.
"""

import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from catalog import snapshot
from catalog.search.entries import Names, read, read_names
from catalog.search.part import Part, build
from catalog.shelf import Shelf
from schemas.tables.directory import ResourceVersion

PUBLISHED = ("published",)
SHELF = Shelf("search", "catalog.search.making", ("catalog.search",))
"""Where the index of the published directory lies."""
_FEW = 200  # changed versions that a question takes in by itself: some tens of milliseconds
_SMALL = 500  # versions that are all read again while a question waits
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Index:
    """What is searched: the part built last, a small one with what changed since, and which entries are no more: of the first `gone`, of the other `lost`."""

    mark: tuple[object, ...]
    names: Names
    base: Part
    added: Part | None
    gone: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()

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
        return tuple(
            np.array([entry.version_id not in no_more for entry in part.entries], bool)
            for part, no_more in zip(self.parts, (self.gone, self.lost), strict=False)
        )

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

    def without(self, changed: frozenset[str]) -> "Index":
        """Return the same index without these versions."""
        return replace(self, gone=self.gone | changed, lost=self.lost | changed)


class Keeper:
    """Holds the index of versions in certain states; any thread may ask."""

    def __init__(self, states: Iterable[str]) -> None:
        self._states = tuple(states)
        self._lock = threading.Lock()
        self._index: Index | None = None
        self._mark: tuple[object, ...] | None = None  # of the directory as it was looked at last
        self._taken: tuple[int, int] | None = None
        self._at_work: threading.Thread | None = None

    def index(self, session: Session) -> Index:
        """Return the index as of now; while much is being read again, as of a moment ago less what is no more. Only the first one of all is waited for."""
        mark = snapshot.mark(session, self._states)
        held = self._index
        if held and held.mark == mark:
            return held
        with self._lock:
            held = self._newer(session) or self._index or self._first(session)
            if held is not self._index or self._mark != mark:
                self._index, self._mark = self._brought_up(session, held, mark), mark
            if held.mark != mark and self._index.mark != mark:
                self._have_read(session)
            return self._index

    def wait(self, seconds: float) -> None:
        """Wait for a reading in the background to end."""
        if thread := self._at_work:
            thread.join(seconds)
        SHELF.wait(seconds)

    def _brought_up(self, session: Session, held: Index, mark: tuple[object, ...]) -> Index:
        if held.mark == mark:
            return held
        names, now = read_names(session), self._digests(session)
        changed = frozenset(one for one, known in held.held.items() if now.get(one) != known)
        new = {one for one, known in now.items() if held.held.get(one) != known}
        new |= {one.version_id for one in (held.added.entries if held.added else ()) if one.version_id in now}
        gone = held.gone | changed
        if names == held.names and max(len(new), len(gone)) <= _FEW:
            added = build(read(session, self._states, names, new)) if new else None
            return Index(mark, names, held.base, added, gone)
        if len(now) <= _SMALL:
            return whole(session, self._states)
        return held.without(changed)

    def _digests(self, session: Session) -> dict[str, tuple[str, str, str]]:
        columns = (ResourceVersion.id, ResourceVersion.digest, ResourceVersion.state, ResourceVersion.department_id)
        rows = session.execute(select(*columns).where(ResourceVersion.state.in_(self._states)))
        return {row.id: (row.digest, row.state, row.department_id) for row in rows}

    def _first(self, session: Session) -> Index:
        """Return an index where there is none yet: a large one is made by a process of its own, for all."""
        size = session.scalar(select(func.count()).where(ResourceVersion.state.in_(self._states))) or 0
        if size > _SMALL and self._is_laid_down(session):
            SHELF.begin()
            if SHELF.wait() and (found := self._newer(session)):
                return found
        return whole(session, self._states)

    def _is_laid_down(self, session: Session) -> bool:
        return self._states == PUBLISHED and SHELF.is_for(session)

    def _newer(self, session: Session) -> Index | None:
        laid = SHELF.newer(self._taken) if self._is_laid_down(session) else None
        if laid is None:
            return None
        self._taken = laid.seen
        found: Index = laid.thing
        return found

    def _have_read(self, session: Session) -> None:
        if self._is_laid_down(session):
            SHELF.begin()
        elif self._at_work is None or not self._at_work.is_alive():
            engine = session.get_bind().engine
            self._at_work = threading.Thread(target=self._read_again, args=(engine,), name="search-index", daemon=True)
            self._at_work.start()

    def _read_again(self, engine: Engine) -> None:
        try:
            with Session(engine) as session:
                found = whole(session, self._states)
            with self._lock:
                self._index, self._mark = found, found.mark
        except SQLAlchemyError as failure:
            log.warning("the search index could not be read again (%s); the one before answers", type(failure).__name__)


_keepers: dict[tuple[str, tuple[str, ...]], Keeper] = {}


def keeper(session: Session, states: Iterable[str]) -> Keeper:
    """Return this process's keeper for a database and states."""
    key = (session.get_bind().engine.url.render_as_string(), tuple(states))
    return _keepers.setdefault(key, Keeper(key[1]))


def whole(session: Session, states: tuple[str, ...] = PUBLISHED) -> Index:
    """Return the index of all versions in these states, read now."""
    mark, names = snapshot.mark(session, states), read_names(session)  # first: what changes meanwhile is noticed after
    return Index(mark, names, build(read(session, states, names)), None)
