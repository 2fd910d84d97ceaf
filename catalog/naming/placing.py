"""Why: directories name departments as people type them: five spellings of one bureau, former names, codes made of pinyin initials, nothing at all.
Places each given name with a department. Called by every importer that reads department names.

Certain is only what the registry itself says: a name it bears or bore (spaces, width and punctuation aside), or a decision already taken, which became
such a name. Everything else becomes a department in state `proposed` with an open suggestion that a person decides
(`hutong catalog departments suggestions`).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import pyarrow as pa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalog.naming import organs, suggestions
from catalog.naming.ranking import Known, Wanted, rank
from catalog.naming.registry import Registry, read_registry
from schemas.identifiers import valid_uscc
from schemas.tables.departments import Department, DepartmentName

UNNAMED = "unnamed"
UNNAMED_NAME = "（未注明部门）"


@dataclass(frozen=True)
class Given:
    """A department as a file names it; `place` says where ("resources.csv:12"), `division` is its division code if the file tells it."""

    name: str | None = None
    code: str | None = None
    division: str | None = None
    place: str = ""


@dataclass(frozen=True)
class Placed:
    """Where a given name was placed. `suggestion` is the id of the suggestion a person decides, None when certain; `candidates` are how many
    departments or names it ranks: none means unknown. `other_id`: the code beside the name belongs to this department instead.
    """

    department_id: str
    is_certain: bool
    suggestion: int | None = None
    candidates: int = 0
    other_id: str | None = None


@dataclass
class _Name:
    """One distinct name of the batch, with everything the file says beside it."""

    text: str  # as written, cleaned of what stands around it; "" when nothing was given
    is_code: bool
    places: list[str] = field(default_factory=list)
    codes: set[str] = field(default_factory=set)
    divisions: set[str] = field(default_factory=set)
    department_id: str = ""


def place(session: Session, given: Sequence[Given], *, source: str = "") -> list[Placed]:
    """Return where each given name belongs, in the order given; unknown ones are registered as proposed. Twice changes nothing."""
    names = _distinct(given)
    registry = read_registry(session)
    named_by = _named_by(names)
    for key in sorted(
        names, key=lambda one: (names[one].is_code, one)
    ):  # names first: a code may belong to one of them
        names[key].department_id = _known(registry, names[key]) or ""
    _propose(session, registry, names, named_by, source)
    registry = read_registry(session)
    asked = _ask(session, registry, names, named_by)
    return [_placed(registry, names, asked, one) for one in given]


def _key(given: Given) -> str:
    return organs.fold(given.name) or organs.fold(given.code)


def _distinct(given: Sequence[Given]) -> dict[str, _Name]:
    found: dict[str, _Name] = {}
    for one in given:
        text = (one.name or "").strip() if organs.fold(one.name) else (one.code or "").strip()
        name = found.setdefault(_key(one), _Name(text.strip(" .。,，;；、"), is_code=not organs.fold(one.name)))
        name.places += [one.place] if one.place else []
        name.codes |= {one.code.strip()} if one.code and organs.fold(one.code) else set()
        name.divisions |= {one.division} if one.division else set()
    return found


def _named_by(names: Mapping[str, _Name]) -> dict[str, set[str]]:
    """Return which names stand beside each pinyin code; a credit code or number says nothing about a name."""
    found: dict[str, set[str]] = defaultdict(set)
    for key, name in names.items():
        for code in name.codes if not name.is_code else ():
            if organs.PINYIN_CODE.fullmatch(code):
                found[organs.fold(code)].add(key)
    return found


def _known(registry: Registry, name: _Name) -> str | None:
    found = registry.bearing(name.text) if name.text else registry.bearing(UNNAMED_NAME)
    if len(found) > 1 and name.divisions:
        found = frozenset(i for i in found if registry.departments[i].division_code in name.divisions) or found
    if len(found) > 1:  # several departments bear it: the one proposed for this very name waits for a decision
        found = frozenset(i for i in found if registry.departments[i].state == "proposed")
    return next(iter(found)) if len(found) == 1 else None


def _propose(
    session: Session, registry: Registry, names: Mapping[str, _Name], named_by: Mapping[str, set[str]], source: str
) -> None:
    """Register what nobody knows; a code that the file writes beside one unknown name alone is another name of that department."""
    taken = set(registry.departments)
    rows, aliases = [], []
    for name in sorted((n for n in names.values() if not n.department_id), key=lambda n: (n.is_code, n.text)):
        beside = named_by.get(organs.fold(name.text), set()) if name.is_code else set()
        if len(beside) == 1 and (owner := _proposed_now(names[next(iter(beside))], registry)):
            name.department_id = owner
            aliases.append({"department_id": owner, "name": name.text, "source": source})
            continue
        name.department_id = _new_id(name, taken)
        taken.add(name.department_id)
        shown = name.text or UNNAMED_NAME
        rows.append({"id": name.department_id, "name": shown, "short_name": shown, "state": "proposed", "uscc": None})
    if rows:
        session.execute(insert(Department), rows)
    if aliases:
        session.execute(insert(DepartmentName).on_conflict_do_nothing(), aliases)


def _proposed_now(name: _Name, registry: Registry) -> str | None:
    known = registry.departments.get(name.department_id)
    return name.department_id if known is None or known.state == "proposed" else None


def _new_id(name: _Name, taken: set[str]) -> str:
    if not name.text:
        return UNNAMED
    found = organs.identifier_of(name.text)
    found = found if found[:1].isalpha() else f"d_{found}"
    return f"{found}_{sha256(organs.fold(name.text).encode()).hexdigest()[:4]}" if found in taken else found


def _ask(
    session: Session, registry: Registry, names: Mapping[str, _Name], named_by: Mapping[str, set[str]]
) -> dict[str, suggestions.Asked]:
    """Open or renew a suggestion for each proposed department; return them by department."""
    proposed = {n.department_id for n in names.values() if registry.departments[n.department_id].state == "proposed"}
    known = [
        Known(one.id, one.name, registry.names_with_former(one.id), one.state == "proposed", one.uscc)
        for one in registry.departments.values()
        if one.state != "dissolved" and one.id != UNNAMED
    ]
    questions = []
    for department_id in sorted(proposed):
        own = [name for name in names.values() if name.department_id == department_id]
        ranked = [] if department_id == UNNAMED else rank(_wanted(department_id, own, names, named_by), known)
        places = [place for name in own for place in name.places]
        questions.append(suggestions.Question(registry.departments[department_id].name, tuple(places), tuple(ranked)))
    asked = suggestions.ask(session, "department_name", questions)
    return {one: asked[registry.departments[one].name] for one in proposed}


def _wanted(
    department_id: str, own: Sequence[_Name], names: Mapping[str, _Name], named_by: Mapping[str, set[str]]
) -> Wanted:
    words = [name for name in own if not name.is_code and name.text]
    codes = sorted({code for name in own for code in name.codes})
    beside = {names[key].department_id for code in codes for key in named_by.get(organs.fold(code), ())}
    return Wanted(
        name=words[0].text if words else "",
        code=next((code for code in codes if organs.PINYIN_CODE.fullmatch(code)), ""),
        uscc=next((code for code in codes if len(code) == 18 and valid_uscc(pa.array([code]))[0].as_py()), ""),
        own_id=department_id,
        co_named=frozenset(beside - {department_id}),
    )


def _placed(
    registry: Registry, names: Mapping[str, _Name], asked: Mapping[str, suggestions.Asked], given: Given
) -> Placed:
    department_id = names[_key(given)].department_id
    by_code = registry.bearing(given.code) if organs.fold(given.name) and organs.fold(given.code) else frozenset()
    other = next(iter(by_code)) if by_code and department_id not in by_code else None
    if department_id not in asked:
        return Placed(department_id, is_certain=True, other_id=other)
    question = asked[department_id]
    return Placed(department_id, False, question.id, question.candidates, other)
