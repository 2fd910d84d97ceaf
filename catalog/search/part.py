"""Why: finding in 10,000 resources must take milliseconds and little memory, so texts become sorted arrays: from a pair of characters, a word or a
spelling to the entries that hold it and the fields it stands in. A part never changes once built. Called by `catalog.search.keeping` and `.scoring`.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.search import pinyin
from catalog.search.entries import SPELLED, Entry, Gathered
from catalog.search.words import HAN_RANGES, folded, latin_words, squeezed

ENTRY_BITS, FIELD_BITS = 17, 3
LARGEST = (1 << ENTRY_BITS) - 1  # entries of one part
_CHUNK = 1 << 20  # characters worked on at once: bounds the memory of building


@dataclass(frozen=True)
class Postings:
    """From a key to the entries that hold it, each with a mask of the fields it stands in."""

    keys: NDArray[np.int64]
    starts: NDArray[np.int64]
    entries: NDArray[np.int32]
    masks: NDArray[np.uint8]

    def get(self, key: int) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Return the entries of one key and their masks."""
        place = int(np.searchsorted(self.keys, key))
        if place == len(self.keys) or self.keys[place] != key:
            return self.entries[:0], self.masks[:0]
        return self.between(place, place + 1)

    def between(self, first: int, last: int) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Return the entries of neighbouring keys; an entry may come more than once."""
        span = slice(int(self.starts[first]), int(self.starts[last]))
        return self.entries[span], self.masks[span]


@dataclass(frozen=True)
class Uses:
    """Which text stands in which field of which entry, by text and by entry."""

    starts_by_text: NDArray[np.int64]
    entries: NDArray[np.int32]
    fields: NDArray[np.uint8]
    starts_by_entry: NDArray[np.int64]
    texts: NDArray[np.int32]
    fields_by_entry: NDArray[np.uint8]


@dataclass(frozen=True)
class Part:
    """Entries with everything that finds them."""

    entries: list[Entry]
    texts: list[str]
    folded: list[str]
    uses: Uses
    pairs: Postings
    words: list[str]
    word_postings: Postings
    spellings: pinyin.Spellings
    exact_keys: NDArray[np.int64]
    exact_texts: NDArray[np.int32]

    @cached_property
    def columns(self) -> dict[str, NDArray[Any]]:
        """Return what entries are filtered by, column by column; what an entry does not have is "" or 0."""
        texts = ("state", "department", "library", "category")
        columns = {name: np.array([getattr(entry, name) or "" for entry in self.entries], object) for name in texts}
        return columns | {"sharing_type": np.array([entry.sharing_type or 0 for entry in self.entries], np.int8)}

    def prefixed(self, word: str) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Return the entries that hold a word beginning so."""
        first = bisect_left(self.words, word)
        return self.word_postings.between(first, bisect_left(self.words, word + "\U0010ffff", first))

    def word(self, word: str) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Return the entries that hold this word."""
        first = bisect_left(self.words, word)
        return self.word_postings.get(first if first < len(self.words) and self.words[first] == word else -1)

    def exact(self, squeezed_text: str) -> NDArray[np.int32]:
        """Return the texts that say just this, spaces and punctuation aside."""
        key = _key(squeezed_text)
        first, last = np.searchsorted(self.exact_keys, key), np.searchsorted(self.exact_keys, key, side="right")
        return self.exact_texts[first:last]

    def used(self, texts: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Return the entries that use any of these texts, and the masks of their fields."""
        places = _expanded(self.uses.starts_by_text, texts)
        return self.uses.entries[places], np.left_shift(1, self.uses.fields[places]).astype(np.uint8)

    def texts_of(self, entry: int) -> list[tuple[int, int]]:
        """Return an entry's texts as (text, field)."""
        span = slice(int(self.uses.starts_by_entry[entry]), int(self.uses.starts_by_entry[entry + 1]))
        return list(zip(self.uses.texts[span].tolist(), self.uses.fields_by_entry[span].tolist(), strict=True))


def pair_keys(text: str) -> list[int]:
    """Return the keys of a run of Han characters: its neighbouring pairs, or its only character."""
    codes = [ord(one) for one in text]
    return [codes[0] << 21] if len(codes) == 1 else [one << 21 | other for one, other in pairwise(codes)]


def _key(text: str) -> int:
    """A text as a number, the same in every process: a part may be another's."""
    return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "little", signed=True)


def build(gathered: Gathered) -> Part:
    """Return the part of what was gathered, at most LARGEST entries."""
    texts = list(gathered.texts)
    plain = [text if (other := folded(text)) == text else other for text in texts]
    uses = _uses(gathered, len(texts))
    words, postings = _words(plain, uses)
    pairs, spelled = _pairs_and_spellings(plain, uses)
    keys = np.array([_key(squeezed(text)) for text in plain], np.int64)
    order = np.argsort(keys, kind="stable").astype(np.int32)
    return Part(gathered.entries, texts, plain, uses, pairs, words, postings, spelled, keys[order], order)


