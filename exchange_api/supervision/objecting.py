"""Why: who is judged may say that a case was counted wrongly, and somebody else than who judged decides. Upheld, the case leaves the count and a
corrected score stands beside the former one. Called by pages and `hutong supervision`.
"""

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import deadlines, notices
from catalog.review.review_steps import authorities
from exchange_api import cases
from exchange_api.actors import Actor
from exchange_api.states import SCORE_OBJECTION
from exchange_api.supervision import snapshots
from exchange_api.supervision.inputs import Case
from schemas.calendar import CHINA, DueDate, today
from schemas.errors import Denied, Invalid
from schemas.tables.supervision import ScoreObjection, SupervisionScore

FILING, REVIEW = "score_objection", "score_review"
LONGEST = 2_000
_DEPARTMENT = ("demander", "provider")


def until(session: Session, score: SupervisionScore) -> DueDate:
    """Return the last day on which a score may be objected to."""
    return deadlines.due_date(session, FILING, score.made_at.astimezone(CHINA).date())


def may_object(session: Session, actor: Actor, score: SupervisionScore) -> bool:
    """Return whether an officer may still object to a score."""
    is_own = actor.department_id == score.department_id and not actor.roles.isdisjoint(_DEPARTMENT)
    return is_own and today() <= until(session, score).date and _stands(session, score)


def file(
    session: Session, actor: Actor, score_id: int, case: tuple[str, str, str], words: tuple[str, str]
) -> ScoreObjection:
    """Object to one case of one's own department's score. case: indicator, kind, id; words: the reason, and what proves it.

    Raises Denied `case.not_yours`, `case.role_needed`; Invalid `supervision.unknown_score`, `.too_late`, `.unknown_case`, `.reason_needed`, `.objected`,
    `.superseded`.
    """
    score = _score(session, score_id)
    actor.require_department(score.department_id, f"{score.week}")
    if actor.roles.isdisjoint(_DEPARTMENT):
        raise Denied("case.role_needed", role="provider")
    if not _stands(session, score):
        raise Invalid("supervision.superseded", week=score.week)
    last = until(session, score).date
    if today() > last:
        raise Invalid("supervision.too_late", week=score.week, last=last)
    key, kind, case_id = case
    if _find(snapshots.cases_of(session, score.id).get(key, []), kind, case_id) is None:
        raise Invalid("supervision.unknown_case", week=score.week, indicator=key, case=case_id)
    reason, evidence = (one.strip() for one in words)
    if not reason or max(len(reason), len(evidence)) > LONGEST:
        raise Invalid("supervision.reason_needed", limit=LONGEST)
    _require_first(session, score, case)
    due = deadlines.due_date(session, REVIEW, today())
    filed = ScoreObjection(
        id=cases.next_number(session, "KH", "score_objections"), score_id=score.id, department_id=score.department_id, key=key, case_kind=kind,
        case_id=case_id, reason=reason, evidence=evidence, state=SCORE_OBJECTION.initial, raised_by=actor.id, due_date=due.date,
        is_provisional=due.provisional,
    )  # fmt: skip
    session.add(filed)
    session.flush()
    _tell(session, filed, "raised", authorities(session) - {actor.department_id} or authorities(session))
    return filed


def _require_first(session: Session, score: SupervisionScore, case: tuple[str, str, str]) -> None:
    """Raise Invalid `supervision.objected` where the case was objected to already."""
    key, kind, case_id = case
    same = {"score_id": score.id, "key": key, "case_kind": kind, "case_id": case_id}
    before = select(ScoreObjection.id).filter_by(**same).where(ScoreObjection.state.in_(("open", "rejected")))
    if earlier := session.scalar(before.limit(1)):
        raise Invalid("supervision.objected", objection=earlier)


