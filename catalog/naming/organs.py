"""Why: what people write for a bureau is an abbreviation, a former name, a name without its town, or the initials of its pinyin. Reads such a text.
Pure: knows kinds of organs (`organs.yml`) and divisions, no department. Called by `catalog.naming.ranking` and `catalog.naming.placing`.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from schemas import yaml_data
from schemas.codes import divisions

LEVELS = "省市区县州盟旗"
_NOISE = re.compile(r"[\s\W_]+")
_BRACKETS = re.compile(r"[（(\[【〔][^）)\]】〕]*[）)\]】〕]")
_PARTY = re.compile(r"^(中国共产党|中共)")
PINYIN_CODE = re.compile(r"[A-Za-z]{3,24}")


@dataclass(frozen=True)
class Organ:
    """A kind of organ: today's usual name, and since when a former one belongs to it (None: the name is a present one)."""

    name: str
    since: int | None = None


@dataclass(frozen=True)
class Reading:
    """A department's name taken apart: folded text, town, level (one of 省市区县…) and kind of organ, each "" or None where it says nothing."""

    folded: str
    town: str
    level: str
    rest: str
    organ: Organ | None


def fold(text: str | None) -> str:
    """Return the name without spaces, punctuation, width and case: what may differ while nobody would call it another name."""
    return _NOISE.sub("", unicodedata.normalize("NFKC", text or "")).casefold()


@cache
def organs() -> dict[str, Organ]:
    """Return every name, short name and former name of organ kinds with the kind it belongs to today."""
    found: dict[str, Organ] = {}
    for entry in yaml_data.parse(files("catalog.naming").joinpath("organs.yml").read_text("utf-8")):
        for year, names in (entry.get("former") or {}).items():
            found |= {name: Organ(entry["name"], year) for name in names}
        found |= {name: Organ(entry["name"]) for name in (entry["name"], *entry.get("also", ()))}
    return found


@cache
def read(name: str) -> Reading:
    """Return a department's name taken apart: 兴和市人社局 → town 兴和, level 市, organ 人力资源和社会保障局."""
    plain = _PARTY.sub("", fold(_BRACKETS.sub("", name)) or fold(name))
    at = _organ_at(plain)
    town, level, rest = _town(plain[:at]) if at is not None else _town_of_unknown(plain)
    return Reading(
        fold(name),
        town,
        level,
        plain[at:] if at is not None else rest,
        organs()[plain[at:]] if at is not None else None,
    )


def _organ_at(plain: str) -> int | None:
    """The longest organ name that ends the text, if what stands before it is a place or nothing."""
    for at in range(len(plain)):
        if plain[at:] in organs() and _is_place(plain[:at]):
            return at
    return None


def _is_place(text: str) -> bool:
    return not text or text[-1] in LEVELS or text in _towns()


def _town(place: str) -> tuple[str, str, str]:
    level = place[-1] if place and place[-1] in LEVELS else ""
    town = place.removesuffix(level) if level else place
    return town, level, ""


def _town_of_unknown(plain: str) -> tuple[str, str, str]:
    """Divide a name of no known kind of organ at its division: by the list of divisions, else by a leading level alone (市…)."""
    for length in range(min(8, len(plain) - 2), 1, -1):
        if plain[:length] in _towns():
            level = plain[length - 1] if plain[length - 1] in LEVELS else ""
            rest = plain[length:]
            if not level and rest[0] in LEVELS:
                level, rest = rest[0], rest[1:]
            return plain[:length].removesuffix(level) if level else plain[:length], level, rest
    return ("", plain[0], plain[1:]) if plain and plain[0] in LEVELS else ("", "", plain)


@cache
def _towns() -> frozenset[str]:
    """Names of provinces, cities and counties, with and without the word for their level."""
    names = {division.name for division in divisions()}
    return frozenset(names | {name[:-1] for name in names if name[-1] in LEVELS and len(name) > 2})


@cache
def initials(text: str) -> tuple[frozenset[str], ...]:
    """Return for each character the first letters it may be read with, as 会 is hui and kuai; letters and digits stand for themselves."""
    return tuple(_readings(character) for character in text)


@cache
def _readings(character: str) -> frozenset[str]:
    from pypinyin import Style, pinyin  # 50 MB of words, that a worker of the exchange API may never need

    found = pinyin(character, style=Style.FIRST_LETTER, heteronym=True)
    return frozenset(reading[:1].lower() for reading in found[0])


def is_initials_of(code: str, text: str) -> bool:
    """Tell whether `code` is the pinyin initials of `text` (Sfzhggwyh of 市发展和改革委员会)."""
    found = initials(fold(text))
    return len(found) == len(code) and all(letter in one for letter, one in zip(code.lower(), found, strict=True))


@cache
def names_of_initials(code: str) -> tuple[str, ...]:
    """Return the names of organ kinds, written with the level the code begins with, whose initials the code is."""
    levels = {"s": "市", "q": "区", "x": "县"}
    level = levels.get(code[:1].lower(), "")
    found = [(level, name) for name in organs() if level and is_initials_of(code[1:], name)]
    names = [*(before + name for before, name in found), *(name for name in organs() if is_initials_of(code, name))]
    usual = [name for name in names if identifier_of(name) == code.lower()]
    return tuple(usual or names)  # a rare reading counts only where no usual one fits


def is_short_for(short: str, long: str) -> bool:
    """Tell whether `short` may abbreviate `long`: it begins alike and its characters follow in order (公积金中心 of 住房公积金管理中心 does not)."""
    if len(short) < 2 or len(short) >= len(long) or short[0] != long[0]:
        return False
    left = iter(long)
    return all(character in left for character in short)


def identifier_of(text: str) -> str:
    """Return a stable identifier of a name: its pinyin initials in lower case; "" when there is nothing to read."""
    from pypinyin import Style, lazy_pinyin

    letters = "".join(lazy_pinyin(fold(text), style=Style.FIRST_LETTER))
    return re.sub(r"[^a-z0-9]", "", letters)[:24]
