"""Why: a name nobody could place waits as a proposed department; a person says whose name it is, or that it is a department of its own.
Called by commands and pages; the questions were asked by `catalog.naming.placing`.
"""

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalog.naming import suggestions
from catalog.naming.placing import UNNAMED
from catalog.naming.registry import read_registry
from catalog.reform import reform_steps
from schemas.errors import Invalid
from schemas.tables.departments import Department, DepartmentName, Suggestion

KIND = "department_name"


def find(session: Session, state: str | None = "open") -> list[Suggestion]:
    """Return the names that wait (or those in another state, None: all), those met most often first."""
    return suggestions.find(session, KIND, state)


def accept(session: Session, suggestion_id: int, department_id: str | None, by: str) -> str:
    """Say that the name is that of a department (by default the best candidate): its resources follow, and the name is certain from now on.

    Returns the department. Raises Invalid `suggestion.unknown`, `.decided`, `.no_candidate`, `.unnamed`, `directory.unknown_department`, `reform.ended`.
    """
    row = suggestions.get(session, suggestion_id, KIND)
    proposed = _proposed(session, row)
    wanted = department_id or next((one["department_id"] for one in row.candidates if one["department_id"]), None)
    if wanted is None:
        raise Invalid("suggestion.no_candidate", suggestion=suggestion_id, given=row.given)
    target = reform_steps.require_lasting(session, wanted).id
    if target == proposed.id:
        raise Invalid("reform.into_itself", department=target)
    suggestions.decide(row, "accepted", target, by)
    reform_steps.hand_over_all(session, proposed.id, target)
    _hand_over_names(session, proposed, target)
    _forget_candidate(session, proposed.id)
    session.execute(delete(Department).where(Department.id == proposed.id))
    session.expire_all()
    return target


def confirm(session: Session, suggestion_id: int, name: str | None, by: str) -> str:
    """Say that the name is that of a department of its own, under `name` if it came as a mere code. Returns the department.

    Raises Invalid `suggestion.unknown`, `.decided`, `.unnamed`, `.name_taken`.
    """
    row = suggestions.get(session, suggestion_id, KIND)
    proposed = _proposed(session, row)
    name = (name or "").strip() or proposed.name
    registry = read_registry(session)
    if others := [one for one in registry.bearing(name) - {proposed.id} if registry.departments[one].state == "active"]:
        raise Invalid("suggestion.name_taken", name=name, department=", ".join(sorted(others)))
    if name != proposed.name:
        _note_names(session, proposed.id, [proposed.name], f"suggestion {row.id}")
    suggestions.decide(row, "accepted", proposed.id, by)
    proposed.name = proposed.short_name = name
    proposed.state = "active"
    session.flush()
    return proposed.id


def reject(session: Session, suggestion_id: int, reason: str, by: str) -> None:
    """Say that no candidate is right; the name stays proposed and can publish nothing. Raises Invalid `suggestion.unknown`, `.decided`."""
    suggestions.decide(suggestions.get(session, suggestion_id, KIND), "rejected", reason, by)
    session.flush()


def _proposed(session: Session, row: Suggestion) -> Department:
    if row.state == "accepted":
        raise Invalid("suggestion.decided", suggestion=row.id, by=row.decided_by, decision=row.decision)
    query = select(Department).where(Department.name == row.given, Department.state == "proposed")
    found = session.scalar(query.with_for_update())
    if found is None:
        raise Invalid("suggestion.unknown", suggestion=row.id)
    if found.id == UNNAMED:
        raise Invalid("suggestion.unnamed", suggestion=row.id)
    return found


def _hand_over_names(session: Session, proposed: Department, target: str) -> None:
    names = list(session.scalars(select(DepartmentName.name).where(DepartmentName.department_id == proposed.id)))
    session.execute(delete(DepartmentName).where(DepartmentName.department_id == proposed.id))
    _note_names(session, target, [proposed.name, *proposed.former_names, *names], "suggestion")


def _note_names(session: Session, department_id: str, names: list[str], source: str) -> None:
    rows = [{"department_id": department_id, "name": name, "source": source} for name in dict.fromkeys(names)]
    session.execute(insert(DepartmentName).on_conflict_do_nothing(), rows)


def _forget_candidate(session: Session, department_id: str) -> None:
    """The department is gone: no open question offers it any more."""
    for row in find(session):
        kept = [one for one in row.candidates if one["department_id"] != department_id]
        if len(kept) != len(row.candidates):
            session.execute(update(Suggestion).where(Suggestion.id == row.id).values(candidates=kept))
