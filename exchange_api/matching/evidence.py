"""Why: names and purpose do not say everything. What else speaks for a catalogued item: what was agreed or refused before for the same words, how good and
how fresh its resource is, whether the matter is its department's duty, and what an embedding model finds alike in meaning. Each adds its own reason.

A demand that is matched without a database has none of it. Only `engine` calls `weigh`; `recorded` brings what the hub has on record.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from exchange_api.matching.asking import Wish
from exchange_api.matching.found import Candidate, Reason

ItemKey = tuple[str, str]  # resource, item
Array = NDArray[np.float64]

_AGREED_LEAST, _AGREED_MORE, _AGREED_ADDS = 0.55, 0.4, 0.1  # what agreements lift likeness to (grows with them) and add
_REFUSED = 0.5  # the most that refusals as not meant take away
_MEANT = 0.6  # likeness that sameness in meaning alone is worth; names decide above
_QUALITY, _FRESHNESS, _DUTY = 0.01, 0.01, 0.03  # tie-breakers: what they add at most
_STALE_DAYS = 365


@dataclass(frozen=True)
class Past:
    """What became of the same words before: how often this item was agreed, and how often refused as not what was meant."""

    agreed: int = 0
    refused: int = 0


@dataclass(frozen=True)
class Standing:
    """How a resource stands: quality grade and score (0 to 100) of its last checked batch, the day it was last merged and how many days ago."""

    grade: str | None
    score: float
    merged_on: date | None
    days: int = 0


@dataclass(frozen=True)
class Evidence:
    """Where further evidence comes from; without anything it knows nothing.

    past: what became of wanted items in these words, by item. standing: how resources stand. duties: by department whose duty some texts speak of, its
    service item's name and how much of it they say, 0 to 1. alike: how alike in meaning a text is to each name, 0 to 1; None where no model is plugged in.
    there: by number of the resource whether it may be offered; None: all may.
    """

    past: Callable[[str], Mapping[ItemKey, Past]] = lambda _: {}
    standing: Callable[[Collection[str]], Mapping[str, Standing]] = lambda _: {}
    duties: Callable[[Sequence[str]], Mapping[str, tuple[str, float]]] = lambda _: {}
    alike: Callable[[str, Sequence[str]], Sequence[float] | None] = lambda _, __: None
    there: NDArray[np.bool_] | None = None


@dataclass
class Weighed:
    """One wish's rows with all evidence. alike: likeness, lifted where evidence says so; lowered: share of the score that is kept; adds: points besides."""

    alike: Array
    kept: Array
    adds: Array
    lifts: dict[int, Reason] = field(default_factory=dict)
    bonuses: dict[int, list[Reason]] = field(default_factory=dict)
    refusals: dict[int, Reason] = field(default_factory=dict)

    def add(self, row: int, key: str, points: float, facts: dict[str, str]) -> None:
        """Add points to a row, with their reason."""
        self.adds[row] += points
        self.bonuses.setdefault(row, []).append(Reason(key, points, facts))

    def lift(self, row: int, alike: float, reason: Reason) -> None:
        """Lift a row's likeness to at least this; what that gives is said by the reason."""
        if alike > self.alike[row]:
            self.alike[row] = alike
            self.lifts[row] = reason


class Rows:
    """The rows that are looked at for one demand, with what is on record of their resources and departments."""

    def __init__(self, evidence: Evidence, candidates: Sequence[Candidate], texts: Sequence[str]) -> None:
        self.evidence, self.candidates = evidence, candidates
        self.standing = evidence.standing({one.resource_id for one in candidates})
        self.duties = evidence.duties(texts)

    @cached_property
    def rows(self) -> dict[ItemKey, list[int]]:
        """Return the rows of each item: one for each of its names."""
        rows: dict[ItemKey, list[int]] = {}
        for row, one in enumerate(self.candidates):
            rows.setdefault((one.resource_id, one.item_id), []).append(row)
        return rows

    def weigh(self, wish: Wish, alike: Array, offered: float) -> Weighed:
        """Return one wish's rows with all evidence. offered: likeness below which nothing is offered, so no tie is to be broken."""
        found = Weighed(alike.astype(np.float64), np.ones(len(alike)), np.zeros(len(alike)))
        self._past(wish, found)
        self._meaning(wish, found)
        if self.standing or self.duties:
            for row in np.flatnonzero(found.alike >= offered).tolist():
                self._resource(row, found)
        return found

    def _past(self, wish: Wish, found: Weighed) -> None:
        for key, past in self.evidence.past(wish.text).items():
            for row in self.rows.get(key, ()):
                net = past.agreed - past.refused
                if past.agreed and net >= 0:
                    sure = past.agreed / (past.agreed + 1)
                    facts = {"times": str(past.agreed)}
                    found.lift(row, _AGREED_LEAST + _AGREED_MORE * sure, Reason("agreed", 0.0, facts))
                    found.add(row, "agreed", _AGREED_ADDS * sure, facts)
                elif past.refused:
                    found.kept[row] = 1 - _REFUSED * -net / (1 - net)
                    found.refusals[row] = Reason("not_meant", 0.0, {"times": str(past.refused)})

    def _meaning(self, wish: Wish, found: Weighed) -> None:
        names = [one.item_name for one in self.candidates]
        likenesses = self.evidence.alike(wish.text, names)
        for row, likeness in enumerate(likenesses or ()):
            percent = str(round(100 * likeness))
            found.lift(
                row, _MEANT * likeness, Reason("alike_in_meaning", 0.0, {"name": names[row], "percent": percent})
            )

    def _resource(self, row: int, found: Weighed) -> None:
        one = self.candidates[row]
        if (stands := self.standing.get(one.resource_id)) is not None:
            if stands.grade:
                found.add(row, "quality", _QUALITY * stands.score / 100, {"grade": stands.grade})
            if stands.merged_on and stands.days < _STALE_DAYS:
                facts = {"day": stands.merged_on.isoformat()}
                found.add(row, "freshness", _FRESHNESS * (1 - stands.days / _STALE_DAYS), facts)
        if (duty := self.duties.get(one.department_id)) is not None:
            facts = {"department": one.department_name, "service_item": duty[0]}
            found.add(row, "duty", _DUTY * duty[1], facts)
