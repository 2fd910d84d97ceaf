"""Why: "市民大道１号" against "市民大道1号" is a matter of writing, one birth date against another may be two people. Tells of contradicting values what
kind of contradiction it is, and how grave. Pure; `libraries.conflicts` asks it for what is new or changed.

Kinds, lightest first: `format` (equal once width, case, spaces and punctuation are put aside), `missing_precision` (one says the same less exactly),
`near` (one place differs, or one holds the other), `substantive`. Of several values the gravest against the winner counts.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from schemas import yaml_data
from schemas.library import Attribute

Kind = Literal["format", "missing_precision", "near", "substantive"]
KINDS: tuple[Kind, ...] = ("format", "missing_precision", "near", "substantive")
_LOOSE = re.compile(r"[\W_]+")
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_PLACE = 2  # characters in which two texts may differ, in one place, and still be near
_SHARE = 4  # ... if that is at most a quarter of them: of a short name every character counts
_RELATIVE = 0.01  # numbers this close are near


@dataclass(frozen=True)
class Voice:
    """What one source says: the value as JSON knows it, its department's rank for the attribute, when it said so (seconds)."""

    value: Any
    rank: int
    said_at: float


@cache
def weights() -> dict[str, Any]:
    """Return the figures of `weights.yml`."""
    found: dict[str, Any] = yaml_data.parse(files("libraries.disputing").joinpath("weights.yml").read_text("utf-8"))
    return found


def grade(attribute: Attribute, voices: Sequence[Voice]) -> tuple[Kind, int]:
    """Return kind and score (0–100) of a contradiction; voices: at least two with different values, the winner first."""
    winner, others = voices[0], [voice for voice in voices[1:] if voice.value != voices[0].value]
    kind = max((kind_of(attribute, winner.value, other.value) for other in others), key=KINDS.index)
    figures = weights()
    gap = min(other.rank for other in others) - winner.rank
    score = figures["kind"][kind] + figures["sensitivity"][attribute.sensitivity]
    score += figures["identity"] if attribute.element in figures["identity_elements"] else 0
    score += figures["authority"][gap] if 0 <= gap < len(figures["authority"]) else 0
    score += figures["newer"] if any(other.said_at > winner.said_at for other in others) else 0
    return kind, min(score, 100)


def kind_of(attribute: Attribute, one: Any, other: Any) -> Kind:
    """Return of what kind the contradiction between two different values of an attribute is."""
    if attribute.type == "number":
        return _numbers(float(one), float(other))
    if attribute.type == "date":
        return _dates(str(one), str(other))
    first, second = folded(str(one)), folded(str(other))
    if first == second:
        return "format"
    if attribute.code_table is not None or attribute.mask == "division":
        return "missing_precision" if _is_coarser(first, second) or _is_coarser(second, first) else "substantive"
    return "near" if _is_near(first, second) else "substantive"


def folded(text: str) -> str:
    """Return a text without what is only a way of writing: full width, compatibility forms, case, spaces, punctuation."""
    return _LOOSE.sub("", unicodedata.normalize("NFKC", text)).casefold()


def _numbers(one: float, other: float) -> Kind:
    coarse, fine = sorted((one, other), key=_decimals)
    if round(fine, _decimals(coarse)) == coarse:
        return "missing_precision"
    return "near" if abs(one - other) <= _RELATIVE * max(abs(one), abs(other)) else "substantive"


def _decimals(number: float) -> int:
    return len(repr(number).partition(".")[2].rstrip("0"))


def _dates(one: str, other: str) -> Kind:
    """Where only year or month are known, first days are written; a date that differs in one part is near."""
    first, second = _DATE.match(one), _DATE.match(other)
    if first is None or second is None:
        return "substantive"
    parts = list(zip(first.groups(), second.groups(), strict=True))
    same = [a == b for a, b in parts]
    if same[0] and any(all(pair[side] == "01" for pair in parts[same.index(False) :]) for side in (0, 1)):
        return "missing_precision"
    return "near" if sum(same) == 2 else "substantive"


def _is_coarser(one: str, other: str) -> bool:
    """Tell whether a code names the group that the other belongs to: equal but for zeros at its end (330100 and 330106, 20 and 21)."""
    stem = one.rstrip("0")
    return bool(stem) and stem != one and len(one) == len(other) and other.startswith(stem)


def _is_near(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    if len(shorter) > 1 and shorter in longer:
        return True
    start = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(shorter))
    rest, left = shorter[start:], longer[start:]
    end = next((n for n, (a, b) in enumerate(zip(rest[::-1], left[::-1], strict=False)) if a != b), len(rest))
    differing = len(left) - end
    return differing <= _PLACE and differing * _SHARE <= len(longer)
