"""Why: every step of a case has somebody who did it. An actor is an officer (or the hub itself) at a desk; desks ask here whether he may."""

from dataclasses import dataclass
from typing import Any

from schemas.errors import Denied

SYSTEM = "system"


@dataclass(frozen=True)
class Actor:
    """Who acts: officer id, department, and roles (`officers.ROLES`); in_place_of: the colleague he stands in for while that one is away."""

    id: str
    department_id: str
    roles: frozenset[str]
    in_place_of: str | None = None

    @property
    def ids(self) -> frozenset[str]:
        """Return everybody whose hand this is: duties are kept separate over both, the deputy and whom he stands in for."""
        return frozenset({self.id, self.in_place_of or self.id})

    @property
    def place(self) -> dict[str, str]:
        """Return the fact for a timeline that says for whom he acts; nothing when for himself."""
        return {"in_place_of": self.in_place_of} if self.in_place_of else {}

    @property
    def knowing(self) -> frozenset[str]:
        """Return the department that knows of the step because it took it; nobody, when the hub took it in a department's name."""
        return frozenset() if self.id == SYSTEM else frozenset({self.department_id})

    def require(self, role: str) -> None:
        """Raise Denied `case.role_needed` unless the actor has the role."""
        if role not in self.roles:
            raise Denied("case.role_needed", role=role)

    def require_department(self, department_id: str, case: str) -> None:
        """Raise Denied `case.not_yours` unless the case belongs to the actor's department."""
        if self.department_id != department_id:
            raise Denied("case.not_yours", case=case)


@dataclass(frozen=True)
class Step:
    """What an actor does to a case, and what he says of it."""

    action: str
    note: str | None = None
    facts: dict[str, Any] | None = None


def system(department_id: str) -> Actor:
    """Return the hub itself, acting for a department where its rules leave nothing to decide."""
    return Actor(SYSTEM, department_id, frozenset({"authority", "provider"}))