def _uses(gathered: Gathered, count: int) -> Uses:
    entries = np.frombuffer(gathered.places, np.int32) if gathered.places else np.empty(0, np.int32)
    texts = np.frombuffer(gathered.labels, np.int32) if gathered.labels else np.empty(0, np.int32)
    fields = np.frombuffer(gathered.fields, np.uint8) if gathered.fields else np.empty(0, np.uint8)
    order = np.argsort(texts, kind="stable")
    return Uses(
        np.concatenate([[0], np.cumsum(np.bincount(texts, minlength=count))]).astype(np.int64),
        entries[order], fields[order],
        np.concatenate([[0], np.cumsum(np.bincount(entries, minlength=len(gathered.entries)))]).astype(np.int64),
        texts.copy(), fields.copy(),
    )  # fmt: skip


def _words(plain: Sequence[str], uses: Uses) -> tuple[list[str], Postings]:
    found: dict[str, list[int]] = {}
    for number, text in enumerate(plain):
        for word in latin_words(text):
            found.setdefault(word, []).append(number)
    words = sorted(found)
    keys = np.repeat(np.arange(len(words), dtype=np.int64), [len(found[word]) for word in words])
    texts = np.array([number for word in words for number in found[word]], np.int32)
    return words, _postings([_codes(keys, texts, uses)], np.arange(len(words)))


def _pairs_and_spellings(plain: Sequence[str], uses: Uses) -> tuple[Postings, pinyin.Spellings]:
    is_spelled = np.zeros(len(plain), bool)
    entry_fields = np.repeat(np.arange(len(plain)), np.diff(uses.starts_by_text))
    is_spelled[entry_fields[np.isin(uses.fields, SPELLED)]] = True
    codes, spelled = [], []
    for first, last in _chunks(plain):
        characters, texts = _written(plain[first:last], first)
        codes.append(pinyin.distinct(_codes(*_keys(characters, texts), uses)))
        if len(texts):
            wanted = is_spelled[texts]
            spelled.append((characters[wanted], texts[wanted]))
    both = (
        [np.concatenate(column) for column in zip(*spelled, strict=True)] if spelled else [np.empty(0, np.uint32)] * 2
    )
    return _postings(codes), pinyin.spellings(both[0], both[1].astype(np.int32))


def _chunks(plain: Sequence[str]) -> list[tuple[int, int]]:
    ends = np.cumsum([len(text) + 1 for text in plain], dtype=np.int64)
    if not len(ends):
        return []
    cuts = pinyin.distinct(np.searchsorted(ends, np.arange(_CHUNK, int(ends[-1]), _CHUNK))).tolist()
    return [(one, other) for one, other in pairwise([0, *cuts, len(plain)]) if other > one]


def _written(plain: Sequence[str], first: int) -> tuple[NDArray[np.uint32], NDArray[np.int32]]:
    """Texts one after another as code points, a line break after each, and whose each is."""
    joined = "".join(f"{text}\n" for text in plain)
    lengths = [len(text) + 1 for text in plain]
    characters = np.frombuffer(joined.encode("utf-32-le", "replace"), np.uint32)
    return characters, np.repeat(np.arange(first, first + len(plain), dtype=np.int32), lengths)


def _keys(characters: NDArray[np.uint32], texts: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    is_han = np.zeros(len(characters), bool)
    for first, last in HAN_RANGES:
        is_han |= (characters >= first) & (characters <= last)
    high = characters.astype(np.int64) << 21
    both = np.flatnonzero(is_han[:-1] & is_han[1:])
    singles = np.flatnonzero(is_han)
    keys = np.concatenate([high[both] | characters[both + 1], high[singles]])
    return keys, np.concatenate([texts[both], texts[singles]])


def _codes(keys: NDArray[np.int64], texts: NDArray[np.int32], uses: Uses) -> NDArray[np.int64]:
    """Key, entry and field of every use as one number, so that one sort makes postings of them."""
    places = _expanded(uses.starts_by_text, texts)
    counts = (uses.starts_by_text[1:] - uses.starts_by_text[:-1])[texts]
    code: NDArray[np.int64] = np.repeat(keys, counts) << (ENTRY_BITS + FIELD_BITS)
    code |= uses.entries[places].astype(np.int64) << FIELD_BITS
    code |= uses.fields[places]
    return code


def _expanded(starts: NDArray[np.int64], chosen: NDArray[Any]) -> NDArray[np.int64]:
    """The places from starts[i] to starts[i + 1] of every chosen i, one after another."""
    first = starts[chosen]
    counts = starts[chosen + 1] - first
    ends = np.cumsum(counts)
    return np.repeat(first - ends + counts, counts) + np.arange(int(ends[-1]) if len(ends) else 0)


def _postings(codes: list[NDArray[np.int64]], all_keys: NDArray[np.int64] | None = None) -> Postings:
    code = pinyin.distinct(np.concatenate(codes)) if codes else np.empty(0, np.int64)
    pair = code >> FIELD_BITS
    firsts = np.flatnonzero(np.diff(pair, prepend=-1))
    bits = np.left_shift(1, code & ((1 << FIELD_BITS) - 1)).astype(np.uint8)
    masks = np.bitwise_or.reduceat(bits, firsts) if len(firsts) else bits
    pair = pair[firsts]
    keys = pair >> ENTRY_BITS
    known = pinyin.distinct(keys) if all_keys is None else all_keys
    starts = np.append(np.searchsorted(keys, known), len(keys)).astype(np.int64)
    return Postings(known, starts, (pair & LARGEST).astype(np.int32), masks)
