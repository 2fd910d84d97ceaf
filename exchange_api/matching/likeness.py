"""Why: how far one catalogued item is what one wish means: shared features weighed by how much they tell, words that the resource's name adds, and whether
the kinds of datum agree. First roughly over every name of the directory, then exactly over the items of the resources that may serve. Only `engine` calls it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exchange_api.matching import kinds
from exchange_api.matching.asking import Wish
from exchange_api.matching.corpus import Corpus, Floats, Ints, Lists

_FORWARD, _BACK = 0.6, 0.4  # share of the wish that is said, share of the name that was wished for
_BY_RESOURCE = 0.75  # a word of the wish that only the resource's name says
_SAME_KIND = 0.12
_PLATFORM = 0.5
_COUNTS = 0.2  # names less alike are not looked at


@dataclass(frozen=True)
class Chosen:
    """The rows of some resources, with what comparing needs. place, names: each row's resource (by `resources`) and name; values, owner: the features of
    all rows and whose they are; in_resource: whether the resource's name has the feature too; named: resources × features of their names.
    """

    resources: Ints
    rows: Ints
    place: Ints
    names: Ints
    values: NDArray[np.int32]
    owner: Ints
    in_resource: NDArray[np.bool_]
    named: NDArray[np.bool_]


def spread(lists: Lists, wish: Wish, weights: Floats, count: int) -> Floats:
    """Return, for each of `count` names or resources, what the wish's features that it has weigh together."""
    values, sizes = lists.of(wish.features)
    return np.bincount(values, np.repeat(weights[wish.features], sizes), count).astype(np.float32)


def roughly(corpus: Corpus, wish: Wish) -> Floats:
    """Return per resource how well its best item answers the wish, what its name adds only estimated."""
    names, said = corpus.names, spread(corpus.resources.named_having, wish, corpus.weights, corpus.count) / wish.weight
    shared = spread(corpus.names.having, wish, corpus.weights, len(names.texts))
    if wish.kind == kinds.EXISTENCE:
        scores = np.minimum(1, shared / wish.weight) * kinds.telling()[names.kind] * ~names.platform
        best = _best(corpus, scores)
        return np.asarray(np.minimum(1, best + said) * (0.5 + 0.5 * said), np.float32)
    alike = np.asarray(_FORWARD * shared / wish.weight + _BACK * shared / np.maximum(names.weight, 1e-6), np.float32)
    return np.minimum(1, _best(corpus, _weighed(wish, alike, names.kind)) + 0.3 * said)


def choose(corpus: Corpus, resources: Ints) -> Chosen:
    """Return the rows of these resources, made ready for `exactly`."""
    begins = corpus.resources.begins[resources]
    sizes = np.append(corpus.resources.begins[1:], len(corpus.row_name))[resources] - begins
    place = np.repeat(np.arange(len(resources)), sizes)
    rows = np.arange(int(sizes.sum())) + np.repeat(begins - (np.cumsum(sizes) - sizes), sizes)
    names = corpus.row_name[rows]
    values, many = corpus.names.features.of(names)
    owner = np.repeat(np.arange(len(rows)), many)
    said, count = corpus.resources.named.of(resources)
    named = np.zeros((len(resources), len(corpus.weights)), np.bool_)
    named[np.repeat(np.arange(len(resources)), count), said] = True
    return Chosen(resources, rows, place, names, values, owner, named[place[owner], values], named)


def exactly(corpus: Corpus, chosen: Chosen, wish: Wish) -> Floats:
    """Return per chosen row how well it answers the wish, 0 to 1."""
    mask = np.zeros(len(corpus.weights), np.float32)
    mask[wish.features] = corpus.weights[wish.features]
    wished = mask[chosen.values]
    shared, both = _sums(chosen, wished), _sums(chosen, wished * chosen.in_resource)
    said = spread(corpus.resources.named_having, wish, corpus.weights, corpus.count)[chosen.resources][chosen.place]
    names, of = corpus.names, chosen.names
    if wish.kind == kinds.EXISTENCE:
        cover = (shared + said - both) / wish.weight
        scores = cover * (0.5 + 0.5 * said / wish.weight) * kinds.telling()[names.kind[of]] * ~names.platform[of]
        return np.minimum(1, scores)
    unwished = _sums(chosen, np.where(wished > 0, 0, corpus.weights[chosen.values]) * chosen.in_resource)
    cover = (shared + _BY_RESOURCE * (said - both)) / wish.weight
    back = (shared + 0.4 * unwished) / np.maximum(names.weight[of], 1e-6)
    is_same = names.texts[of] == wish.canonical
    alike = np.where(is_same, 1.0, _FORWARD * cover + _BACK * back)
    scores = _weighed(wish, alike, names.kind[of])
    return np.minimum(1, np.where(names.platform[of] & ~is_same, _PLATFORM * scores, scores)).astype(np.float32)


def on_topic(corpus: Corpus, chosen: Chosen, wish: Wish) -> Floats:
    """Return per chosen row which share of the wish's topic its name or its resource's name says; 1 where the wish has no topic."""
    if not wish.topic or wish.is_identity:
        return np.ones(len(chosen.rows), np.float32)
    whole = _said_of(corpus, chosen, wish.topic)
    letters = _said_of(corpus, chosen, tuple({letter for pair in wish.topic for letter in pair}))
    return np.asarray(np.maximum(whole, 0.5 * (letters > 0.99)), np.float32)


def _said_of(corpus: Corpus, chosen: Chosen, found: tuple[str, ...]) -> Floats:
    numbers = corpus.numbers_of(found)
    mask = np.zeros(len(corpus.weights), np.float32)
    mask[numbers] = 1
    wished, inside = mask[chosen.values], chosen.named[:, numbers].sum(1).astype(np.float32)
    both = _sums(chosen, wished * chosen.in_resource)
    return np.asarray((_sums(chosen, wished) + inside[chosen.place] - both) / max(len(found), 1), np.float32)


def _weighed(wish: Wish, alike: Floats, kind: NDArray[np.int16]) -> Floats:
    """Return likeness of names weighed by likeness of kinds."""
    number = kinds.numbers()[wish.kind]
    answers = kinds.answers()[number][kind]
    if wish.is_identity:
        identifies = np.maximum(0.75 + 0.25 * alike, alike) * answers
        return np.asarray(np.where(answers > 0.9, identifies, alike * (0.35 + 0.65 * answers)), np.float32)
    same = _SAME_KIND * ((kind == number) & (wish.kind != kinds.UNKNOWN))
    return np.asarray(np.minimum(1, alike * (0.35 + 0.65 * answers) + same), np.float32)


def _best(corpus: Corpus, by_name: Floats) -> Floats:
    """Return per resource the best of its names; only names that count for something are looked at."""
    best = np.zeros(corpus.count, np.float32)
    names = np.flatnonzero(by_name > _COUNTS).astype(np.int64)
    resources, sizes = corpus.names.in_resources.of(names)
    np.maximum.at(best, resources, np.repeat(by_name[names], sizes))
    return best


def _sums(chosen: Chosen, values: Floats) -> Floats:
    return np.bincount(chosen.owner, values, len(chosen.rows)).astype(np.float32)