def decide(session: Session, actor: Actor, objection_id: str, why: str, *, is_upheld: bool) -> ScoreObjection:
    """Decide an objection as the authority: neither who made the score nor who objects. Upheld, the case is counted no longer.

    Raises Denied `case.role_needed`, `supervision.same_officer`; Invalid `supervision.unknown_objection`, `.reason_needed`, `case.wrong_state`.
    """
    actor.require("authority")
    filed = get(session, objection_id)
    score = _lock(session, filed.score_id)
    if actor.id in _involved(session, score, filed):
        raise Denied("supervision.same_officer", objection=filed.id)
    if not why.strip() or len(why) > LONGEST:
        raise Invalid("supervision.reason_needed", limit=LONGEST)
    filed.state = SCORE_OBJECTION.after(filed.id, filed.state, "uphold" if is_upheld else "reject")
    filed.decided_by, filed.decided_at, filed.decision = actor.id, datetime.now(UTC), why.strip()
    if is_upheld:
        filed.corrected_score_id = _correct(session, actor, score, filed).id
    session.flush()
    _tell(session, filed, filed.state, {filed.department_id} | authorities(session))
    return filed


def withdraw(session: Session, actor: Actor, objection_id: str) -> ScoreObjection:
    """Take an objection back, as the department that raised it. Raises Denied `case.not_yours`, Invalid `supervision.unknown_objection`, `case.wrong_state`."""
    filed = get(session, objection_id)
    actor.require_department(filed.department_id, filed.id)
    filed.state = SCORE_OBJECTION.after(filed.id, filed.state, "withdraw")
    filed.decided_by, filed.decided_at = actor.id, datetime.now(UTC)
    session.flush()
    _tell(session, filed, "withdrawn", authorities(session))
    return filed


def get(session: Session, objection_id: str) -> ScoreObjection:
    """Return an objection, locked. Raises Invalid `supervision.unknown_objection`."""
    query = select(ScoreObjection).where(ScoreObjection.id == objection_id).with_for_update()
    if found := session.scalar(query.execution_options(populate_existing=True)):
        return found
    raise Invalid("supervision.unknown_objection", objection=objection_id)


def find(session: Session, department_id: str | None = None, limit: int = 200) -> list[ScoreObjection]:
    """Return objections, of one department where given: open ones first, then the newest."""
    query = (
        select(ScoreObjection)
        .order_by(ScoreObjection.state != "open", ScoreObjection.raised_at.desc(), ScoreObjection.id)
        .limit(limit)
    )
    return list(session.scalars(query.where(ScoreObjection.department_id == department_id) if department_id else query))


def _correct(session: Session, actor: Actor, score: SupervisionScore, filed: ScoreObjection) -> SupervisionScore:
    """Leave the case out of the score that stands: an earlier objection may have corrected it already."""
    standing = snapshots.get(session, score.week, score.department_id)
    counted = snapshots.cases_of(session, standing.id)
    counted[filed.key] = [
        one for one in counted.get(filed.key, []) if (one.kind, one.id) != (filed.case_kind, filed.case_id)
    ]
    return snapshots.revise(session, actor, standing, counted, filed.id)


def _involved(session: Session, score: SupervisionScore, filed: ScoreObjection) -> set[str]:
    """Who made the score first: later revisions are decisions on other objections, by reviewers who may go on reviewing."""
    same = (
        SupervisionScore.week == score.week,
        SupervisionScore.department_id == score.department_id,
        SupervisionScore.revision == 1,
    )
    return {filed.raised_by, *session.scalars(select(SupervisionScore.made_by).where(*same))}


def _stands(session: Session, score: SupervisionScore) -> bool:
    return snapshots.get(session, score.week, score.department_id).id == score.id


def _score(session: Session, score_id: int) -> SupervisionScore:
    if found := session.get(SupervisionScore, score_id):
        return found
    raise Invalid("supervision.unknown_score", score=score_id)


def _lock(session: Session, score_id: int) -> SupervisionScore:
    """Hold a department's week: two objections decided at once must both be in the last revision."""
    score = session.get_one(SupervisionScore, score_id)
    same = SupervisionScore.week == score.week, SupervisionScore.department_id == score.department_id
    session.execute(select(SupervisionScore.id).where(*same).order_by(SupervisionScore.id).limit(1).with_for_update())
    return score


def _find(counted: list[Case], kind: str, case_id: str) -> Case | None:
    return next((one for one in counted if (one.kind, one.id) == (kind, case_id)), None)


def _tell(session: Session, filed: ScoreObjection, key: str, told: set[str]) -> None:
    week = session.get_one(SupervisionScore, filed.score_id).week
    facts = {"objection": filed.id, "week": week, "due": filed.due_date.isoformat()}
    for department_id in sorted(told):
        notices.notify(session, department_id, f"supervision.objection_{key}", facts)
