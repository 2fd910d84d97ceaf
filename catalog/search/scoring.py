"""Why: what answers a question best stands first. A word counts by how rare it is and by where it stands: in a resource's name most, in its abstract
least. Called by `catalog.search.finding`.

A resource is found when it holds every word of the question, or by far the most of a word's character pairs (`COVERED`), so that 婚姻状况 does not find
健康状况. Letters and digits are looked for as words, as beginnings of words, and as pinyin, in full or initials.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from catalog.search import pinyin
from catalog.search.entries import ABOUT, CODE, DEPARTMENT, ELEMENT, FIELDS, ITEM, KEYWORD, NAME, SYNONYM
from catalog.search.part import Part, pair_keys
from catalog.search.words import Piece

COVERED = 0.6  # share of a word's weight that must be there
_WORTH = {
    NAME: 1.0, CODE: 1.0, KEYWORD: 0.8, ITEM: 0.7, ELEMENT: 0.6, SYNONYM: 0.6, DEPARTMENT: 0.5, ABOUT: 0.35,
}  # fmt: skip
_BEGINNING, _SPELLED_WHOLE, _SPELLED = 0.85, 0.8, 0.6  # how much less than the word itself
_EXACT = {NAME: 1.0, CODE: 2.0, KEYWORD: 0.4, ITEM: 0.4, ELEMENT: 0.3, SYNONYM: 0.3, DEPARTMENT: 0.3, ABOUT: 0.2}
Postings = tuple[NDArray[np.int32], NDArray[np.uint8]]
Values = NDArray[np.float32]


def _best(worth: dict[int, float]) -> NDArray[np.float32]:
    """The worth of the best field of every mask."""
    masks = range(1 << len(FIELDS))
    return np.array([max([worth[n] for n in worth if mask >> n & 1], default=0.0) for mask in masks], np.float32)


WORTH, EXACT = _best(_WORTH), _best(_EXACT)


@dataclass(frozen=True)
class Scored:
    """What one word is worth in every entry of one part, and which entries hold it."""

    values: Values
    is_held: NDArray[np.bool_]


def score(parts: Sequence[Part], words: Sequence[Piece]) -> list[Scored]:
    """Return, part by part, the scores of all entries and which of them hold every word."""
    of_words = [_han(parts, word.text) if word.is_han else _latin(parts, word.text) for word in words]
    weights = [_rarity(parts, sum(int(one.is_held.sum()) for one in found)) for found in of_words]
    together = []
    for number, part in enumerate(parts):
        values, is_held = np.zeros(len(part.entries), np.float32), np.ones(len(part.entries), bool)
        for found, weight in zip(of_words, weights, strict=True):
            values += np.float32(weight / sum(weights)) * found[number].values
            is_held &= found[number].is_held
        together.append(Scored(values + _exact(part, "".join(word.text for word in words)), is_held))
    return together


def _rarity(parts: Sequence[Part], held: int) -> float:
    return log(1 + (1 + sum(len(part.entries) for part in parts)) / (1 + held))


def _han(parts: Sequence[Part], text: str) -> list[Scored]:
    """A run of Han characters by its pairs; a pair nobody uses stands where two words of a question meet, and weighs as the others do."""
    keys = pair_keys(text)
    found = [[part.pairs.get(key) for key in keys] for part in parts]
    counts = [sum(len(of_part[place][0]) for of_part in found) for place in range(len(keys))]
    known = [_rarity(parts, count) for count in counts if count]
    usual = sum(known) / len(known) if known else 1.0
    weights = [_rarity(parts, count) if count else usual for count in counts]
    return [_weighed(len(part.entries), of_part, weights) for part, of_part in zip(parts, found, strict=True)]


def _weighed(size: int, found: Sequence[Postings], weights: Sequence[float]) -> Scored:
    values, cover, whole = np.zeros(size, np.float32), np.zeros(size, np.float32), sum(weights)
    for (entries, masks), weight in zip(found, weights, strict=True):
        values[entries] += np.float32(weight / whole) * WORTH[masks]
        cover[entries] += np.float32(weight / whole)
    return Scored(values, cover >= COVERED)


def _latin(parts: Sequence[Part], text: str) -> list[Scored]:
    return [_latin_in(part, text) for part in parts]


def _latin_in(part: Part, text: str) -> Scored:
    values = np.zeros(len(part.entries), np.float32)
    ways = [(part.word(text), 1.0), (part.prefixed(text), _BEGINNING)]
    if found := pinyin.find(part.spellings, text):
        short, long = found
        ways += [(part.used(one.whole), _SPELLED_WHOLE) for one in (short, long)]
        ways += [(part.used(one.some), _SPELLED) for one in (short, long)]
    for (entries, masks), share in ways:
        _raise(values, entries, masks, share)
    return Scored(values, values > 0)


def _raise(values: Values, entries: NDArray[np.int32], masks: NDArray[np.uint8], share: float) -> None:
    """Lift values to what these uses are worth: an entry may come more than once, so masks are united first."""
    united = np.zeros(len(values), np.uint8)
    for number in range(len(FIELDS)):
        united[entries[masks >> number & 1 == 1]] |= np.uint8(1 << number)
    np.maximum(values, np.float32(share) * WORTH[united], out=values)


def _exact(part: Part, asked: str) -> Values:
    values = np.zeros(len(part.entries), np.float32)
    texts = part.exact(asked)
    if len(texts):
        united = np.zeros(len(values), np.uint8)
        entries, masks = part.used(texts)
        np.bitwise_or.at(united, entries, masks)
        values += EXACT[united]
    return values
