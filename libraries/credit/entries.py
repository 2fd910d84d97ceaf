"""Why: every list of the credit register names the department an entry concerns and shows subjects as they may be shown; both are written here once.
Called by this room and by `hutong credit`.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.errors import Invalid
from schemas.identifiers import parse_citizen_id
from schemas.library import library
from schemas.masking import mask_of
from schemas.tables.departments import Department
from schemas.tables.directory import Resource
from schemas.tables.library import golden_table

SPEC = library("credit")
ENTRIES = golden_table("credit")
PERMIT, PENALTY = "01", "02"
_KEPT_BY = SPEC.attribute_ids.index("document_number") + 1  # part of the key: every entry has it, no ruling changes it

WHOSE: tuple[Any, ...] = (ENTRIES.c.authority_code, ENTRIES.c.authority, ENTRIES.c.sources[_KEPT_BY].label("source"))
"""The columns that say whom an entry concerns: credit code and name of the authority that decided, number of the resource that delivers."""
Whose = tuple[str | None, str | None, int | None]


def departments(session: Session) -> Callable[[Whose], str | None]:
    """Return what tells the department of WHOSE columns: the one that decided, by credit code or name, else the one that delivers, else None."""
    by_code: dict[str, str] = {}
    by_name: dict[str, str] = {}
    named = select(Department.id, Department.uscc, Department.name, Department.former_names).order_by(Department.id)
    for id, uscc, name, former in session.execute(named):
        if uscc:
            by_code[uscc] = id
        by_name[name] = id
        for old in former:
            by_name.setdefault(old, id)
    owners = {row[0]: row[1] for row in session.execute(select(Resource.number, Resource.department_id))}

    def department(whose: Whose) -> str | None:
        code, name, source = whose
        return by_code.get(code or "") or by_name.get(name or "") or owners.get(source or 0)

    return department


def is_person(code: str) -> bool:
    """Tell whether a subject's code is a natural person's."""
    try:
        parse_citizen_id(code)
    except Invalid:
        return False
    return True


def shown_subject(code: str, *, clear: bool) -> str:
    """Return a subject's code as it may be shown: an organisation's as it is, a natural person's masked unless asked for in clear."""
    return mask_of("citizen_id")(code) if is_person(code) and not clear else code


def shown_name(code: str, name: str | None, *, clear: bool) -> str | None:
    """Return a subject's name as it may be shown: a natural person's masked unless asked for in clear."""
    return mask_of("name")(name) if name and is_person(code) and not clear else name
