"""Why: a person who decides where a name belongs wants the few likely departments, best first, each with its reasons.
Ranks known departments against what was given; pure, called by `catalog.naming.placing`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from catalog.naming import organs
from catalog.naming.organs import Reading

SHOWN = 5
ALIKE_ENOUGH = 0.85
LEAST = 0.3
REASONS: Mapping[str, tuple[str, str]] = {
    "same_name": ("名称相同（不计空格标点）", "same name but for spaces and punctuation"),
    "uscc": ("统一社会信用代码相同", "same credit code"),
    "same_code": ("同一文件中该代码与该部门名称同行出现", "the same file writes this code beside that name"),
    "prefix": ("仅缺少或多出地名、级别", "differs only by town or level"),
    "abbreviation": ("简称与全称", "short and full name of one kind of organ"),
    "known_reform": ("机构改革前的名称", "the name before a known reform"),
    "initials": ("代码为名称的拼音首字母", "the code is the name's pinyin initials"),
    "short_like": ("可能为缩写", "may be an abbreviation"),
    "alike": ("字面相近", "written alike"),
    "other_level": ("但行政级别不同", "but of another level"),
    "name_of_code": ("按拼音首字母还原的名称", "the name these pinyin initials may stand for"),
}


@dataclass(frozen=True)
class Known:
    """A department to compare with: every name it bears or bore, and whether it is itself only proposed."""

    id: str
    name: str
    names: tuple[str, ...]
    is_proposed: bool
    uscc: str | None = None


@dataclass(frozen=True)
class Wanted:
    """What was given: the name or "", the code or ""; `co_named` are departments the same file writes beside this code."""

    name: str
    code: str = ""
    uscc: str = ""
    own_id: str = ""  # the department it was registered as, which is no candidate of itself
    co_named: frozenset[str] = frozenset()


@dataclass
class _Best:
    score: float = 0.0
    reasons: list[str] = field(default_factory=list)

    def take(self, score: float, *reasons: str) -> None:
        self.score = max(self.score, score)
        self.reasons += [reason for reason in reasons if reason not in self.reasons]


def rank(wanted: Wanted, known: Iterable[Known]) -> list[dict[str, Any]]:
    """Return up to five candidates as {department_id, name, score 0–1, reasons}, best first; department_id None proposes a mere name."""
    found = [(_judge(wanted, one), one) for one in known if one.id != wanted.own_id]
    likely = sorted(
        ((best, one) for best, one in found if best.score >= LEAST), key=lambda pair: (-pair[0].score, pair[1].id)
    )
    rows = [
        {"department_id": one.id, "name": one.name, "score": round(best.score, 2), "reasons": best.reasons}
        for best, one in likely[:SHOWN]
    ]
    return rows + ([] if wanted.name else _names_of(wanted.code, {one.name for _, one in likely}))


def _names_of(code: str, shown: set[str]) -> list[dict[str, Any]]:
    if not organs.PINYIN_CODE.fullmatch(code):
        return []
    names = [name for name in organs.names_of_initials(code) if name not in shown]
    return [
        {"department_id": None, "name": name, "score": 0.5, "reasons": ["name_of_code"]}
        for name in dict.fromkeys(names)
    ]


def _judge(wanted: Wanted, known: Known) -> _Best:
    best = _Best()
    if wanted.uscc and wanted.uscc == known.uscc:
        best.take(0.95, "uscc")
    if known.id in wanted.co_named:
        best.take(0.9, "same_code")
    if not wanted.name:
        for name in known.names:
            _decipher(best, wanted.code, name)
        return best
    given, readings = organs.read(wanted.name), [organs.read(name) for name in known.names]
    if _differs(given.town, {one.town for one in readings}):
        return best  # another town's bureau is another bureau, however alike
    for reading in readings:
        _compare(best, given, reading, known.is_proposed)
    if best.score and _differs(given.level, {one.level for one in readings}):
        best.score -= 0.5
        best.reasons.append("other_level")
    return best


def _differs(given: str, known: set[str]) -> bool:
    """Short names say nothing of town or level: what any name of the department says counts for all of them."""
    said = known - {""}
    return bool(given and said and given not in said)


def _decipher(best: _Best, code: str, name: str) -> None:
    """A code of pinyin initials stands for the name itself, or for another name of the same organ (Swshjhsywyh and 市卫计委)."""
    if _stands_for(code, name):
        best.take(0.75, "initials")
    elif organs.PINYIN_CODE.fullmatch(code):
        for meant in organs.names_of_initials(code):
            if (score := _likeness(organs.read(meant), organs.read(name), False)[0]) >= ALIKE_ENOUGH:
                best.take(score - 0.15, "initials", "abbreviation")


def _stands_for(code: str, name: str) -> bool:
    """Codes are made of the name as its town says it: 市 and the name without the town's own name, or all of it."""
    if not organs.PINYIN_CODE.fullmatch(code):
        return False
    reading = organs.read(name)
    return any(organs.is_initials_of(code, text) for text in {name, reading.level + reading.rest, f"市{reading.rest}"})


def _compare(best: _Best, given: Reading, known: Reading, is_proposed: bool) -> None:
    if is_proposed and not _is_fuller(known, given):
        return  # of two proposed spellings the shorter one is placed with the longer one
    score, reason = _likeness(given, known, is_proposed)
    if score:
        best.take(score, reason)


def _is_fuller(known: Reading, given: Reading) -> bool:
    return (len(known.rest), known.folded) > (len(given.rest), given.folded)


def _likeness(given: Reading, known: Reading, is_proposed: bool) -> tuple[float, str]:
    if given.folded == known.folded:
        return 1.0, "same_name"
    if given.rest == known.rest:
        return 0.9, "prefix"
    if given.organ and known.organ and given.organ.name == known.organ.name:
        short, long = sorted((given.rest, known.rest), key=len)
        if given.organ.since == known.organ.since and (not given.organ.since or organs.is_short_for(short, long)):
            return 0.85, "abbreviation"
        if not is_proposed:  # a former bureau and today's were two bodies; only a real department is its successor
            return 0.75, "known_reform"
    if organs.is_short_for(given.rest, known.rest):
        return 0.6, "short_like"
    if given.organ and known.organ and given.organ.name != known.organ.name:
        return 0.0, ""  # two organs we know, however alike they are written
    overlap = _overlap(given.rest, known.rest)
    return (overlap / 2, "alike") if overlap >= 0.6 else (0.0, "")


def _overlap(one: str, other: str) -> float:
    """Share of common neighbouring characters (Dice over bigrams), 0–1."""
    first, second = ({text[at : at + 2] for at in range(len(text) - 1)} for text in (one, other))
    return 2 * len(first & second) / (len(first) + len(second)) if first and second else 0.0
