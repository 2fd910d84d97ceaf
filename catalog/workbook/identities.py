"""Why: offices name departments and resources in Chinese; the directory knows them by ids. Finds the department a workbook means, the resource it
already knows by code or name, and ids for what is new: the same again for the same workbook. Called by reading; asks the database once.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.naming.organs import fold, identifier_of
from catalog.naming.registry import read_registry
from schemas.tables.departments import Department
from schemas.tables.directory import Resource, ResourceVersion

_NOT_AN_ID = re.compile(r"[^a-z0-9]+")
LONGEST = 40


class Identities:
    """The departments and resources of the directory, by every name a workbook may use."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.registry = read_registry(session)
        self._by_uscc = {row.uscc: row.id for row in self.registry.departments.values() if row.uscc}
        self._by_code: dict[str, str] = {}
        self._by_name: dict[tuple[str, str], str] = {}
        self._taken: dict[str, tuple[str, str, str]] = {}
        document = ResourceVersion.document
        query = (
            select(Resource.id, Resource.department_id, document["code"].astext, document["name"].astext)
            .join(ResourceVersion)
            .order_by(ResourceVersion.resource_id, ResourceVersion.version)
        )
        for resource_id, department_id, code, name in session.execute(query):
            self._by_code |= {code: resource_id} if code else {}
            self._by_name[department_id, fold(name)] = resource_id
            self._taken[resource_id] = (department_id, "", "")

    @property
    def departments(self) -> Mapping[str, Department]:
        """Return the departments by id."""
        return self.registry.departments

    def department(self, name: str, uscc: str) -> str | None:
        """Return the department that bears or bore this name, or has this credit code; None when none or several do."""
        by_name = self.registry.by_name.get(fold(name), frozenset()) if name else frozenset()
        if len(by_name) == 1:
            return self.registry.current(next(iter(by_name)))
        return self._by_uscc.get(uscc)

    def alike(self, name: str) -> list[str]:
        """Return up to three names of departments that look like this one."""
        return difflib.get_close_matches(name, [d.name for d in self.departments.values()], 3, 0.5)

    def resource_id(self, department_id: str, code: str, name: str) -> str:
        """Return the id of the resource with this code, else of the department's resource of this name, else a new one made of its name."""
        known = self._by_code.get(code) or self._by_name.get((department_id, fold(name)))
        if known:
            return known
        given, number = (department_id, code, fold(name)), 1
        stem = found = f"{department_id.replace('.', '_')}.{_identifier(name, 'r')}"
        while self._taken.get(found, given) != given:
            number += 1
            found = f"{stem}_{number}"
        self._taken[found] = given
        return found

    def newest(self, resource_id: str) -> Mapping[str, Any] | None:
        """Return the newest document of a resource, None when the directory does not have it."""
        if self._taken.get(resource_id, ("", "", "."))[2]:
            return None
        query = select(ResourceVersion.document).where(ResourceVersion.resource_id == resource_id)
        return self._session.scalar(query.order_by(ResourceVersion.version.desc()).limit(1))


def item_ids(names: Sequence[str], known: Mapping[str, str]) -> list[str]:
    """Return an id for each item name: the one it already has (`known`: name → id), else one made of its name, numbered where it repeats."""
    taken = set(known.values())
    found = []
    for name in names:
        one = known.get(name)
        if one is None:
            stem = one = _identifier(name, "i")
            number = 1
            while one in taken:
                number += 1
                one = f"{stem}_{number}"
            taken.add(one)
        found.append(one)
    return found


def _identifier(name: str, prefix: str) -> str:
    plain = _NOT_AN_ID.sub("_", identifier_of(name).lower()).strip("_")[:LONGEST].rstrip("_")
    return plain if plain[:1].isalpha() else f"{prefix}_{plain}".rstrip("_")
