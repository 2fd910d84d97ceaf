"""Why: who asks what somebody has must not wait while ten thousand resources are made ready. A small directory is made ready by who asks; a large one by
a process of its own, once for all workers (`catalog.shelf`). Until that is done the former answers, without what is no longer published. Called by `searching`.
"""

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import snapshot
from catalog.shelf import Laid, Shelf
from exchange_api.matching.corpus import Corpus
from exchange_api.matching.engine import corpus_of
from exchange_api.matching.index import candidates
from schemas.tables.directory import Resource, ResourceVersion

SHELF = Shelf("matching", "exchange_api.matching.making", ("exchange_api.matching", "catalog.search"))
"""Where the directory lies ready for matching."""
_SMALL = 200  # resources that are made ready while a question waits: a tenth of a second


@dataclass(frozen=True)
class Ready:
    """The directory as it can be matched, for one mark. there: by resource whether it is still published as it was; None: all are, and none is missing."""

    mark: tuple[object, ...]
    corpus: Corpus
    there: NDArray[np.bool_] | None = None


class Keeper:
    """Holds the directory of one database; any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ready: Ready | None = None
        self._laid: Laid | None = None

    def now(self, session: Session) -> Ready:
        """Return the directory as of now; a large one that changed, as of before without what is no more, for half a minute at most. Only the very first
        making of a large directory is waited for.
        """
        mark, ready = snapshot.mark(session), self._ready
        if ready and ready.mark == mark and ready.there is None:
            return ready
        with self._lock:
            is_new = self._look(session)
            if is_new or self._ready is None or self._ready.mark != mark:
                self._ready = self._brought_up(session, mark)
            if self._ready.there is not None:
                SHELF.begin()
            return self._ready

    def _look(self, session: Session) -> bool:
        """Take what was laid down meanwhile; return whether there was anything."""
        seen = self._laid.seen if self._laid else None
        laid = SHELF.newer(seen) if SHELF.is_for(session) else None
        self._laid = laid or self._laid
        return laid is not None

    def _brought_up(self, session: Session, mark: tuple[object, ...]) -> Ready:
        query = select(ResourceVersion.id, Resource.department_id).join(Resource)
        published = {(row[0], row[1]) for row in session.execute(query.where(ResourceVersion.state == "published"))}
        if len(published) <= _SMALL or not SHELF.is_for(session) or not self._has_any(session):
            return Ready(mark, corpus_of(candidates(session)))
        assert self._laid is not None
        corpus: Corpus = self._laid.thing
        if self._laid.mark == mark:
            return Ready(mark, corpus)
        return Ready(mark, corpus, np.array([one in published for one in corpus.versions], np.bool_))

    def _has_any(self, session: Session) -> bool:
        """Have the very first one made, and wait for it."""
        if self._laid is None:
            SHELF.begin()
            SHELF.wait()
            self._look(session)
        return self._laid is not None


_keepers: dict[str, Keeper] = {}


def ready(session: Session) -> Ready:
    """Return this process's view of the directory that a session asks."""
    return _keepers.setdefault(session.get_bind().engine.url.render_as_string(), Keeper()).now(session)


def whole(session: Session) -> tuple[tuple[object, ...], Corpus]:
    """Return the directory's mark and the directory ready to be matched, complete: nothing of it is left to be worked out by who uses it."""
    mark = snapshot.mark(session)  # first: what changes meanwhile is noticed after
    return mark, Corpus(candidates(session)).complete()
