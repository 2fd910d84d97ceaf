"""Why: what the hub would only guess, a person decides. Questions with ranked candidates, kept until answered.
Called by `catalog.naming.placing` (department names) and whoever proposes elements or synonyms.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.errors import Invalid
from schemas.tables.departments import Suggestion

PLACES_KEPT = 500  # where a given text was met; enough to find it, small enough to show


@dataclass(frozen=True)
class Question:
    """One given text with where it was met and what it may be, best first."""

    given: str
    places: tuple[str, ...]
    candidates: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Asked:
    """A question's number and how many candidates it has."""

    id: int
    candidates: int


def ask(session: Session, kind: str, questions: Iterable[Question]) -> dict[str, Asked]:
    """Keep each question, renew an open one's places and candidates, leave a decided one as it is; return them by given text."""
    wanted = {one.given: one for one in questions}
    query = select(Suggestion).where(Suggestion.kind == kind, Suggestion.given.in_(list(wanted)))
    known = {row.given: row for row in session.scalars(query)}
    for given, question in wanted.items():
        candidates = [dict(one) for one in question.candidates]
        row = known.get(given)
        if row is None:
            row = known[given] = Suggestion(kind=kind, given=given, places=[], candidates=candidates, state="open")
            session.add(row)
        if row.state == "open":
            row.places = list(dict.fromkeys([*row.places, *question.places]))[:PLACES_KEPT]
            row.candidates = candidates
    session.flush()
    return {given: Asked(row.id, len(row.candidates)) for given, row in known.items()}


def find(session: Session, kind: str, state: str | None = "open") -> list[Suggestion]:
    """Return the suggestions of one kind in `state` (None: all), those met most often first."""
    query = select(Suggestion).where(Suggestion.kind == kind)
    if state:
        query = query.where(Suggestion.state == state)
    return sorted(session.scalars(query), key=lambda row: (-len(row.places), row.id))


def get(session: Session, suggestion_id: int, kind: str) -> Suggestion:
    """Return one suggestion. Raises Invalid `suggestion.unknown`."""
    found = session.get(Suggestion, suggestion_id)
    if found is None or found.kind != kind:
        raise Invalid("suggestion.unknown", suggestion=suggestion_id)
    return found


def decide(row: Suggestion, state: str, decision: str, by: str) -> None:
    """Write down what was decided and by whom. Raises Invalid `suggestion.decided` when it was accepted before."""
    if row.state == "accepted":
        raise Invalid("suggestion.decided", suggestion=row.id, by=row.decided_by, decision=row.decision)
    row.state, row.decision, row.decided_by, row.decided_at = state, decision, by, datetime.now(UTC)
