"""Why: the one question others ask: which resources answer these words, best first, with reasons. Called through `catalog.search`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from catalog.search.entries import Entry, Names, read_listed
from catalog.search.keeping import Index, keeper
from catalog.search.part import Part, build
from catalog.search.reasons import Question, Why, reasons
from catalog.search.scoring import score
from catalog.search.words import folded, pieces, squeezed
from schemas.errors import Invalid
from schemas.tables.directory import OPEN_STATES, VERSION_STATES

_FINELY = 200  # hits whose names are compared with the question as a whole
Found = tuple[float, Part, int]


class Filters(TypedDict, total=False):
    """What a hit must be: its department, library, sharing type, category (or one that begins so), and state (`open`: any not yet published)."""

    department: str | None
    library: str | None
    category: str | None
    sharing_type: int | None
    state: str


@dataclass(frozen=True)
class Hit:
    """One resource version that was found; `score` compares hits of one question only."""

    entry: Entry
    score: float
    explain: Callable[[], tuple[Why, ...]]

    @property
    def resource_id(self) -> str:
        """Return the resource."""
        return self.entry.resource_id

    @property
    def version(self) -> int:
        """Return its version."""
        return self.entry.version

    @property
    def name(self) -> str:
        """Return its name."""
        return self.entry.name

    @property
    def department(self) -> str:
        """Return its department's id."""
        return self.entry.department

    @cached_property
    def why(self) -> tuple[Why, ...]:
        """Return why it was found: fields with the matched words; none when nothing was asked but filters."""
        return self.explain()


@dataclass(frozen=True)
class Page:
    """Some of what was found, and how much there is in all."""

    total: int
    hits: list[Hit]


def find(session: Session, text: str, *, limit: int = 20, offset: int = 0, **filters: Unpack[Filters]) -> Page:
    """Return what answers `text` and passes the filters, most relevant first; everything, by resource id, when there is no text.

    Text that is only punctuation finds nothing. Raises Invalid `directory.unknown_state`.
    """
    index = _index(session, filters.get("state") or "published")
    asked = Question(pieces(text))
    if text.strip() and not asked.words:
        return Page(0, [])
    found = _found(index, asked, filters)
    return Page(len(found), [_hit(one, asked) for one in found[offset : offset + limit]])


def listed(session: Session, *, limit: int = 1000, offset: int = 0, **filters: Unpack[Filters]) -> Page:
    """Return versions in any state by resource id, for callers that only list and would not wait for an index. Raises Invalid `directory.unknown_state`."""
    state = filters.get("state") or "published"
    if state not in ("open", *VERSION_STATES):
        raise Invalid("directory.unknown_state", state=state, known=", ".join(("open", *VERSION_STATES)))
    part = build(read_listed(session, OPEN_STATES if state == "open" else (state,)))
    asked = Question(())
    found = _found(Index((), Names({}, {}), part, None, frozenset()), asked, filters)
    return Page(len(found), [_hit(one, asked) for one in found[offset : offset + limit]])


def prepare(session: Session) -> None:
    """Read the published directory's index now, so that nobody waits for it later."""
    _index(session, "published")


def _index(session: Session, state: str) -> Index:
    known = ("published", "open", *OPEN_STATES)
    if state not in known:
        raise Invalid("directory.unknown_state", state=state, known=", ".join(known))
    return keeper(session, ("published",) if state == "published" else OPEN_STATES).index(session)


def _hit(found: Found, asked: Question) -> Hit:
    scored, part, place = found
    explain: Callable[[], tuple[Why, ...]] = partial(reasons, part, place, asked) if asked.words else tuple
    return Hit(part.entries[place], round(scored, 4), explain)


def _found(index: Index, asked: Question, filters: Filters) -> list[Found]:
    scores = score(index.parts, asked.words) if asked.words else [None] * len(index.parts)
    every = np.concatenate(
        [
            np.flatnonzero(is_there & _passing(part, filters) & (scored.is_held if scored else True)) + first
            for part, is_there, scored, first in zip(index.parts, index.is_there, scores, index.firsts, strict=True)
        ]
    )
    values = np.concatenate([scored.values for scored in scores if scored] or [np.zeros(index.size, np.float32)])[every]
    order = np.lexsort((index.ranks[every], -values))
    found = [
        (value, *index.at(place)) for value, place in zip(values[order].tolist(), every[order].tolist(), strict=True)
    ]
    if asked.words:
        found[:_FINELY] = _finely(found[:_FINELY], asked.whole)
    return found


def _finely(found: list[Found], whole: str) -> list[Found]:
    """The best hits again, those first whose name holds the question as a whole, and says little else."""
    again = []
    for scored, part, place in found:
        name = squeezed(folded(part.entries[place].name))
        again.append((scored + (0.5 * len(whole) / len(name) if whole in name else 0.0), part, place))
    return sorted(again, key=lambda one: (-one[0], one[1].entries[one[2]].resource_id))


def _passing(part: Part, filters: Filters) -> NDArray[np.bool_]:
    passing = np.ones(len(part.entries), bool)
    wanted: dict[str, object] = {name: filters.get(name) for name in ("department", "library", "sharing_type")}
    wanted["state"] = None if filters.get("state") == "open" else filters.get("state")
    for name, value in wanted.items():
        if value is not None:
            passing &= part.columns[name] == value
    if category := filters.get("category"):
        passing &= np.array([one.startswith(category) for one in part.columns["category"]], bool)
    return passing
