"""Why: a steward goes through contradictions a page at a time, gravest first, masked. Called by pages of conflicts."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from libraries import rulings
from libraries.disputing import listing
from libraries.disputing.listing import Shown, Wanted
from schemas.library import library
from schemas.tables.library import Conflict
from schemas.tables.rulings import Ruling


def count(session: Session, actor: Actor, wanted: Wanted) -> int:
    """Return how many conflicts there are. Raises Denied `case.role_needed`."""
    actor.require("steward")
    return session.scalar(select(func.count()).select_from(_query(wanted).subquery())) or 0


def find(session: Session, actor: Actor, wanted: Wanted, stretch: tuple[int, int]) -> list[tuple[Shown, str]]:
    """Return conflicts with their attribute's name, gravest first. stretch: from which row, how many. Raises Denied `case.role_needed`."""
    actor.require("steward")
    query = _query(wanted).order_by(Conflict.score.desc(), Conflict.found_at, Conflict.number)
    rows: Sequence[Any] = session.scalars(query.offset(stretch[0]).limit(stretch[1])).all()
    return [(listing.show(session, one), name_of(one)) for one in rows]


def name_of(conflict: Conflict) -> str:
    """Return the name of the attribute a conflict is about."""
    return library(conflict.library).attribute(conflict.attribute).name


def rulings_of(session: Session, conflict: Conflict) -> list[tuple[Ruling, str]]:
    """Return the rulings on a conflict's attribute, also those taken back, with their values masked."""
    attribute = library(conflict.library).attribute(conflict.attribute)
    made = rulings.find(session, conflict.library, conflict.record_key, withdrawn=True)
    return [(one, listing.masked(attribute, one.value)) for one in made if one.attribute == conflict.attribute]


def _query(wanted: Wanted) -> Select[Any]:
    query = select(Conflict).where(Conflict.score >= wanted.least)
    for name in ("library", "attribute", "kind"):
        if (value := getattr(wanted, name)) is not None:
            query = query.where(getattr(Conflict, name) == value)
    return query if wanted.closed else query.where(Conflict.closed_at.is_(None))
