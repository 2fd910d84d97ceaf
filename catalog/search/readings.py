"""Why: pypinyin's dictionaries take half a second and sixty megabytes; what is needed of them are two tables of numbers. Made once and laid on a shelf below
var/ for all workers. Called by `catalog.search.pinyin`.
"""

import unicodedata
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from catalog.shelf import Shelf
from schemas.settings import HomeSettings

SHELF = Shelf("readings", "catalog.search.making readings", ("catalog.search",))
_PATIENCE_S = 60.0
_ODD = {"m", "n", "ng", "hm", "hng", "ê", "e^"}  # interjections; as syllables they would make every spelling ambiguous
_BASIC = 0x10000  # characters of the basic plane are spelled


@dataclass(frozen=True)
class Readings:
    """How characters are read. syllables: without tone, sorted, numbered from 1; characters: the number of each one's usual reading, 0 for none;
    pairs: words of two characters (first << 21 | second, sorted) that are read otherwise; words: the numbers of their two readings.
    """

    syllables: tuple[str, ...]
    characters: NDArray[np.int16]
    pairs: NDArray[np.int64]
    words: NDArray[np.int16]


@cache
def readings() -> Readings:
    """Return the tables that lie there; the first time they are made by a process of its own, so that this one is spared the dictionaries."""
    laid = SHELF.newer(None)
    if laid is None and HomeSettings().var.is_dir():
        SHELF.begin()
        laid = SHELF.newer(None) if SHELF.wait(_PATIENCE_S) else None
    if laid is None:  # no hub's place, or none that can be written
        return made()
    found: Readings = laid.thing
    return found


def lay_down() -> None:
    """Make the tables unless they lie there: for the programs that may be large."""
    if SHELF.newer(None) is None:
        SHELF.keep((), made())


def made() -> Readings:
    """Return the tables out of pypinyin's dictionaries."""
    from pypinyin.constants import PHRASES_DICT, PINYIN_DICT

    plain = {one for all_ in PINYIN_DICT.values() for one in all_.split(",")}
    known = tuple(sorted({_plain(one) for one in plain} - _ODD - {""}))
    number = {syllable: place for place, syllable in enumerate(known, 1)}
    characters = np.zeros(_BASIC, np.int16)
    for character, read in PINYIN_DICT.items():
        if character < _BASIC:
            characters[character] = number.get(_plain(read.partition(",")[0]), 0)
    special: dict[int, tuple[int, int]] = {}
    for word, said in PHRASES_DICT.items():
        if len(word) == 2 and max(map(ord, word)) < _BASIC:
            spoken = (number.get(_plain(said[0][0]), 0), number.get(_plain(said[1][0]), 0))
            if spoken != (characters[ord(word[0])], characters[ord(word[1])]):
                special[ord(word[0]) << 21 | ord(word[1])] = spoken
    pairs = np.array(sorted(special), np.int64)
    return Readings(known, characters, pairs, np.array([special[pair] for pair in pairs.tolist()], np.int16))


@cache
def _plain(reading: str) -> str:
    parts = unicodedata.normalize("NFD", reading.replace("ü", "v"))
    bare = "".join(part for part in parts if not unicodedata.combining(part) or part == "\u0308")
    return bare.replace("u\u0308", "v")
