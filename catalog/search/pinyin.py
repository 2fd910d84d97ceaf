"""Why: officers type hyzk or hunyin for 婚姻状况. Every place in a name where such a spelling may begin is kept as one number, sorted, so that a
question is two look-ups. A character with several readings is read as in the word it stands in (银行 yinhang, 行政 xingzheng; `readings`).
Called by `catalog.search.part` and the matching room.
"""

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.search.readings import readings

_LETTERS, _SYLLABLES = 12, 6  # how far a spelling is compared: 12 × 5 bits of initials, 6 × 10 bits of syllables
_LETTER_BITS, _SYLLABLE_BITS = 5, 10
_SPELLED = re.compile(r"[a-z]{2,32}")
_PHRASES_HELD = 10  # segmentations of one question that are looked up


@dataclass(frozen=True)
class Spellings:
    """Where spellings begin: sorted numbers of initials and of syllables, each with its label."""

    initials: NDArray[np.int64]
    initials_labels: NDArray[np.int32]
    syllables: NDArray[np.int64]
    syllables_labels: NDArray[np.int32]


@dataclass(frozen=True)
class Spelled:
    """Labels that a spelling finds: those that end with it, and all that hold it."""

    whole: NDArray[np.int32]
    some: NDArray[np.int32]


def syllables() -> tuple[str, ...]:
    """Return every syllable without tone, sorted; a syllable's number is its place plus one."""
    return readings().syllables


@cache
def _numbers() -> dict[str, int]:
    return {syllable: number for number, syllable in enumerate(syllables(), 1)}


def spellings(characters: NDArray[np.uint32], labels: NDArray[np.int32]) -> Spellings:
    """Return the spellings of labels written one after another (`labels`: whose character it is, breaks between them)."""
    syllable = _readings(characters)
    letter = np.array([0, *(ord(one[0]) - 96 for one in syllables())], np.int64)[syllable]
    is_letter = (characters >= 97) & (characters <= 122)
    letter[is_letter] = characters[is_letter].astype(np.int64) - 96
    short = _packed(letter, _LETTERS, _LETTER_BITS)
    long = _packed(syllable, _SYLLABLES, _SYLLABLE_BITS)
    return Spellings(*_sorted(short, labels), *_sorted(long, labels))


def find(known: Spellings, asked: str) -> tuple[Spelled, Spelled] | None:
    """Return what a run of letters finds as initials and as syllables; None when it cannot be a spelling."""
    if not _SPELLED.fullmatch(asked):
        return None
    letters = [ord(one) - 96 for one in asked[:_LETTERS]]
    short = _looked_up(known.initials, known.initials_labels, _range(letters, _LETTERS, _LETTER_BITS))
    ranges = [_range(*one) for one in _syllable_ranges(asked)]
    found = [_looked_up(known.syllables, known.syllables_labels, one) for one in ranges]
    empty = np.empty(0, np.int32)
    return short, Spelled(
        distinct(np.concatenate([empty, *(one.whole for one in found)])),
        distinct(np.concatenate([empty, *(one.some for one in found)])),
    )


@lru_cache(maxsize=4096)
def spelled(text: str) -> str:
    """Return a text as it is spoken, syllables without tones one after another; what has no reading stands as it is."""
    read = _readings(np.frombuffer(text.encode("utf-32-le"), np.uint32)).tolist()
    return "".join(syllables()[number - 1] if number else one for number, one in zip(read, text, strict=True))


def distinct(values: NDArray[Any]) -> NDArray[Any]:
    """Return the sorted values once each; np.unique hashes, which takes ten times as long here."""
    ordered = np.sort(values)
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered


def _readings(characters: NDArray[np.uint32]) -> NDArray[np.int64]:
    known = readings()
    read = np.where(characters < len(known.characters), known.characters[characters & 0xFFFF], 0).astype(np.int64)
    both = (read[:-1] > 0) & (read[1:] > 0)
    pairs = np.where(both, characters[:-1].astype(np.int64) << 21 | characters[1:], 0)
    place = np.minimum(np.searchsorted(known.pairs, pairs), len(known.pairs) - 1)
    hit = np.flatnonzero(known.pairs[place] == pairs)
    words = known.words[place[hit]]
    read[hit], read[hit + 1] = words[:, 0], words[:, 1]
    return read


def _packed(parts: NDArray[np.int64], count: int, bits: int) -> NDArray[np.int64]:
    """For every place the next `count` parts as one number, the first one highest; a 0 ends it."""
    packed, going = np.zeros_like(parts), parts > 0
    padded = np.concatenate([parts, np.zeros(count, np.int64)])
    for step in range(count):
        following = padded[step : step + len(parts)]
        going = going & (following > 0)
        packed |= np.where(going, following, 0) << (bits * (count - 1 - step))
    return packed


def _sorted(packed: NDArray[np.int64], labels: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    kept = np.flatnonzero(packed)
    order = kept[np.argsort(packed[kept], kind="stable")]
    return packed[order], labels[order]


def _range(numbers: list[Any], count: int, bits: int) -> tuple[int, int]:
    """The first number that begins so and the first that no longer does; the last part may itself be a (first, last) range."""
    *head, last = numbers
    low, high = last if isinstance(last, tuple) else (last, last)
    base = 0
    for one in head:
        base = base << bits | one
    rest = bits * (count - len(numbers))
    return (base << bits | low) << rest, ((base << bits | high) + 1) << rest


def _looked_up(keys: NDArray[np.int64], labels: NDArray[np.int32], span: tuple[int, int]) -> Spelled:
    first, last = np.searchsorted(keys, np.array(span, np.int64))
    whole = np.searchsorted(keys, span[0], side="right")
    return Spelled(distinct(labels[first : min(whole, last)]), distinct(labels[first:last]))


@cache
def _prefixed(prefix: str) -> tuple[int, int] | None:
    known = [number for syllable, number in _numbers().items() if syllable.startswith(prefix)]
    return (min(known), max(known)) if known else None


def _syllable_ranges(asked: str) -> list[tuple[list[Any], int, int]]:
    """Every way to read letters as syllables, the last one perhaps unfinished; bounded."""
    numbers, found, waiting = _numbers(), [], [(0, [])]  # type: ignore[var-annotated]
    while waiting and len(found) < _PHRASES_HELD:
        start, head = waiting.pop()
        if len(head) == _SYLLABLES:
            found.append((head, _SYLLABLES, _SYLLABLE_BITS))
            continue
        rest = asked[start:]
        if (rest and (span := _prefixed(rest))) and (head or len(rest) > 1):
            found.append(([*head, numbers[rest] if rest in numbers and not head else span], _SYLLABLES, _SYLLABLE_BITS))
        for length in range(1, min(6, len(rest) - 1) + 1):  # a longer syllable is tried first: pop takes the last
            if number := numbers.get(rest[:length]):
                waiting.append((start + length, [*head, number]))
    return found
