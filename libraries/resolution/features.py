"""Why: what may be compared follows from the library's declaration (`resemblance`), and how far two values agree is a small scale of its own for each kind.
Pure; used within `libraries.resolution`.

A name agrees exactly or in sound, never "but for one character": twins and siblings differ in just that, and what input methods get wrong sounds alike.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from pypinyin import lazy_pinyin

from schemas.library import Library, Resemblance

KEY = "key"
EXACT, CLOSE, DIFFERS, MISSING = "exact", "close", "differs", "missing"
_NOT_A_WORD = re.compile(r"[\W_]+")
# how often two words about one subject agree, before the hub's own sources have told: exactly, closely
_PRIORS = {"name": (0.93, 0.04), "date": (0.95, 0.03), "place": (0.7, 0.1), "phone": (0.6, 0.1), "code": (0.98, 0.0)}


@dataclass(frozen=True)
class Level:
    """One step of agreement: its name, the condition over `<column>_l` and `<column>_r`, how often it holds of one subject."""

    name: str
    condition: str
    prior: float


@dataclass(frozen=True)
class Feature:
    """One compared column with its steps, best first; what fits none differs."""

    column: str
    levels: tuple[Level, ...]

    @property
    def is_missing(self) -> str:
        """Return the condition that one side has no value."""
        return f"{self.column}_l IS NULL OR {self.column}_r IS NULL"


def of(spec: Library) -> tuple[Feature, ...]:
    """Return the features of a library: those it declares, and the key itself, which a held row may have but for a character."""
    found = tuple(Feature(one.attribute, tuple(_levels(one))) for one in spec.resemblance)
    # two valid keys never differ by one character: check digits (GB 11643, GB 32100) see to that
    typo = Level(CLOSE, f"damerau_levenshtein({KEY}_l, {KEY}_r) <= 1", 0.6)
    return (*found, Feature(KEY, (typo,)))


def columns_of(spec: Library) -> tuple[str, ...]:
    """Return the columns records and rows are compared in: the attributes, then how names sound."""
    sounds = (sound_of(one.attribute) for one in spec.resemblance if one.as_ == "name")
    return (*(one.attribute for one in spec.resemblance), *sounds)


def blocks_of(spec: Library) -> list[tuple[str, ...]]:
    """Return the columns that two must share to be compared at all: the first name's sound and one thing more."""
    first, *others = spec.resemblance
    return [(sound_of(first.attribute), one.attribute) for one in others if one.as_ != "code"]


def sound_of(attribute: str) -> str:
    """Return the column that holds how an attribute sounds."""
    return f"{attribute}_sound"


@cache
def _of_character(character: str) -> str:
    return "".join(lazy_pinyin(character))


def sound(text: str | None) -> str | None:
    """Return how a name sounds, without tones, marks and spaces; None for none."""
    plain = _NOT_A_WORD.sub("", unicodedata.normalize("NFKC", text or "")).lower()
    return "".join(map(_of_character, plain)) or None


def _levels(one: Resemblance) -> Iterator[Level]:
    column, (exact, close) = one.attribute, _PRIORS[one.as_]
    yield Level(EXACT, f"{column}_l = {column}_r", exact)
    if one.as_ == "name":
        yield Level(CLOSE, f"{sound_of(column)}_l = {sound_of(column)}_r", close)
    elif one.as_ in ("date", "phone"):
        yield Level(CLOSE, f"damerau_levenshtein({column}_l, {column}_r) <= 1", close)
    elif one.as_ == "place":
        yield Level(CLOSE, f"jaro_winkler_similarity({column}_l, {column}_r) >= 0.92", close)
