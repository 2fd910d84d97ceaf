"""Why: an officer must see why a resource was found: which field, which words of it, and how (as typed, in part, by pinyin). Called by `finding`.

Worked out for the hits that are looked at, not for all that are found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import numpy as np

from catalog.search import pinyin
from catalog.search.entries import ABOUT, CODE, FIELDS, SPELLED
from catalog.search.part import Part
from catalog.search.words import Piece, folded, latin_words, squeezed

_MOST = 4  # reasons of one hit
_NAME_LIMIT = 60  # characters
_AROUND = 18  # characters shown on either side of what was found in a long text
_HOW = ("same", "holds", "part", "pinyin")


@dataclass(frozen=True)
class Why:
    """One reason: the field, its text (shortened where long), the words of it that matched, and how: same, holds, part, pinyin."""

    field: str
    text: str
    words: tuple[str, ...]
    how: str


class Question:
    """The words of a question, and what of a part they find by pinyin: looked up once for all hits that are looked at."""

    def __init__(self, words: Sequence[Piece]) -> None:
        self.words = words
        self.whole = "".join(one.text for one in words)
        self._spelled: dict[tuple[int, Piece], frozenset[int]] = {}

    def spelled(self, part: Part, word: Piece) -> frozenset[int]:
        """Return the texts of a part that a word spells."""
        key = (id(part), word)
        if key not in self._spelled:
            found = None if word.is_han else pinyin.find(part.spellings, word.text)
            texts = np.concatenate([one.some for one in found]).tolist() if found else ()
            self._spelled[key] = frozenset(texts)
        return self._spelled[key]


def reasons(part: Part, entry: int, asked: Question) -> tuple[Why, ...]:
    """Return why an entry answers a question: the best reason of each word first, then others, at most four."""
    known = part.texts_of(entry)
    found = [_of_word(part, known, word, asked) for word in asked.words]
    firsts = [of_word[0] for of_word in found if of_word]
    rest = sorted(
        one for of_word in found for one in of_word[1:] if one[0] < 2
    )  # a partial match explains nothing more
    chosen: dict[int, tuple[int, int]] = {}
    for how, field, text, _ in (*firsts, *rest):
        chosen.setdefault(text, (how, field))  # an item and its element often bear one name: said once
    whys = []
    for text, (how, field) in list(chosen.items())[:_MOST]:
        words = dict.fromkeys(
            word for of in found for _, f, t, words in of if (f, t) == (field, text) for word in words
        )
        whys.append(_said(part.texts[text], FIELDS[field], tuple(words), how))
    return tuple(whys)


def _of_word(
    part: Part, known: Sequence[tuple[int, int]], word: Piece, asked: Question
) -> list[tuple[int, int, int, tuple[str, ...]]]:
    """How a word stands in an entry's texts: (how, field, text, words of it), the best first."""
    spelled = asked.spelled(part, word)
    found: list[tuple[int, int, int, tuple[str, ...]]] = []
    for text, field in known:
        plain = part.folded[text]
        if _bare(plain) in (asked.whole, word.text):
            found.append((0, field, text, (part.texts[text],)))
        elif _holds(plain, word, field):
            found.append((1, field, text, (word.text,)))
        elif field in SPELLED and text in spelled:
            found.append((3, field, text, (part.texts[text],)))
        elif word.is_han and (runs := _common_runs(plain, word.text)):
            found.append((2, field, text, runs))
    has_better = any(how < 2 for how, *_ in found)
    kept = [one for one in found if one[0] != 2 or not has_better]
    return sorted(kept, key=lambda one: (one[0], -max(map(len, one[3])) if one[0] == 2 else 0, one[1], one[2]))


def _bare(plain: str) -> str:
    """A text without spaces and punctuation; names of items come again and again, abstracts do not."""
    return _bare_name(plain) if len(plain) < _NAME_LIMIT else squeezed(plain)


_bare_name = lru_cache(maxsize=20_000)(squeezed)


def _holds(plain: str, word: Piece, field: int) -> bool:
    if word.text not in plain:
        return False
    return word.is_han or field == CODE or any(one.startswith(word.text) for one in latin_words(plain))


def _common_runs(plain: str, word: str) -> tuple[str, ...]:
    """The longest stretches of two or more characters that a text shares with a word."""
    shared = [word[i : i + 2] in plain for i in range(len(word) - 1)]
    runs = []
    for is_shared, places in groupby(range(len(shared)), key=lambda i: shared[i]):
        if is_shared:
            found = list(places)
            runs.append(word[found[0] : found[-1] + 2])
    return tuple(run for run in runs if run in plain)


def _said(text: str, field: str, words: tuple[str, ...], how: int) -> Why:
    shown = text
    if field == FIELDS[ABOUT] and len(text) > 2 * _AROUND:
        at = max(0, min((place for word in words if (place := folded(text).find(word)) >= 0), default=0))
        first, last = max(0, at - _AROUND), at + len(words[0]) + _AROUND
        shown = ("…" if first else "") + text[first:last] + ("…" if last < len(text) else "")
    return Why(field, shown, words, _HOW[how])
