"""Why: whoever resolves a department's name needs all names, former names and successors at once. The registry, read in three questions.
Called by `catalog.departments`, `catalog.naming.placing`, `catalog.reform.reforms` and the desks that must know who succeeded whom.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.naming.organs import fold
from schemas.tables.departments import Department, DepartmentChange, DepartmentName


@dataclass(frozen=True)
class Registry:
    """Departments by id, the names each bears or bore (folded name → ids), and who succeeded whom."""

    departments: Mapping[str, Department]
    names: Mapping[str, tuple[str, ...]]  # department id → names as written
    by_name: Mapping[str, frozenset[str]]
    successors: Mapping[str, tuple[str, ...]]

    def current(self, department_id: str) -> str | None:
        """Return the department that does this one's work today: itself, or its only successor's; None when it ended without or with several."""
        seen: set[str] = set()
        while department_id not in seen:
            seen.add(department_id)
            found = self.departments.get(department_id)
            if found is not None and found.state != "dissolved":
                return department_id
            after = self.successors.get(department_id, ())
            if len(after) != 1:
                return None
            department_id = after[0]
        return None

    def names_with_former(self, department_id: str) -> tuple[str, ...]:
        """Return the names of this department and of those it took over from, in whole or in part."""
        before = [one for one, after in self.successors.items() if department_id in after]
        return (*self.names[department_id], *(name for one in before for name in self.names[one]))

    def bearing(self, name: str | None) -> frozenset[str]:
        """Return today's departments that bear or bore this name, or follow one that did; spaces, width and punctuation do not matter."""
        found = {self.current(one) for one in self.by_name.get(fold(name), frozenset())}
        return frozenset(one for one in found if one)


def read_registry(session: Session) -> Registry:
    """Return the registry as it is now."""
    departments = {one.id: one for one in session.scalars(select(Department).order_by(Department.id))}
    names: dict[str, list[str]] = {
        one.id: [one.name, one.short_name, *one.former_names] for one in departments.values()
    }
    for row in session.execute(select(DepartmentName.department_id, DepartmentName.name).order_by(DepartmentName.id)):
        names[row.department_id].append(row.name)
    by_name: dict[str, set[str]] = defaultdict(set)
    for department_id, written in names.items():
        for name in written:
            by_name[fold(name)].add(department_id)
    return Registry(
        departments,
        {one: tuple(dict.fromkeys(written)) for one, written in names.items()},
        {name: frozenset(ids) for name, ids in by_name.items()},
        _successors(session, departments),
    )


def _successors(session: Session, departments: Iterable[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    known = set(departments)
    query = select(DepartmentChange).where(DepartmentChange.applied_at.is_not(None)).order_by(DepartmentChange.id)
    for change in session.scalars(query):
        for department_id in change.from_ids:
            if change.kind in ("merge", "split") and department_id in known:
                found[department_id] = tuple(one for one in change.to_ids if one != department_id)
    return found
