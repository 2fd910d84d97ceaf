"""Why: who has it. The whole way of a demand on one screen: taken apart into wishes (`asking`), every resource judged by purpose and by what it answers
(`relevance`), the items of those that may serve compared exactly (`likeness`), ranked, each score the sum of its reasons. Desks and commands call it.
"""

import threading
from collections.abc import Sequence
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from exchange_api.matching import likeness, missing, reasons, relevance
from exchange_api.matching.asking import Asked, ask
from exchange_api.matching.corpus import Corpus, Floats
from exchange_api.matching.covering import suppliers
from exchange_api.matching.evidence import Evidence, Rows, Weighed
from exchange_api.matching.found import Answer, Ask, Candidate, Found, Missing, Wanted
from exchange_api.matching.likeness import Chosen

MOST_WISHES = 64  # of one demand that are compared; a form has no more
NOTHING_FITS = 0.2  # an item below is not offered
_NO_RESOURCE, _BESIDE_THE_BEST = 0.12, 0.15  # a resource below, or so far below the best, does not serve
_BY_NAME, _BY_RESOURCE = 0.35, 0.65  # what an item's rank hangs on
_LEAD = 0.02  # how far the lead source goes before the next
_OFF_TOPIC, _ALWAYS, _STRONG = (
    0.6,
    0.12,
    0.8,
)  # what a missing topic costs; all of it only where the resource is not strong

NOTHING_KNOWN = Evidence()
_held: list[tuple[Sequence[Candidate], Corpus]] = []
_lock = threading.Lock()


def find_matches(
    wanted: Sequence[Wanted], known: Sequence[Candidate], *, context: str = "", limit: int = 5
) -> list[list[Found]]:
    """Rank `known` for each wanted item; an empty list says that nothing fits. `context` is purpose and service item in words."""
    return [list(found) for found in match(corpus_of(known), wanted, context, limit=limit).items]


def corpus_of(known: Sequence[Candidate]) -> Corpus:
    """Return the candidates ready to be searched; those asked for last are kept, since a directory is asked again and again."""
    held = _held[0] if _held else None
    if held is None or held[0] is not known:
        with _lock:  # who comes while it is made ready waits for the same one
            held = _held[0] if _held else None
            if held is None or held[0] is not known:
                held = known, Corpus(known)
                _held[:] = [held]
    return held[1]


def match(corpus: Corpus, wanted: Sequence[Wanted], purpose: str, service_item: str = "", *, limit: int = 8) -> Answer:
    """Match a demand with the directory: resources that serve it, and per wanted item what supplies it, best first; nothing where nothing fits."""
    return answer(corpus, Ask(wanted, purpose, service_item, limit))


def answer(corpus: Corpus, demand: Ask, evidence: Evidence = NOTHING_KNOWN) -> Answer:
    """Match a demand with the directory and with further evidence, what is on record of it; as `match`."""
    asked = ask(corpus, demand.wanted[:MOST_WISHES], demand.purpose, demand.service_item)
    is_empty = not corpus.known or (evidence.there is not None and not evidence.there.any())
    if is_empty or not asked.wishes:
        return Answer((), tuple(() for _ in demand.wanted), (), tuple(map(missing.nothing, range(len(demand.wanted)))))
    served = _Served(corpus, asked, evidence, demand)
    items = tuple(tuple(served.ranked(n, demand.limit)) for n in range(len(demand.wanted)))
    lacking = tuple(served.missing(n) for n, found in enumerate(items) if not found)
    return Answer(served.resources() if any(items) else (), items, suppliers(items), lacking)


