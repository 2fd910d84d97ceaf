"""Why: the same datum lies in many departments under many names, and a dictionary grows by noticing that. Groups items without a data element that look
alike, across departments, and says which element they could be bound to, or proposes a new one. Called by `catalog.dictionary.element_proposals`.

Alike are items of one name (without width, case, punctuation, units in brackets, and usual variants of its ending), or of one id with nearly the same
characters in their names, unless their types contradict each other. One pass over all items: 200,000 of them take seconds.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from itertools import combinations
from typing import Any, NamedTuple, get_args

from sqlalchemy import text
from sqlalchemy.orm import Session

from catalog import elements
from catalog.elements import ElementDocument
from schemas import yaml_data
from schemas.resource import Sensitivity

FAMILIES = (
    {"D": "date", "T": "date"} | dict.fromkeys("NYIFB", "number") | {"L": "logical"}
)  # all else is text, or silence
SENSITIVITIES: tuple[str, ...] = get_args(Sensitivity)  # from open to close
NEARLY = 0.65  # share of characters two names of one id must have in common: 法人代表 and 法定代表人, but not 企业名称 and 姓名
LARGEST_ID_GROUP = 60  # an id borne by more names than this says nothing
_BRACKETS = re.compile(r"[(（\[【〔].*?[)）\]】〕]")
_EITHER = re.compile(r"[/／、或]")  # a name that offers alternatives joins nothing: 身份证号或统一社会信用代码
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ITEMS = text("""
    WITH newest AS (
        SELECT DISTINCT ON (v.resource_id) v.resource_id, v.document, r.department_id
        FROM directory.resource_versions v JOIN directory.resources r ON r.id = v.resource_id
        WHERE v.state NOT IN ('superseded', 'withdrawn') ORDER BY v.resource_id, v.version DESC)
    SELECT n.resource_id, n.department_id, i->>'id', i->>'name', i->>'type', (i->>'length')::int, i->>'code_table', i->>'sensitivity'
    FROM newest n CROSS JOIN LATERAL jsonb_array_elements(n.document->'items') AS i
    WHERE i->>'element' IS NULL
