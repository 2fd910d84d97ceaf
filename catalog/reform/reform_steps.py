"""Why: what a reform does on its day: names end and begin, what a department owned goes along, nothing is left behind unseen.
Called by `catalog.reform.reforms` alone.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalog import departments
from catalog.departments import DepartmentDocument
from catalog.naming.placing import UNNAMED
from catalog.reform import following
from schemas.errors import Invalid
from schemas.library import LIBRARIES, library
from schemas.tables.departments import Department, DepartmentChange, DepartmentName

SHOWN = 20  # names in an error; the rest is counted


def apply(session: Session, change: DepartmentChange) -> None:
    """Bring a recorded reform into effect. Raises Invalid `reform.*` and `directory.unknown_department`."""
    session.flush()
    for written in change.details.get("founded", ()):
        _found(session, DepartmentDocument.model_validate(written), change)
    moved = _WAYS[change.kind](session, change)
    if moved:
        change.details = {**change.details, "moved": moved}
    if ranked := _ranked(session, change.from_ids):
        change.details = {**change.details, "still_ranked": ranked}
    change.applied_at = datetime.now(UTC)
    session.flush()
    session.expire_all()  # the sets went past the session's own objects


def require_lasting(session: Session, department_id: str) -> Department:
    """Return a department that has not ended. Raises Invalid `directory.unknown_department`, `reform.ended`."""
    row = departments.get(session, department_id)
    if row.state == "dissolved":
        raise Invalid("reform.ended", department=department_id, on=row.valid_to or "-")
    return row


def require_empty(session: Session, department_id: str) -> None:
    """Raise Invalid `reform.still_owns` naming what a department still holds."""
    if left := following.held(session, department_id):
        raise Invalid("reform.still_owns", department=department_id, left=_listed(left))


def assigned(session: Session, former: str, details: Mapping[str, Any]) -> dict[str, dict[str, list[str]]]:
    """Return who gets what of a split, by kind. Raises Invalid `reform.not_named`, `.named_twice`, `.not_owned`."""
    owned = following.owned(session, former)
    result: dict[str, dict[str, list[str]]] = {}
    taken: dict[str, set[str]] = {kind: set() for kind in following.OWNED}
    for into, kinds in details["shares"].items():
        for kind, ids in kinds.items():
            if twice := sorted(taken[kind] & set(ids)):
                raise Invalid("reform.named_twice", department=former, names=_listed({kind: twice}))
            if foreign := sorted(set(ids) - set(owned.get(kind, ()))):
                raise Invalid("reform.not_owned", department=former, names=_listed({kind: foreign}))
            taken[kind] |= set(ids)
            result.setdefault(into, {})[kind] = list(ids)
    left = {kind: [one for one in ids if one not in taken[kind]] for kind, ids in owned.items()}
    left = {kind: ids for kind, ids in left.items() if ids}
    if left and not details.get("rest"):
        raise Invalid("reform.not_named", department=former, left=_listed(left))
    for kind, ids in left.items():
        result.setdefault(details["rest"], {}).setdefault(kind, []).extend(ids)
    return result


def _found(session: Session, document: DepartmentDocument, change: DepartmentChange) -> None:
    departments.save(session, document)
    start = update(Department).where(Department.id == document.id).values(valid_from=change.effective_on)
    session.execute(start)
    _note_name(session, document.id, document.name, (change.effective_on, None), change.basis)


def _apply_found(_session: Session, _change: DepartmentChange) -> dict[str, int]:
    return {}


def _apply_rename(session: Session, change: DepartmentChange) -> dict[str, int]:
    row = require_lasting(session, change.from_ids[0])
    _end_name(session, row, change)
    row.former_names = list(dict.fromkeys([*row.former_names, row.name]))
    row.name, row.short_name = change.details["name"], change.details["short_name"]
    _note_name(session, row.id, row.name, (change.effective_on, None), change.basis)
    return {}


def _apply_merge(session: Session, change: DepartmentChange) -> dict[str, int]:
    into = require_lasting(session, change.to_ids[0]).id
    moved: dict[str, int] = {}
    for former in change.from_ids:
        row = require_lasting(session, former)
        for kind, count in hand_over_all(session, former, into).items():
            moved[kind] = moved.get(kind, 0) + count
        _end(session, row, change)
    return moved


def hand_over_all(session: Session, former: str, into: str) -> dict[str, int]:
    """Give everything of one department to another; return how many of each kind."""
    moved = {
        kind: following.hand_over(session, kind, ids, into) for kind, ids in following.owned(session, former).items()
    }
    following.hand_over_tasks(session, former, into, [task for task, _, _ in following.task_owners(session, former)])
    following.hand_over_rest(session, former, into)
    return moved


def _apply_split(session: Session, change: DepartmentChange) -> dict[str, int]:
    former = change.from_ids[0]
    row = require_lasting(session, former)
    for into in change.to_ids:
        require_lasting(session, into)
    moved: dict[str, int] = {}
    for into, kinds in assigned(session, former, change.details).items():
        for kind, ids in kinds.items():
            moved[kind] = moved.get(kind, 0) + following.hand_over(session, kind, ids, into)
    heir = change.details.get("rest") or (former if former in change.to_ids else change.to_ids[0])
    _split_tasks(session, former, heir)
    following.hand_over_demands(session, former, change.to_ids)
    following.hand_over_rest(session, former, heir)
    if former not in (*change.to_ids, UNNAMED):  # where lists name nobody, the next list will name nobody again
        _end(session, row, change)
    return moved


def _split_tasks(session: Session, former: str, heir: str) -> None:
    """Let each supply task follow the resources it asks for. Raises Invalid `reform.task_spans` for an open one that asks several."""
    tasks = following.task_owners(session, former)
    if spanning := [task for task, state, owners in tasks if state == "open" and len(owners) > 1]:
        raise Invalid("reform.task_spans", department=former, tasks=_listed({"supply_tasks": spanning}))
    for task, _, owners in tasks:
        into = owners[0] if len(owners) == 1 else heir
        if into != former:
            following.hand_over_tasks(session, former, into, [task])


def _apply_dissolve(session: Session, change: DepartmentChange) -> dict[str, int]:
    row = require_lasting(session, change.from_ids[0])
    require_empty(session, row.id)
    _end(session, row, change)
    return {}


_WAYS = {
    "found": _apply_found,
    "rename": _apply_rename,
    "merge": _apply_merge,
    "split": _apply_split,
    "dissolve": _apply_dissolve,
}


def _ranked(session: Session, ended: Sequence[str]) -> list[str]:
    """Return the library attributes whose authority list names a department that ended: the list is the bureau's decision, a person must renew it."""
    gone = {one for one in ended if departments.get(session, one).state == "dissolved"}
    return [
        f"{name}.{attribute.id}"
        for name in LIBRARIES
        for attribute in library(name).attributes
        if gone & set(attribute.authority)
    ]


