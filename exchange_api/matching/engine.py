"""Why: ranking. A candidate's score is what its names say, lifted by how well its resource fits the demand as a whole; every part of it is a reason in words.

Identity items (name, number) occur everywhere, so a name alone never decides: the resource that serves the purpose and covers more of the demand wins.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import log

from exchange_api.matching.words import core, folded, grams, pairs

NOTHING_FITS = 0.45  # below: said clearly that nobody has it
_FIT, _COVER = 0.12, 0.08  # how much purpose and coverage may lift a name's score


@dataclass(frozen=True)
class Wanted:
    """One wanted item in the demander's own words."""

    name: str
    note: str | None = None


@dataclass(frozen=True)
class Candidate:
    """One catalogued item with all that speaks for it: its names, its element's names, its resource's words."""

    version_id: str
    resource_id: str
    resource_name: str
    department_id: str
    department_name: str
    item_id: str
    item_name: str
    sharing_type: int
    library: str | None = None
    attribute: str | None = None
    element_name: str | None = None
    synonyms: tuple[str, ...] = ()
    context: str = ""
    rank_in_authority: int = 99


@dataclass(frozen=True)
class Reason:
    """Why a candidate ranks: `key` names the words, `facts` fill them, `points` is what it gave."""

    key: str
    points: float
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """One ranked candidate, best first, with its reasons."""

    candidate: Candidate
    score: float
    reasons: tuple[Reason, ...]


class _Corpus:
    """Rare character pairs say more than common ones: 参保 tells, 名称 does not."""

    def __init__(self, known: Sequence[Candidate]) -> None:
        self._known = known

    @cached_property
    def weights(self) -> dict[str, float]:
        """Inverse document frequency by character pair."""
        counts: Counter[str] = Counter()
        for candidate in self._known:
            counts.update(grams(candidate.item_name))
        total = len(self._known) + 1
        return {gram: log(1 + total / (1 + count)) for gram, count in counts.items()}

    def alike(self, one: str, other: str) -> float:
        """Return the weighted Dice similarity of two names, 0 to 1."""
        a, b = grams(one), grams(other)
        whole = self._weight(a) + self._weight(b)
        return 2 * self._weight(a & b) / whole if whole else 0.0

    def _weight(self, found: frozenset[str]) -> float:
        rare = log(len(self._known) + 2)  # a pair nobody uses is the most telling
        return sum(self.weights.get(gram, rare) for gram in found)


def find_matches(
    wanted: Sequence[Wanted], known: Sequence[Candidate], *, context: str = "", limit: int = 5
) -> list[list[Found]]:
    """Rank `known` for each wanted item; an empty list says that nothing fits. `context` is purpose and service item in words."""
    corpus = _Corpus(known)
    by_name = [[(candidate, _name_reason(item, candidate, corpus)) for candidate in known] for item in wanted]
    covered = _coverage(by_name)
    fit = {candidate.version_id: _fit(context, candidate.context) for candidate in known}
    return [_ranked(scores, covered, fit, len(wanted), limit) for scores in by_name]


def _name_reason(item: Wanted, candidate: Candidate, corpus: _Corpus) -> Reason:
    want = folded(item.name)
    if want == folded(candidate.item_name):
        return Reason("same_name", 1.0, {"name": candidate.item_name})
    if candidate.element_name and want == folded(candidate.element_name):
        return Reason("same_element", 0.97, {"element": candidate.element_name})
    for synonym in candidate.synonyms:
        if core(item.name) == core(synonym):
            return Reason("synonym", 0.93, {"synonym": synonym, "name": candidate.item_name})
    if core(item.name) == core(candidate.item_name):
        return Reason("same_core", 0.9, {"name": candidate.item_name})
    names = (candidate.item_name, *candidate.synonyms, *((candidate.element_name,) if candidate.element_name else ()))
    closest = max(names, key=lambda name: corpus.alike(item.name, name))
    return Reason("similar_name", 0.85 * corpus.alike(item.name, closest), {"name": closest})


def _coverage(by_name: Iterable[list[tuple[Candidate, Reason]]]) -> Counter[str]:
    covered: Counter[str] = Counter()
    for scores in by_name:
        covered.update({c.version_id for c, reason in scores if reason.points >= NOTHING_FITS})
    return covered


def _fit(context: str, resource_words: str) -> float:
    wanted, offered = pairs(context), pairs(resource_words)
    return len(wanted & offered) / min(len(wanted), len(offered)) if wanted and offered else 0.0


def _ranked(
    scores: list[tuple[Candidate, Reason]], covered: Counter[str], fit: dict[str, float], count: int, limit: int
) -> list[Found]:
    found = []
    for candidate, name in scores:
        if name.points < NOTHING_FITS:
            continue
        reasons = [name]
        if fit[candidate.version_id] > 0:
            reasons.append(
                Reason(
                    "fits_purpose",
                    _FIT * min(1.0, 2 * fit[candidate.version_id]),
                    {"resource": candidate.resource_name},
                )
            )
        if count > 1 and covered[candidate.version_id] > 1:
            share = covered[candidate.version_id] / count
            reasons.append(
                Reason("covers", _COVER * share, {"covered": str(covered[candidate.version_id]), "count": str(count)})
            )
        if candidate.rank_in_authority == 0:
            reasons.append(Reason("lead_source", 0.05, {"department": candidate.department_name}))
        found.append(Found(candidate, round(sum(reason.points for reason in reasons), 4), tuple(reasons)))
    found.sort(
        key=lambda one: (-one.score, one.candidate.rank_in_authority, one.candidate.resource_id, one.candidate.item_id)
    )
    return found[:limit]