class _Served:
    """The resources that may serve one demand, with how well each of their rows answers each wish."""

    def __init__(self, corpus: Corpus, asked: Asked, evidence: Evidence, demand: Ask) -> None:
        self.corpus, self.asked = corpus, asked
        scores = relevance.judge(corpus, asked)
        rough = [likeness.roughly(corpus, wish) for wish in asked.wishes]
        self.told = relevance.weights_of(asked, rough, corpus.count)
        self.whole = max(float(self.told.sum()), 1.0)
        answered = sum((t * relevance.worth(r) for t, r in zip(self.told, rough, strict=True)), np.zeros(corpus.count))
        first = np.argsort(-scores.total(np.asarray(answered / self.whole, np.float32)), kind="stable")
        agreed = corpus.numbers_of_resources(
            {key[0] for wish in asked.wishes for key, past in evidence.past(wish.text).items() if past.agreed}
        )
        if evidence.there is not None:
            first, agreed = first[evidence.there[first]], [one for one in agreed if evidence.there[one]]
        looked_at = [*dict.fromkeys([*first[: relevance.LOOKED_AT].tolist(), *agreed])]
        self.chosen: Chosen = likeness.choose(corpus, np.array(looked_at, np.int64))
        self.alike = [likeness.exactly(corpus, self.chosen, wish) for wish in asked.wishes]
        self._items = self.corpus.row_item[self.chosen.rows]
        self._rank(scores)
        self.serves |= np.isin(self.chosen.resources, agreed)
        known = [corpus.known[n] for n in self._items]
        self.rows = Rows(evidence, known, [demand.purpose, demand.service_item, *(wish.text for wish in asked.wishes)])

    def _rank(self, scores: relevance.Scores) -> None:
        resources = self.chosen.resources
        best = np.stack([self._best(alike) for alike in self.alike])
        answers = relevance.worth(best)
        self.covered = (best >= 0.5).sum(0)
        of = relevance.Scores(scores.purpose[resources], scores.called_for[resources], scores.subject[resources])
        self.answered = (self.told[:, None] * answers).sum(0) / self.whole
        total = of.total(np.asarray(self.answered, np.float32))
        self.order, self.score = relevance.put_together(total, answers, self.told, of.called_for)
        self.top = max(float(total.max(initial=0.0)), 1e-6)
        least = max(_NO_RESOURCE, _BESIDE_THE_BEST * self.top)
        if not self.told.any():  # only identifying wishes: names decide, purpose only ranks
            self.score, self.top, least = (self.score / self.top if self.top > 1e-6 else np.ones_like(total)), 1.0, 0.0
        self.serves = self.score >= least

    def _best(self, alike: Floats) -> Floats:
        best = np.zeros(len(self.chosen.resources), np.float32)
        np.maximum.at(best, self.chosen.place, alike)
        return best

    def resources(self) -> tuple[tuple[str, float], ...]:
        """Return the resources that serve, in the order in which they help, with their scores."""
        begins = self.corpus.resources.begins
        rows = self.corpus.row_item
        return tuple(
            (self.corpus.known[rows[begins[self.chosen.resources[n]]]].resource_id, round(float(self.score[n]), 4))
            for n in self.order
            if self.serves[n]
        )

    def ranked(self, item: int, limit: int) -> list[Found]:
        """Return what supplies one wanted item; of a composite one the best of each wish in turn."""
        wishes = [n for n, wish in enumerate(self.asked.wishes) if wish.item == item]
        turns = zip_longest(*(self._of_wish(n, limit) for n in wishes))
        found: dict[tuple[str, str], Found] = {}
        for one in (one for turn in turns for one in turn if one is not None):
            found.setdefault((one.candidate.version_id, one.candidate.item_id), one)
        return (
            sorted(found.values(), key=lambda one: -one.score)[:limit]
            if len(wishes) == 1
            else list(found.values())[:limit]
        )

    def missing(self, item: int) -> Missing:
        """Return the nearest to a wanted item that nobody has, and why it does not do."""
        wishes = [n for n, wish in enumerate(self.asked.wishes) if wish.item == item]
        alike = {n: self._on_topic(n) for n in wishes}
        best = max(wishes, key=lambda n: float(alike[n].max(initial=0.0)), default=None)
        if best is None or not len(alike[best]):
            return missing.nothing(item)
        row = int(np.argmax(alike[best]))
        nearest = self.corpus.known[self._items[row]]
        serves = bool(self.serves[self.chosen.place[row]])
        return missing.nearest(item, self.asked.wishes[best], nearest, (float(alike[best][row]), serves))

    def _on_topic(self, n: int) -> NDArray[np.float64]:
        """Return how alike each row is to a wish, less where its topic is missing."""
        wish, strong = self.asked.wishes[n], np.minimum(1, self.score / _STRONG)[self.chosen.place]
        off = 1 - likeness.on_topic(self.corpus, self.chosen, wish)
        return np.where(self.alike[n] < 0.999, self.alike[n] * (1 - off * (_OFF_TOPIC * (1 - strong) + _ALWAYS)), 1.0)

    def _of_wish(self, n: int, limit: int) -> list[Found]:
        by_name = self._on_topic(n)
        more = self.rows.weigh(self.asked.wishes[n], by_name, NOTHING_FITS)
        share = _BY_NAME + _BY_RESOURCE * np.minimum(1, self.score / self.top)[self.chosen.place]
        rank = more.alike * share * more.kept + more.adds
        is_alike = more.alike >= NOTHING_FITS
        offered = np.where(self.serves[self.chosen.place] & is_alike, rank, 0)
        leads = self._leads(offered, np.where(is_alike, rank, 0))
        found: dict[int, Found] = {}
        for row in np.argsort(-(offered + leads), kind="stable").tolist():
            if offered[row] + leads[row] <= 0 or len(found) >= limit:
                break
            number = int(self._items[row])
            if number not in found:
                found[number] = self._found(n, row, (float(by_name[row]), float(leads[row])), more)
        return list(found.values())

    def _leads(self, offered: NDArray[np.float64], alike: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what being the lead source (一数一源) adds: of items that are one attribute of a base library, its own word goes before all others."""
        same: dict[tuple[str, str], list[int]] = {}
        for row in np.flatnonzero(alike).tolist():
            one = self.corpus.known[self._items[row]]
            if one.library and one.attribute and one.attribute != "subject":
                same.setdefault((one.library, one.attribute), []).append(row)
        leads = np.zeros(len(offered))
        for rows in same.values():
            best = max(offered[row] for row in rows)
            for row in rows:
                if best > 0 and self.corpus.known[self._items[row]].rank_in_authority == 0:
                    leads[row] = best - offered[row] + _LEAD
        return leads

    def _found(self, n: int, row: int, given: tuple[float, float], more: Weighed) -> Found:
        candidate, place, (alike, lead) = self.corpus.known[self._items[row]], self.chosen.place[row], given
        by_resource = float(min(1, self.score[place] / self.top)) * _BY_RESOURCE
        matched = str(self.corpus.names.texts[self.chosen.names[row]])
        covers = (int(self.covered[place]), len(self.alike))
        said = [reasons.by_name(self.asked.wishes[n], candidate, matched, _BY_NAME * alike)]
        if self.serves[place]:
            said += reasons.by_resource(candidate, by_resource * alike, covers)
            said += reasons.by_evidence(more, row, (alike, _BY_NAME + by_resource))
            lead_points = lead
        else:  # only the lead source is offered that its resource would not be
            lead_points = lead - _BY_NAME * alike
        said += reasons.by_lead(candidate, lead_points)
        kept = tuple(reason for reason in said if abs(reason.points) >= 5e-5)
        return Found(candidate, round(sum(reason.points for reason in kept), 4), kept)