def _end(session: Session, row: Department, change: DepartmentChange) -> None:
    _end_name(session, row, change)
    row.state, row.valid_to = "dissolved", change.effective_on
    session.flush()


def _end_name(session: Session, row: Department, change: DepartmentChange) -> None:
    """Close the present name; one that was never dated began when the department did."""
    session.flush()
    present = select(DepartmentName).where(DepartmentName.department_id == row.id, DepartmentName.name == row.name)
    open_name = session.scalar(present.where(DepartmentName.valid_to.is_(None)).order_by(DepartmentName.id.desc()))
    if open_name is not None:
        open_name.valid_to = change.effective_on
        session.flush()
    else:
        _note_name(session, row.id, row.name, (row.valid_from, change.effective_on), change.basis)


def _note_name(
    session: Session, department_id: str, name: str, valid: tuple[date | None, date | None], source: str
) -> None:
    row = {"department_id": department_id, "name": name, "valid_from": valid[0], "valid_to": valid[1]}
    statement = insert(DepartmentName).values(**row, source=source)
    again = statement.on_conflict_do_update(
        index_elements=["department_id", "name", "valid_from"], set_={"valid_to": statement.excluded.valid_to}
    )
    session.execute(again)


def _listed(left: Mapping[str, list[str]]) -> str:
    """Say what is left, kind by kind; long lists are cut and counted."""
    parts = []
    for kind, ids in left.items():
        more = f" … ({len(ids)})" if len(ids) > SHOWN else ""
        parts.append(f"{kind}: {', '.join(ids[:SHOWN])}{more}")
    return "; ".join(parts)
