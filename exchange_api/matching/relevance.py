"""Why: identity items occur everywhere, so names alone never decide. A resource serves a demand by what its name and items share with the purpose, and by
the telling wishes it answers; several are put together when one is not enough, each for what the others lack. Only `engine` calls it.
"""

from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from exchange_api.matching.asking import Asked
from exchange_api.matching.corpus import Corpus, Floats, Ints, Lists

LOOKED_AT = 40  # resources whose items are compared exactly
_NAME, _ITEMS, _DEPARTMENT = 0.25, 0.08, 0.05  # what the purpose shares with the resource's name, items, department
_TOLD = 0.3  # how much of a resource's worth hangs on its whole name being called for
_OTHER_SUBJECT = 0.6  # a resource about persons where entities are asked for, or the reverse
_WORTH = 0.35  # likeness below which an answer counts for nothing
_AGAIN, _NEW = 0.3, 0.5  # what answering again costs, what answering anew gives


@dataclass(frozen=True)
class Scores:
    """What resources are worth to a demand. purpose: by words alone; called_for: share of its telling name that the demand says."""

    purpose: Floats
    called_for: Floats
    subject: Floats

    def total(self, answered: Floats) -> Floats:
        """Return the worth of all, `answered` being the share of telling wishes that each answers."""
        return np.asarray((self.purpose + answered) * (1 - _TOLD + _TOLD * self.called_for) * self.subject, np.float32)


def judge(corpus: Corpus, asked: Asked) -> Scores:
    """Return what every resource is worth by its words and by whom it is about."""
    known, context = corpus.resources, asked.context
    present = np.flatnonzero(context).astype(np.int64)
    pairs = present[corpus.is_pair[present]]

    def shared(lists: Lists, numbers: Ints, weight: Floats) -> Floats:
        values, sizes = lists.of(numbers)
        return np.bincount(values, np.repeat(weight, sizes), corpus.count).astype(np.float32)

    weighed = corpus.weights[pairs] * context[pairs]
    named = shared(known.named_having, pairs, weighed)
    held = np.maximum(shared(known.holding_having, pairs, weighed) - named, 0)
    at = shared(known.department_having, pairs, weighed)
    purpose = (
        _NAME * named / (np.sqrt(known.named_weight) + 2)
        + _ITEMS * held / (np.sqrt(known.holding_weight) + 4)
        + _DEPARTMENT * at
    )
    called = known.telling.sums(corpus.weights * (context > 0))
    return Scores(
        np.asarray(purpose, np.float32),
        np.asarray(called / np.maximum(known.telling_weight, 1e-6), np.float32),
        _subject(corpus, asked),
    )


def weights_of(asked: Asked, best: list[Floats], count: int) -> Floats:
    """Return how much each wish tells: nothing when it identifies, less the more resources answer it as well as the best."""
    told = np.zeros(len(asked.wishes), np.float32)
    for n, (wish, scores) in enumerate(zip(asked.wishes, best, strict=True)):
        if not wish.is_identity and len(scores):
            well = int(((scores >= 0.8 * scores.max()) & (scores > 0.5)).sum())
            told[n] = log((count + 1) / (1 + well)) / log(count + 1)
    return told


def worth(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what likenesses are worth: below a limit nothing."""
    return np.asarray(np.maximum(0, scores - _WORTH) / (1 - _WORTH), np.float32)


def put_together(
    total: Floats, answers: NDArray[np.float32], told: Floats, called_for: Floats
) -> tuple[list[int], Floats]:
    """Return places of resources in the order in which they help, and their scores: each is judged by what those before it leave unanswered.

    answers: wishes × resources, worth of the best item.
    """
    left, order, scores = list(np.argsort(-total, kind="stable")), list[int](), total.copy()
    covered, whole = np.zeros(len(told), np.float32), max(float(told.sum()), 1.0)
    top = float(total.max()) if len(total) else 0.0
    while left and len(order) < 10:
        again = (told[:, None] * np.minimum(answers[:, left], covered[:, None])).sum(0) / whole
        anew = (told[:, None] * np.maximum(0, answers[:, left] - covered[:, None])).max(0, initial=0)
        gain = total[left] - _AGAIN * again * (1 - _TOLD + _TOLD * called_for[left]) + _NEW * anew * called_for[left]
        place = left.pop(int(np.argmax(gain)))
        if order:
            scores[place] = max(scores[place], min(0.95 * top, float(gain.max())))
        order.append(place)
        covered = np.maximum(covered, answers[:, place])
    return order + left, scores


def _subject(corpus: Corpus, asked: Asked) -> Floats:
    known = corpus.resources
    if asked.of_entity == asked.of_person:
        return np.ones(corpus.count, np.float32)
    fits = known.entity if asked.of_entity else known.person
    return np.where(fits, 1.0, _OTHER_SUBJECT).astype(np.float32)