""")


class Unbound(NamedTuple):
    """One item without a data element."""

    resource_id: str
    department_id: str
    item: str
    name: str
    type: str
    length: int | None
    code_table: str | None
    sensitivity: str


@dataclass(frozen=True)
class Proposal:
    """Items that look alike: the element they would make, or those of the dictionary they seem to be (`known`), best reason first."""

    element: ElementDocument
    keys: tuple[str, ...]
    names: Mapping[str, int]
    departments: tuple[str, ...]
    items: tuple[Unbound, ...]
    known: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()  # same_name, spelling, same_id, in_dictionary


def propose(session: Session, *, departments: int = 2) -> list[Proposal]:
    """Return what unbound items suggest, most departments first: groups borne by at least `departments`, and names that the dictionary knows already."""
    found = find_unbound(session)
    return group(found, elements.documents(session), departments=departments)


def find_unbound(session: Session) -> list[Unbound]:
    """Return every item without a data element, of the newest version of each resource that is not withdrawn."""
    return [Unbound(*row) for row in session.execute(_ITEMS)]


def group(
    found: Iterable[Unbound], dictionary: Mapping[str, ElementDocument], *, departments: int = 2
) -> list[Proposal]:
    """Group items that look alike, and hold the groups against the dictionary. Pure: no database."""
    words = _words(dictionary.values())
    taken = set(dictionary)
    proposals = []
    for keys, items in _groups(found):
        known = tuple(sorted({element for key in keys for element in words.get(key, ())}))
        bearers = tuple(sorted({item.department_id for item in items}))
        if known or len(bearers) >= departments:
            proposals.append(_proposal(keys, items, bearers, known, taken))
    return sorted(proposals, key=lambda p: (-len(p.departments), -len(p.items), p.element.name))


@lru_cache(maxsize=262_144)
def canonical(name: str) -> str:
    """Return what all spellings of one name have in common."""
    wide = unicodedata.normalize("NFKC", name).casefold()
    plain = _letters(_BRACKETS.sub("", wide)) or _letters(wide)
    for ending, usual in _endings():
        if plain.endswith(ending):
            front = plain[: -len(ending)]
            only = _rules()["only_after"].get(ending)
            if only is None or front in only:
                return (front + usual) if only is None or ending != "信用代码" else usual
    return plain


def _groups(found: Iterable[Unbound]) -> Iterator[tuple[tuple[str, ...], list[Unbound]]]:
    """Gather items by canonical name, join names that share an id and most characters, part what types hold asunder."""
    by_key: defaultdict[str, list[Unbound]] = defaultdict(list)
    by_id: defaultdict[str, set[str]] = defaultdict(set)
    for item in found:
        key = canonical(item.name)
        by_key[key].append(item)
        if not _EITHER.search(item.name):
            by_id[item.item].add(key)
    joined = _joined(by_key, by_id)
    for keys in joined:
        for items in _by_family([item for key in keys for item in by_key[key]]):
            yield tuple(sorted({canonical(item.name) for item in items})), items


def _joined(by_key: Mapping[str, Any], by_id: Mapping[str, set[str]]) -> list[list[str]]:
    leader = {key: key for key in by_key}

    def lead(key: str) -> str:
        while leader[key] != key:
            leader[key] = leader[leader[key]]
            key = leader[key]
        return key

    for keys in by_id.values():
        if 1 < len(keys) <= LARGEST_ID_GROUP:
            for one, other in combinations(sorted(keys), 2):
                if _nearly(one, other):
                    leader[lead(other)] = lead(one)
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for key in by_key:
        groups[lead(key)].append(key)
    return list(groups.values())


def _by_family(items: list[Unbound]) -> list[list[Unbound]]:
    """Part items whose types contradict; type C may be mere silence and goes with the largest family."""
    families: defaultdict[str, list[Unbound]] = defaultdict(list)
    for item in items:
        families[FAMILIES.get(item.type, "text")].append(item)
    silent = families.pop("text", [])
    if not families:
        return [silent]
    parts = sorted(families.values(), key=lambda part: -len(part))
    return [parts[0] + silent, *parts[1:]]


def _proposal(
    keys: tuple[str, ...], items: list[Unbound], departments: tuple[str, ...], known: tuple[str, ...], taken: set[str]
) -> Proposal:
    names = Counter(item.name for item in items)
    usual = min(names, key=lambda name: (-names[name], len(name), name))
    kinds = Counter(item.type for item in items if item.type != "C")
    document = ElementDocument(
        id=_new_id(items, usual, taken),
        name=usual,
        synonyms=tuple(name for name, _ in names.most_common() if name != usual),
        type=kinds.most_common(1)[0][0] if kinds else "C",
        length=max((item.length for item in items if item.length), default=None),
        code_table=_most(item.code_table for item in items),
        sensitivity=max((item.sensitivity for item in items), key=SENSITIVITIES.index),
    )
    reasons = [] if not known else ["in_dictionary"]
    reasons += ["same_name"] if len(names) == 1 else ["spelling"] if len(keys) == 1 else ["same_id"]
    return Proposal(document, keys, dict(names.most_common()), departments, tuple(items), known, tuple(reasons))


def _new_id(items: Sequence[Unbound], name: str, taken: set[str]) -> str:
    """Return an id nobody bears: what most items are called in their columns, else the name's pinyin."""
    from pypinyin import lazy_pinyin  # 50 MB of words, that a worker of the exchange API may never need

    usual, times = Counter(item.item for item in items).most_common(1)[0]
    spoken = "_".join(lazy_pinyin(_letters(name), errors="ignore")) or "element"
    wanted = usual if times * 2 > len(items) and usual not in _rules()["vague_ids"] and "." not in usual else spoken
    wanted = re.sub(r"[^a-z0-9_]", "", _HUMP.sub("_", wanted).lower())[:80]
    free = wanted = wanted if re.match(r"[a-z]", wanted) else f"e_{wanted}"
    number = 1
    while free in taken:
        number += 1
        free = f"{wanted}_{number}"
    taken.add(free)
    return free


def _nearly(one: str, other: str) -> bool:
    mine, yours = set(one), set(other)
    return len(mine & yours) >= NEARLY * len(mine | yours)


def _words(dictionary: Iterable[ElementDocument]) -> dict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for element in dictionary:
        for word in (element.name, *element.synonyms):
            found[canonical(word)].add(element.id)
    return found


def _most(values: Iterable[str | None]) -> str | None:
    counted = Counter(value for value in values if value)
    return counted.most_common(1)[0][0] if counted else None


def _letters(name: str) -> str:
    return "".join(character for character in name if character.isalnum())


@cache
def _rules() -> dict[str, Any]:
    found: dict[str, Any] = yaml_data.parse(files("catalog.dictionary").joinpath("alike.yml").read_text("utf-8"))
    return found


@cache
def _endings() -> tuple[tuple[str, str], ...]:
    return tuple(sorted(_rules()["endings"].items(), key=lambda pair: -len(pair[0])))
