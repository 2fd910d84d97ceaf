"""Why: what may be asked for a service item is what its live grants cover, attribute by attribute. Used by `catalog.service.obtainable`.

Grants are written by the desks of exchange_api; the directory only looks at them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.calendar import today
from schemas.tables.exchange import Grant, GrantItem

SIDES = ("consumer", "provider", "platform")


@dataclass(frozen=True)
class Granted:
    """One attribute that may be asked: by which grant, in which form (full, masked, yes_no)."""

    grant: str
    form: str


@dataclass(frozen=True)
class Idle:
    """A grant that does not answer now, and why: a key of obtainable.yml."""

    grant: str
    library: str
    why: str


@dataclass(frozen=True)
class Reach:
    """What the live grants of one service item cover; `idle` are its grants that do not answer now."""

    attributes: dict[tuple[str, str], Granted] = field(default_factory=dict)
    subjects: dict[str, str] = field(default_factory=dict)  # library → a live grant on it: whose subject is asked by
    idle: tuple[Idle, ...] = ()

    def of(self, library: str, attribute: str) -> Granted | None:
        """Return how one attribute may be asked; the subject with any live grant on its library."""
        if attribute == "subject":
            return Granted(self.subjects[library], "full") if library in self.subjects else None
        return self.attributes.get((library, attribute))


def reach(session: Session, service_item_id: str, day: date | None = None) -> Reach:
    """Return what may be asked for a service item on `day` (today); of two grants on one attribute the one that gives more counts."""
    on = day or today()
    grants = list(session.scalars(select(Grant).where(Grant.service_item_id == service_item_id).order_by(Grant.id)))
    live = {grant.id: grant for grant in grants if _idle(grant, on) is None}
    found = Reach(idle=tuple(Idle(g.id, g.library, str(_idle(g, on))) for g in grants if g.id not in live))
    for grant in live.values():
        found.subjects.setdefault(grant.library, grant.id)
    for item in _items(session, list(live)):
        place = (live[item.grant_id].library, item.attribute)
        if place not in found.attributes or (item.form == "full" and found.attributes[place].form != "full"):
            found.attributes[place] = Granted(item.grant_id, item.form)
    return found


def _items(session: Session, grants: Sequence[str]) -> Sequence[GrantItem]:
    query = select(GrantItem).where(GrantItem.grant_id.in_(grants)).order_by(GrantItem.grant_id, GrantItem.attribute)
    return session.scalars(query).all()


def _idle(grant: Grant, on: date) -> str | None:
    if grant.state != "active":
        return f"idle.{grant.state}"
    for side in SIDES:
        if getattr(grant, f"suspended_by_{side}"):
            return f"idle.suspended_by_{side}"
    if on < grant.valid_from:
        return "idle.not_yet"
    return "idle.expired" if on > grant.valid_until else None
