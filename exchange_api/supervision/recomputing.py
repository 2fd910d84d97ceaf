"""Why: who doubts a score can have it counted again: from the cases that were kept, which must give the same, and from the hub's data as they are now,
where every case that differs is named. Called by `hutong supervision recompute` and pages. Changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from exchange_api.supervision import inputs, scores, snapshots, weeks
from exchange_api.supervision.inputs import Case
from schemas.tables.supervision import SupervisionFigure, SupervisionScore


@dataclass(frozen=True)
class Difference:
    """One thing that differs. what: score, figure or digest (what was kept does not follow from its cases); new, gone or changed (a case, against today)."""

    department_id: str
    what: str
    key: str
    case: str
    was: str
    now: str


def check(session: Session, week: str, department_id: str | None = None) -> list[Difference]:
    """Count the scores that stand again from their kept cases and return what does not follow: nothing, unless somebody tampered with them."""
    found: list[Difference] = []
    for kept in _standing(session, week, department_id):
        table, version = snapshots.defined(session, week)
        made = scores.score(table, snapshots.cases_of(session, kept.id))
        digest = scores.digest(week, kept.department_id, version, made)
        pairs = [("score", "", _said(kept.score), _said(made.score)), ("digest", "", kept.digest, digest)]
        figures = session.scalars(select(SupervisionFigure).where(SupervisionFigure.score_id == kept.id))
        again = {one.key: one for one in made.figures}
        pairs += [("figure", one.key, _shown(one), _shown(again[one.key])) for one in figures]
        found += [
            Difference(kept.department_id, what, key, "", was, now) for what, key, was, now in pairs if was != now
        ]
    return found


def compare(session: Session, week: str, department_id: str | None = None) -> list[Difference]:
    """Read the week's cases anew and return those that differ from what was kept. Later events show here: a reform, a ruling, a withdrawn demand."""
    fresh, found = inputs.read(session, weeks.read(week)), list[Difference]()
    for kept in _standing(session, week, department_id):
        was, now = snapshots.cases_of(session, kept.id), fresh.get(kept.department_id, {})
        for key in sorted(was.keys() | now.keys()):
            found += _differing(kept.department_id, key, was.get(key, []), now.get(key, []))
    return found


def _differing(department_id: str, key: str, was: Sequence[Case], now: Sequence[Case]) -> list[Difference]:
    former, later = _by_name(was), _by_name(now)
    found = []
    for name in sorted(former.keys() | later.keys()):
        one, other = former.get(name), later.get(name)
        if one is None or other is None or (one.n, one.d) != (other.n, other.d):
            what = "new" if one is None else "gone" if other is None else "changed"
            found.append(Difference(department_id, what, key, name, _counted(one), _counted(other)))
    return found


def _standing(session: Session, week: str, department_id: str | None) -> list[SupervisionScore]:
    query = select(SupervisionScore).where(SupervisionScore.week == week)
    query = query.where(SupervisionScore.department_id == department_id) if department_id else query
    last = query.ext(distinct_on(SupervisionScore.department_id)).order_by(
        SupervisionScore.department_id, SupervisionScore.revision.desc()
    )
    if found := list(session.scalars(last)):
        return found
    return [snapshots.get(session, week, department_id or "-")]  # says that nothing was counted


def _by_name(cases: Sequence[Case]) -> Mapping[str, Case]:
    return {f"{one.kind} {one.id}": one for one in cases}


def _counted(case: Case | None) -> str:
    return f"{case.n:g}/{case.d:g}" if case else "-"


def _said(score: float | None) -> str:
    return "n/a" if score is None else f"{score:.2f}"


def _shown(one: SupervisionFigure | scores.Figure) -> str:
    return f"{one.numerator:g}/{one.denominator:g} {one.state}"
