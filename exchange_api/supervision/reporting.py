"""Why: a week's report is read from what was kept when it was counted: the board of departments with their change against the week before, and what
stood beside. Called by pages, the workbook and `hutong supervision`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from exchange_api.supervision import definitions, weeks
from exchange_api.supervision.definitions import Indicator
from schemas.errors import Invalid
from schemas.tables.supervision import SupervisionFigure, SupervisionWeek

_STANDING = """
SELECT DISTINCT ON (s.department_id) s.id, s.department_id, d.name, s.score, s.weight, s.is_vetoed, s.revision
FROM exchange.supervision_scores s JOIN directory.departments d ON d.id = s.department_id
WHERE s.week = :week ORDER BY s.department_id, s.revision DESC
"""
_TREND = text("""
SELECT DISTINCT ON (s.week) s.week, s.score FROM exchange.supervision_scores s
WHERE s.department_id = :department ORDER BY s.week DESC, s.revision DESC LIMIT :limit
""")
_MEANS = text("""
SELECT week, round(avg(score)::numeric, 1)::float AS mean, count(score)::int AS scored FROM (
    SELECT DISTINCT ON (week, department_id) week, score FROM exchange.supervision_scores ORDER BY week, department_id, revision DESC) s
WHERE week <= :week GROUP BY week ORDER BY week DESC LIMIT :limit
""")
TREND = 12


@dataclass(frozen=True)
class Line:
    """One department on the board. rank: none without a score; equal scores share one. change: points against the week before."""

    score_id: int
    department_id: str
    name: str
    score: float | None
    weight: int
    is_vetoed: bool
    revision: int
    rank: int | None
    change: float | None

    @property
    def words(self) -> str:
        """Return the score to one digit, n/a where there is none."""
        return "n/a" if self.score is None else f"{self.score:.1f}"


@dataclass(frozen=True)
class Report:
    """One week. before: the name of the week it is compared with, when that was counted. figures: score id → indicator → figure."""

    week: str
    kept: SupervisionWeek
    before: str | None
    indicators: Sequence[Indicator]
    board: Sequence[Line]
    figures: dict[int, dict[str, SupervisionFigure]]
    facts: dict[str, Any]
    facts_before: dict[str, Any]


def get(session: Session, week: str) -> Report:
    """Return a week's report. Raises Invalid `supervision.bad_week`, `supervision.not_counted`."""
    name = weeks.read(week).name
    kept = session.get(SupervisionWeek, name)
    if kept is None:
        raise Invalid("supervision.not_counted", week=name, department="-")
    before = session.get(SupervisionWeek, weeks.read(week).before().name)
    lines = board(session, name)
    return Report(
        name, kept, before.week if before else None, definitions.read(kept.definitions), lines, figures(session, [one.score_id for one in lines]),
        kept.report, before.report if before else {},
    )  # fmt: skip


def board(session: Session, week: str) -> list[Line]:
    """Return the departments of a week by rank; those without a score come last, by name."""
    rows = session.execute(text(_STANDING), {"week": week}).all()
    before = {
        row.department_id: row.score
        for row in session.execute(text(_STANDING), {"week": weeks.read(week).before().name})
    }
    scored = sorted((row.score for row in rows if row.score is not None), reverse=True)
    found = [
        Line(
            row.id, row.department_id, row.name, row.score, row.weight, row.is_vetoed, row.revision,
            None if row.score is None else scored.index(row.score) + 1, _change(row.score, before.get(row.department_id)),
        )
        for row in rows
    ]  # fmt: skip
    return sorted(found, key=lambda one: (one.rank is None, one.rank or 0, one.name))


def figures(session: Session, score_ids: Sequence[int]) -> dict[int, dict[str, SupervisionFigure]]:
    """Return the figures of scores, without their cases."""
    found: dict[int, dict[str, SupervisionFigure]] = {}
    for one in session.scalars(select(SupervisionFigure).where(SupervisionFigure.score_id.in_(score_ids))):
        found.setdefault(one.score_id, {})[one.key] = one
    return found


def newest(session: Session) -> str | None:
    """Return the last week that was counted."""
    return session.scalar(select(SupervisionWeek.week).order_by(SupervisionWeek.week.desc()).limit(1))


def list_weeks(session: Session, limit: int = 60) -> list[SupervisionWeek]:
    """Return the weeks that were counted, the newest first."""
    return list(session.scalars(select(SupervisionWeek).order_by(SupervisionWeek.week.desc()).limit(limit)))


def trend(session: Session, department_id: str) -> list[tuple[str, float | None]]:
    """Return a department's last scores, oldest first."""
    rows = session.execute(_TREND, {"department": department_id, "limit": TREND}).all()
    return [(row.week, row.score) for row in reversed(rows)]


def means(session: Session, week: str) -> list[tuple[str, float | None, int]]:
    """Return the mean score of the weeks up to one, and how many departments had one; oldest first."""
    rows = session.execute(_MEANS, {"week": week, "limit": TREND}).all()
    return [(row.week, row.mean, row.scored) for row in reversed(rows)]


def case_page(session: Session, score_id: int, key: str, limit: int, offset: int) -> tuple[int, list[dict[str, Any]]]:
    """Return how many cases a figure has and one page of them, those that speak against the department first."""
    paged = text("""
        SELECT one.value, count(*) OVER () AS total FROM exchange.supervision_figures f, jsonb_array_elements(f.cases) WITH ORDINALITY one (value, place)
        WHERE f.score_id = :score AND f.key = :key
        ORDER BY (one.value ->> 'n')::float >= (one.value ->> 'd')::float, one.place LIMIT :limit OFFSET :offset
    """)
    rows = session.execute(paged, {"score": score_id, "key": key, "limit": limit, "offset": offset}).all()
    return (int(rows[0].total) if rows else 0), [row.value for row in rows]


def _change(now: float | None, before: float | None) -> float | None:
    return None if now is None or before is None else round(now - before, 2)
